"""What the journals of this repository hold: runs that are running, and runs whose process is gone."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError
from gittrack.model import RUNNING, Record
from gittrack.record.assemble import assemble, is_live, openings, read_segments, says_nothing
from gittrack.record.segment import SUFFIX

if TYPE_CHECKING:
    from gittrack.project import Project

STALE_SECONDS = 24 * 3600
EMPTY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `recover` did: ids of the runs it committed, and a sentence for each that it could not."""

    published: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def running(project: Project, run_id: str) -> Record | None:
    """Return what a run's journal says so far, its status running; None when it says nothing."""
    segments = read_segments(project.journal_of(run_id))
    if not segments:
        return None
    return _as_running(assemble(run_id, segments).record)


def _as_running(record: Record) -> Record:
    return replace(record, status=record.status or RUNNING, end=record.end if record.status else None)


def recover(project: Project, host: str) -> Recovery:
    """Commit the runs whose process is gone: with the end they wrote, else as crashed.

    Journals of another machine, on a shared file system, are left alone until nothing was written to
    them for STALE_SECONDS (`git config gittrack.staleAfter`): their locks may not reach here.
    """
    published, problems = [], []
    for run_id in project.journaled():
        directory = project.journal_of(run_id)
        if is_live(directory):
            continue
        try:
            segments = openings(directory)
        except OSError:
            continue  # another process committed it at this moment
        if not any(opening for opening, _ in segments) and says_nothing(directory):
            _remove_empty(directory)
            continue
        if _is_foreign(project, segments, host):
            continue
        from gittrack.record.publish import publish  # dulwich, only when there is something to do

        try:
            if publish(project, run_id) is not None:
                published.append(run_id)
        except FileNotFoundError:
            continue  # another process recovered it at the same time
        except (GittrackError, OSError) as error:
            if os.path.isdir(directory):
                problems.append(f"run {run_id[:8]} stays in the journal: {error}")
    return Recovery(tuple(published), tuple(problems))


def _is_foreign(project: Project, segments: list[tuple[dict[str, object], float]], host: str) -> bool:
    others = [touched for opening, touched in segments if opening.get("host", host) != host]
    if not others:
        return False
    return time.time() - max(others) < project.settings.number("gittrack.staleafter", STALE_SECONDS)


def _remove_empty(directory: str) -> None:
    """A process was killed before its first line was whole: what it left says nothing."""
    with contextlib.suppress(OSError):
        if time.time() - os.stat(directory).st_mtime < EMPTY_SECONDS:
            return
        names = [name.removesuffix(SUFFIX) for name in os.listdir(directory) if name.endswith(SUFFIX)]
        from gittrack.record.publish import delete_segments

        delete_segments(directory, names)
