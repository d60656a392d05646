"""The history of a metric as a table of tab-separated text: step, seconds since the start, value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.errors import DamagedRecord
from gittrack.model import Number, Point

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADER = b"step\tseconds\tvalue\n"


def write_series(points: Iterable[Point]) -> bytes:
    """Return the file for `points`, in order; an empty step means that none was logged."""
    lines = [f"{'' if step is None else step}\t{seconds:.3f}\t{value!r}\n" for step, seconds, value in points]
    return HEADER + "".join(lines).encode()


def read_series(data: bytes) -> list[Point]:
    """Return the points of a file, floats with the very bits that were logged; DamagedRecord if it is none."""
    if not data.startswith(HEADER) or not data.endswith(b"\n"):
        raise DamagedRecord("a metric file must start with the line 'step seconds value' and end with a newline")
    points = []
    number = 1
    try:
        for number, line in enumerate(data[len(HEADER) : -1].decode().split("\n"), 2):
            if not line and number == 2:
                break
            step, seconds, value = line.split("\t")
            points.append(
                Point(int(step) if step else None, float(seconds), float(value) if "." in value else read_number(value))
            )
    except ValueError:
        raise DamagedRecord(f"line {number} of a metric file is not 'step<TAB>seconds<TAB>value'") from None
    return points


def read_number(text: str) -> Number:
    """Return an int where `text` has only digits and a sign, else a float."""
    try:
        return int(text)
    except ValueError:
        return float(text)
