"""What runs that were found have in a few fields, out of the index: a small part of reading the whole runs."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, TypeAlias

from gittrack.query.terms import Source, Type
from gittrack.read.sql import COLUMNS, bindable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from gittrack.query.terms import Field
    from gittrack.read.sql import Bound

Cell: TypeAlias = int | float | str | bool | None


def cells(db: Connection, ids: Sequence[str], fields: Sequence[Field]) -> dict[str, tuple[Cell, ...]]:
    """Return what each of those runs has in `fields`, which name no inputs; None where it has nothing.

    A param that is no number comes as text, an integer of more than 64 bits as the nearest float.
    """
    columns = [_column(field) for field in fields]
    sql = ", ".join(["r.id", *(sql for sql, _ in columns)])
    values = [value for _, bound in columns for value in bound]
    rows = db.execute(f"SELECT {sql} FROM runs AS r WHERE r.id IN ({', '.join('?' * len(ids))})", [*values, *ids])
    return {row[0]: tuple(map(_value, fields, row[1:])) for row in rows}


def _column(field: Field) -> Bound:
    if field.source is Source.ATTRIBUTE:
        return COLUMNS[field.key], []
    if field.source is Source.METRIC:
        # NaN is NULL in the index; a step that was not given is NULL as well, and no NaN.
        value = field.part if field.part.endswith("step") else f"ifnull({field.part}, 'nan')"
    else:
        value = "value" if field.source is Source.TAG else "coalesce(number, text, 'nan')"
    return f"(SELECT {value} FROM {field.source.value} WHERE run = r.run AND key = ?)", [bindable(field.key)]


def _value(field: Field, value: Cell) -> Cell:
    if isinstance(value, str) and not value:
        return None if field.source is Source.ATTRIBUTE else value
    if field.type is Type.FLAG and value is not None:
        return bool(value)
    return nan if field.source is Source.METRIC and value == "nan" else value
