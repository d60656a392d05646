"""Where values lie on an axis, and what is written beside it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.plot.axis import ELAPSED, LINEAR, LOG, TIME, Axis, axis_of, word_axis

ANY = st.lists(st.floats(), max_size=30)
KINDS = st.sampled_from([LINEAR, LOG, TIME, ELAPSED])
CLOSE = 1e-9


@given(values=ANY, kind=KINDS, margin=st.sampled_from([0.0, 0.04]))
def test_every_value_has_a_place_in_order_or_none(values: list[float], kind: str, margin: float) -> None:
    axis = axis_of("x", values, kind, margin=margin)

    for value, place in zip(values, axis.places(values), strict=True):
        if math.isfinite(value) and (kind != LOG or value > 0):
            assert -CLOSE <= place <= 1 + CLOSE
        else:
            assert math.isnan(place)
    placed = [place for place in axis.places(sorted(value for value in values if value == value)) if place == place]
    assert all(one <= other for one, other in pairwise(placed))


@given(values=ANY, kind=KINDS, margin=st.sampled_from([0.0, 0.04]), most=st.integers(1, 20))
def test_ticks_lie_on_the_axis_in_order(values: list[float], kind: str, margin: float, most: int) -> None:
    ticks = axis_of("x", values, kind, margin=margin).ticks(most)

    assert len(ticks) <= most + 1
    assert all(-CLOSE <= place <= 1 + CLOSE and text for place, text in ticks)
    assert all(one < other for (one, _), (other, _) in pairwise(ticks))


@given(
    ends=st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=2, unique=True),
    most=st.integers(2, 12),
    log=st.booleans(),
)
def test_a_tick_says_where_it_is(ends: list[float], most: int, log: bool) -> None:
    values = [abs(value) + 1e-6 for value in ends] if log else ends
    axis = axis_of("x", values, LOG if log else LINEAR)
    ticks = axis.ticks(most)

    assert len({text for _, text in ticks}) == len(ticks)
    for (place, _), read in zip(ticks, axis.places(float(text) for _, text in ticks), strict=True):
        assert read == pytest.approx(place, abs=0.01)


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        ([0, 1], LINEAR, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([-3, 17], LINEAR, ["0", "5", "10", "15"]),
        ([1e6, 3.5e6], LINEAR, ["1e6", "1.5e6", "2e6", "2.5e6", "3e6", "3.5e6"]),
        ([0.001, 10], LOG, ["0.001", "0.01", "0.1", "1", "10"]),
        ([1e-8, 1e8], LOG, ["1e-8", "0.0001", "1", "10000", "1e8"]),
        ([1, 3], LOG, ["1", "2"]),
        ([0, 100], ELAPSED, ["0s", "20s", "40s", "60s", "80s", "100s"]),
        ([0, 14_400], ELAPSED, ["0h", "1h", "2h", "3h", "4h"]),
        ([0, 400_000], ELAPSED, ["0d", "1d", "2d", "3d", "4d"]),
        ([1.7e9, 1.7e9 + 3], TIME, ["22:13:20", "22:13:21", "22:13:22", "22:13:23"]),
        ([1.7e9, 1.7e9 + 300], TIME, ["22:14", "22:15", "22:16", "22:17", "22:18"]),
        ([1.7e9, 1.7e9 + 3e4], TIME, ["11-15 00:00", "11-15 02:00", "11-15 04:00", "11-15 06:00"]),
        ([1.7e9, 1.7e9 + 3e5], TIME, ["2023-11-15", "2023-11-16", "2023-11-17", "2023-11-18"]),
    ],
)
def test_round_numbers(values: list[float], kind: str, texts: list[str]) -> None:
    assert [text for _, text in axis_of("x", values, kind).ticks(5)] == texts


def test_years_that_no_clock_writes() -> None:
    axis = axis_of("x", [-1e300, 1e300], TIME)

    assert [text for _, text in axis.ticks(5)] == ["-1e300", "-5e299", "0", "5e299", "1e300"]
    assert axis.text(1e300) == "1e+300"


def test_a_value_in_full() -> None:
    assert Axis("x", 0, 1).text(12345678.25) == "12345678.25"
    assert Axis("x", 0, 1, ELAPSED).text(1.5) == "1.500 s"
    assert Axis("x", 0, 1, TIME).text(1.7e9) == "2023-11-14 22:13:20"


def test_categories() -> None:
    axis = word_axis("optimizer", ["adam", "lamb", "sgd", "sign"])

    assert axis.places(range(4)) == [0.125, 0.375, 0.625, 0.875]
    assert axis.ticks(4) == [(0.125, "adam"), (0.375, "lamb"), (0.625, "sgd"), (0.875, "sign")]
    assert [text for _, text in axis.ticks(2)] == ["adam", "sgd"]
    assert word_axis("none", []).ticks(3) == []
