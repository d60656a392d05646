"""Whether a metric came out again: pure, point by point."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from gittrack.model import Number, Point

IDENTICAL: Final = "identical"
WITHIN: Final = "within tolerance"
DIFFERENT: Final = "different"
MISSING: Final = "missing"
NOT_JUDGED: Final = "differs, not judged: it tells of the machine"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One metric: the last values of both runs (None where there is none), and how far they are apart at most.

    `apart` is the greatest relative difference of two values at the same place; infinite where one has no partner.
    """

    metric: str
    word: str
    recorded: Number | None
    reproduced: Number | None
    apart: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the metric counts as reproduced."""
        return self.word in (IDENTICAL, WITHIN, NOT_JUDGED)


def judge(
    recorded: Mapping[str, Sequence[Point]],
    reproduced: Mapping[str, Sequence[Point]],
    rtol: float,
    unjudged: Container[str] = (),
) -> list[Verdict]:
    """Return a verdict for each recorded metric; what only the new run has is no question.

    Identical means the same steps and the same bits of every value. Within tolerance means the same steps and, as for
    math.isclose, a difference of at most `rtol` times the greater of the two values. What is in `unjudged` may differ.
    """
    found = [_judge(name, points, reproduced.get(name, ()), rtol) for name, points in recorded.items()]
    return [
        replace(verdict, word=NOT_JUDGED, apart=0.0)
        if verdict.word == DIFFERENT and verdict.metric in unjudged
        else verdict
        for verdict in found
    ]


def _judge(name: str, old: Sequence[Point], new: Sequence[Point], rtol: float) -> Verdict:
    last, again = (points[-1].value if points else None for points in (old, new))
    if not new:
        return Verdict(name, MISSING, last, None, math.inf)
    if [point.step for point in old] != [point.step for point in new]:
        return Verdict(name, DIFFERENT, last, again, math.inf)
    pairs = [(a.value, b.value) for a, b in zip(old, new, strict=True)]
    if all(_same(a, b) for a, b in pairs):
        return Verdict(name, IDENTICAL, last, again)
    apart = max(_apart(a, b) for a, b in pairs)
    return Verdict(name, WITHIN if apart <= rtol else DIFFERENT, last, again, apart)


def _same(a: Number, b: Number) -> bool:
    """Whether two values are the same to the bit: 1 and 1.0 are not, two NaNs are."""
    if isinstance(a, float) and isinstance(b, float):
        return struct.pack("<d", a) == struct.pack("<d", b) or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and a == b


def _apart(a: Number, b: Number) -> float:
    """The relative difference, 0 for what is equal, infinite where one is not finite or beyond what a float holds."""
    if _same(a, b) or a == b:
        return 0.0
    try:
        difference = abs(float(a) - float(b)) / max(abs(float(a)), abs(float(b)))
    except OverflowError:
        return math.inf
    return difference if math.isfinite(difference) else math.inf
