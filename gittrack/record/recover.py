"""What the journals of this repository hold: runs that are running, and runs whose process is gone."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError
from gittrack.model import RUNNING, Record
from gittrack.record.assemble import assemble
from gittrack.record.folder import is_live, openings, read_segments, says_nothing, segment_names
from gittrack.record.foreign import foreign, wait_from_now
from gittrack.record.salvage import kept_of

if TYPE_CHECKING:
    from gittrack.project import Project

EMPTY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Recovery:
    """What `recover` did: ids of the runs it committed, and a sentence for each that it could not, or not wholly."""

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
    published: list[str] = []
    problems: list[str] = []
    for run_id in project.journaled():
        directory = project.journal_of(run_id)
        try:
            if _is_abandoned(project, run_id, host, problems) and _publish(project, run_id, problems):
                published.append(run_id)
        except FileNotFoundError as error:
            # Another process may have recovered it at the same time: that one removes the segments first.
            if segment_names(directory):
                problems.append(f"run {run_id[:8]} stays in the journal: {error.filename} is missing")
        except (GittrackError, OSError) as error:
            if os.path.isdir(directory):
                problems.append(f"run {run_id[:8]} stays in the journal: {error}")
    return Recovery(tuple(published), tuple(problems))


def _is_abandoned(project: Project, run_id: str, host: str, problems: list[str]) -> bool:
    """Whether a journal holds something, and nobody can be writing to it any more."""
    directory = project.journal_of(run_id)
    if is_live(directory):
        return False
    found = openings(directory)
    if not any(found) and says_nothing(directory):
        _remove_empty(directory)
        return False
    if all(opening.get("host", host) == host for opening in found):
        return True
    segments = read_segments(directory)
    other = foreign(project, segments, host)
    if other is None:
        return True
    if other.quiet:
        problems.append(f"run {run_id[:8]}: {other.sentence}")
    elif other.age < -other.limit:
        wait_from_now(project, run_id, segments)
    return False


def _publish(project: Project, run_id: str, problems: list[str]) -> bool:
    from gittrack.record.publish import publish  # dulwich, only when there is something to do

    names = segment_names(project.journal_of(run_id))
    if publish(project, run_id) is None:
        return False
    kept = kept_of(project, run_id, names)
    if kept:
        problems.append(f"run {run_id[:8]} was committed, and a part of its journal is kept in {kept}")
    return True


def _remove_empty(directory: str) -> None:
    """A process was killed before its first line was whole: what it left says nothing."""
    with contextlib.suppress(OSError):
        names = segment_names(directory)  # before the second look: one that comes now is of a process that lives
        if 0 <= time.time() - os.stat(directory).st_mtime < EMPTY_SECONDS:
            return
        from gittrack.record.publish import delete_segments

        delete_segments(directory, names)
