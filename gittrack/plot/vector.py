"""Panels as SVG inside a page: colours by class, so that the page's style has the last word."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final

from gittrack.plot.axis import LOG
from gittrack.plot.thin import HIGH, LOW, not_finite, strokes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.plot.axis import Axis
    from gittrack.plot.figure import Curves, Panel, Parallel, Scatter

WIDTH, HEIGHT = 900, 380  # of the whole picture; of the frame in it:
LEFT, RIGHT, TOP, BOTTOM = 90, 880, 40, 330
COLUMNS: Final = RIGHT - LEFT
COLORS: Final = 10
SHADES: Final = 8
_MARKS: Final = {HIGH: (TOP + 8, "M-5 5h10l-5 -9z"), LOW: (BOTTOM - 8, "M-5 -5h10l-5 9z")}
_NAN: Final = (BOTTOM - 8, "M-4 -4l8 8M-4 4l8 -8")
_TICKS_ACROSS, _TICKS_UP = 8, 6


def curves_svg(panel: Curves) -> str:
    """Return the curves of a metric; what is not finite stands at the lower or upper edge."""
    parts: list[str] = []
    marks: list[str] = []
    newest_last = [(one, panel.x.places(one.xs)) for one in reversed(panel.series)]
    for one, us in newest_last:
        if one.smoothed:
            parts += _paths(us, panel.y.places(one.values), f"raw {_look(one.number)}", f'data-run="{one.number}"')
    for one, us in newest_last:
        parts += _paths(us, panel.y.places(one.smooth), f"curve {_look(one.number)}", f'data-run="{one.number}"')
        marks += _odd(us, one.values, one.number)
    inner = ['<g class="curves">', *parts, "</g>", *marks, '<circle class="at" r="4" hidden=""/>']
    return _svg(panel.title, [*_frame(panel), *inner])


def scatter_svg(panel: Scatter) -> str:
    """Return a dot for each run."""
    dots = [
        f'<circle class="dot" cx="{_x(dot.x):.1f}" cy="{_y(dot.y):.1f}" r="5"/>'
        for dot in panel.dots
        if math.isfinite(dot.x) and math.isfinite(dot.y)
    ]
    return _svg(panel.title, [*_frame(panel), *dots])


def parallel_svg(figure: Parallel) -> str:
    """Return an axis beside the other and a line for each run, coloured by the last axis."""
    parts: list[str] = []
    last = max(1, len(figure.axes) - 1)
    for number, row in enumerate(figure.rows):
        us = [place / last for place in range(len(row.places))]
        shade = min(SHADES - 1, int(row.shade * SHADES))
        parts += _paths(us, row.places, f"row s{shade}", f'data-row="{number}"')
    for number, axis in enumerate(figure.axes):
        parts += _standing(axis, _x(number / last))
    return _svg(", ".join(axis.name for axis in figure.axes), parts)


def _svg(title: str, parts: Sequence[str]) -> str:
    inner = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" '
        f'data-frame="{LEFT} {RIGHT} {TOP} {BOTTOM}">\n{inner}\n</svg>'
    )


def _frame(panel: Panel) -> Iterator[str]:
    yield _text(LEFT, TOP - 14, panel.title, "title")
    yield '<g class="up">'
    for place, text in panel.y.ticks(_TICKS_UP):
        yield f'<path class="grid" d="M{LEFT} {_y(place):.1f}H{RIGHT}"/>'
        yield _text(LEFT - 8, _y(place) + 4, _short(text, 12), "tick end")
    yield "</g>"
    for place, text in panel.x.ticks(_TICKS_ACROSS):
        yield f'<path class="grid" d="M{_x(place):.1f} {BOTTOM}v5"/>'
        yield _text(_x(place), BOTTOM + 20, _short(text, 16), "tick middle")
    name = panel.x.name + (" (log)" if panel.x.kind == LOG else "")
    yield _text(RIGHT, BOTTOM + 40, name, "name end")
    yield f'<path class="frame" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>'


def _standing(axis: Axis, x: float) -> Iterator[str]:
    yield f'<path class="frame" d="M{x:.1f} {TOP}V{BOTTOM}"/>'
    for place, text in axis.ticks(_TICKS_UP):
        yield _text(x - 6, _y(place) + 4, _short(text, 14), "tick end")
    yield _text(min(x, RIGHT - 20), BOTTOM + 24, _short(axis.name, 24), "name middle")


def _odd(us: Sequence[float], values: Sequence[float], number: int) -> Iterator[str]:
    for u, kind in not_finite(us, values, COLUMNS):
        y, shape = _MARKS.get(kind, _NAN)
        yield (
            f'<path class="odd c{number % COLORS}" data-run="{number}" transform="translate({_x(u):.1f} {y})" '
            f'd="{shape}"><title>{kind}</title></path>'
        )


def _paths(us: Sequence[float], vs: Sequence[float], classes: str, of: str) -> Iterator[str]:
    """A curve with its gaps; a point alone is a line of no length, which a round end makes a dot."""
    joined, alone = [], []
    for piece in strokes(us, vs, COLUMNS):
        points = [f"{_x(us[index]):.1f} {_y(vs[index]):.1f}" for index in piece]
        if len(points) > 1:
            joined.append(f"M{points[0]}L{' '.join(points[1:])}")
        else:
            alone.append(f"M{points[0]}h0")
    if joined:
        yield f'<path class="{classes}" {of} d="{"".join(joined)}"/>'
    if alone:
        yield f'<path class="{classes} alone" {of} d="{"".join(alone)}"/>'


def _look(number: int) -> str:
    return f"c{number % COLORS}" + (" dashed" if number // COLORS % 2 else "")


def _x(place: float) -> float:
    return LEFT + place * (RIGHT - LEFT)


def _y(place: float) -> float:
    return BOTTOM - place * (BOTTOM - TOP)


def _text(x: float, y: float, text: str, classes: str) -> str:
    return f'<text class="{classes}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
