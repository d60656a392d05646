"""After a merge or a pull: news of runs is fetched in the background, where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.hooks.underway import in_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project


def idle(_: Sequence[str]) -> bool:
    """Whether git does it for something larger."""
    return in_sequence()


def run(project: Project, _: Sequence[str], __: Iterable[str]) -> None:
    """Start what is due, and do not wait for it."""
    from gittrack.hooks.background import set_off_where_due

    set_off_where_due(project)
