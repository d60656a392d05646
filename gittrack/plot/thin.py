"""Of a long history the points that a picture can show: in each column of pixels the first, last, least and greatest.

A line drawn through them covers the same pixels as one through all points (Jugel et al., M4, VLDB 2014): no extreme is
lost, and nothing is averaged.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

NAN: Final = "nan"
HIGH: Final = "inf"
LOW: Final = "-inf"


def strokes(us: Sequence[float], vs: Sequence[float], columns: int) -> list[list[int]]:
    """Return the indices to draw, in lists of what hangs together: a place that is NaN interrupts the line.

    `us`, ascending, and `vs` are places between 0 and 1; at most four points are kept in each of `columns`.
    """
    holes = [u != u or v != v for u, v in zip(us, vs, strict=True)]
    piece = list(accumulate(holes))
    found: list[list[int]] = []
    last = -1
    for index in _kept(us, vs, holes, columns):
        if piece[index] != last:
            found.append([])
            last = piece[index]
        found[-1].append(index)
    return found


def _kept(us: Sequence[float], vs: Sequence[float], holes: Sequence[bool], columns: int) -> list[int]:
    if len(us) <= columns:
        return [index for index, hole in enumerate(holes) if not hole]
    seen: dict[int, list[int]] = {}
    for index, (u, v) in enumerate(zip(us, vs, strict=True)):
        if holes[index]:
            continue
        held = seen.setdefault(int(u * columns), [index] * 4)
        if v < vs[held[1]]:
            held[1] = index
        elif v > vs[held[2]]:
            held[2] = index
        held[3] = index
    return [index for held in seen.values() for index in sorted(set(held))]


def not_finite(us: Sequence[float], values: Sequence[float], columns: int) -> list[tuple[float, str]]:
    """Return place and kind (NAN, HIGH, LOW) of the values that are not finite, one of a kind in each column."""
    found: dict[tuple[int, str], float] = {}
    for u, value in zip(us, values, strict=True):
        if not math.isfinite(value) and u == u:
            kind = NAN if value != value else (HIGH if value > 0 else LOW)
            found.setdefault((int(u * columns), kind), u)
    return [(u, kind) for (_, kind), u in found.items()]
