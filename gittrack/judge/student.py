"""The quantiles of Student's t distribution, without a library of statistics.

With x = n / (n + t²) for n degrees of freedom, P(|T| > t) is the regularized incomplete beta function I_x(n/2, 1/2)
(DLMF 8.17; Abramowitz and Stegun 26.7.1), here by its continued fraction (DLMF 8.17.22) in the form of Lentz. The
quantile is found by bisection, down to neighbouring floats. For many degrees of freedom it is expanded around that of
the normal distribution (Abramowitz and Stegun 26.7.5), where what is left out is less than 1e-9.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, inf, lgamma, log, log1p
from typing import Final

_TINY: Final = 1e-300  # stands for zero in a denominator
_STEPS: Final = 1_000  # of the continued fraction, which takes about the root of the larger parameter
_MANY: Final = 10_000  # degrees of freedom


def outside(t: float, freedom: int) -> float:
    """Return P(|T| > t), t ≥ 0, for `freedom` ≥ 1 degrees of freedom."""
    square = t * t
    total = freedom + square
    return _incomplete_beta(freedom / 2, 0.5, freedom / total, square / total)


@lru_cache(maxsize=256)
def within(confidence: float, freedom: int) -> float:
    """Return the t for which P(|T| ≤ t) is `confidence`, which lies between 0 and 1, both excluded."""
    if freedom > _MANY:
        from statistics import NormalDist  # which brings a dozen modules

        return _expanded(-NormalDist().inv_cdf((1 - confidence) / 2), freedom)
    low, high = 0.0, 1.0
    while outside(high, freedom) > 1 - confidence and high < inf:
        low, high = high, high * 2
    while low < (middle := low + (high - low) / 2) < high:
        if outside(middle, freedom) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _expanded(z: float, freedom: int) -> float:
    return z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """I_x(a, b), where `rest` is 1 - x, given apart because it may be too small to be told from x."""
    if x <= 0.0 or rest <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    # The fraction converges fast on one side of the mean; on the other, I_x(a, b) is 1 - I_(1-x)(b, a).
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _incomplete_beta(b, a, rest, x)
    log_x, log_rest = (log(x) if x < 0.5 else log1p(-rest)), (log(rest) if rest < 0.5 else log1p(-x))
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log_x + b * log_rest)
    return front / a * _fraction(a, b, x)


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        before = value
        for coefficient in (even, odd):
            d = 1.0 / _not_zero(1.0 + coefficient * d)
            c = _not_zero(1.0 + coefficient / c)
            value *= c * d
        if abs(value - before) <= 1e-16 * abs(value):
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
