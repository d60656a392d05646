"""The working tree as a run that started now would keep it, to be looked at: nothing is kept."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.capture.harmless import Harmless
from gittrack.errors import RepositoryError
from gittrack.git.scratch import scratch_tree
from gittrack.git.status import working_tree
from gittrack.record.kept import selected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gittrack.git.status import WorkingTree
    from gittrack.model import LeftOut
    from gittrack.project import Project


@dataclass(frozen=True, slots=True)
class Present:
    """Where HEAD stands, the tree of the files, and `env`, the environment in which git finds that tree."""

    state: WorkingTree
    tree: str
    env: Mapping[str, str]
    left_out: tuple[LeftOut, ...]


@contextmanager
def present_code(project: Project) -> Iterator[Present]:
    """Give the code as it is now; its objects go when the context ends. RepositoryError without a working tree."""
    if project.repo.worktree is None:
        raise RepositoryError("there is no working tree here to compare with; name two runs, or go into a working tree")
    state = working_tree(project.repo)
    selection = selected(project, state, {}, Harmless(None))
    with scratch_tree(project.repo, state, selection.omitted) as (tree, env):
        yield Present(state, tree, env, selection.told)
