"""Numbers, ages and sizes in few characters, and none of them wrong."""

from __future__ import annotations

import pytest

from gittrack.cli.wording import duration, long_age, short_age, short_number, short_value, size
from gittrack.values import full_value

MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456789, "0.123457"),
        (1e-9, "1e-09"),
        (5, "5"),
        (123456789012, "123456789012"),
        (1234567890123, "1.23457e+12"),
        (10**400, "100000…"),
        (-(10**400), "-10000…"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (-0.0, "-0"),
    ],
)
def test_short_numbers(value: float, text: str) -> None:
    assert short_number(value) == text


def test_values_read_as_in_run_yaml() -> None:
    assert [short_value(v) for v in (True, None, "", "a b", 1 / 3)] == ["true", "null", "''", "a b", "0.333333"]
    assert full_value([1, True, {"a": None}]) == "[1, true, {a: null}]"
    assert full_value(1 / 3) == "0.3333333333333333"


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        (-5, "0s", "just now"),
        (0.4, "0s", "just now"),
        (1, "1s", "1 second ago"),
        (59, "59s", "59 seconds ago"),
        (3 * MINUTE, "3m", "3 minutes ago"),
        (2 * HOUR, "2h", "2 hours ago"),
        (DAY, "1d", "1 day ago"),
        (13 * DAY, "13d", "13 days ago"),
        (15 * DAY, "2w", "2 weeks ago"),
        (100 * DAY, "3mo", "3 months ago"),
        (800 * DAY, "2y", "2 years ago"),
    ],
)
def test_ages(seconds: float, short: str, long: str) -> None:
    now = 1_800_000_000.0

    assert (short_age(now - seconds, now), long_age(now - seconds, now)) == (short, long)


def test_durations_and_sizes() -> None:
    assert [duration(s) for s in (0.004, 12.34, 192, 7500, 273600)] == ["0.00s", "12.3s", "3m 12s", "2h 5m", "3d 4h"]
    assert [size(n) for n in (0, 512, 1536, 20 << 20, 5 << 40, 5 << 50)] == [
        *("0 B", "512 B", "1.5 KiB", "20 MiB", "5.0 TiB", "5120 TiB")
    ]
