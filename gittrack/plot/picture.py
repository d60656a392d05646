"""A plot as PNG or SVG, by matplotlib; it is given places between 0 and 1, and the text of each tick."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Final

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from gittrack.plot.axis import LOG
from gittrack.plot.figure import Curves, Parallel, legend
from gittrack.plot.thin import HIGH, LOW, NAN, not_finite, strokes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO, Literal

    from matplotlib.axes import Axes

    from gittrack.plot.axis import Axis
    from gittrack.plot.figure import Figure, Panel, Scatter

# As on the page, see page_parts.
_COLORS: Final = "#0072b2 #d55e00 #009e73 #cc79a7 #b58900 #3a9bd9 #6a3d9a #b2182b #4d6a1f #777777".split()
_WIDTH, _HEIGHT = 9.0, 3.8  # inches, of one panel
_DPI: Final = 150
_COLUMNS: Final = 1200
_ODD: Final = {NAN: (0.02, "x"), HIGH: (0.98, "^"), LOW: (0.02, "v")}
_TICKS: Final = 6
_PATCH: Final = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}


def draw(figure: Figure, file: BinaryIO, kind: str) -> None:
    """Write `figure` to `file`; `kind` is 'png' or 'svg'."""
    panels = 1 if isinstance(figure, Parallel) else len(figure)
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # the user's settings may ask for TeX
        mpl.rcParams["text.parse_math"] = False  # a name may hold what is a formula to matplotlib
        mpl.rcParams["svg.hashsalt"] = "gittrack"  # the same figure gives the same bytes
        warnings.simplefilter("ignore")  # of characters that its font does not have: boxes are drawn
        canvas = Canvas(figsize=(_WIDTH, _HEIGHT * panels), dpi=_DPI, layout="constrained")
        axes = [canvas.add_subplot(panels, 1, number + 1) for number in range(panels)]
        if isinstance(figure, Parallel):
            _draw_parallel(figure, axes[0])
        else:
            for panel, place in zip(figure, axes, strict=True):
                _draw_panel(panel, place)
            _draw_legend(figure, canvas)
        canvas.savefig(file, format=kind, metadata={"Date": None} if kind == "svg" else {"Software": None})


def _draw_panel(panel: Panel, place: Axes) -> None:
    place.set_title(panel.title, loc="left", fontsize=11)
    place.set_xlim(-0.005, 1.005)
    place.set_ylim(0, 1)
    place.set_xticks(*_ticks(panel.x, _TICKS + 2))
    place.set_yticks(*_ticks(panel.y, _TICKS))
    place.set_xlabel(panel.x.name + (" (log)" if panel.x.kind == LOG else ""))
    place.grid(color="#e4e4ea")
    place.set_axisbelow(True)
    if isinstance(panel, Curves):
        _draw_curves(panel, place)
    else:
        _draw_dots(panel, place)


def _ticks(axis: Axis, most: int) -> tuple[list[float], list[str]]:
    found = axis.ticks(most)
    return [where for where, _ in found], [text for _, text in found]


def _draw_curves(panel: Curves, place: Axes) -> None:
    newest_last = [(one, panel.x.places(one.xs)) for one in reversed(panel.series)]
    for one, us in newest_last:
        if one.smoothed:
            _draw_line(us, panel.y.places(one.values), place, one.number, width=1.0, alpha=0.25)
    for one, us in newest_last:
        _draw_line(us, panel.y.places(one.smooth), place, one.number, width=1.4, alpha=1.0)
        for u, kind in not_finite(us, one.values, _COLUMNS):
            height, marker = _ODD[kind]
            place.plot([u], [height], marker=marker, color=_color(one.number), markersize=5)


def _draw_line(
    us: Sequence[float], vs: Sequence[float], place: Axes, number: int, *, width: float, alpha: float
) -> None:
    """A curve with its gaps; a point that stands alone is a dot."""
    xs: list[float] = []
    ys: list[float] = []
    pieces = strokes(us, vs, _COLUMNS)
    for piece in pieces:
        xs += [*(us[index] for index in piece), math.nan]
        ys += [*(vs[index] for index in piece), math.nan]
    color = _color(number)
    place.plot(xs, ys, color=color, linewidth=width, alpha=alpha, linestyle=_line(number), clip_on=False)
    alone = [piece[0] for piece in pieces if len(piece) == 1]
    place.plot([us[i] for i in alone], [vs[i] for i in alone], "o", color=color, alpha=alpha, markersize=3.5 * width)


def _draw_dots(panel: Scatter, place: Axes) -> None:
    dots = [dot for dot in panel.dots if math.isfinite(dot.x) and math.isfinite(dot.y)]
    place.plot([dot.x for dot in dots], [dot.y for dot in dots], "o", color=_COLORS[0], alpha=0.75)


def _draw_legend(panels: Sequence[Panel], canvas: Canvas) -> None:
    labels = legend(panels)
    if not labels:
        return
    handles = [Line2D([], [], color=_color(number), linestyle=_line(number)) for number in labels]
    shown = canvas.legend(handles, ["" for _ in handles], loc="outside right upper", fontsize=8, frameon=False)
    # Afterwards: a label that starts with an underscore would not be drawn.
    for text, label in zip(shown.get_texts(), labels.values(), strict=True):
        text.set_text(label)


def _draw_parallel(figure: Parallel, place: Axes) -> None:
    shades = mpl.colormaps["viridis"]
    for row in figure.rows:
        place.plot(range(len(row.places)), row.places, color=shades(row.shade * 0.9), alpha=0.8, linewidth=1.4)
    for number, axis in enumerate(figure.axes):
        place.axvline(number, color="#666677", linewidth=1)
        for where, text in axis.ticks(_TICKS):
            place.text(number - 0.02, where, text[:24], ha="right", va="center", fontsize=8, bbox=_PATCH)
    place.set_xticks(range(len(figure.axes)), [axis.name[:32] for axis in figure.axes])
    place.set_yticks([])
    place.set_xlim(-0.4, len(figure.axes) - 0.8)
    place.set_ylim(-0.02, 1.02)
    place.set_frame_on(False)


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]


def _line(number: int) -> Literal["-", "--"]:
    return "--" if number // len(_COLORS) % 2 else "-"
