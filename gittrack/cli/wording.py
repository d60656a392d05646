"""Numbers, values, ages, durations and sizes as short text for a person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gittrack.values import full_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Number, Value

_UNITS = ((60, "s", "second"), (60, "m", "minute"), (24, "h", "hour"), (14, "d", "day"))
_WEEK, _MONTH, _YEAR = 7, 30.44, 365.25
_LONGEST_INT = 12


def short_number(value: Number) -> str:
    """Return `value` with six significant digits; an int whole as long as it has at most 12."""
    if isinstance(value, int):
        digits = str(value)
        if len(digits) <= _LONGEST_INT:
            return digits
        try:
            return f"{value:.6g}"
        except OverflowError:  # beyond what a float can hold
            return f"{digits[:6]}…"
    return f"{value:.6g}"


def short_value(value: Value) -> str:
    """Return a param's value for a table: numbers shortened, text as it is."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return short_number(value)
    return full_value(value)


def short_age(then: float, now: float) -> str:
    """Return how long ago `then` was: '12s', '3m', '2h', '5d', '3w', '4mo', '2y'."""
    number, letters, _ = _age(max(0.0, now - then))
    return f"{number}{letters}"


def long_age(then: float, now: float) -> str:
    """Return how long ago `then` was in words: '3 minutes ago'."""
    if now - then < 1:
        return "just now"
    number, _, word = _age(now - then)
    return f"{number} {word}{'' if number == 1 else 's'} ago"


def _age(seconds: float) -> tuple[int, str, str]:
    amount = seconds
    for size, letter, word in _UNITS:
        if amount < size:
            return int(amount), letter, word
        # The next unit of a day is no round number of days.
        amount /= size if letter != "d" else 1
    for days, limit, letters, word in ((_WEEK, 9, "w", "week"), (_MONTH, 24, "mo", "month")):
        if amount / days < limit:
            return int(amount / days), letters, word
    return int(amount / _YEAR), "y", "year"


def duration(seconds: float) -> str:
    """Return a length of time: '0.42s', '12.3s', '3m 12s', '2h 5m', '3d 4h'."""
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def size(count: int) -> str:
    """Return a number of bytes: '512 B', '1.5 KiB', '20 MiB'."""
    if count < 1024:
        return f"{count} B"
    amount, unit = count / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"


def local_time(seconds: float) -> str:
    """Return a point in time in the reader's time zone: '2026-01-31 09:30:00 +0100'."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):  # a year that the platform cannot write
        return f"{seconds:.0f} seconds since 1970"


def counted(number: int, word: str) -> str:
    """Return '1 run' or '3 runs'."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def left_out(titles: Sequence[str]) -> str:
    """Return the remark on columns that had no room in a table."""
    names = ", ".join(titles[:6]) + (", …" if len(titles) > 6 else "")
    return f"{counted(len(titles), 'column')} left out for lack of room: {names}"
