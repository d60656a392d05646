"""A move is held against the right runs and against the noise."""

from __future__ import annotations

from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.lineage.blame import Group, moves
from tests.lineage.graphs import Graph, ancestors, graphs

LINE: Graph = {"a": [], "b": ["a"], "c": ["b"], "d": ["c"], "e": ["d"]}


def group(commit: str, *values: float, lr: float = 0.1, rest: str = "", start: float = 0.0, model: str = "") -> Group:
    params = {("lr", repr(lr)), *([("model", model)] if model else [])}
    return Group(commit, frozenset(params), (rest,), (f"{commit}-{lr}-{rest}",), values, start)


def told(groups: list[Group], graph: Graph = LINE) -> list[tuple[str, str, float]]:
    return [(move.before.runs[0], move.after.commit, round(move.change, 6)) for move in moves(groups, graph)]


def test_the_largest_move_comes_first() -> None:
    groups = [group("a", 0.9), group("c", 0.8), group("d", 0.1), group("e", 0.95)]

    assert told(groups) == [("d-0.1-", "e", 0.85), ("c-0.1-", "d", -0.7), ("a-0.1-", "c", -0.1)]


def test_the_same_params_are_looked_for_farther_back() -> None:
    groups = [group("a", 0.9), group("b", 0.5, lr=1.0), group("c", 0.85)]

    assert told(groups) == [("a-0.1-", "b", -0.4), ("a-0.1-", "c", -0.05)]


def test_without_them_the_fewest_differences_count() -> None:
    groups = [
        group("a", 0.1, model="tree", lr=2.0),
        group("b", 0.3, model="net", lr=0.1, start=1),
        group("b", 0.2, model="tree", lr=0.1, start=2),
        group("c", 0.9, model="net", lr=0.5),
    ]

    assert ("b-0.1-", "c", 0.6) in told(groups)


@pytest.mark.parametrize(("others", "similar"), [(99, True), (100, False)])
def test_the_fewest_differences_are_looked_for_among_the_newest_hundred(others: int, *, similar: bool) -> None:
    many = [group("a", 0.1, lr=2.0 + n, model=str(n), start=1 + n) for n in range(others)]
    groups = [group("a", 0.2, lr=1.0, model="net"), *many, group("b", 0.9, lr=0.5, model="net")]

    ((before, _, change),) = (move for move in told(groups) if move[1] == "b")
    assert (before, change) == (("a-1.0-", 0.7) if similar else (f"a-{1.0 + others}-", 0.8))


def test_data_that_changed_at_the_same_commit() -> None:
    groups = [group("a", 0.9, rest="old", start=1), group("a", 0.5, rest="new", start=2), group("b", 0.6, start=3)]

    assert told(groups) == [("a-0.1-old", "a", -0.4), ("a-0.1-new", "b", 0.1)]


@pytest.mark.parametrize(
    ("before", "after", "noise", "is_noise"),
    [
        ((0.8, 0.9), (0.84,), 0.1, True),
        ((0.8, 0.9), (0.6,), 0.1, False),
        ((0.5, 0.75), (0.875,), 0.25, True),  # just as much
        ((0.8,), (0.5, 0.9), 0.4, True),
        ((0.8,), (0.75,), 0.02, False),  # the spread that others have
        ((0.8,), (0.79,), 0.02, True),
    ],
)
def test_noise_is_the_spread_of_the_same_code_and_params(
    before: tuple[float, ...], after: tuple[float, ...], noise: float, *, is_noise: bool
) -> None:
    groups = [group("c", *before), group("d", *after), group("a", 0.1, 0.12, model="other"), group("b", 7.0, model="x")]

    (found,) = [move for move in moves(groups, LINE) if move.after.commit == "d"]

    assert (round(found.noise, 6), found.is_noise) == (noise, is_noise)


def test_what_is_no_number() -> None:
    groups = [group("a", 0.5), group("b", nan), group("c", nan), group("d", inf), group("e", inf)]

    found = moves(groups, LINE)

    assert [(move.after.commit, move.is_noise) for move in found] == [("b", False), ("d", False)]
    assert isnan(found[0].change)
    assert moves([], LINE) == []


@given(graphs(), st.data())
def test_only_what_leads_to_a_commit_is_held_against_it(graph: Graph, data: st.DataObject) -> None:
    measured = data.draw(st.sets(st.sampled_from(sorted(graph)), min_size=1))
    groups = [group(commit, float(number), lr=number % 2) for number, commit in enumerate(sorted(measured))]
    lead = ancestors(graph)

    found = {move.after.commit: move.before for move in moves(groups, graph)}

    for commit in measured:
        earlier = measured & lead[commit] - {commit}
        assert (commit in found) == bool(earlier)
        if earlier:
            assert found[commit].commit in earlier
            same = [each for each in groups if each.commit in earlier and each.params == _params(groups, commit)]
            assert not same or found[commit].params == _params(groups, commit)


def _params(groups: list[Group], commit: str) -> frozenset[tuple[str, str]]:
    return next(each.params for each in groups if each.commit == commit)
