"""Hooks of gittrack that do nothing although they are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.doctor.ailment import Ailment
from gittrack.hooks.state import BROKEN, IDLE, hook_states

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project


def examine_hooks(project: Project) -> Iterator[Ailment]:
    """Yield the stubs that find no gittrack, and those that git does not get to."""
    for hook in hook_states(project):
        if hook.state in (BROKEN, IDLE):
            yield Ailment(
                "hooks",
                f"{hook.path} does nothing: {hook.note}",
                f"'gittrack hooks install {hook.hook}', or 'gittrack hooks uninstall {hook.hook}'",
                urgent=hook.state == BROKEN,
            )
