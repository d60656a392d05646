"""Whether a change made a metric worse than is tolerated.

Values are compared as the decimal numbers that they are printed as, so that 0.90 is worse than 0.91 by 0.01 and not by
a bit more, as it is in binary.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import isfinite, nan
from typing import TYPE_CHECKING, Final

from gittrack.judge.direction import Direction
from gittrack.judge.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Number

BETTER: Final = "better"
SAME: Final = "the same"
WITHIN: Final = "within the tolerance"
WORSE: Final = "worse"
MISSING: Final = "not judged"


class Aggregate(Enum):
    """What stands for several runs of one commit."""

    MEAN = "mean"
    BEST = "best"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is tolerated of a metric: `tolerance` of its unit, or as a part of the baseline's value."""

    metric: str
    direction: Direction
    tolerance: float = 0.0
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a metric.

    `bound` is the worst value that would have passed. A value is None where no run has the metric; `change` and `bound`
    where there are none, as beside an infinite value.
    """

    rule: Rule
    word: str
    baseline: Number | None
    candidate: Number | None
    change: float | None = None
    bound: float | None = None

    @property
    def passes(self) -> bool:
        """Whether it is not worse than is tolerated; what could not be judged does not pass."""
        return self.word in (BETTER, SAME, WITHIN)


def judge(rule: Rule, baseline: Sequence[Number], candidate: Sequence[Number], aggregate: Aggregate) -> Judgement:
    """Compare the values of the runs of two commits, the newest first in each.

    A run of the baseline that ended with NaN is passed over; one of the candidate is worse than any number, unless
    another one is the best.
    """
    before = _one([value for value in baseline if value == value], rule.direction, aggregate)
    after = _one(candidate, rule.direction, aggregate)
    if before is None or after is None:
        return Judgement(rule, MISSING, before, after)
    return Judgement(rule, _word(rule, before, after), before, after, _change(before, after), _bound(rule, before))


def _one(values: Sequence[Number], direction: Direction, aggregate: Aggregate) -> Number | None:
    if not values:
        return None
    if aggregate is Aggregate.LAST or len(values) == 1:
        return values[0]
    if aggregate is Aggregate.BEST:
        best = direction.best(values)
        return nan if best is None else best
    sample = Sample()
    for value in values:
        sample.add(value)
    return nan if sample.nan else sample.mean


def _word(rule: Rule, before: Number, after: Number) -> str:
    if before == after:
        return SAME
    if rule.direction.better(after, before):
        return BETTER
    return WITHIN if _loss(before, after) <= _allowed(rule, before) else WORSE


def _loss(before: Number, after: Number) -> Fraction | float:
    """How far two values are apart that are not equal; infinite where one is not finite."""
    if not (_is_finite(before) and _is_finite(after)):
        return float("inf")
    return abs(Fraction(str(before)) - Fraction(str(after)))


def _allowed(rule: Rule, before: Number) -> Fraction:
    tolerance = Fraction(str(rule.tolerance))
    return tolerance * abs(Fraction(str(before))) if rule.relative and _is_finite(before) else tolerance


def _is_finite(value: Number) -> bool:
    return isinstance(value, int) or isfinite(value)


def _change(before: Number, after: Number) -> float | None:
    if not (_is_finite(before) and _is_finite(after)):
        return None
    return _as_float(Fraction(str(after)) - Fraction(str(before)))


def _bound(rule: Rule, before: Number) -> float | None:
    if not _is_finite(before):
        return None
    allowed = _allowed(rule, before)
    return _as_float(Fraction(str(before)) + (allowed if rule.direction is Direction.MIN else -allowed))


def _as_float(exact: Fraction) -> float | None:
    try:
        return float(exact)
    except OverflowError:  # more than a float can hold
        return None
