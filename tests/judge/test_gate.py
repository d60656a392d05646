"""When a change is worse than is tolerated."""

from __future__ import annotations

from fractions import Fraction
from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.direction import Direction
from gittrack.judge.gate import BETTER, MISSING, SAME, WITHIN, WORSE, Aggregate, Rule, judge

MAX, MIN = Direction.MAX, Direction.MIN


@pytest.mark.parametrize(
    ("direction", "baseline", "candidate", "tolerance", "word"),
    [
        (MAX, 0.91, 0.90, 0.01, WITHIN),  # 0.91 - 0.90 is 0.010000000000000009 in binary
        (MAX, 0.91, 0.8999999, 0.01, WORSE),
        (MAX, 0.91, 0.92, 0.0, BETTER),
        (MAX, 0.91, 0.91, 0.0, SAME),
        (MAX, 1, 1.0, 0.0, SAME),
        (MIN, 0.3, 0.4, 0.1, WITHIN),
        (MIN, 0.3, 0.4000001, 0.1, WORSE),
        (MIN, 0.3, 0.2, 0.0, BETTER),
        (MAX, 0.9, nan, 10.0, WORSE),
        (MIN, 0.9, nan, inf, WORSE),
        (MAX, inf, 1e308, 1.0, WORSE),
        (MAX, inf, inf, 0.0, SAME),
        (MIN, 10**400, 10**400 + 1, 1.0, WITHIN),
        (MIN, 10**400, 10**400 + 2, 1.0, WORSE),
    ],
)
def test_the_words(direction: Direction, baseline: float, candidate: float, tolerance: float, word: str) -> None:
    if tolerance == inf:
        tolerance = 1e308

    found = judge(Rule("x", direction, tolerance), [baseline], [candidate], Aggregate.MEAN)

    assert found.word == word
    assert found.passes == (word != WORSE)


@given(
    st.decimals(-1000, 1000, places=4), st.decimals(-1000, 1000, places=4), st.decimals(0, 10, places=4), st.booleans()
)
def test_it_is_decimal_arithmetic(before: object, after: object, tolerance: object, relative: bool) -> None:
    b, a, t = (Fraction(str(each)) for each in (before, after, tolerance))
    allowed = t * abs(b) if relative else t

    for direction, sign in ((MAX, 1), (MIN, -1)):
        found = judge(Rule("x", direction, float(t), relative), [float(b)], [float(a)], Aggregate.BEST)
        assert found.passes == (sign * a >= sign * b - allowed)
        assert found.change == pytest.approx(float(a - b))
        assert found.bound == pytest.approx(float(b - sign * allowed))


def test_what_stands_for_several_runs() -> None:
    def baseline(aggregate: Aggregate, *values: float) -> float | None:
        return judge(Rule("x", MAX), values, [0.0], aggregate).baseline

    assert baseline(Aggregate.MEAN, 1.0, 2.0, 4.5) == 2.5
    assert baseline(Aggregate.BEST, 1.0, 4.5, 2.0) == 4.5
    assert baseline(Aggregate.LAST, 1.0, 4.5, 2.0) == 1.0
    assert baseline(Aggregate.LAST) is None
    assert judge(Rule("x", MIN), [3, 1, 2], [0], Aggregate.BEST).baseline == 1


def test_nan_is_passed_over_in_the_baseline_and_counts_in_the_candidate() -> None:
    rule = Rule("x", MAX)
    assert judge(rule, [1.0, nan, 3.0], [5.0], Aggregate.MEAN).baseline == 2.0
    spoiled = judge(rule, [1.0], [5.0, nan], Aggregate.MEAN)
    assert spoiled.word == WORSE
    assert spoiled.candidate is not None
    assert isnan(spoiled.candidate)
    assert judge(rule, [1.0], [nan, 5.0], Aggregate.BEST).word == BETTER
    assert judge(rule, [1.0], [nan, 5.0], Aggregate.LAST).word == WORSE


@pytest.mark.parametrize(("baseline", "candidate"), [([], [1.0]), ([1.0], []), ([nan], [1.0]), ([], [])])
def test_without_values_nothing_is_judged(baseline: list[float], candidate: list[float]) -> None:
    found = judge(Rule("x", MAX, 1e9), baseline, candidate, Aggregate.MEAN)
    assert (found.word, found.passes, found.change, found.bound) == (MISSING, False, None, None)


def test_a_relative_tolerance_is_a_part_of_the_baseline() -> None:
    rule = Rule("x", MIN, 0.1, relative=True)
    assert judge(rule, [200.0], [220.0], Aggregate.MEAN).word == WITHIN
    assert judge(rule, [200.0], [220.1], Aggregate.MEAN).word == WORSE
    assert judge(rule, [-200.0], [-180.0], Aggregate.MEAN).word == WITHIN
    assert judge(rule, [inf], [inf], Aggregate.MEAN).bound is None
