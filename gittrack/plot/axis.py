"""An axis: where its values lie between 0 and 1, and what is written beside it.

Every output draws from these places alone, so none has to know of logarithms, dates, or doubles at the end of
their range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.plot.ticks import elapsed_ticks, linear_ticks, log_ticks, moment_text, time_ticks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LINEAR: Final = "linear"
LOG: Final = "log"
TIME: Final = "time"  # seconds since 1970
ELAPSED: Final = "elapsed"  # seconds
WORDS: Final = "words"

_LARGEST: Final = 1.7976931348623157e308
_LOG_ENDS: Final = (-323.5, 308.26)  # just around the logarithms of all doubles above 0
_SMALLEST_SPAN: Final = 1e-300
_SAME: Final = 1e-12  # relative; what differs by less is one value to a reader
_TICKS: Final = {LINEAR: linear_ticks, LOG: log_ticks, TIME: time_ticks, ELAPSED: elapsed_ticks}


@dataclass(frozen=True, slots=True)
class Axis:
    """`low` and `high` are its ends, of the logarithm to base 10 for LOG; `words` its categories for WORDS."""

    name: str
    low: float
    high: float
    kind: str = LINEAR
    words: tuple[str, ...] = ()

    def places(self, values: Iterable[float]) -> list[float]:
        """Return where each of `values` lies, NaN for what has no place: not finite, or not above 0 for LOG."""
        # Halved, because the span of two doubles may be more than a double can hold.
        low = self.low / 2
        half = self.high / 2 - low
        isfinite = math.isfinite
        inner = map(_log10, values) if self.kind == LOG else values
        return [(value / 2 - low) / half if isfinite(value) else math.nan for value in inner]

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return about `most` places, never more than one above it, with the text of each, in order."""
        if self.kind == WORDS:
            skip = max(1, -(-len(self.words) // max(1, most)))
            found = [(float(number), self.words[number]) for number in range(0, len(self.words), skip)]
        else:
            found = _TICKS[self.kind](self.low, self.high, max(1, most))
        placed = zip(self.places(value for value, _ in found), (text for _, text in found), strict=True)
        return [(place, text) for place, text in placed if -1e-9 <= place <= 1 + 1e-9]

    def text(self, value: float) -> str:
        """Return one value of the axis in full."""
        if self.kind == TIME:
            return moment_text(value)
        return f"{value:.3f} s" if self.kind == ELAPSED else f"{value:.15g}"


def axis_of(name: str, values: Iterable[float], kind: str = LINEAR, *, margin: float = 0.0) -> Axis:
    """Return the axis that has room for all finite `values`, and `margin` of its length at both ends."""
    inner = map(_log10, values) if kind == LOG else values
    finite = [value for value in inner if math.isfinite(value)]
    low, high = _apart(min(finite), max(finite), kind) if finite else (0.0, 1.0)
    # Halves again; and the margin must not lead out of what a double can hold.
    room = (high / 2 - low / 2) * (2 * margin)
    least, greatest = _LOG_ENDS if kind == LOG else (-_LARGEST, _LARGEST)
    return Axis(name, max(least, low - room), min(greatest, high + room), kind)


def word_axis(name: str, words: Sequence[str]) -> Axis:
    """Return the axis of categories; the value of one is its number."""
    return Axis(name, -0.5, max(0.5, len(words) - 0.5), WORDS, tuple(words))


def _apart(low: float, high: float, kind: str) -> tuple[float, float]:
    """Ends that differ, also where there is one value only."""
    half = high / 2 - low / 2
    if half > max(abs(high) * _SAME, _SMALLEST_SPAN):
        return low, high
    tenth = kind == LINEAR and abs(high) > _SMALLEST_SPAN * 10
    around = abs(high) * 0.1 if tenth else max(0.5, abs(high) * _SAME * 4)
    return max(-_LARGEST, low - around), min(_LARGEST, high + around)


def _log10(value: float) -> float:
    return math.log10(value) if value > 0 else math.nan
