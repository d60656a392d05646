"""CSV and TSV files with a header, a row at a time: metrics as points, params as one mapping."""

from __future__ import annotations

import csv
import os
from itertools import chain
from typing import TYPE_CHECKING

from gittrack.capture.points import SECONDS_NAMES, STEP_NAMES, MetricPoint, as_metric, as_step
from gittrack.capture.scalars import typed_value
from gittrack.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from gittrack.model import Number, Value

_EMPTY = frozenset(("", "-", "na", "n/a", "none", "null", "#n/a"))
_NAME_NAMES = ("metric", "name", "key", "param", "parameter")


def read_rows(file: IO[str], path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) for each row that is not blank; ';' and tabs are noticed in the header."""
    first = file.readline()
    reader = csv.reader(chain([first], file), delimiter=_delimiter(path, first), skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InvalidValue(f"{path}, line {reader.line_num}: this is no CSV ({error})") from None


def _delimiter(path: str, header: str) -> str:
    if os.path.splitext(path)[1].lower() == ".tsv" or ("\t" in header and "," not in header):
        return "\t"
    return ";" if ";" in header and "," not in header else ","


def table_points(rows: Iterator[tuple[int, list[str]]], path: str) -> Iterator[MetricPoint]:
    """Yield the points of a table: a column for each metric, or columns `metric` (`name`) and `value`.

    The column named step, iteration, epoch, … gives the step. A column is one of numbers when its first
    cell that is not empty is a number; other columns, and empty cells, are left out.
    """
    line, header = next(rows, (0, []))
    if not header:
        return
    if all(_number(cell) is not None for cell in header):
        raise InvalidValue(f"{path}, line {line}: the first line must name the columns, such as step,loss")
    columns = _Columns(header)
    for line, cells in rows:
        where = f"{path}, line {line}"
        if len(cells) > len(header):
            raise InvalidValue(f"{where}: {len(cells)} cells stand below {len(header)} column names")
        yield from columns.points(cells, where)


class _Columns:
    """What each column of a table is for; which ones hold numbers is learnt while reading."""

    def __init__(self, header: Sequence[str]) -> None:
        lower = [name.lower() for name in header]
        self.step = next((lower.index(n) for n in STEP_NAMES if n in lower), -1)
        self.seconds = next((lower.index(n) for n in SECONDS_NAMES if n in lower), -1)
        named = next((lower.index(n) for n in _NAME_NAMES if n in lower), -1)
        self.named = named if named >= 0 and "value" in lower else -1
        own = {self.step, self.seconds, self.named}
        self.names = {place: name for place, name in enumerate(header) if place not in own and name}
        if self.named >= 0:
            self.names = {lower.index("value"): "value"}
        self.numeric: set[int] = set()

    def points(self, cells: Sequence[str], where: str) -> Iterator[MetricPoint]:
        step = as_step(self._cell(cells, self.step), where)
        seconds = _number(self._cell(cells, self.seconds))
        elapsed = None if seconds is None else float(seconds)
        for place, name in list(self.names.items()):
            cell = self._cell(cells, place)
            if cell.lower() in _EMPTY:
                continue
            value = _number(cell)
            if value is not None:
                self.numeric.add(place)
                yield MetricPoint(self._cell(cells, self.named) or name, step, value, elapsed)
            elif place in self.numeric:
                raise InvalidValue(f"{where}: {cell!r:.40} in the column {name!r:.60} is not a number")
            else:
                del self.names[place]

    @staticmethod
    def _cell(cells: Sequence[str], place: int) -> str:
        return cells[place] if 0 <= place < len(cells) else ""


def _number(cell: str) -> Number | None:
    if "_" in cell:  # Python would read 1_000
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        return as_metric(cell)


def table_params(rows: Iterator[tuple[int, list[str]]], path: str) -> dict[str, Value]:
    """Return the params of a table: one row of values below their names, or rows of name and value."""
    table = list(rows)
    if not table:
        return {}
    if _is_pairs([cells for _, cells in table]):
        titled = table[0][1][0].lower() in _NAME_NAMES and table[0][1][1].lower() == "value"
        return {cells[0]: typed_value(cells[1]) for _, cells in table[1 if titled else 0 :]}
    if len(table) == 1:
        raise InvalidValue(f"{path}: below the names a line of values is missing")
    if len(table) > 2:
        raise InvalidValue(
            f"{path}, line {table[2][0]}: a params table has one line of values, or two columns name,value"
        )
    (_, names), (line, values) = table
    if len(names) != len(values):
        raise InvalidValue(f"{path}, line {line}: {len(values)} values stand below {len(names)} names")
    return {name: typed_value(value) for name, value in zip(names, values, strict=True) if name}


def _is_pairs(table: Sequence[Sequence[str]]) -> bool:
    """Whether rows are name and value; two lines of two cells are, unless the first holds only names."""
    if any(len(cells) != 2 for cells in table):
        return False
    first, second = table[0]
    if first.lower() in _NAME_NAMES and second.lower() == "value":
        return True
    return len(table) != 2 or not isinstance(typed_value(second), str)
