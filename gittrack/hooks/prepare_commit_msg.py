"""Before a commit's message is edited: a trailer names the best run of the very files that are being committed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from gittrack.hooks.underway import in_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project

_NEW: Final = ("", "message", "template")  # where a message came from that is not another commit's, nor git's own
_FOLDED: Final = ("fixup! ", "squash! ", "amend! ")  # into another commit, which keeps its message
_TRAILER: Final = "Gittrack-Run"


def idle(arguments: Sequence[str]) -> bool:
    """Whether it is no new commit of the user's own."""
    return not arguments or (arguments[1] if len(arguments) > 1 else "") not in _NEW or in_sequence()


def run(project: Project, arguments: Sequence[str], _: Iterable[str]) -> None:
    """Add the trailer to the message in the file `arguments[0]`, unless there is one, or there is no such run."""
    if project.runs_tip() is None or _is_folded(arguments[0]):
        return
    from gittrack.git.message import add_trailer, tree_of_index
    from gittrack.read.quick import surely_has_none

    tree = tree_of_index(project.repo, os.path.abspath(os.environ.get("GIT_INDEX_FILE") or _index(project)))
    if surely_has_none(project, trees=[tree]):
        return
    from gittrack.catalog import open_catalog
    from gittrack.hooks.headline import leading, results

    with open_catalog() as catalog:
        best = leading(project, catalog.with_tree(tree))
    if best is not None:
        value = f"{best.id} {results(project, best)}".strip()
        add_trailer(project.repo, os.path.abspath(arguments[0]), _TRAILER, value)


def _index(project: Project) -> str:
    return os.path.join(project.repo.git_dir, "index")


def _is_folded(path: str) -> bool:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().startswith(_FOLDED)
