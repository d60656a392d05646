"""Journals that another machine writes, on a shared file system: its locks may not reach here, only time can tell."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.git.ages import file_clock
from gittrack.record.liveness import STALE_SECONDS
from gittrack.record.segment import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.project import Project
    from gittrack.record.folder import Segment

QUIET_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Foreign:
    """A machine that wrote to a journal `age` seconds ago, and may go on until that is `limit`."""

    host: str
    age: float
    limit: float

    @property
    def quiet(self) -> bool:
        """Whether it has been silent for long enough to be worth a word."""
        return self.age >= QUIET_SECONDS

    @property
    def sentence(self) -> str:
        """Why the journal is left alone."""
        when = f"{_span(self.age)} ago" if self.age > -QUIET_SECONDS else "at a time that is still to come"
        return (
            f"its journal was last written by host {self.host} {when}; it is left alone until that is "
            f"{_span(self.limit)} (git config gittrack.staleAfter)"
        )


def foreign(project: Project, segments: Iterable[Segment], host: str) -> Foreign | None:
    """Return the other machine that may still write to one of `segments`, None when there is none.

    A part that was closed is over, whatever its machine. Ages are those of the file system, so that a machine
    whose clock is wrong is not taken for dead.
    """
    touched = [(segment.touched, segment.host) for segment in written_elsewhere(segments, host)]
    if not touched:
        return None
    latest, machine = max(touched)
    limit = project.settings.number("gittrack.staleafter", STALE_SECONDS)
    age = file_clock(project.journal) - latest
    return Foreign(machine, age, limit) if age < limit else None


def written_elsewhere(segments: Iterable[Segment], host: str) -> list[Segment]:
    """Return those of `segments` that another machine wrote, and neither closed nor replaced by another one."""
    segments = list(segments)
    replaced = {segment.after for segment in segments}
    return [s for s in segments if s.host not in ("", host) and not s.closed and s.name not in replaced]


def wait_from_now(project: Project, run_id: str, segments: Iterable[Segment]) -> None:
    """Let the wait for another machine begin now, where a clock that went back would make it last for years."""
    for segment in segments:
        with contextlib.suppress(OSError):
            os.utime(os.path.join(project.journal_of(run_id), segment.name + SUFFIX))


def _span(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(0, round(seconds / 60))} minutes"
    return f"{round(seconds / 3600)} hours"
