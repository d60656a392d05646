"""The search finds the first bad commit of any history, held against one that tries every commit."""

from __future__ import annotations

from math import ceil, log2

from hypothesis import given
from hypothesis import strategies as st

from gittrack.lineage import bisect
from gittrack.lineage.bisect import Search, Verdict
from tests.lineage.graphs import Graph, ancestors, graphs


def searched(search: Search, bad: set[str], broken: set[str], known: set[str]) -> tuple[list[str], list[str]]:
    """What may be the first bad one in the end, and what was tried on the way."""
    tried: list[str] = []
    while (commit := search.next(known)) is not None:
        assert commit not in tried
        open_ones = set(search.suspects()[:-1]) - search.skipped
        assert commit in (open_ones & known or open_ones), "what is known comes first"
        tried.append(commit)
        verdict = Verdict.SKIPPED if commit in broken else Verdict.BAD if commit in bad else Verdict.GOOD
        search = search.told(commit, verdict)
    return search.suspects(), tried


@given(graphs(), st.data())
def test_the_first_bad_commit_is_found(graph: Graph, data: st.DataObject) -> None:
    names = sorted(graph)
    culprit = data.draw(st.sampled_from(names))
    broken = data.draw(st.sets(st.sampled_from(names), max_size=4)) - {"tip"}
    known = data.draw(st.sets(st.sampled_from(names)))
    lead = ancestors(graph)
    bad = {commit for commit in graph if culprit in lead[commit]}

    found, _ = searched(Search(graph, "tip"), bad, broken, known)

    # By trying every commit: those that explain all that can be told.
    told = graph.keys() - broken
    explains = {each for each in graph if all((each in lead[commit]) == (commit in bad) for commit in told)}
    assert explains <= set(found)
    assert culprit in found
    assert set(found[:-1]) <= broken, "what could be tried and is not the answer is no suspect any more"
    if not broken:
        assert found == [culprit]


@given(st.integers(1, 300), st.data())
def test_a_line_takes_the_logarithm(size: int, data: st.DataObject) -> None:
    line = {f"c{number:03}": [f"c{number - 1:03}"] if number else [] for number in range(size)}
    names = sorted(line)
    first = data.draw(st.integers(0, size - 1))

    found, tried = searched(Search(line, names[-1]), set(names[first:]), set(), set())

    assert found == [names[first]]
    assert len(tried) <= ceil(log2(size)) if size > 1 else not tried


@given(graphs(), st.data())
def test_a_history_that_is_too_long_to_weigh_whole(graph: Graph, data: st.DataObject) -> None:
    culprit = data.draw(st.sampled_from(sorted(graph)))
    lead = ancestors(graph)
    whole = bisect._EXACT
    try:
        bisect._EXACT = 3  # type: ignore[misc]
        found, _ = searched(Search(graph, "tip"), {c for c in graph if culprit in lead[c]}, set(), set())
    finally:
        bisect._EXACT = whole  # type: ignore[misc]
    assert found == [culprit]


def test_it_goes_away_from_what_is_broken() -> None:
    line = {f"c{number:03}": [f"c{number - 1:03}"] if number else [] for number in range(200)}
    names = sorted(line)
    broken = set(names[60:140])

    found, tried = searched(Search(line, names[-1]), set(names[150:]), broken, set())

    assert found == [names[150]]
    assert len(tried) < 25
