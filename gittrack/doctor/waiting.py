"""Journals that wait to be committed: which can be, which cannot and why, and which belong to another host."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from gittrack.capture.machine import host
from gittrack.check import staged_problems
from gittrack.codec.paths import is_id, run_directory
from gittrack.doctor.ailment import Ailment
from gittrack.errors import GittrackError
from gittrack.record.assemble import assemble
from gittrack.record.folder import is_live, read_segments, says_nothing
from gittrack.record.foreign import foreign
from gittrack.record.recover import EMPTY_SECONDS, recover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project
    from gittrack.quarantine import Quarantine
    from gittrack.record.folder import Segment


def examine_journals(project: Project) -> Iterator[Ailment]:
    """Yield what is to be said of each journal that no living process writes."""
    for run_id in project.journaled():
        directory = project.journal_of(run_id)
        if not is_live(directory):
            try:
                yield from _examine(project, run_id, directory)
            except FileNotFoundError:
                continue  # it was committed at this moment
            except (GittrackError, OSError) as error:
                yield Ailment("journal", f"the journal {directory} cannot be read: {error}", "check its permissions")
    for name in _names(project.journal):
        path = os.path.join(project.journal, name)
        if not is_id(name) and os.path.isdir(path):
            yield Ailment("journal", f"{path} is no journal of a run", "move it elsewhere", urgent=False)


def _examine(project: Project, run_id: str, directory: str) -> Iterator[Ailment]:
    segments = read_segments(directory)
    other = foreign(project, segments, host())
    if other is not None:
        yield Ailment("foreign-journal", f"run {run_id[:8]}: {other.sentence}", urgent=False)
        return
    if says_nothing(directory):
        yield from _examine_empty(project, directory)
        return
    damaged = [segment for segment in segments if segment.problems]
    for segment in damaged:
        yield Ailment(
            "damaged-journal",
            f"run {run_id[:8]}: {'; '.join(segment.problems)}, in {directory}",
            "keep a copy of the segment in the quarantine, and commit everything that can be read",
            fix=partial(_commit, project, run_id),
        )
    reason = _obstacle(project, run_id, segments)
    if reason and segments:
        yield Ailment("stuck-journal", f"run {run_id[:8]} cannot be committed: {reason}; it is kept in {directory}")
    elif segments and not damaged:
        yield Ailment(
            "journal",
            f"run {run_id[:8]} is in the journal, and no process writes to it any more",
            "commit it, as the next gittrack command that reads runs will do",
            urgent=False,
            fix=partial(_commit, project, run_id),
        )


def _examine_empty(project: Project, directory: str) -> Iterator[Ailment]:
    if time.time() - os.stat(directory).st_mtime > EMPTY_SECONDS:
        yield Ailment(
            "empty-journal",
            f"{directory} holds no line of a run: its process was killed before it wrote one",
            "remove it, as the next gittrack command that reads runs will do",
            urgent=False,
            fix=partial(_clear, project, directory),
        )


def _clear(project: Project, directory: str, _: Quarantine) -> str:
    recover(project, host())
    return f"left {directory} alone" if os.path.isdir(directory) else f"removed the empty folder {directory}"


def _obstacle(project: Project, run_id: str, segments: list[Segment]) -> str:
    """Why a journal cannot be committed, '' when it can."""
    record = assemble(run_id, segments).record
    if record.start is None and not _is_committed(project, run_id):
        return "it holds only what workers wrote, and the start of the run is not on the branch"
    small = tuple(artifact for artifact in record.artifacts if not artifact.large)
    return "; ".join(staged_problems(project, run_id, small))


def _is_committed(project: Project, run_id: str) -> bool:
    from gittrack.git.reader import BlobReader

    tip = project.runs_tip()
    with BlobReader(project.repo) as reader:
        return tip is not None and reader.read(f"{tip}:{run_directory(run_id)}/run.yaml") is not None


def _commit(project: Project, run_id: str, _: Quarantine) -> str:
    directory = project.journal_of(run_id)
    recovery = recover(project, host())
    told = [problem for problem in recovery.problems if run_id[:8] in problem]
    if not os.path.isdir(directory):
        return told[0] if told else f"committed run {run_id[:8]}"
    return told[0] if told else f"run {run_id[:8]} stays in {directory}"


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
