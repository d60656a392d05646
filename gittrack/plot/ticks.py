"""The round numbers, powers of ten and clock times that are written beside an axis."""

from __future__ import annotations

import math
import time
from typing import Final

Ticks = list[tuple[float, str]]

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_CLOCK: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_CALENDAR: Final = tuple(hours * _HOUR for hours in (1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24))
_ELAPSED: Final = ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"), (1, "s"))


def linear_ticks(low: float, high: float, most: int) -> Ticks:
    """Return multiples of 1, 2 or 5 times a power of ten."""
    step = nice_step(low, high, most)
    return [(value, number_text(value, step, max(abs(low), abs(high)))) for value in _multiples(low, high, step)]


def log_ticks(low: float, high: float, most: int) -> Ticks:
    """Return powers of ten, with 2 and 5 times them where those are few; `low` and `high` are logarithms."""
    exponents = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    skip = max(1, -(-len(exponents) // most))
    found = [(10.0**exponent, _power_text(exponent)) for exponent in exponents if exponent % skip == 0]
    if len(found) > 1 or high > 300:  # beyond which a multiple may be no double
        return found
    dense = [factor * 10.0**exponent for exponent in range(math.floor(low), math.ceil(high)) for factor in (1, 2, 5)]
    inside = [value for value in dense if value > 0 and low - 1e-9 <= math.log10(value) <= high + 1e-9]
    if 1 < len(inside) <= most:
        return [(value, f"{value:.6g}") for value in inside]
    return [
        (value, text) for value, text in linear_ticks(10.0**low, 10.0 ** min(high, 308.25), most) if value > 0
    ] or found


def elapsed_ticks(low: float, high: float, most: int) -> Ticks:
    """Return lengths of time in the largest unit that there are two of."""
    longest = max(abs(low), abs(high))
    unit, letter = next(((size, letter) for size, letter in _ELAPSED if longest >= 2 * size), (1, "s"))
    return [(value * unit, text + letter) for value, text in linear_ticks(low / unit, high / unit, most)]


def time_ticks(low: float, high: float, most: int) -> Ticks:
    """Return times of the reader's time zone at which a clock or a calendar turns."""
    step = _time_step(low, high, most)
    try:
        offset = time.localtime(low).tm_gmtoff
        written = _time_format(low, high, step)
        return [(value, _time_text(written, value, step)) for value in _multiples(low, high, step, -offset % step)]
    except (OverflowError, OSError, ValueError):  # years that the platform cannot write
        return linear_ticks(low, high, most)


def moment_text(value: float) -> str:
    """Return seconds since 1970 as date and time of the reader's time zone."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    except (OverflowError, OSError, ValueError):  # as above
        return f"{value:g}"


def nice_step(low: float, high: float, most: int) -> float:
    """Return the least of 1, 2, 5 times a power of ten that goes into the range at most `most` times."""
    rough = (high / 2 - low / 2) / most * 2
    if rough <= 0 or not math.isfinite(rough):
        return math.inf
    power = 10.0 ** math.floor(math.log10(rough))
    return next((factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)), math.inf)


def number_text(value: float, step: float, largest: float) -> str:
    """Return a multiple of `step` with the digits that tell it from the next one."""
    if largest >= 1e6 or step < 1e-4:
        digits = max(1, min(17, math.floor(math.log10(largest / step)) + 2)) if largest / step < 1e300 else 3
        mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
        return f"{mantissa}e{int(exponent)}" if exponent else mantissa
    return f"{value + 0.0:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _multiples(low: float, high: float, step: float, offset: float = 0.0) -> list[float]:
    if not math.isfinite(step):
        return []
    slack = 1e-9
    first, last = math.ceil((low - offset) / step - slack), math.floor((high - offset) / step + slack)
    return [number * step + offset for number in range(first, last + 1)]


def _power_text(exponent: int) -> str:
    return f"{10.0**exponent:g}" if -4 <= exponent < 6 else f"1e{exponent}"


def _time_step(low: float, high: float, most: int) -> float:
    rough = (high - low) / most
    if rough <= _CLOCK[0]:
        return min(1.0, nice_step(low, high, most))
    for step in (*_CLOCK, *_CALENDAR):
        if step >= rough:
            return step
    return nice_step(low / _DAY, high / _DAY, most) * _DAY


def _time_format(low: float, high: float, step: float) -> str:
    if step >= _DAY:
        return "%Y-%m-%d"
    if time.localtime(low)[:3] != time.localtime(high)[:3]:
        return "%m-%d %H:%M"
    return "%H:%M" if step >= _MINUTE else "%H:%M:%S"


def _time_text(written: str, value: float, step: float) -> str:
    text = time.strftime(written, time.localtime(math.floor(value + 1e-6)))
    return text if step >= 1 else f"{text}.{math.floor(value % 1 * 1000 + 0.5) % 1000:03d}"
