"""Runs, or all the points of their metrics, as CSV, JSON Lines or Parquet, in memory that does not grow with them."""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from gittrack.codec.document import json_text, run_document
from gittrack.errors import UsageError
from gittrack.exchange.csv_text import cell_text
from gittrack.exchange.kinds import Cell, Kind, written
from gittrack.exchange.optional import load
from gittrack.exchange.spool import spooled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from gittrack.model import Point, Run

CSV: Final = "csv"
JSONL: Final = "jsonl"
PARQUET: Final = "parquet"

# What a point is told by.
POINT: Final = {
    "run_id": Kind.TEXT,
    "name": Kind.TEXT,
    "metric": Kind.TEXT,
    "step": Kind.LONG,
    "seconds": Kind.NUMBER,
    "value": Kind.NUMBER,
}
_ROWS_AT_ONCE: Final = 1000

Row = dict[str, "Cell"]


def write_runs(file: BinaryIO, form: str, runs: Iterable[Run], *, shown: Callable[[str], str] = str) -> None:
    """Write `runs`, one row or one document a run; `shown` makes the text of a cell, or a document, fit to be shown."""
    if form == JSONL:
        _write_lines(file, (shown(json_text(run_document(run))) for run in runs))
        return
    with spooled(runs) as (shape, rows):
        _write_table(file, form, shape.columns, rows, shown)


def write_points(
    file: BinaryIO, form: str, series: Iterable[tuple[Run, str, Sequence[Point]]], *, shown: Callable[[str], str] = str
) -> None:
    """Write every point of each (run, metric, points) as one row, or one JSON object."""
    rows = (_point(run, metric, point) for run, metric, points in series for point in points)
    if form == JSONL:
        _write_lines(file, (shown(json_text(row)) for row in rows))
    else:
        _write_table(file, form, POINT, rows, shown)


def check_format(form: str) -> None:
    """GittrackError where a format needs a package that is missing: before anything is read."""
    if form == PARQUET:
        load("pyarrow", "parquet", "Parquet")


def _point(run: Run, metric: str, point: Point) -> Row:
    return {
        "run_id": run.id,
        "name": run.name,
        "metric": metric,
        "step": point.step,
        "seconds": point.seconds,
        "value": point.value,
    }


def _write_lines(file: BinaryIO, lines: Iterable[str]) -> None:
    file.writelines(f"{line}\n".encode() for line in lines)


def _write_table(
    file: BinaryIO, form: str, columns: Mapping[str, Kind], rows: Iterator[Row], shown: Callable[[str], str]
) -> None:
    if form == CSV:
        _write_csv(file, columns, rows, shown)
    else:
        _write_parquet(file, columns, rows)


def _write_csv(file: BinaryIO, columns: Mapping[str, Kind], rows: Iterable[Row], shown: Callable[[str], str]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(map(shown, columns))
        for row in rows:
            writer.writerow([shown(cell_text(row.get(name), kind)) for name, kind in columns.items()])
    finally:
        text.detach()  # the file is closed by whoever opened it


def _write_parquet(file: BinaryIO, columns: Mapping[str, Kind], rows: Iterator[Row]) -> None:
    arrow = load("pyarrow", "parquet", "Parquet")
    parquet = load("pyarrow.parquet", "parquet", "Parquet")
    types = _types(arrow)
    schema = arrow.schema([(name, types.get(kind, arrow.string())) for name, kind in columns.items()])
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            values = {name: [_fit(row.get(name), kind) for row in batch] for name, kind in columns.items()}
            writer.write_table(arrow.table(values, schema=schema))


def _types(arrow: ModuleType) -> dict[Kind, object]:
    return {
        Kind.FLAG: arrow.bool_(),
        Kind.WHOLE: arrow.int64(),
        Kind.LONG: arrow.int64(),
        Kind.NUMBER: arrow.float64(),
        Kind.TIME: arrow.timestamp("ms", tz="UTC"),
    }


def _fit(value: Cell, kind: Kind) -> Cell:
    """A value as a column of its kind takes it."""
    if value is None:
        return None
    if kind is Kind.TIME and isinstance(value, (int, float)):
        return round(value * 1000)
    if kind is Kind.NUMBER and isinstance(value, (int, float)):
        return _nearest_float(value)
    if kind.is_whole and isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise UsageError(f"{value} does not fit into the 64 bits of a Parquet column; write csv or jsonl")
    return written(value, kind) if kind is Kind.MIXED else value


def _nearest_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer that no float comes near
        return float("inf") if value > 0 else float("-inf")
