"""Verdicts on metrics, value by value."""

from __future__ import annotations

import math

import pytest

from gittrack.model import Number, Point
from gittrack.reproduce.verdict import DIFFERENT, IDENTICAL, MISSING, NOT_JUDGED, WITHIN, judge


def series(*values: Number) -> list[Point]:
    return [Point(step, float(step), value) for step, value in enumerate(values)]


@pytest.mark.parametrize(
    ("old", "new", "rtol", "word"),
    [
        ((0.5, 0.25), (0.5, 0.25), 0.0, IDENTICAL),
        ((math.nan,), (math.nan,), 0.0, IDENTICAL),
        ((0.0,), (-0.0,), 0.0, WITHIN),
        ((1,), (1.0,), 0.0, WITHIN),
        ((1.0,), (1.0009,), 1e-3, WITHIN),
        ((1.0,), (1.0011,), 1e-3, DIFFERENT),
        ((0.0,), (1e-30,), 1e-3, DIFFERENT),
        ((math.inf,), (1.0,), 1e9, DIFFERENT),
        ((10**400,), (10**400 + 1,), 1.0, DIFFERENT),
        ((1.0, 2.0), (1.0,), 1.0, DIFFERENT),
        ((1.0,), (), 1.0, MISSING),
    ],
)
def test_each_word(old: tuple[Number, ...], new: tuple[Number, ...], rtol: float, word: str) -> None:
    (verdict,) = judge({"m": series(*old)}, {"m": series(*new)}, rtol)
    assert verdict.word == word
    assert verdict.holds == (word in (IDENTICAL, WITHIN))
    assert verdict.recorded is old[-1]


def test_the_worst_value_counts_and_other_metrics_do_not() -> None:
    (verdict,) = judge({"m": series(1.0, 2.0)}, {"m": series(1.5, 2.0), "other": series(1)}, 0.4)
    assert verdict.word == WITHIN
    assert verdict.apart == pytest.approx(1 / 3)
    assert judge({"m": [Point(1, 0.0, 1.0)]}, {"m": [Point(2, 0.0, 1.0)]}, 1.0)[0].word == DIFFERENT


def test_what_is_not_judged_may_differ_and_not_be_missing() -> None:
    old = {"seconds": series(1.0), "loss": series(1.0), "gone": series(1.0)}
    found = judge(old, {"seconds": series(2.0), "loss": series(2.0)}, 0.0, ["seconds", "gone"])
    assert [(verdict.word, verdict.holds) for verdict in found] == [
        (NOT_JUDGED, True),
        (DIFFERENT, False),
        (MISSING, False),
    ]
