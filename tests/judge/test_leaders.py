"""The best of each group, held against sorting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.direction import Direction
from gittrack.judge.leaders import leaders

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), max_size=40)


@pytest.mark.parametrize("direction", Direction)
@given(PAIRS, st.integers(1, 4))
def test_the_best_of_each_group_and_what_equals_the_last_of_them(
    direction: Direction, pairs: list[tuple[int, int]], count: int
) -> None:
    rows = [(group, place, value) for place, (group, value) in enumerate(pairs)]
    sign = 1 if direction is Direction.MIN else -1

    found = leaders(rows, direction, count)

    ranked = sorted(rows, key=lambda row: sign * row[2])
    groups = dict.fromkeys(group for group, _, _ in rows)
    assert list(found) == sorted(groups, key=lambda group: min(sign * row[2] for row in rows if row[0] == group))
    for group, leading in found.items():
        members = [(place, value) for other, place, value in ranked if other == group]
        assert leading.best == [place for place, _ in members[:count]]
        assert leading.values == [value for _, value in members[:count]]
        assert leading.tied == [place for place, value in members[count:] if value == leading.values[-1]]
