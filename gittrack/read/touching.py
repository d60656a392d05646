"""Runs whose code differs at some paths from that of the run before, as `git log -- PATH` picks commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.git.reader import objects_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.project import Project
    from gittrack.read.search import Hit


def touching(project: Project, hits: Sequence[Hit], trees: Mapping[str, str], paths: Sequence[str]) -> list[Hit]:
    """Return those of `hits` whose files at `paths` are not those of the run that started before, in the same order.

    `trees` has what the code of each run is. The first run counts where it has one of the files; a run without code, or
    whose code is not in this clone, is passed over.
    """
    content = _contents(project, sorted(set(trees.values())), paths)
    nothing = (None,) * len(paths)
    before: tuple[str | None, ...] = nothing
    kept = set()
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.id)):
        found = content.get(trees.get(hit.id, ""))
        if found is not None:
            if found != before:
                kept.add(hit.id)
            before = found
    return [hit for hit in hits if hit.id in kept]


def _contents(project: Project, trees: Sequence[str], paths: Sequence[str]) -> dict[str, tuple[str | None, ...]]:
    """What each tree that is here has at each path."""
    here = [tree for tree, oid in zip(trees, objects_at(project.repo, trees), strict=True) if oid is not None]
    names = [f"{tree}:{path}" for tree in here for path in paths]
    found = objects_at(project.repo, names)
    width = len(paths)
    return {tree: tuple(found[place * width : (place + 1) * width]) for place, tree in enumerate(here)}
