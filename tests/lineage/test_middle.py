"""What stands for several runs, and which commit is the nearest."""

from __future__ import annotations

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.direction import Direction
from gittrack.lineage.bisect import Verdict
from gittrack.lineage.middle import Aggregate, Line
from gittrack.lineage.nearest import nearest
from tests.lineage.graphs import Graph, graphs


@pytest.mark.parametrize(
    ("aggregate", "values", "least", "most"),
    [
        (Aggregate.MEDIAN, (3, 1, 2), 2, 2),
        (Aggregate.MEDIAN, (4.0, 1.0, 2.0, 3.0), 2.5, 2.5),
        (Aggregate.MEDIAN, (1.0, nan, 2.0), 2.0, 1.0),  # NaN is worse than all
        (Aggregate.MEDIAN, (10**400, 1), 10**400, 1),
        (Aggregate.BEST, (3, 1, 2), 1, 3),
        (Aggregate.WORST, (3, 1, 2), 3, 1),
        (Aggregate.LAST, (3, 1, 2), 3, 3),
    ],
)
def test_one_value_for_several(aggregate: Aggregate, values: tuple[float, ...], least: float, most: float) -> None:
    assert Line(Direction.MIN, 0, aggregate).value(values) == least
    assert Line(Direction.MAX, 0, aggregate).value(values) == most


def test_the_sides_of_the_line() -> None:
    line = Line(Direction.MAX, 0.5)
    assert [line.verdict(value) for value in (0.6, 0.5, 0.4, nan)] == [
        Verdict.GOOD,
        Verdict.GOOD,
        Verdict.BAD,
        Verdict.BAD,
    ]
    assert Line(Direction.MIN, 0.5).verdict(0.6) is Verdict.BAD
    assert isnan(line.value((nan, nan)))


@given(graphs(), st.data())
def test_nearest_by_steps_in_both_directions(graph: Graph, data: st.DataObject) -> None:
    names = sorted(graph)
    start = data.draw(st.sampled_from(names))
    wanted = data.draw(st.sets(st.sampled_from(names)))
    # By relaxing every edge until nothing changes.
    far = dict.fromkeys(names, len(names)) | {start: 0}
    for _ in names:
        for commit, parents in graph.items():
            for parent in parents:
                far[commit] = min(far[commit], far[parent] + 1)
                far[parent] = min(far[parent], far[commit] + 1)

    found = nearest(graph, start, wanted)

    reachable = [far[commit] for commit in wanted if far[commit] < len(names)]
    assert (found is None) == (not reachable)
    assert found is None or (found in wanted and far[found] == min(reachable))
