"""Times and durations as people write them: '2 days ago', 2026-01-31, yesterday, '1h30m'."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from gittrack.errors import UsageError

MILLISECONDS_FROM: Final = 100_000_000_000  # a number this great can be no second of this millennium

_UNITS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SHORT: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600, "d": 86400, "w": 604800}
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGO: Final = re.compile(r"(\d{1,9}|an?|one|last) (second|minute|hour|day|week|month|year)s?(?: ago)?")
_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")
_FRACTION: Final = re.compile(r"\.(\d{1,6})\d*")


def moment(text: str, now: float) -> float:
    """Return the time that `text` means, in seconds since the epoch; UsageError for what means none.

    Understood are dates and times of ISO 8601 (local where no zone is given, midnight where no time is), 'now',
    'today', 'yesterday' and weekdays (at midnight), and 'N UNITS ago', also as git's 2.weeks.ago.
    """
    plain = text.strip()
    relative = _relative(re.sub(r"[\s._]+", " ", plain.lower()), now)
    if relative is not None:
        return relative
    try:
        return datetime.fromisoformat(_for_python(plain)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{text!r:.80} is no time; write '2 days ago', 'yesterday', 2026-01-31 or '2026-01-31 14:00'"
        ) from None


def duration(text: str) -> float:
    """Return the seconds that '90s', '1h30m', '2 days' or '90' mean; UsageError for what means none."""
    rest = text.strip().lower()
    try:
        return float(rest) if rest not in ("nan", "inf", "infinity") else _no_duration(text)
    except ValueError:
        pass
    total = 0.0
    position = 0
    while position < len(rest):
        match = _PIECE.match(rest, position)
        seconds = None if match is None else _SHORT.get(match[2]) or _UNITS.get(match[2].removesuffix("s"))
        if match is None or seconds is None:
            return _no_duration(text)
        total += float(match[1]) * seconds
        position = match.end()
    return total if rest else _no_duration(text)


def _no_duration(text: str) -> float:
    raise UsageError(f"{text!r:.80} is no duration; write '90s', '1h30m' or '2 days'")


def _for_python(text: str) -> str:
    """ISO 8601 as Python 3.10 reads it: no Z, and a fraction of three or six digits."""
    text = re.sub(r"[zZ]$", "+00:00", text)
    return _FRACTION.sub(lambda match: f".{match[1]:<06}", text, count=1)


def _relative(words: str, now: float) -> float | None:
    if words == "now":
        return now
    if words in ("today", "yesterday"):
        return _midnight(now, 0 if words == "today" else 1)
    weekday = words.removeprefix("last ")
    if weekday in _WEEKDAYS:
        back = (_local(now).weekday() - _WEEKDAYS.index(weekday)) % 7
        return _midnight(now, back or 7 * words.startswith("last "))
    match = _AGO.fullmatch(words)
    if match is None:
        return None
    number = int(match[1]) if match[1].isdigit() else 1
    if match[2] in ("month", "year"):
        return _months_back(now, number * (12 if match[2] == "year" else 1))
    return now - number * _UNITS[match[2]]


def _local(now: float) -> datetime:
    return datetime.fromtimestamp(now)  # noqa: DTZ006 - days and months are those of the local calendar


def _midnight(now: float, days: int) -> float:
    day = _local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day - timedelta(days=days)).timestamp()


def _months_back(now: float, months: int) -> float:
    """The same day and time of an earlier month, or its last day where it is shorter."""
    from calendar import monthrange

    then = _local(now)
    year, month = divmod(then.year * 12 + then.month - 1 - months, 12)
    if year < 1:
        return -float("inf")
    day = min(then.day, monthrange(year, month + 1)[1])
    return then.replace(year=year, month=month + 1, day=day).timestamp()
