"""A question as data: operands, conditions on them, and the order of the answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

SUMMARIES: Final = ("last", "min", "max", "step", "min_step", "max_step", "count")


class Type(Enum):
    """What a value is, and so what it can be compared with."""

    NUMBER = "a number"
    DURATION = "a duration"
    TIME = "a time"
    TEXT = "text"
    HEX = "an id"  # equal to whatever it begins with
    STATUS = "a status"
    FLAG = "true or false"
    VARIANT = "a param"  # a number where it is one, text as well


class Source(Enum):
    """Where a field of a run stands."""

    METRIC = "metrics"
    PARAM = "params"
    TAG = "tags"
    INPUT = "inputs"
    ATTRIBUTE = "attributes"


@dataclass(frozen=True, slots=True)
class Field:
    """One fact of a run: `key` names the metric, param, tag or attribute, `part` what of a metric or an input."""

    source: Source
    key: str
    type: Type
    part: str = ""


Constant: TypeAlias = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it was typed."""

    value: Constant


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left` and `right` combined by one of + - * /; nothing where one is missing, or for a division by zero."""

    sign: str
    left: Operand
    right: Operand


Operand: TypeAlias = Field | Literal | Arithmetic


class Mode(Enum):
    """As what two values are compared."""

    NUMBER = "number"
    TEXT = "text"
    BEGINNING = "beginning"  # the right one is the beginning of the left one
    EITHER = "either"  # as numbers where both are, as text otherwise


@dataclass(frozen=True, slots=True)
class Comparison:
    """True or false where both values are there, neither where one is missing; `sign` is one of = != < <= > >=."""

    left: Operand
    sign: str
    right: Operand
    mode: Mode


@dataclass(frozen=True, slots=True)
class Like:
    """SQL's LIKE: % stands for any characters, _ for one."""

    operand: Field
    pattern: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """The run has no such field."""

    field: Field


@dataclass(frozen=True, slots=True)
class NotANumber:
    """The run has the metric, or param, and its value is NaN."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of what is neither true nor false, neither."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them at least."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Comparison | Like | Missing | NotANumber | Not | And | Or


@dataclass(frozen=True, slots=True)
class Order:
    """What to sort by; runs that have no such value come last either way."""

    operand: Operand
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Which runs, and in which order; after `order` the newest come first.

    `commits` are those that a run may have been made with, None for any; `trees` those of uncommitted changes that
    count as well. With `paths`, relative to the top of the working tree, only runs whose code differs there from that
    of the run before.
    """

    where: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    include_deleted: bool = False
    commits: frozenset[str] | None = None
    trees: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()


def equals(attribute: str, value: str) -> Comparison:
    """Return the condition that an attribute that is text, such as experiment, is `value`."""
    return Comparison(Field(Source.ATTRIBUTE, attribute, Type.TEXT), "=", Literal(value), Mode.TEXT)


def both(*conditions: Condition | None) -> Condition | None:
    """Return the condition that all of these are met; None is no condition."""
    given = tuple(condition for condition in conditions if condition is not None)
    return And(given) if len(given) > 1 else given[0] if given else None
