"""The best of each group, held against sorting."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.leaders import leaders


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-4, 4)), max_size=40), st.integers(1, 4))
def test_the_first_of_each_group_and_what_equals_the_last_of_them(pairs: list[tuple[int, int]], count: int) -> None:
    ranked = sorted(((group, place, value) for place, (group, value) in enumerate(pairs)), key=lambda each: -each[2])

    found = leaders(ranked, count)

    assert list(found) == list(dict.fromkeys(group for group, _, _ in ranked))
    for group, items in groupby(sorted(ranked, key=lambda each: each[0]), key=lambda each: each[0]):
        members = list(items)
        last = members[:count][-1][2]
        assert found[group].best == [place for _, place, _ in members[:count]]
        assert found[group].tied == [place for _, place, value in members[count:] if value == last]
