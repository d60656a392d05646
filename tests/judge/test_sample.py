"""Mean, spread, median and interval, held against the statistics module."""

from __future__ import annotations

import statistics
from fractions import Fraction
from math import inf, isnan, nan, sqrt
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterable

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MODERATE = st.floats(-1e150, 1e150)


def sample(values: Iterable[float | None]) -> Sample:
    found = Sample()
    for value in values:
        found.add(value)
    return found


@given(st.lists(FINITE, min_size=1, max_size=30))
def test_mean_and_median_are_those_of_the_statistics_module(values: list[float]) -> None:
    found = sample(values)
    exact = sum(map(Fraction, values)) / len(values)
    assert found.n == len(values)
    assert found.mean == pytest.approx(float(exact), rel=1e-12, abs=1e-300)
    assert (found.min, found.max) == (min(values), max(values))
    if max(map(abs, values)) < 1e308 / 2:
        assert found.median == statistics.median(values)


@given(st.lists(MODERATE, min_size=2, max_size=30))
def test_the_deviation_is_that_of_the_statistics_module(values: list[float]) -> None:
    spread = max(map(abs, values))
    assert sample(values).std == pytest.approx(statistics.stdev(values), rel=1e-9, abs=spread * 1e-15)


def test_large_and_small_values_neither_overflow_nor_vanish() -> None:
    assert sample([1e308, 1e308, 1e308]).mean == 1e308
    assert sample([1.7e308, 1.7e308]).median == 1.7e308
    assert sample([1e-200, 3e-200]).std == pytest.approx(sqrt(2) * 1e-200)
    assert sample([1e200, 3e200]).std == pytest.approx(sqrt(2) * 1e200)
    assert sample([10**400]).max == inf
    assert sample([-(10**400)]).min == -inf


@given(st.lists(st.one_of(st.none(), st.just(nan), MODERATE), max_size=20))
def test_nan_and_missing_values_are_counted_apart(values: list[float | None]) -> None:
    numbers = [value for value in values if value is not None and value == value]
    found, alone = sample(values), sample(numbers)
    assert found.missing == values.count(None)
    assert found.nan == sum(1 for value in values if value is not None and value != value)
    assert found.n == len(numbers)
    assert repr((found.mean, found.std, found.median)) == repr((alone.mean, alone.std, alone.median))


def test_too_few_values_tell_nothing() -> None:
    empty, one = sample([]), sample([2.0])
    assert all(map(isnan, (empty.mean, empty.min, empty.max, empty.median, empty.std, empty.half_width(0.95))))
    assert (one.mean, one.median) == (2.0, 2.0)
    assert isnan(one.std)
    assert isnan(one.half_width(0.95))


def test_infinite_values() -> None:
    assert sample([1, inf]).mean == inf
    assert sample([1, -inf]).mean == -inf
    assert isnan(sample([inf, -inf]).mean)
    assert isnan(sample([1, inf]).std)


def test_the_interval_is_t_times_the_error_of_the_mean() -> None:
    found = sample([9.0, 10.0, 11.0, 12.0])
    assert found.half_width(0.95) == pytest.approx(3.182446305 * 1.2909944487 / 2, rel=1e-9)
    assert found.half_width(0.99) > found.half_width(0.95)
    assert sample([1.0] * 5).half_width(0.95) == 0.0
