"""One number for several runs of the same code, and on which side of a threshold it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from gittrack.judge.direction import Direction
from gittrack.lineage.bisect import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Number


class Aggregate(Enum):
    """What stands for several runs."""

    MEDIAN = "median"
    BEST = "best"
    WORST = "worst"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Line:
    """What divides good from bad: a value that is as good as `threshold`, or better, is good; NaN never is."""

    direction: Direction
    threshold: float
    aggregate: Aggregate = Aggregate.MEDIAN

    def value(self, values: Sequence[Number]) -> Number:
        """Return what stands for the values of some runs, at least one, the newest first."""
        if self.aggregate is Aggregate.LAST:
            return values[0]
        best_first = sorted(values, key=lambda value: (value != value, self._sign(value)))
        if self.aggregate is Aggregate.MEDIAN:
            return _between(best_first[(len(values) - 1) // 2], best_first[len(values) // 2])
        return best_first[0 if self.aggregate is Aggregate.BEST else -1]

    def verdict(self, value: Number) -> Verdict:
        """Return GOOD or BAD."""
        is_good = value == self.threshold or self.direction.better(value, self.threshold)
        return Verdict.GOOD if is_good else Verdict.BAD

    def _sign(self, value: Number) -> Number:
        return value if self.direction is Direction.MIN else -value


def _between(better: Number, worse: Number) -> Number:
    if better == worse:
        return better
    try:
        return better / 2 + worse / 2
    except OverflowError:  # an integer that no float can hold
        return worse
