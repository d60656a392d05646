"""Whether the push in the background at the end of runs arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.doctor.ailment import Ailment
from gittrack.share.auto import last_outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project


def examine_auto_push(project: Project) -> Iterator[Ailment]:
    """Yield one ailment where it is asked for, and the last one failed."""
    if not project.settings.flag("gittrack.autopush", default=False):
        return
    last = last_outcome(project)
    if last is not None and last.fault:
        yield Ailment(
            "auto-push",
            f"the push in the background of {last.when} failed: {last.fault}",
            "the runs are safe here; 'gittrack push' shows all of what is said of it",
        )
