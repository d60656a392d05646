"""Text for a terminal: harmless, as wide as it looks, in columns that fit, and coloured where it is wanted.

Named tuples, because making four dataclasses would take a tenth of the time that `gittrack log` has.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.model import CRASHED, FAILED, FINISHED, KILLED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GAP: Final = "  "
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
# Controls, line separators, what turns the direction of text around, halves of UTF-16 pairs, and what is no character.
_HARMFUL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
_STATUS: Final = {RUNNING: "36", FINISHED: "32", FAILED: "31", KILLED: "33", CRASHED: "35"}
# Told apart on light and on dark ground, as far as 16 colours go.
_CURVES: Final = ("36", "33", "35", "32", "31", "34", "96", "93", "95", "92", "91", "94")
CURVES: Final = len(_CURVES)


def visible(text: str) -> str:
    r"""Return `text` on one line, with everything that a terminal would obey written out: '\x1b', '\n'."""
    return text if text.isprintable() else _HARMFUL.sub(_written, text)


def visible_lines(text: str) -> list[str]:
    """Return the lines of `text`, each harmless; a tab stays a tab."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return ["\t".join(map(visible, line.removesuffix("\r").split("\t"))) for line in lines]


def harmless_json(text: str) -> str:
    r"""Return JSON with the characters that `visible` writes out as \uXXXX; they only occur inside strings."""
    return re.sub("[\x7f-\uffff]", _json_escape, text) if not text.isascii() or "\x7f" in text else text


def _json_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}" if _HARMFUL.match(found[0]) else found[0]


