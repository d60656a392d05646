"""The points of a run as two lists of floats, in the order of the axis, and smoothed."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.model import Number, Point

STEP: Final = "step"
CLOCK: Final = "time"
RELATIVE: Final = "relative"
ALONG: Final = (STEP, CLOCK, RELATIVE)


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one run: `xs` ascending, `values` as they were logged, `smooth` them smoothed, or the same list.

    `number` is the run's place among those that are plotted, which gives it its colour; `label` is what is written
    of it, and `remark` what else there is to say, see `remarked`.
    """

    number: int
    run: str
    name: str
    label: str
    metric: str
    xs: list[float]
    values: list[float]
    smooth: list[float]
    remark: str = ""

    @property
    def smoothed(self) -> bool:
        """Whether the values were smoothed."""
        return self.smooth is not self.values


def coordinates(points: Sequence[Point], along: str, start: float) -> tuple[list[float], list[float]]:
    """Return x and value of each point, by x, then in the order of logging; a point of no finite x is left out.

    x is the step, the seconds since 1970, or the seconds since the start of the run, `start`. A point that was logged
    without a step is one after the point before it.
    """
    if along == STEP:
        xs = _steps(points)
    else:
        xs = [point.seconds for point in points] if along == RELATIVE else [start + point.seconds for point in points]
    values = [real(point.value) for point in points]
    if not all(map(math.isfinite, xs)):
        kept = [index for index, x in enumerate(xs) if math.isfinite(x)]
        xs, values = [xs[index] for index in kept], [values[index] for index in kept]
    if any(later < earlier for earlier, later in pairwise(xs)):
        order = sorted(range(len(xs)), key=xs.__getitem__)
        xs, values = [xs[index] for index in order], [values[index] for index in order]
    return xs, values


def remarked(series: Sequence[Series]) -> list[Series]:
    """Return the curves of one metric; of those that lie on each other each says so, for only one can be seen."""
    alike: dict[bytes, list[Series]] = {}
    for one in series:
        alike.setdefault(array("d", one.xs + one.values).tobytes(), []).append(one)
    remarks = {one.number: f"same as {first.run[:8]}" for first, *rest in alike.values() for one in rest}
    remarks |= {group[0].number: f"{len(group)} coincide" for group in alike.values() if len(group) > 1}
    return [replace(one, remark=remarks.get(one.number, "")) for one in series]


def real(value: Number) -> float:
    """Return `value` as a float; an integer beyond the range of floats is infinite."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def smoothed(values: Iterable[float], weight: float) -> list[float]:
    """Return the exponential moving average of `values`, as TensorBoard shows it.

    `weight` is that of the past, from 0 up to but not including 1. The average starts from 0 and is divided by the
    weight that it has seen so far, so that the first values count in full (the bias correction of Adam, Kingma and Ba
    2015). What is not finite stays as it is and does not count.
    """
    average, seen = 0.0, 1.0
    result = []
    for value in values:
        if math.isfinite(value):
            average = average * weight + (1 - weight) * value
            seen *= weight
            result.append(average / (1 - seen))
        else:
            result.append(value)
    return result


def _steps(points: Sequence[Point]) -> list[float]:
    steps: list[float] = []
    last = -1.0
    for point in points:
        last = last + 1 if point.step is None else real(point.step)
        steps.append(last)
    return steps
