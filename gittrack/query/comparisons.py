"""What can be compared with what, and as what."""

from __future__ import annotations

import math
import re
from typing import Final

from gittrack.errors import UsageError
from gittrack.model import STATUSES
from gittrack.query.moments import MILLISECONDS_FROM, duration, moment
from gittrack.query.terms import (
    Arithmetic,
    Comparison,
    Condition,
    Constant,
    Field,
    Like,
    Literal,
    Mode,
    Not,
    Operand,
    Or,
    Source,
    Type,
)

_TEXTS: Final = (Type.TEXT, Type.HEX, Type.STATUS)
_NUMBERS: Final = (Type.NUMBER, Type.DURATION, Type.TIME, Type.FLAG)
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{4,63}")
_MIRRORED: Final = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


# What gittrack writes, and what a program that logs text makes of it.
_SPELLINGS: Final = {
    "true": ("true", "True"),
    "false": ("false", "False"),
    "null": ("null", "None"),
    "none": ("null", "None"),
}


class MismatchError(Exception):
    """Two things that cannot be compared; the message says what was expected."""


def comparison(left: Operand, sign: str, right: Operand, now: float) -> Condition:
    """Return the comparison of two operands; MismatchError where their types do not fit."""
    if isinstance(left, Literal) and not isinstance(right, Literal):
        return comparison(right, _MIRRORED[sign], left, now)
    if isinstance(left, Literal):
        raise MismatchError("a comparison needs a name, as in metrics.acc, on one side")
    if isinstance(left, Field) and isinstance(right, Literal):
        return _with_literal(left, sign, right, now)
    kinds = type_of(left), type_of(right)
    if Source.INPUT in (_source(left), _source(right)):
        raise MismatchError("an input is compared with a value, not with a field")
    if kinds == (Type.VARIANT, Type.VARIANT):
        return Comparison(left, sign, right, Mode.EITHER)
    if all(kind in (*_TEXTS, Type.VARIANT) for kind in kinds):
        return Comparison(left, sign, right, Mode.TEXT)
    check_number(left)
    check_number(right)
    return Comparison(left, sign, right, Mode.NUMBER)


def like(field: Field, pattern: str, *, ignore_case: bool) -> Like:
    """Return the match of a field against a pattern; MismatchError for what is no text."""
    if field.type not in (*_TEXTS, Type.VARIANT):
        raise MismatchError(f"{spelled(field)} is {field.type.value}, and LIKE is for text")
    return Like(field, pattern, ignore_case)


def check_number(operand: Operand) -> None:
    """Raise MismatchError where one cannot calculate with `operand`."""
    if isinstance(operand, Field) and (operand.type in _TEXTS or operand.source is Source.INPUT):
        raise MismatchError(f"{spelled(operand)} is text, and a number was expected")
    if isinstance(operand, Literal) and isinstance(operand.value, (str, bool)):
        raise MismatchError(f"{operand.value!r:.80} is no number; numbers stand without quotes")


def type_of(operand: Operand) -> Type:
    """Return what an operand is."""
    if isinstance(operand, Field):
        return operand.type
    if isinstance(operand, Arithmetic):
        return Type.NUMBER
    return Type.TEXT if isinstance(operand.value, str) else Type.NUMBER


def spelled(field: Field) -> str:
    """Return a field as a filter has it."""
    if field.source is Source.ATTRIBUTE:
        return field.key
    return f"{field.source.value}.{field.key}"


def _source(operand: Operand) -> Source | None:
    return operand.source if isinstance(operand, Field) else None


def _with_literal(field: Field, sign: str, literal: Literal, now: float) -> Condition:
    value = literal.value
    kind = field.type
    if kind is Type.VARIANT:
        return _variant(field, sign, value)
    if kind is Type.FLAG:
        return Comparison(field, _equality(field, sign), Literal(_flag(field, value)), Mode.NUMBER)
    if kind is Type.STATUS:
        return Comparison(field, _equality(field, sign), Literal(_status(value)), Mode.TEXT)
    if kind in _TEXTS:
        return _text(field, sign, value)
    return Comparison(field, sign, Literal(_amount(field, value, now)), Mode.NUMBER)


def _variant(field: Field, sign: str, value: Constant) -> Condition:
    """A param: compared as a number with a number, as text with text; text that is a number has an order as one."""
    spellings = _SPELLINGS.get(str(value).lower()) if isinstance(value, (bool, str)) else None
    if spellings is not None and (isinstance(value, bool) or sign in ("=", "!=")):
        same = Or(tuple(Comparison(field, "=", Literal(each), Mode.TEXT) for each in spellings))
        return same if _equality(field, sign) == "=" else Not(same)
    if isinstance(value, str) and sign not in ("=", "!="):
        try:
            value = float(value)
        except ValueError:
            return Comparison(field, sign, Literal(value), Mode.TEXT)
    return Comparison(field, sign, Literal(value), Mode.TEXT if isinstance(value, str) else Mode.NUMBER)


def _text(field: Field, sign: str, value: Constant) -> Condition:
    if not isinstance(value, str):
        raise MismatchError(f"{spelled(field)} is text; put the value in quotes, as in '{value}'")
    if field.type is Type.HEX:
        _equality(field, sign)
        value = value.lower()
        if _HEXADECIMAL.fullmatch(value):
            begins = Comparison(field, "=", Literal(value), Mode.BEGINNING)
            return begins if sign == "=" else Not(begins)
    return Comparison(field, sign, Literal(value), Mode.TEXT)


def _amount(field: Field, value: Constant, now: float) -> float:
    if isinstance(value, bool):
        raise MismatchError(f"{spelled(field)} is {field.type.value}, not true or false")
    try:
        if isinstance(value, str):
            if field.type is Type.TIME:
                return moment(value, now)
            if field.type is Type.DURATION:
                return duration(value)
    except UsageError as error:
        raise MismatchError(str(error)) from None
    if isinstance(value, str):
        raise MismatchError(f"{spelled(field)} is a number; write the value without quotes")
    if field.type is not Type.TIME or value <= MILLISECONDS_FROM:
        return value
    try:
        return value / 1000
    except OverflowError:
        return math.inf


def _status(value: Constant) -> str:
    word = value.lower() if isinstance(value, str) else ""
    if word not in STATUSES:
        raise MismatchError(f"{value!r:.40} is no status; a run is one of {', '.join(STATUSES)}")
    return word


def _flag(field: Field, value: Constant) -> int:
    if isinstance(value, str) and field.key == "deleted" and value.lower() in ("active", "deleted"):
        return int(value.lower() == "deleted")
    if value in (0, 1):
        return int(value)
    raise MismatchError(f"{spelled(field)} is true or false")


def _equality(field: Field, sign: str) -> str:
    if sign not in ("=", "!="):
        raise MismatchError(f"{spelled(field)} is compared with = or !=, not with {sign}")
    return sign
