"""Random histories: each commit has up to three parents among those before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Graph: TypeAlias = "dict[str, list[str]]"


@st.composite
def graphs(draw: st.DrawFn, most: int = 24) -> Graph:
    """Commits by name, parents first; the last one leads to all of them."""
    size = draw(st.integers(1, most))
    graph: Graph = {}
    for number in range(size):
        names = sorted(graph)
        near = names[-4:] or names
        graph[f"c{number:02}"] = draw(st.lists(st.sampled_from(near), max_size=3, unique=True)) if near else []
    below = {parent for parents in graph.values() for parent in parents}
    graph["tip"] = [name for name in graph if name not in below]
    return graph


def ancestors(graph: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """Each commit with all that it leads to, itself included."""
    found: dict[str, set[str]] = {}
    for commit, parents in graph.items():
        found[commit] = {commit}.union(*(found[parent] for parent in parents if parent in found))
    return found
