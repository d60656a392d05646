"""Runs as a DataFrame of pandas or polars, with the types that were logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gittrack.exchange.kinds import Cell, Kind, written
from gittrack.exchange.optional import load
from gittrack.exchange.table import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd
    import polars as pl

    from gittrack.model import Run


def pandas_frame() -> Callable[[Iterable[Run]], pd.DataFrame]:
    """Return what makes a pandas frame of runs; GittrackError where pandas is missing.

    Whole numbers are int64, or Int64 where some runs have none; other numbers float64; times datetime64[ms, UTC]. A
    column of several types holds the very values, as objects.
    """
    pandas = load("pandas", "pandas", "output_format='pandas'")

    def make(runs: Iterable[Run]) -> pd.DataFrame:
        columns = table_of(runs).take()
        frame: pd.DataFrame = pandas.DataFrame({name: _series(pandas, kind, values) for name, kind, values in columns})
        return frame

    return make


def _series(pd: Any, kind: Kind, values: list[Cell]) -> Any:  # noqa: ANN401 - pandas comes without types
    holes = None in values
    if kind is Kind.TIME:
        return pd.Series(_milliseconds(values), dtype="Int64").astype("datetime64[ms]").dt.tz_localize("UTC")
    if kind.is_whole:
        return pd.Series(values, dtype="Int64" if holes else "int64")
    if kind is Kind.NUMBER:
        return pd.Series(values, dtype="float64")
    if kind is Kind.FLAG:
        return pd.Series(values, dtype="boolean" if holes else "bool")
    if kind is Kind.TEXT and not all(value is None for value in values):
        return pd.Series(values)
    return pd.Series(values, dtype="object")


def polars_frame() -> Callable[[Iterable[Run]], pl.DataFrame]:
    """Return what makes a polars frame of runs; GittrackError where polars is missing.

    A column of several types becomes text, lists and mappings JSON.
    """
    polars = load("polars", "polars", "output_format='polars'")
    types = {
        Kind.FLAG: polars.Boolean,
        Kind.WHOLE: polars.Int64,
        Kind.LONG: polars.Int64,
        Kind.NUMBER: polars.Float64,
        Kind.TIME: polars.Datetime("ms", "UTC"),
    }

    def make(runs: Iterable[Run]) -> pl.DataFrame:
        columns = table_of(runs).take()
        frame: pl.DataFrame = polars.DataFrame(
            [
                polars.Series(name, _plain(values, kind), types.get(kind, polars.String))
                for name, kind, values in columns
            ]
        )
        return frame

    return make


def _plain(values: list[Cell], kind: Kind) -> list[Cell]:
    if kind is Kind.TIME:
        return _milliseconds(values)
    if kind is Kind.NUMBER:
        return [None if value is None else float(value) for value in values]  # type: ignore[arg-type]
    if kind is Kind.MIXED:
        return [None if value is None else written(value, kind) for value in values]
    return values


def _milliseconds(values: list[Cell]) -> list[Cell]:
    return [round(value * 1000) if isinstance(value, (int, float)) else None for value in values]
