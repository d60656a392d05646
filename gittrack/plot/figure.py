"""What is drawn, whatever it is drawn on: panels of curves, panels of dots, or parallel coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gittrack.plot.axis import ELAPSED, LINEAR, LOG, TIME, Axis, axis_of, word_axis
from gittrack.plot.series import CLOCK, RELATIVE, STEP, Series, real

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gittrack.model import Value

_TITLES = {STEP: "step", CLOCK: "time", RELATIVE: "relative time"}
_KINDS = {STEP: LINEAR, CLOCK: TIME, RELATIVE: ELAPSED}
_ROOM = 0.04  # of the axis, so that no mark stands on the frame


@dataclass(frozen=True, slots=True)
class Curves:
    """A panel with the course of one metric in several runs."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Dot:
    """One run of a scatter plot; `param` and `value` are the texts of what is plotted at x and y.

    `param` is '' where the dots stand in the order of the runs.
    """

    label: str
    x: float
    y: float
    param: str
    value: str


@dataclass(frozen=True, slots=True)
class Scatter:
    """A panel with a param, or the runs in their order, against a metric: a dot for each run."""

    title: str
    x: Axis
    y: Axis
    dots: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One run of parallel coordinates: its place on each axis, and the text of what lies there."""

    label: str
    places: tuple[float, ...]
    texts: tuple[str, ...]

    @property
    def shade(self) -> float:
        """What colours it: its place on the last axis, 0 where it has none."""
        return self.places[-1] if math.isfinite(self.places[-1]) else 0.0


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parallel coordinates: axes beside each other, a line for each run."""

    axes: tuple[Axis, ...]
    rows: tuple[Row, ...]


Panel: TypeAlias = Curves | Scatter
Figure: TypeAlias = tuple[Panel, ...] | Parallel


def curves(metric: str, series: Sequence[Series], along: str, *, log_x: bool, log_y: bool) -> Curves:
    """Return the panel of one metric; the axes have room for the raw values too."""
    x = axis_of(_TITLES[along], (x for one in series for x in one.xs), LOG if log_x else _KINDS[along])
    ys = (y for one in series for ys in (one.values, one.smooth) for y in ys)
    return Curves(metric, x, axis_of(metric, ys, LOG if log_y else LINEAR, margin=_ROOM), tuple(series))


def legend(panels: Sequence[Panel]) -> dict[int, str]:
    """Return what is written of each run that has a curve, with what its curves are remarked for, by its number."""
    drawn = [panel for panel in panels if isinstance(panel, Curves)]
    labels: dict[int, str] = {}
    remarks: dict[int, list[str]] = {}
    for panel in drawn:
        for one in panel.series:
            labels[one.number] = one.label
            where = f"{panel.title}: " if len(drawn) > 1 else ""
            remarks.setdefault(one.number, []).extend([f"{where}{one.remark}"] if one.remark else [])
    return {number: with_remark(label, ", ".join(remarks[number])) for number, label in sorted(labels.items())}


def with_remark(label: str, remark: str) -> str:
    """Return a label and what else is to be said of its curve."""
    return f"{label} ({remark})" if remark else label


def single_values(metric: str, series: Sequence[Series], text: Callable[[Value], str], *, log_y: bool) -> Scatter:
    """Return the panel of a metric of which each run has one value: a dot for each, from the last run to the first."""
    shown = [one for one in reversed(series) if one.values]
    x = word_axis("run", [text(one.name) for one in shown])
    y = axis_of(metric, (one.values[0] for one in shown), LOG if log_y else LINEAR, margin=_ROOM)
    places = zip(shown, x.places(map(float, range(len(shown)))), y.places(one.values[0] for one in shown), strict=True)
    return Scatter(metric, x, y, tuple(Dot(one.label, u, v, "", text(one.values[0])) for one, u, v in places))


def scatter(
    param: str,
    metric: str,
    runs: Iterable[tuple[str, Value, float]],
    text: Callable[[Value], str],
    *,
    log_x: bool,
    log_y: bool,
) -> Scatter:
    """Return the panel of (label, value of the param, value of the metric) of each run.

    Where every value of the param is a number the axis is one of numbers, else one of categories.
    """
    known = list(runs)
    x, places = _scale(param, [value for _, value, _ in known], text, log=log_x, margin=_ROOM)
    y = axis_of(metric, (value for _, _, value in known), LOG if log_y else LINEAR, margin=_ROOM)
    dots = [
        Dot(label, across, up, text(value), text(metric_value))
        for (label, value, metric_value), across, up in zip(known, places, y.places(m for *_, m in known), strict=True)
    ]
    return Scatter(metric, x, y, tuple(dots))


def parallel(
    columns: Sequence[tuple[str, Sequence[Value], bool]], labels: Sequence[str], text: Callable[[Value], str]
) -> Parallel:
    """Return parallel coordinates of columns (name, value of each run, whether the axis is logarithmic)."""
    scaled = [_scale(name, values, text, log=log) for name, values, log in columns]
    rows = [
        Row(label, tuple(places[n] for _, places in scaled), tuple(text(values[n]) for _, values, _ in columns))
        for n, label in enumerate(labels)
    ]
    return Parallel(tuple(axis for axis, _ in scaled), tuple(rows))


def _scale(
    name: str, values: Sequence[Value], text: Callable[[Value], str], *, log: bool, margin: float = 0.0
) -> tuple[Axis, list[float]]:
    """Return an axis for the values of a param, of numbers or of categories, and the place of each."""
    numbers = [real(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        axis = axis_of(name, numbers, LOG if log else LINEAR, margin=margin)
        return axis, axis.places(numbers)
    words = sorted({text(value) for value in values})
    axis = word_axis(name, words)
    return axis, axis.places(float(words.index(text(value))) for value in values)
