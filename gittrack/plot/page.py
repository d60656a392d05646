"""A plot as one HTML file that loads nothing: drawn in SVG, with a script of our own for what the pointer is at.

Names come from whoever made the runs. In the page they are escaped text, in the script's data JSON without '<', and
the script only ever sets them as text. The policy of the page allows its one script and its one style by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from gittrack.plot.axis import LOG
from gittrack.plot.figure import Curves, Parallel, legend
from gittrack.plot.page_parts import SCRIPT, STYLE
from gittrack.plot.thin import strokes
from gittrack.plot.vector import COLORS, COLUMNS, curves_svg, parallel_svg, scatter_svg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.plot.figure import Dot, Figure, Panel

_UNSAFE: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&'\u2028\u2029"}


def page(figure: Figure, title: str) -> str:
    """Return the page that shows `figure`."""
    if isinstance(figure, Parallel):
        body, data = [_figure(parallel_svg(figure))], [_parallel_data(figure)]
    else:
        body = [_figure(curves_svg(panel) if isinstance(panel, Curves) else scatter_svg(panel)) for panel in figure]
        data = [_curves_data(panel) if isinstance(panel, Curves) else _scatter_data(panel) for panel in figure]
        body.insert(0, _legend(figure))
    return _PAGE.format(
        policy=escape(_policy()),
        title=escape(title),
        style=STYLE,
        body="\n".join(body),
        data=_json(data),
        script=SCRIPT,
    )


def _policy() -> str:
    return (
        f"default-src 'none'; script-src '{_hash(SCRIPT)}'; style-src '{_hash(STYLE)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)


def _figure(svg: str) -> str:
    return f'<figure>{svg}<div class="tip" hidden></div></figure>'


def _legend(panels: Sequence[Panel]) -> str:
    keys = (
        f'<button type="button" class="c{number % COLORS}" data-run="{number}" aria-pressed="true">'
        f"{escape(label)}</button>"
        for number, label in legend(panels).items()
    )
    return f'<nav aria-label="runs">{"".join(keys)}</nav>'


def _curves_data(panel: Curves) -> dict[str, object]:
    """What the script finds the nearest point from: places on the axes, and the text of what lies there."""
    y = {"low": panel.y.low, "high": panel.y.high, "log": panel.y.kind == LOG}
    return {"kind": "curves", "x": panel.x.name, "y": y, "series": list(_series_data(panel))}


def _series_data(panel: Curves) -> Iterator[dict[str, object]]:
    for one in panel.series:
        us = panel.x.places(one.xs)
        line, shown = _line_data(panel, us, one.smooth)
        found = {"run": one.number, "label": one.label, **line}
        found["x"] = [panel.x.text(one.xs[index]) for index in shown]
        found["value"] = [_number(one.values[index]) for index in shown]
        yield found | ({"raw": _line_data(panel, us, one.values)[0]} if one.smoothed else {})


def _line_data(panel: Curves, us: Sequence[float], values: Sequence[float]) -> tuple[dict[str, object], list[int]]:
    """What is drawn of a line: place on the x axis and value of each point, where it starts anew; and their indices."""
    pieces = strokes(us, panel.y.places(values), COLUMNS)
    shown = [index for piece in pieces for index in piece]
    line: dict[str, object] = {
        "u": [round(us[index], 5) for index in shown],
        "drawn": [_number(values[index]) for index in shown],
        "starts": list(accumulate(map(len, pieces[:-1]), initial=0)) if pieces else [],
    }
    return line, shown


def _scatter_data(panel: Panel) -> dict[str, object]:
    assert not isinstance(panel, Curves)
    dots = [
        {"label": dot.label, "u": dot.x, "v": dot.y, "texts": [*_param_text(panel, dot), [panel.title, dot.value]]}
        for dot in panel.dots
        if math.isfinite(dot.x) and math.isfinite(dot.y)
    ]
    return {"kind": "dots", "dots": dots}


def _param_text(panel: Panel, dot: Dot) -> list[list[str]]:
    return [[panel.x.name, dot.param]] if dot.param else []


def _parallel_data(figure: Parallel) -> dict[str, object]:
    rows = [
        {
            "label": row.label,
            "v": [place if math.isfinite(place) else None for place in row.places],
            "texts": [[axis.name, text] for axis, text in zip(figure.axes, row.texts, strict=True)],
        }
        for row in figure.rows
    ]
    return {"kind": "rows", "rows": rows}


def _number(value: float) -> str:
    return f"{value:.7g}"


_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""
