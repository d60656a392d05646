"""Runs whose code differs at some paths from that of the run before, as `git log -- PATH` picks commits."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gittrack.git.reader import differing_pairs, empty_tree, objects_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.project import Project
    from gittrack.read.search import Hit


def touching(project: Project, runs: Sequence[Hit], trees: Mapping[str, str], paths: Sequence[str]) -> set[str]:
    """Return the ids of those of `runs` whose files at `paths` are not those of the run that started before.

    `trees` has the tree or commit of the code of each run. The first run counts where it has one of the files; a run
    without code, or whose code is not in this clone, is passed over.
    """
    known = sorted(set(trees.values()))
    found = objects_at(project.repo, [f"{name}^{{tree}}" for name in known])
    tree_of = {name: tree for name, tree in zip(known, found, strict=True) if tree is not None}
    in_time = sorted(runs, key=lambda hit: (hit.start, hit.id))
    steps = [(hit.id, tree_of[trees[hit.id]]) for hit in in_time if trees.get(hit.id, "") in tree_of]
    changes = list(pairwise([("", empty_tree(project.repo)), *steps]))
    differing = differing_pairs(project.repo, {(old, new) for (_, old), (_, new) in changes if old != new}, paths)
    return {run_id for (_, old), (run_id, new) in changes if (old, new) in differing}
