"""A plot as lines of text: braille dots, or letters where colours or characters are missing, in a frame with ticks."""

from __future__ import annotations

import math
import shutil
import string
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.cli.render import CURVES, GAP, Column, fit, render, width_of
from gittrack.cli.wording import short_number
from gittrack.plot.axis import LOG
from gittrack.plot.figure import Curves, Parallel, with_remark
from gittrack.plot.thin import HIGH, LOW, NAN, not_finite, strokes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gittrack.cli.render import Ink, Screen
    from gittrack.plot.axis import Axis
    from gittrack.plot.figure import Figure, Panel, Scatter
    from gittrack.plot.series import Series

_WIDTH, _HEIGHT = 80, 24  # of output that is no terminal
_LEAST_ROWS, _MOST_ROWS = 10, 20
_LEAST_COLUMNS: Final = 10
_LISTED: Final = 20  # dots of a scatter plot that are named
_BLANK: Final = "\u2800"
_LETTERS: Final = string.ascii_lowercase + string.ascii_uppercase


class Glyphs(NamedTuple):
    """The characters of frame and marks; `tick` stands on the y axis and `foot` on the x axis."""

    wall: str
    tick: str
    corner: str
    floor: str
    foot: str
    dot: str
    line: str
    faint: str
    odd: dict[str, str]


_FINE: Final = Glyphs("│", "┤", "└", "─", "┬", "●", "━", "·", {NAN: "✕", HIGH: "▲", LOW: "▼"})
_ASCII: Final = Glyphs("|", "+", "+", "-", "+", "o", "*", ".", {NAN: "!", HIGH: "^", LOW: "v"})

_Cells = dict[tuple[int, int], str]  # (row from the top, column) -> what stands there, painted


class _Canvas(NamedTuple):
    width: int
    height: int
    ink: Ink
    glyphs: Glyphs


