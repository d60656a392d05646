"""The rows of a file, whatever made it: CSV, TSV, JSON Lines, Parquet, and spreadsheets.

A row is a mapping from the names of columns to values as the file has them. Text of CSV stands for what it looks
like (capture/scalars.py); where there are types, they are kept.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.document import json_text
from gittrack.errors import GittrackError, UsageError
from gittrack.exchange.csv_text import unguarded
from gittrack.exchange.kinds import read_back
from gittrack.exchange.optional import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_CSV: Final = ("csv", "tsv", "txt")
_LINES: Final = ("jsonl", "ndjson")
_PARQUET: Final = ("parquet", "pq")
_SHEETS: Final = ("xlsx", "xlsm", "xls", "ods")
_DECIMAL_COMMA: Final = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")
_CELLS_AT_ONCE: Final = 1_000  # rows of a Parquet file


class Word(NamedTuple):
    """Text of a file without types: it may stand for a number."""

    text: str


class Line(NamedTuple):
    """One row, and where it stands: 'line 3' or 'row 3'."""

    where: str
    row: dict[str, object]


def read_table(path: str, sheet: str | None = None) -> Iterator[Line]:
    """Yield the rows of the file at `path` that are not empty; GittrackError for what is no table.

    `sheet` names one of a spreadsheet, by default the first.
    """
    ending = os.path.splitext(path)[1].lower().removeprefix(".")
    if sheet is not None and ending not in _SHEETS:
        raise UsageError(f"--sheet is for spreadsheets; {path!r:.200} has no sheets")
    readers: dict[tuple[str, ...], Callable[[], Iterator[Line]]] = {
        _CSV: lambda: _csv(path),
        _LINES: lambda: _lines(path),
        _PARQUET: lambda: _parquet(path),
        _SHEETS: lambda: _sheet(path, sheet),
    }
    for endings, reader in readers.items():
        if ending in endings:
            return _told(path, reader())
    known = ", ".join(f".{name}" for names in readers for name in names if name not in ("txt", "ndjson", "pq", "xlsm"))
    raise UsageError(f"{path!r:.200} does not end in one of {known}")


def _told(path: str, lines: Iterator[Line]) -> Iterator[Line]:
    """The lines; what cannot be read becomes one sentence."""
    try:
        yield from lines
    except OSError as error:
        raise GittrackError(f"{path!r:.200} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise GittrackError(f"{path!r:.200} is not UTF-8 ({error.reason} at byte {error.start}); convert it") from None


# CSV


def _csv(path: str) -> Iterator[Line]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        mark = _delimiter(path, first)
        reader = csv.reader(chain([first], file), delimiter=mark)
        try:
            header = _header(path, next(reader, []))
            for cells in reader:
                _check_width(path, header, cells, f"line {reader.line_num}")
                row = {
                    name: _word(cell, mark) for name, cell in zip(header, cells, strict=False) if name and cell.strip()
                }
                if row:
                    yield Line(f"line {reader.line_num}", row)
        except csv.Error as error:
            raise GittrackError(f"{path!r:.200}, line {reader.line_num}: this is no CSV ({error})") from None


def _delimiter(path: str, header: str) -> str:
    """The one that is there: a semicolon where the comma is the decimal point, a tab in what was copied."""
    if path.lower().endswith(".tsv"):
        return "\t"
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _header(path: str, names: Sequence[str]) -> list[str]:
    header = [unguarded(name.strip())[0] for name in names]
    if not any(header):
        raise GittrackError(f"{path!r:.200} has no first line that names the columns, such as name,lr,acc")
    doubled = next((name for name in header if name and header.count(name) > 1), None)
    if doubled is not None:
        raise GittrackError(f"{path!r:.200} has two columns named {doubled!r:.80}; rename one of them")
    return header


def _check_width(path: str, header: Sequence[str], cells: Sequence[object], where: str) -> None:
    if len(cells) > len(header) and any(cell not in ("", None) for cell in cells[len(header) :]):
        raise GittrackError(f"{path!r:.200}, {where}: {len(cells)} cells stand below {len(header)} column names")


def _word(cell: str, delimiter: str) -> object:
    text, is_text = unguarded(cell)
    if is_text:
        return text
    if delimiter == ";" and _DECIMAL_COMMA.fullmatch(text.strip()):
        return Word(text.strip().replace(",", "."))
    value = read_back(text)
    return Word(text) if isinstance(value, str) else value


# JSON Lines


def _lines(path: str) -> Iterator[Line]:
    with open(path, encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield Line(f"line {number}", _object(path, number, line))


def _object(path: str, number: int, line: str) -> dict[str, object]:
    try:
        value = json.loads(line)
        if "\\ud" in line.lower():
            json_text(value).encode()  # half of a UTF-16 pair, which nothing could write down
    except (ValueError, RecursionError) as error:
        raise GittrackError(f"{path!r:.200}, line {number}: this is no JSON ({error})") from None
    if not isinstance(value, dict):
        raise GittrackError(f'{path!r:.200}, line {number}: a row is a JSON object, such as {{"lr": 0.1}}')
    return value


# Parquet


def _parquet(path: str) -> Iterator[Line]:
    arrow = load("pyarrow", "parquet", "Parquet")
    parquet = load("pyarrow.parquet", "parquet", "Parquet")
    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=_CELLS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    found = {name: _typed(value) for name, value in row.items() if value is not None}
                    if found:
                        yield Line(f"row {number}", found)
    except arrow.ArrowException as error:
        raise GittrackError(f"{path!r:.200} is no Parquet file ({str(error).splitlines()[0]:.200})") from None


def _typed(value: object) -> object:
    return read_back(value) if isinstance(value, str) else value


# Spreadsheets


def _sheet(path: str, sheet: str | None) -> Iterator[Line]:
    calamine = load("python_calamine", "sheets", "a spreadsheet")
    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            yield from _sheet_rows(path, _chosen(path, book.sheet_names, sheet), book)
    except (calamine.CalamineError, ValueError) as error:
        raise GittrackError(f"{path!r:.200} cannot be read as a spreadsheet ({error})") from None


def _chosen(path: str, names: Sequence[str], sheet: str | None) -> str:
    if not names:
        raise GittrackError(f"{path!r:.200} has no sheet")
    if sheet is None:
        return names[0]
    if sheet not in names:
        raise UsageError(f"{path!r:.200} has no sheet {sheet!r:.80}; it has {', '.join(map(repr, names))[:200]}")
    return sheet


def _sheet_rows(path: str, name: str, book: object) -> Iterator[Line]:
    rows: Iterable[list[object]] = book.get_sheet_by_name(name).to_python(skip_empty_area=False)  # type: ignore[attr-defined]
    header: list[str] = []
    for number, cells in enumerate(rows, 1):
        if not any(cell != "" for cell in cells):
            continue
        if not header:
            header = _header(path, [str(_of_sheet(cell)) for cell in cells])
            continue
        _check_width(path, header, cells, f"row {number}")
        row = {name: _of_sheet(cell) for name, cell in zip(header, cells, strict=False) if name and cell != ""}
        if row:
            yield Line(f"row {number}", row)


def _of_sheet(value: object) -> object:
    """A cell; a sheet has no whole numbers, only numbers that are shown without a fraction."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value


def as_text(value: object) -> object:
    """Return a time or a date of a table as text, as a param or a tag has it; anything else as it is."""
    if isinstance(value, Word):
        return value.text
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time_of_day)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return {k: as_text(v) for k, v in value.items()} if isinstance(value, Mapping) else value
