"""After the checkout of a branch: news of runs is fetched in the background, where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.hooks import post_merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project


def idle(arguments: Sequence[str]) -> bool:
    """Whether files were checked out, and no branch: git's third argument; or it is a step of something larger."""
    return arguments[2:3] != ["1"] or post_merge.idle(arguments)


def run(project: Project, arguments: Sequence[str], lines: Iterable[str]) -> None:
    """Start what is due, and do not wait for it."""
    post_merge.run(project, arguments, lines)