def chart(figure: Figure, page: Screen, encoding: str) -> list[str]:
    """Return the lines that show `figure`, which is not Parallel, within the width of the terminal."""
    assert not isinstance(figure, Parallel)
    size = shutil.get_terminal_size((_WIDTH, _HEIGHT))
    width = page.width or size.columns
    glyphs = _FINE if _can_write(encoding) else _ASCII
    rows = max(_LEAST_ROWS, min(_MOST_ROWS, size.lines // len(figure) - 7))
    lines: list[str] = []
    for panel in figure:
        lines += [""] if lines else []
        if isinstance(panel, Curves):
            lines += _curves_panel(panel, width, rows, page.ink, glyphs)
        else:
            lines += _scatter_panel(panel, width, rows, page.ink, glyphs)
    return lines


def _can_write(encoding: str) -> bool:
    try:
        "".join(("⣿", *_FINE[:-1], *_FINE.odd.values())).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _curves_panel(panel: Curves, width: int, rows: int, ink: Ink, glyphs: Glyphs) -> list[str]:
    many = len(panel.series) > (CURVES if ink.on else 1)
    letters = many or glyphs is _ASCII

    def fill(canvas: _Canvas) -> _Cells:
        return _curves_cells(panel, canvas, letters=letters)

    def mark(one: Series) -> str:
        return ink.curve(one.number, f"{_letter(one.number)} " if many else glyphs.line * 2)

    lines = _framed(panel, width, rows, ink, glyphs, fill)
    return lines + _legend(panel.series, width, ink, mark)


def _letter(number: int) -> str:
    return _LETTERS[number % len(_LETTERS)]


def _curves_cells(panel: Curves, canvas: _Canvas, *, letters: bool) -> _Cells:
    """From below: raw values, curves with the newest run on top, single points, what is not finite."""
    cells: _Cells = {}
    many = len(panel.series) > 1
    newest_last = [(one, panel.x.places(one.xs)) for one in reversed(panel.series)]
    for one, us in newest_last:
        if one.smoothed:
            for place, char in _raster(us, panel.y.places(one.values), canvas).items():
                faint = char if canvas.ink.on and not letters else canvas.glyphs.faint
                cells[place] = canvas.ink.faint_curve(one.number, faint)
    bits: dict[tuple[int, int], int] = {}
    for one, us in sorted(newest_last, key=lambda pair: len(pair[1]) == 1):
        for place, char in _raster(us, panel.y.places(one.smooth), canvas).items():
            bits[place] = bits.get(place, 0) | ord(char)
            shown = (_letter(one.number) if many else canvas.glyphs.line) if letters else chr(bits[place])
            shown = canvas.glyphs.dot if len(us) == 1 and not (letters and many) else shown
            cells[place] = canvas.ink.curve(one.number, shown)
    for one, us in newest_last:
        for u, kind in not_finite(us, one.values, canvas.width):
            row = 0 if kind == HIGH else canvas.height - 1
            cells[row, _cell(u, canvas.width)] = canvas.ink.curve(one.number, canvas.glyphs.odd[kind])
    return cells


def _raster(us: Sequence[float], vs: Sequence[float], canvas: _Canvas) -> dict[tuple[int, int], str]:
    """The braille characters of a curve, blank ones left out."""
    from plotille import Canvas

    across, up = 2 * canvas.width, 4 * canvas.height
    dots = Canvas(canvas.width, canvas.height, 0, 0, across, up)
    for piece in strokes(us, vs, across):
        path = [(_cell(us[index], across), _cell(vs[index], up)) for index in piece]
        dots.point(*path[0])
        for (x0, y0), (x1, y1) in pairwise(path):
            dots.line(x0, y0, x1, y1)
    lines = dots.plot(linesep="\n").split("\n")
    return {(row, column): char for row, line in enumerate(lines) for column, char in enumerate(line) if char != _BLANK}


def _cell(place: float, count: int) -> int:
    return min(count - 1, max(0, int(place * count)))


def _scatter_panel(panel: Scatter, width: int, rows: int, ink: Ink, glyphs: Glyphs) -> list[str]:
    def fill(canvas: _Canvas) -> _Cells:
        return {
            (canvas.height - 1 - _cell(dot.y, canvas.height), _cell(dot.x, canvas.width)): ink.curve(0, glyphs.dot)
            for dot in panel.dots
            if dot.x == dot.x and dot.y == dot.y
        }

    lines = _framed(panel, width, rows, ink, glyphs, fill)
    shown = panel.dots[:_LISTED]
    columns = [
        Column("run", [dot.label for dot in shown], 3, least=12),
        Column(panel.title, [dot.value for dot in shown], 2, right=True, least=8),
    ]
    if any(dot.param for dot in shown):
        columns.insert(1, Column(panel.x.name, [dot.param for dot in shown], 1, right=True, least=8))
    more = len(panel.dots) - len(shown)
    return [*lines, *render(columns, width, ink).lines, *([ink.quiet(f"(and {more} more: --json)")] if more else [])]


def _framed(
    panel: Panel, width: int, rows: int, ink: Ink, glyphs: Glyphs, fill: Callable[[_Canvas], _Cells]
) -> list[str]:
    ticks = dict(_rows_of(panel.y, rows))
    margin = min(max(map(width_of, ticks.values()), default=0), max(0, width - _LEAST_COLUMNS - 2))
    canvas = _Canvas(max(_LEAST_COLUMNS, width - margin - 2), rows, ink, glyphs)
    cells = fill(canvas)
    logs = "".join(f", log {axis.name}" for axis in (panel.x, panel.y) if axis.kind == LOG)
    lines = [ink.title(fit(panel.title, width)), ink.quiet(fit(f"over {panel.x.name}{logs}", width))]
    for row in range(rows):
        text = fit(ticks.get(row, ""), margin)
        wall = glyphs.tick if row in ticks else glyphs.wall
        inner = "".join(cells.get((row, column), " ") for column in range(canvas.width))
        lines.append(f"{' ' * (margin - width_of(text))}{text} {ink.quiet(wall)}{inner}".rstrip())
    return lines + _foot(panel.x, margin, canvas)


def _rows_of(axis: Axis, rows: int) -> Iterator[tuple[int, str]]:
    for place, text in axis.ticks(max(2, rows // 3)):
        yield rows - 1 - _cell(place, rows), text


def _foot(axis: Axis, margin: int, canvas: _Canvas) -> list[str]:
    floor = [canvas.glyphs.floor] * canvas.width
    texts = ""
    for place, text in axis.ticks(max(2, canvas.width // 14)):
        column = _cell(place, canvas.width)
        floor[column] = canvas.glyphs.foot
        start = max(0, min(column - width_of(text) // 2, canvas.width - width_of(text)))
        room = start - width_of(texts)
        if room >= (1 if texts else 0):
            texts += " " * room + text
    indent = " " * (margin + 1)
    line = indent + canvas.ink.quiet(canvas.glyphs.corner + "".join(floor))
    return [line, fit(f"{indent} {texts}", margin + 2 + canvas.width)]


def _legend(series: Sequence[Series], width: int, ink: Ink, mark: Callable[[Series], str]) -> list[str]:
    columns = [
        Column("run", [with_remark(one.label, one.remark) for one in series], 4, least=12),
        Column("last", [short_number(one.values[-1]) if one.values else "" for one in series], 3, right=True),
        Column("min", [_extreme(min, one.values) for one in series], 2, right=True),
        Column("max", [_extreme(max, one.values) for one in series], 1, right=True),
    ]
    lines = render(columns, max(1, width - 2 - len(GAP)), ink).lines
    return [text + GAP + line for text, line in zip(("  ", *map(mark, series)), lines, strict=True)]


def _extreme(choose: Callable[[Iterable[float]], float], values: Sequence[float]) -> str:
    finite = [value for value in values if math.isfinite(value)]
    return short_number(choose(finite)) if finite else ""
