"""Keeps the damaged segments of a journal in the quarantine, before the journal becomes a commit and is deleted."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.quarantine import Quarantine
from gittrack.record.segment import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.project import Project
    from gittrack.record.folder import Segment


def salvage(project: Project, run_id: str, segments: Iterable[Segment]) -> list[Segment]:
    """Return `segments`, the damaged ones copied to the quarantine, durably, and saying so in their problems.

    What has the name of a segment and is no file is moved there. OSError when that cannot be done.
    The folder is named after the run: doing it again, or two processes at once, keeps nothing twice.
    """
    quarantine = Quarantine(project, run_id)
    return [_kept(project, quarantine, run_id, segment) if segment.problems else segment for segment in segments]


def _kept(project: Project, quarantine: Quarantine, run_id: str, segment: Segment) -> Segment:
    path = os.path.join(project.journal_of(run_id), segment.name + SUFFIX)
    why = "; ".join(segment.problems)
    if stat.S_ISREG(os.lstat(path).st_mode):
        quarantine.copy(path, why)
    else:
        quarantine.move(path, why)
    place = os.path.relpath(quarantine.folder, project.repo.common_dir).replace(os.sep, "/")
    where = f"journal segment {segment.name} is kept in <git dir>/{place}"
    return replace(segment, problems=(*segment.problems, where))


def set_aside(project: Project, run_id: str, segments: Iterable[Segment]) -> None:
    """Move segments of other machines to the quarantine: one that lives after all then goes on writing there."""
    quarantine = Quarantine(project, run_id)
    for segment in segments:
        path = os.path.join(project.journal_of(run_id), segment.name + SUFFIX)
        with contextlib.suppress(FileNotFoundError):
            quarantine.move(path, f"host {segment.host} had been silent for long, and was taken for gone")


def kept_of(project: Project, run_id: str, names: Iterable[str]) -> str:
    """Return the folder in the quarantine where one of the segments `names` of a run is kept, '' when none is."""
    folder = Quarantine(project, run_id).folder
    journal = os.path.relpath(project.journal_of(run_id), project.repo.common_dir)
    return folder if any(os.path.lexists(os.path.join(folder, journal, name + SUFFIX)) for name in names) else ""
