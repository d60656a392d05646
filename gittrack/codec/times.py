"""Points in time as the format writes them: ISO 8601 in UTC with milliseconds."""

from __future__ import annotations

import re
import time

from gittrack.errors import DamagedRecord

_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z", re.ASCII)

_FIRST = -62_135_596_800
_LAST = 253_402_300_799.999


def milliseconds(seconds: float) -> float:
    """Return `seconds` rounded to the millisecond, the precision that is kept."""
    return round(seconds * 1000) / 1000


def write_time(seconds: float) -> str:
    """Return seconds since the epoch as '2026-01-31T09:30:00.125Z'; before year 1 and after 9999, the nearest in it."""
    whole, part = divmod(round(min(max(seconds, _FIRST), _LAST) * 1000), 1000)
    year, month, day, hour, minute, second = time.gmtime(whole)[:6]
    # Not by strftime, whose years before 1000 have less than four digits on some systems.
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{part:03d}Z"


def read_time(text: str) -> float:
    """Return the seconds since the epoch of a time that write_time wrote; DamagedRecord for another text."""
    from datetime import datetime, timezone  # only readers need it, and it costs a millisecond

    match = _ISO.fullmatch(text)
    if match is None:
        raise DamagedRecord(f"{text!r:.60} is not a time such as 2026-01-31T09:30:00.125Z")
    year, month, day, hour, minute, second, part = map(int, match.groups())
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError as error:
        raise DamagedRecord(f"{text!r:.60} is not a time: {error}") from None
    return (round(moment.timestamp()) * 1000 + part) / 1000
