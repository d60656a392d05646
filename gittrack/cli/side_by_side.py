"""Runs beside each other as text: a line for each thing that differs, or, for many runs, for each run."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.cli.comparison import content_text, value_text, version_text
from gittrack.cli.render import GAP, Column, fit, render, visible, width_of
from gittrack.cli.sheet import csv_text, escaped, markdown_lines
from gittrack.cli.wording import duration, short_number
from gittrack.model import Input
from gittrack.read.difference import Absent, same_input
from gittrack.read.side_by_side import Kind
from gittrack.values import same_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.cli.render import Rendered, Screen
    from gittrack.model import Run
    from gittrack.read.side_by_side import Cell, Row

_INDENT: Final = "  "
_MARK: Final = " *"
_LONGEST: Final = 40  # columns of a cell
_COMMON: Final = 12  # characters that long texts begin with and that may be left out
_ID: Final = 8
_LEAST: Final = 12  # columns of text of which the beginning says something
_WEIGHTS: Final = {Kind.METRICS: 300, Kind.PARAMS: 301, Kind.TAGS: 100, Kind.RUN: 90, Kind.CODE: 80}


class Line(NamedTuple):
    """A row as text: a name that is harmless, a cell for each run, and whether they stand to the right."""

    kind: Kind
    name: str
    cells: list[str]
    right: bool


def lines_of(rows: Sequence[Row]) -> list[Line]:
    """Return rows as harmless text, the best values with a star behind them."""
    return [Line(row.kind, visible(row.name), _marked(row), _is_numeric(row)) for row in rows]


def page_of(runs: Sequence[Run], lines: Sequence[Line], page: Screen) -> Rendered:
    """Lay out what differs; a line for each run where its columns do not fit. Both have a heading."""
    upright = _upright(runs, lines, page)
    if page.width is None or sum(c.smallest for c in upright) + len(GAP) * (len(upright) - 1) <= page.width:
        return render(upright, page.width, page.ink)
    return render(_sideways(runs, lines, page), page.width, page.ink)


def _upright(runs: Sequence[Run], lines: Sequence[Line], page: Screen) -> list[Column]:
    """A column for each run, a line for each thing, those of one kind below a title."""
    names: list[str] = []
    cells: list[list[str]] = [[] for _ in runs]
    whole = [_LEAST] * len(runs)
    for kind, group in groupby(lines, key=lambda line: line.kind):
        names.append(kind.value)
        for column in cells:
            column.append("")
        for line in group:
            names.append(f"{_INDENT}{line.name}")
            for place, cell in enumerate(line.cells):
                cells[place].append(cell)
                # Half a number is another number.
                whole[place] = max(whole[place], width_of(cell) if line.right else 0)
    heading = Column("", names, 1, least=16, paint=lambda text: text if text.startswith(" ") else page.ink.title(text))
    columns = (Column(r.id[:_ID], c, 2, least=least) for r, c, least in zip(runs, cells, whole, strict=True))
    return [heading, *_narrowed(list(columns), None if page.width is None else page.width - heading.natural)]


def _narrowed(columns: list[Column], room: int | None) -> list[Column]:
    """Cut the cells of the widest columns, so that all have room where that can be."""
    if room is None:
        return columns
    for width in range(max(column.natural for column in columns), 0, -1):
        if sum(len(GAP) + max(min(column.natural, width), column.smallest) for column in columns) <= room:
            break
    widths = [max(width, column.smallest) for column in columns]
    return [
        column._replace(cells=[fit(cell, most) for cell in column.cells])
        for column, most in zip(columns, widths, strict=True)
    ]


def _sideways(runs: Sequence[Run], lines: Sequence[Line], page: Screen) -> list[Column]:
    """A column for each thing, a line for each run."""
    counts = Counter(line.name for line in lines)
    columns = [Column("id", [run.id[:_ID] for run in runs], 10000, paint=page.ink.name)]
    for place, line in enumerate(lines):
        title = line.name if counts[line.name] == 1 else f"{line.kind.value}.{line.name}"
        marked = any(cell.endswith(_MARK) for cell in line.cells)
        cells = [_padded(cell) for cell in line.cells] if marked else line.cells
        weight = 9999 if (line.kind, line.name) == (Kind.RUN, "name") else _WEIGHTS.get(line.kind, 0) * 10 - place
        least = max([4, *map(width_of, cells)]) if line.right else 8
        columns.append(Column(title, cells, weight, line.right, least))
    return columns


def _padded(cell: str) -> str:
    # Numbers stand below each other, with and without a star.
    return cell if cell.endswith(_MARK) else cell + " " * len(_MARK)


def markdown_of(runs: Sequence[Run], rows: Sequence[Row]) -> list[str]:
    """Return a Markdown table, the best values bold."""
    body = []
    for row in rows:
        cells = [escaped(text) for text in _texts(row)]
        bold = [f"**{cell}**" if place in row.best else cell for place, cell in enumerate(cells)]
        body.append([row.kind.value, escaped(row.name), *bold])
    return markdown_lines(["", "", *(run.id[:_ID] for run in runs)], body, [False] * (len(runs) + 2))


def csv_of(runs: Sequence[Run], rows: Sequence[Row]) -> str:
    """Return CSV with every digit."""
    body = [[row.kind.value, row.name, *(_exact(row, cell) for cell in row.cells)] for row in rows]
    return csv_text([["kind", "name", *(run.id for run in runs)], *body])


def document_of(runs: Sequence[Run], rows: Sequence[Row]) -> dict[str, object]:
    """Return a JSON object; a run that has nothing in a row is not among its values."""
    return {
        "runs": [{"id": run.id, "name": run.name, "status": run.status} for run in runs],
        "rows": [
            {
                "kind": row.kind.value,
                "name": row.name,
                "differs": row.differs,
                "values": {
                    run.id: asdict(cell) if isinstance(cell, Input) else cell
                    for run, cell in zip(runs, row.cells, strict=True)
                    if not isinstance(cell, Absent)
                },
                "direction": row.direction.value if row.direction else None,
                "best": [runs[place].id for place in sorted(row.best)],
            }
            for row in rows
        ],
    }


def legend(rows: Sequence[Row]) -> str:
    """Return what a star means, '' where there is none."""
    told = [f"{visible(row.name)} {row.direction.value}" for row in rows if row.best and row.direction]
    return f"* best: {', '.join(told)}" if told else ""


# Cells


def _is_numeric(row: Row) -> bool:
    return all(isinstance(cell, (int, float, Absent)) and not isinstance(cell, bool) for cell in row.cells)


def _marked(row: Row) -> list[str]:
    cells = _shortened(list(map(visible, _texts(row))))
    return [f"{cell}{_MARK}" if place in row.best else cell for place, cell in enumerate(cells)]


def _shortened(cells: list[str]) -> list[str]:
    """Cut what is long; where it all begins in the same way, cut that as well, for the rest is what differs."""
    if max(map(width_of, cells)) <= _LONGEST:
        return cells
    first, last = min(filter(None, cells)), max(cells)
    # What the first and the last in the order of the alphabet begin with, all begin with.
    common = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    start = max(first.rfind(sign, 0, common) for sign in "/\\ ,=")
    start = start if start > _COMMON and len(set(cells)) > 1 else 0
    return [fit(f"…{cell[start:]}" if start and cell else cell, _LONGEST) for cell in cells]


def _texts(row: Row) -> list[str]:
    """The cells as short as they can be told apart."""
    for write in (_short, _exact):
        texts = [write(row, cell) for cell in row.cells]
        if _is_duration(row) or not _are_mixed_up(row.cells, texts):
            return texts
    return [repr(cell) for cell in row.cells]


def _are_mixed_up(cells: Sequence[Cell], texts: Sequence[str]) -> bool:
    first: dict[str, Cell] = {}
    return any(not _same(first.setdefault(text, cell), cell) for text, cell in zip(texts, cells, strict=True))


def _same(one: Cell, other: Cell) -> bool:
    if isinstance(one, Input) and isinstance(other, Input):
        return same_input(one, other)
    if isinstance(one, (Input, Absent)) or isinstance(other, (Input, Absent)):
        return one is other
    return same_value(one, other)


def _is_duration(row: Row) -> bool:
    return (row.kind, row.name) == (Kind.RUN, "duration")


def _short(row: Row, cell: Cell) -> str:
    if isinstance(cell, bool):
        return value_text(cell)
    if isinstance(cell, (int, float)):
        return duration(cell) if _is_duration(row) else short_number(cell)
    if isinstance(cell, str) and row.kind is Kind.CODE:
        return f"{cell[:7]}{'*' if cell.endswith('*') else ''}"
    if isinstance(cell, str) and row.kind is Kind.PACKAGES:
        return version_text(row.name, cell)
    if isinstance(cell, Input):
        return content_text(cell, path=False)
    return value_text(cell)


def _exact(row: Row, cell: Cell) -> str:
    if isinstance(cell, Input):
        return content_text(cell, path=True) if row.differs else cell.sha256
    return version_text(row.name, cell) if row.kind is Kind.PACKAGES and isinstance(cell, str) else value_text(cell)
