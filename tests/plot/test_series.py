"""The points of a run in the order of an axis, and smoothed."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.model import Point
from gittrack.plot.series import CLOCK, RELATIVE, STEP, coordinates, real, smoothed

POINTS = st.lists(
    st.builds(
        Point,
        st.none() | st.integers(-(2**70), 2**70),
        st.floats(),
        st.floats() | st.integers(-(2**2000), 2**2000),
    )
)
NUMBERS = st.floats(-1e6, 1e6)
WEIGHTS = st.floats(0, 0.999)


def naive(values: list[float], weight: float) -> list[float]:
    """Each value as the mean of all before it, weighted by `weight` to the power of their distance."""
    result = []
    for end in range(1, len(values) + 1):
        weights = [weight ** (end - 1 - place) for place in range(end)]
        result.append(sum(map(float.__mul__, weights, values[:end])) / sum(weights))
    return result


@given(points=POINTS, along=st.sampled_from([STEP, RELATIVE, CLOCK]))
def test_no_point_is_lost_and_x_never_falls(points: list[Point], along: str) -> None:
    xs, values = coordinates(points, along, 1000.0)

    assert all(one <= other for one, other in pairwise(xs))
    assert all(map(math.isfinite, xs))
    kept = points if along == STEP else [point for point in points if math.isfinite(point.seconds)]
    assert sorted(map(repr, values)) == sorted(repr(real(point.value)) for point in kept)


def test_the_axis_may_be_steps_seconds_or_the_time() -> None:
    points = [Point(5, 0.5, 1.0), Point(3, 1.5, 2.0), Point(3, 2.5, 3.0)]

    assert coordinates(points, STEP, 100.0) == ([3, 3, 5], [2.0, 3.0, 1.0])
    assert coordinates(points, RELATIVE, 100.0) == ([0.5, 1.5, 2.5], [1.0, 2.0, 3.0])
    assert coordinates(points, CLOCK, 100.0) == ([100.5, 101.5, 102.5], [1.0, 2.0, 3.0])


def test_a_point_without_a_step_follows_the_one_before() -> None:
    points = [Point(None, 0, 1), Point(None, 1, 2), Point(10, 2, 3), Point(None, 3, 4)]

    assert coordinates(points, STEP, 0.0)[0] == [0, 1, 10, 11]


def test_integers_beyond_floats_are_infinite() -> None:
    assert (real(10**400), real(-(10**400)), real(3)) == (math.inf, -math.inf, 3.0)


@given(values=st.lists(NUMBERS, max_size=20), weight=WEIGHTS)
def test_smoothing_is_the_weighted_mean_of_what_came_before(values: list[float], weight: float) -> None:
    assert smoothed(values, weight) == pytest.approx(naive(values, weight), rel=1e-6, abs=1e-3)


@given(values=st.lists(st.floats(), max_size=40), weight=WEIGHTS)
def test_what_is_not_finite_stays_and_counts_for_nothing(values: list[float], weight: float) -> None:
    result = smoothed(values, weight)
    finite = [index for index, value in enumerate(values) if math.isfinite(value)]

    assert [result[index] for index in finite] == smoothed([values[index] for index in finite], weight)
    rest = [index for index in range(len(values)) if index not in finite]
    assert [repr(result[index]) for index in rest] == [repr(values[index]) for index in rest]


def test_smoothing_as_tensorboard_shows_it() -> None:
    assert smoothed([1.0, 0.0, 0.0], 0.5) == pytest.approx([1.0, 1 / 3, 1 / 7])
    assert smoothed([3.0, 1.0], 0.0) == [3.0, 1.0]
