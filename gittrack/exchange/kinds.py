"""What the values of a column are, so that numbers stay numbers: pure."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from gittrack.codec.document import json_text
from gittrack.codec.times import write_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.model import Value

Cell: TypeAlias = "Value"  # None is an empty one

EXACT: Final = 2**53  # up to here a float holds every whole number


class Kind(Enum):
    """The narrowest type that holds every value of a column exactly."""

    EMPTY = "nothing"
    FLAG = "true or false"
    WHOLE = "whole numbers that a float holds too"
    LONG = "whole numbers of 64 bits"
    NUMBER = "numbers"
    TEXT = "text"
    TIME = "times, in seconds since the epoch"
    MIXED = "values of several types, or lists and mappings"

    @property
    def is_whole(self) -> bool:
        """Whether the column holds whole numbers alone."""
        return self in (Kind.WHOLE, Kind.LONG)


# A wider kind that holds both, where there is one.
_BOTH: Final[Mapping[frozenset[Kind], Kind]] = {
    frozenset((Kind.WHOLE, Kind.LONG)): Kind.LONG,
    frozenset((Kind.WHOLE, Kind.NUMBER)): Kind.NUMBER,
}


def kind_of(value: Cell) -> Kind:
    """Return the kind of one value."""
    if value is None:
        return Kind.EMPTY
    if isinstance(value, bool):
        return Kind.FLAG
    if isinstance(value, int):
        return Kind.WHOLE if abs(value) <= EXACT else Kind.LONG if -(2**63) <= value < 2**63 else Kind.MIXED
    if isinstance(value, float):
        return Kind.NUMBER
    return Kind.TEXT if isinstance(value, str) else Kind.MIXED


def together(first: Kind, second: Kind) -> Kind:
    """Return the kind of a column that has values of both."""
    if first is second or second is Kind.EMPTY:
        return first
    return second if first is Kind.EMPTY else _BOTH.get(frozenset((first, second)), Kind.MIXED)


def written(value: Cell, kind: Kind) -> str:
    """Return `value` as text: every digit of a number, times as ISO 8601, lists and mappings as JSON, None as ''."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind is Kind.TIME and isinstance(value, (int, float)):
        return write_time(value)
    return repr(value) if isinstance(value, (int, float)) else json_text(value)


def read_back(text: str) -> Cell:
    """Return the list or mapping that `written` made of one, or `text` itself."""
    if text[:1] not in ("[", "{"):
        return text
    try:
        value: Cell = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value
