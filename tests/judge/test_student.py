"""Quantiles of Student's t, held against printed tables and against the cases that have a closed form."""

from __future__ import annotations

from math import pi, sqrt, tan
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.student import outside, within

# Two-sided 95 % and 99 %, as the tables of Abramowitz and Stegun (26.10) have them, with more digits.
TABLE = {
    1: (12.7062047362, 63.6567411629),
    2: (4.3026527297, 9.9248432009),
    3: (3.1824463053, 5.8409093097),
    4: (2.7764451052, 4.6040948714),
    5: (2.5705818356, 4.0321429836),
    6: (2.4469118511, 3.7074280214),
    7: (2.3646242516, 3.4994832974),
    8: (2.3060041352, 3.3553873314),
    9: (2.2621571629, 3.2498355416),
    10: (2.2281388520, 3.1692726726),
    15: (2.1314495456, 2.9467128834),
    20: (2.0859634473, 2.8453397098),
    29: (2.0452296421, 2.7563859037),
    30: (2.0422724563, 2.7499956536),
    60: (2.0002978220, 2.6602830289),
    120: (1.9799304051, 2.6174211451),
    1000: (1.9623390808, 2.5807546981),
}


@pytest.mark.parametrize("freedom", TABLE)
def test_the_tables(freedom: int) -> None:
    assert within(0.95, freedom) == pytest.approx(TABLE[freedom][0], abs=1e-9)
    assert within(0.99, freedom) == pytest.approx(TABLE[freedom][1], abs=1e-9)


CONFIDENCE = st.floats(1e-6, 1 - 1e-9)


@given(CONFIDENCE)
def test_closed_forms(confidence: float) -> None:
    p = (1 + confidence) / 2
    assert within(confidence, 1) == pytest.approx(tan(pi * confidence / 2), rel=1e-6)
    assert within(confidence, 2) == pytest.approx(confidence * sqrt(2 / (4 * p * (1 - p))), rel=1e-6)


@given(CONFIDENCE, st.integers(1, 10_000))
def test_a_quantile_is_the_inverse_of_the_distribution(confidence: float, freedom: int) -> None:
    assert outside(within(confidence, freedom), freedom) == pytest.approx(1 - confidence, rel=1e-9, abs=1e-13)


@given(CONFIDENCE, st.integers(10_001, 10**9))
def test_many_degrees_of_freedom_come_close_to_the_normal_distribution(confidence: float, freedom: int) -> None:
    normal = -NormalDist().inv_cdf((1 - confidence) / 2)
    assert normal <= within(confidence, freedom) <= within(confidence, 10_000) + 1e-9
    assert within(confidence, 10_001) == pytest.approx(within(confidence, 10_000), abs=3e-7, rel=1e-6)


@given(st.integers(1, 200))
def test_fewer_degrees_of_freedom_are_less_sure(freedom: int) -> None:
    assert within(0.95, freedom) > within(0.95, freedom + 1) > 1.959963


def test_the_ends() -> None:
    assert outside(0.0, 3) == 1.0
    assert outside(1e200, 3) == 0.0
    assert within(0.5, 1) == pytest.approx(1.0)
