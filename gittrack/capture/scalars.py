"""What a word of text stands for: a number, true or false, or the text itself; pure."""

from __future__ import annotations

import re

from gittrack.capture.lazy import Lazy

Typed = str | int | float | bool

_INT = Lazy(r"0|-?[1-9][0-9]*")
_FLOAT = Lazy(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = Lazy(r"-?(?:inf|infinity)|nan", re.IGNORECASE)
# Python refuses to read longer integers.
_DIGITS = 4_000


def typed_value(text: str) -> Typed:
    """Return the int, float or bool that `text` is beyond doubt, else `text` unchanged.

    '007', '1_000', '+1', '-0', 'yes', 'none' and 'null' stay text: who wrote them may have meant text.
    """
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    number = as_number(text)
    return text if number is None else number


def as_number(text: str) -> int | float | None:
    """Return the number that `text` is, or None."""
    if _INT.re.fullmatch(text):
        return int(text) if len(text) <= _DIGITS else None
    if text != "-0" and (_FLOAT.re.fullmatch(text) or _SPECIAL.re.fullmatch(text)):
        return float(text)
    return None


def word_set(text: str) -> frozenset[str]:
    """Return the words in `text`: long lists of words read better as a paragraph."""
    return frozenset(text.split())
