"""The values of one metric over several runs: how many, their middle, their spread, and how sure their mean is."""

from __future__ import annotations

from array import array
from math import fsum, inf, isfinite, ldexp, nan, sqrt
from typing import TYPE_CHECKING, TypeVar, final

from gittrack.judge.student import within

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from gittrack.model import Number

G = TypeVar("G", bound="Hashable")


@final
class Sample:
    """Values in eight bytes each; NaN is counted apart and takes part in nothing else."""

    __slots__ = ("_values", "missing", "nan")

    def __init__(self) -> None:
        self.nan = 0
        self.missing = 0  # runs that do not have the metric
        self._values = array("d")

    def add(self, value: Number | None) -> None:
        """Take one value more, None for a run that has none."""
        if value is None:
            self.missing += 1
        elif value != value:
            self.nan += 1
        else:
            self._values.append(_float(value))

    @property
    def n(self) -> int:
        """How many numbers there are, NaN aside."""
        return len(self._values)

    @property
    def min(self) -> float:
        """The least one; NaN where there is none."""
        return min(self._values, default=nan)

    @property
    def max(self) -> float:
        """The greatest one; NaN where there is none."""
        return max(self._values, default=nan)

    @property
    def median(self) -> float:
        """The middle one, or the mean of the two in the middle; NaN where there is none."""
        if not self._values:
            return nan
        ordered = sorted(self._values)
        low, high = ordered[(self.n - 1) // 2], ordered[self.n // 2]
        return low if low == high else low / 2 + high / 2

    @property
    def mean(self) -> float:
        """The arithmetic mean, rounded once; infinite, or NaN, where values are infinite."""
        if not self._values:
            return nan
        if not (isfinite(self.min) and isfinite(self.max)):
            return self.min + self.max if self.min == -inf or self.max == inf else nan
        try:
            return fsum(self._values) / self.n
        except OverflowError:  # the sum is more than a float can hold, the mean is not
            return ldexp(fsum(ldexp(value, -64) for value in self._values) / self.n, 64)

    @property
    def std(self) -> float:
        """The standard deviation of a sample, with n - 1; NaN for less than two values, or infinite ones."""
        mean = self.mean
        if self.n < 2 or not isfinite(mean):
            return nan
        scale = max(abs(self.min - mean), abs(self.max - mean))
        if scale in (0, inf):
            return scale
        # Scaled, because the square of a large double is more than a double can hold, and of a small one nothing.
        return scale * sqrt(fsum(((value - mean) / scale) ** 2 for value in self._values) / (self.n - 1))

    def half_width(self, confidence: float) -> float:
        """Return half the width of the confidence interval of the mean: t · std / √n, with n - 1 degrees of freedom.

        It holds for values that are spread normally about their mean, as seeds of one setting often are.
        """
        return within(confidence, self.n - 1) * self.std / sqrt(self.n) if self.n > 1 else nan


def _float(value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def grouped(rows: Iterable[tuple[G, Sequence[Number | None]]], metrics: Sequence[str]) -> dict[tuple[str, G], Sample]:
    """Return a sample for each metric of each group; a row has the group of a run, and its value of each metric."""
    found: dict[tuple[str, G], Sample] = {}
    for group, values in rows:
        for metric, value in zip(metrics, values, strict=True):
            place = metric, group
            if place not in found:
                found[place] = Sample()
            found[place].add(value)
    return found
