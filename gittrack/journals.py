"""Runs that are still in a journal of this repository, laid over what the branch knows of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.capture.machine import host
from gittrack.errors import GittrackError
from gittrack.model import RUNNING, Record, Run
from gittrack.read.index import Index, Named
from gittrack.record.assemble import assemble
from gittrack.record.folder import Segment, read_segments
from gittrack.record.recover import recover
from gittrack.replay import fold, settle, with_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.project import Project


@dataclass(frozen=True, slots=True)
class Journaled:
    """A run whose journal holds something that the branch does not: its state, and those points as TSV."""

    run: Run
    series: Mapping[str, bytes]
    packages: tuple[str, ...]

    @property
    def named(self) -> Named:
        return Named(self.run.id, self.run.name, self.run.deleted)


def read_journals(project: Project, problems: list[str]) -> dict[str, list[Segment]]:
    """Commit the runs whose process is gone, and return the segments of the others; faults go to `problems`."""
    try:
        problems += recover(project, host()).problems
    except (GittrackError, OSError) as error:
        problems.append(f"journals of runs that have ended could not be committed: {error}")
    return {run_id: _read(project, run_id, problems) for run_id in project.journaled()}


def lay_over(
    project: Project, index: Index, segments: Mapping[str, list[Segment]], problems: list[str]
) -> dict[str, Journaled]:
    """Return the runs whose journal holds something that the branch does not; faults go to `problems`."""
    journals = {}
    for run_id, found in segments.items():
        try:
            state = _laid_over(project, index, run_id, found)
        except (GittrackError, OSError) as error:
            problems.append(f"the journal of run {run_id[:8]} cannot be read: {error}")
            continue
        if state is not None:
            journals[run_id] = state
    return journals


def _read(project: Project, run_id: str, problems: list[str]) -> list[Segment]:
    try:
        return read_segments(project.journal_of(run_id))
    except OSError as error:
        problems.append(f"the journal of run {run_id[:8]} cannot be read: {error}")
        return []


def _laid_over(project: Project, index: Index, run_id: str, segments: list[Segment]) -> Journaled | None:
    """What a journal adds to the committed state of its run, None for nothing."""
    if not segments:
        return None
    base, known = index.get(run_id), index.segments(run_id)
    if any(segment.name in known for segment in segments):
        segments = read_segments(project.journal_of(run_id), known)  # it is being committed at this moment
    if not segments:
        return None
    assembly = assemble(run_id, segments)
    record = _with_status(assembly.record, segments, joined=base is not None)
    if base is not None:
        return Journaled(with_record(base, record), assembly.series, assembly.packages)
    # Without a start there are only workers, whose run was never begun here.
    if record.start is None:
        return None
    return Journaled(fold([record]), assembly.series, assembly.packages)


def _with_status(record: Record, segments: list[Segment], *, joined: bool) -> Record:
    """`record` as running, or as crashed when nobody can be running it; a mere worker changes no status."""
    if record.status is not None:
        return record
    if joined and not any(segment.owner for segment in segments):
        return replace(record, end=None)
    here = ("", host())
    if any(segment.live or segment.host not in here for segment in segments):
        return replace(record, status=RUNNING, end=None)
    return settle(record)
