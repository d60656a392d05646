"""The lines behind one that names a secret in which its value may stand: pure."""

from __future__ import annotations

from typing import Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.secret_lines import Kind

_LONGEST: Final = 400  # bytes; a longer line ends in no name
_VALUE_NEXT: Final = (b":", b"=", b"\\", b"|", b"|-", b": >", b">-", b"= (", b"=(")
_ARGUMENTS: Final = 5  # lines of them, until the call ends
# A line with nothing but a value: no key of a table that begins here, and no code.
_ALONE = Lazy(
    r"[rbfuRBFU]{0,2}\"[^\"]{4,300}\"[,)}\]]*|[rbfuRBFU]{0,2}'[^']{4,300}'[,)}\]]*|[^\s\"'<>(){}\[\],]{4,300}(?<!:)"
)


def lines_of_value(line: bytes, data: bytes, place: int, kind: Kind) -> list[bytes]:
    """Return the lines from data[place] on that have the value, or the other arguments, of what `line` names."""
    begun = line.rstrip()
    if len(begun) > _LONGEST:
        return []
    if kind is Kind.SETTINGS and begun.endswith(b">") and b"<" in begun:
        return _lines(data, place, 2)
    if begun.endswith(_VALUE_NEXT):
        found = _lines(data, place, 1)
        return found if found and _indent(found[0]) > _indent(line) and _is_alone(found[0]) else []
    if kind is not Kind.SETTINGS and begun.endswith((b"(", b",")):
        found = _lines(data, place, _ARGUMENTS)
        ends = [number for number, other in enumerate(found) if other.lstrip().startswith(b")")]
        return found[: ends[0]] if ends else found
    return []


def as_one(line: bytes, following: list[bytes]) -> bytes:
    """Return `line` and what follows as they would stand in one line."""
    if not following:
        return line
    begun = line.rstrip()
    for mark in (b"|-", b">-", b"|", b": >", b"\\"):
        if begun.endswith(mark):
            begun = begun.removesuffix(mark) + (b":" if mark == b": >" else b"")
    joint = b"" if begun.endswith(b">") else b" "
    return joint.join([begun, *(other.strip() for other in following)])


def _lines(data: bytes, place: int, count: int) -> list[bytes]:
    """The next lines, as far as they are short."""
    found: list[bytes] = []
    while len(found) < count and place < len(data):
        end = data.find(b"\n", place, place + _LONGEST)
        end = len(data) if end < 0 and len(data) - place <= _LONGEST else end
        if end < 0:
            break
        found.append(data[place:end])
        place = end + 1
    return found


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip())


def _is_alone(line: bytes) -> bool:
    return _ALONE.re.fullmatch(line.decode("utf-8", "replace").strip()) is not None
