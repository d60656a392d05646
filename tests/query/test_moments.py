"""Times and durations as people write them."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import UsageError
from gittrack.query.moments import duration, moment

if TYPE_CHECKING:
    from collections.abc import Iterator

# A Wednesday, 15:30:20 in Berlin, five days after its clocks were put forward.
NOW = datetime(2026, 4, 1, 13, 30, 20, tzinfo=timezone.utc).timestamp()


@pytest.fixture(autouse=True)
def berlin() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


def utc(*parts: int) -> float:
    return datetime(*parts, tzinfo=timezone.utc).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("2 days ago", NOW - 2 * 86400),
        ("2.weeks.ago", NOW - 14 * 86400),
        ("2 weeks", NOW - 14 * 86400),
        ("an hour ago", NOW - 3600),
        ("90 Seconds Ago", NOW - 90),
        ("last week", NOW - 7 * 86400),
        ("1 month ago", utc(2026, 3, 1, 14, 30, 20)),
        ("1 year ago", utc(2025, 4, 1, 13, 30, 20)),
        ("today", utc(2026, 3, 31, 22)),
        ("yesterday", utc(2026, 3, 30, 22)),
        ("sunday", utc(2026, 3, 28, 23)),
        ("wednesday", utc(2026, 3, 31, 22)),
        ("last wednesday", utc(2026, 3, 24, 23)),
        ("2026-01-31", utc(2026, 1, 30, 23)),
        ("2026-01-31 14:00", utc(2026, 1, 31, 13)),
        ("2026-01-31T14:00:00Z", utc(2026, 1, 31, 14)),
        ("2026-01-31T14:00:00.5+02:00", utc(2026, 1, 31, 12) + 0.5),
        ("2026-01-31T14:00:00.123456789z", utc(2026, 1, 31, 14) + 0.123456),
    ],
)
def test_times(text: str, expected: float) -> None:
    assert moment(text, NOW) == expected


def test_a_month_back_from_its_last_day_is_the_last_day() -> None:
    end = datetime(2026, 3, 31, 12).timestamp()  # noqa: DTZ001 - local
    assert moment("1 month ago", end) == datetime(2026, 2, 28, 12).timestamp()  # noqa: DTZ001 - local


@pytest.mark.parametrize("text", ["", "soonish", "2 fortnights ago", "2026-13-01", "99999999999 days ago", "12"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time; write"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("1h30m", 5400), ("2 days", 2 * 86400), ("1.5 h", 5400), ("1 minute 5 s", 65)],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds).total_seconds()


@pytest.mark.parametrize("text", ["", "long", "3 parsecs", "nan", "inf", "-"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no duration; write"):
        duration(text)
