"""A simplified history leads from each commit that is kept to those that it leads to, by the shortest words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gittrack.lineage.simplify import simplified
from tests.lineage.graphs import Graph, ancestors, graphs


@given(graphs(), st.data())
def test_what_leads_to_what_stays_so(graph: Graph, data: st.DataObject) -> None:
    kept = data.draw(st.sets(st.sampled_from(sorted(graph))))

    found = simplified(graph, kept)

    assert kept <= found.keys()
    before, after = ancestors(graph), ancestors(found)
    for commit, parents in found.items():
        assert after[commit] == before[commit] & found.keys()
        assert not any(one in after[other] for one in parents for other in parents if one != other)
        assert commit in kept or len(parents) > 1


def test_a_line() -> None:
    line = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",)}
    assert simplified(line, {"d", "a"}) == {"a": [], "d": ["a"]}
    assert simplified(line, ()) == {}