def _written(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape", "surrogatepass").decode("ascii")


def width_of(text: str) -> int:
    """Return how many columns `text` takes: East Asian wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, width: int) -> str:
    """Return `text`, cut to `width` columns with '…' at its end where it is longer."""
    if width_of(text) <= width:
        return text
    taken, used = [], 0
    for char in text:
        used += _cells(char)
        if used > width - 1:
            break
        taken.append(char)
    return "".join(taken) + "…" if width > 0 else ""


class Ink(NamedTuple):
    """Colours, or none."""

    on: bool

    def status(self, text: str) -> str:
        """The colour of a run's status."""
        return self._paint(_STATUS.get(text.partition(" ")[0], ""), text)

    def name(self, text: str) -> str:
        """The colour git gives to ids."""
        return self._paint("33", text)

    def title(self, text: str) -> str:
        """Headings."""
        return self._paint("1", text)

    def quiet(self, text: str) -> str:
        """What may be overlooked."""
        return self._paint("2", text)

    def curve(self, number: int, text: str) -> str:
        """The colour of one of CURVES curves."""
        return self._paint(_CURVES[number % CURVES], text)

    def faint_curve(self, number: int, text: str) -> str:
        """What lies behind a curve."""
        return self._paint(f"2;{_CURVES[number % CURVES]}", text)

    def plain(self, text: str) -> str:
        """No colour."""
        return text

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[m" if self.on and code and text else text


class Screen(NamedTuple):
    """Where the output goes: `width` is None where lines may be of any length."""

    terminal: bool
    width: int | None
    ink: Ink


def screen(color: str = "auto") -> Screen:
    """Return what standard output is; `color` is auto, always or never."""
    terminal = sys.stdout.isatty()
    return Screen(terminal, _terminal_width() if terminal else None, Ink(wants_color(color, terminal=terminal)))


def _terminal_width() -> int:
    import shutil  # 3 ms that a pipe does not need

    return shutil.get_terminal_size().columns


def wants_color(choice: str, *, terminal: bool) -> bool:
    """Whether to colour: the option, else NO_COLOR, else FORCE_COLOR and CLICOLOR_FORCE, else the terminal."""
    if choice != "auto":
        return choice == "always"
    env = os.environ.get
    if env("NO_COLOR") or env("CLICOLOR") == "0":
        return False
    if env("FORCE_COLOR", "0") not in ("", "0") or env("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    if os.name == "nt" and not env("WT_SESSION") and not env("TERM"):
        return False  # the old console prints the codes
    return terminal and env("TERM") != "dumb"


class Column(NamedTuple):
    """One column of a table; its cells are harmless text.

    Where a table does not fit, cells are cut down to `least` columns, those of low `weight` first, and
    then the columns of lowest weight are left out.
    """

    title: str
    cells: Sequence[str]
    weight: int
    right: bool = False
    least: int | None = None
    paint: Callable[[str], str] | None = None

    @property
    def natural(self) -> int:
        """The width that shows every cell whole."""
        return max(map(width_of, (self.title, *self.cells)))

    @property
    def smallest(self) -> int:
        """The width to which it may be cut."""
        return self.natural if self.least is None else min(self.natural, self.least)


class Rendered(NamedTuple):
    """The lines of a table, the heading first, and the titles of the columns that had no room.

    `kept` and `widths` are the places of the columns that had, and how wide each is, for more rows of the same table.
    """

    lines: list[str]
    hidden: list[str]
    kept: list[int]
    widths: list[int]


def render(columns: Sequence[Column], width: int | None, ink: Ink) -> Rendered:
    """Lay out a table in at most `width` columns of the terminal, or as wide as it is."""
    kept, widths = _fitted(list(columns), width)
    heading = _line([(column.title, ink.title, column.right) for column in kept], widths)
    remaining = {id(column) for column in kept}
    hidden = [column.title for column in columns if id(column) not in remaining]
    places = [place for place, column in enumerate(columns) if id(column) in remaining]
    return Rendered([heading, *_rows(kept, widths, ink)], hidden, places, widths)


def more_rows(columns: Sequence[Column], above: Rendered, ink: Ink) -> list[str]:
    """Return further rows below a table that is printed; what is longer than its column stands out."""
    kept = [columns[place] for place in above.kept]
    return list(_rows(kept, above.widths, ink, cut=False))


def _rows(kept: Sequence[Column], widths: list[int], ink: Ink, *, cut: bool = True) -> Iterator[str]:
    for row in range(len(kept[0].cells)):
        yield _line([(c.cells[row], c.paint or ink.plain, c.right) for c in kept], widths, cut=cut)


def _fitted(columns: list[Column], width: int | None) -> tuple[list[Column], list[int]]:
    """The columns that have room, and their widths: those of the lowest weight are left out first."""
    natural = [column.natural for column in columns]
    smallest = [column.smallest for column in columns]
    places = list(range(len(columns)))
    needed = sum(smallest) + len(GAP) * (len(columns) - 1)
    for place in sorted(places, key=lambda place: columns[place].weight):
        if width is None or needed <= width or len(places) == 1:
            break
        places.remove(place)
        needed -= smallest[place] + len(GAP)
    kept, widths = [columns[place] for place in places], [natural[place] for place in places]
    excess = 0 if width is None else sum(widths) + len(GAP) * (len(kept) - 1) - width
    return kept, _shrunk(kept, widths, excess, [smallest[place] for place in places])


def _shrunk(kept: list[Column], widths: list[int], excess: int, smallest: list[int]) -> list[int]:
    for index in sorted(range(len(kept)), key=lambda index: kept[index].weight):
        cut = min(max(excess, 0), widths[index] - smallest[index])
        widths[index] -= cut
        excess -= cut
    return widths


def _line(cells: list[tuple[str, Callable[[str], str], bool]], widths: list[int], *, cut: bool = True) -> str:
    parts = []
    for number, ((text, paint, right), width) in enumerate(zip(cells, widths, strict=True), 1):
        shown = fit(text, width) if cut else text
        space = " " * (width - width_of(shown))
        if right:
            parts.append(space + paint(shown))
        else:
            parts.append(paint(shown) + (space if number < len(cells) else ""))
    return GAP.join(parts).rstrip(" ")


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the course of `values` in at most `width` small bars; what is not finite leaves a gap."""
    from math import isfinite

    if len(values) > width:
        values = [values[index * len(values) // width] for index in range(width)]
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return ""
    low = min(finite)
    # Halved, because the span of two doubles may be more than a double can hold.
    span = max(finite) / 2 - low / 2
    return "".join(_bar(value / 2 - low / 2, span) if isfinite(value) else " " for value in values)


def _bar(height: float, span: float) -> str:
    return _BLOCKS[min(7, int(height / span * 8))] if span > 0 else _BLOCKS[0]
