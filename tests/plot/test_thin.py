"""What is left of a long history covers the same pixels."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gittrack.plot.thin import HIGH, LOW, NAN, not_finite, strokes

PLACES = st.floats(0, 1)
HISTORY = st.lists(st.tuples(PLACES, PLACES | st.just(math.nan)), max_size=200)


@given(history=HISTORY, columns=st.integers(1, 20))
def test_each_column_keeps_its_ends_and_extremes(history: list[tuple[float, float]], columns: int) -> None:
    us, vs = sorted(u for u, _ in history), [v for _, v in history]
    kept = [index for piece in strokes(us, vs, columns) for index in piece]

    assert kept == sorted(set(kept))
    for column in range(columns + 1):
        there = [i for i, u in enumerate(us) if int(u * columns) == column and vs[i] == vs[i]]
        shown = [i for i in kept if int(us[i] * columns) == column]
        assert bool(there) == bool(shown)
        if there:
            assert (shown[0], shown[-1]) == (there[0], there[-1])
            assert {min(vs[i] for i in there), max(vs[i] for i in there)} <= {vs[i] for i in shown}
            assert len(shown) <= max(4, len(us) if len(us) <= columns else 0)


@given(history=HISTORY, columns=st.integers(1, 20))
def test_no_line_leads_over_a_gap(history: list[tuple[float, float]], columns: int) -> None:
    us, vs = sorted(u for u, _ in history), [v for _, v in history]
    pieces = strokes(us, vs, columns)

    for piece in pieces:
        assert not any(math.isnan(v) for v in vs[piece[0] : piece[-1] + 1])
    for one, other in pairwise(pieces):
        assert any(math.isnan(v) for v in vs[one[-1] : other[0]])


def test_a_hundred_thousand_points_keep_their_only_spike() -> None:
    vs = [math.sin(n) / 2 for n in range(100_000)]
    vs[54_321] = 1.0
    kept = [index for piece in strokes([n / 100_000 for n in range(100_000)], vs, 150) for index in piece]

    assert 54_321 in kept
    assert len(kept) <= 4 * 150


def test_what_is_not_finite_is_marked_once_a_column() -> None:
    us = [0.0, 0.01, 0.02, 0.5, 0.6, math.nan, 1.0]
    values = [math.nan, math.nan, math.inf, -math.inf, 1.0, math.nan, math.nan]

    assert not_finite(us, values, 10) == [(0.0, NAN), (0.02, HIGH), (0.5, LOW), (1.0, NAN)]
