r"""The lines of a journal segment: framed when written, checked when read (docs/format.md, 'Journal').

A line is `<length> <sequence> <checksum> <payload>\n`: the payload's bytes in decimal, the line's number
from 0 on, and the CRC-32 of the payload started from that number, in eight hexadecimal digits. A
payload is a point, `m\t<metric>\t<step>\t<seconds>\t<value>`, or a JSON object, an event.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".log"
LOCK_SUFFIX = ".lock"


def frame(sequence: int, payload: bytes) -> bytes:
    """Return the line for `payload`; it must not hold a newline."""
    return b"%d %d %08x %b\n" % (len(payload), sequence, zlib.crc32(payload, sequence & 0xFFFFFFFF), payload)


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong at one place of a segment: `length` bytes that are no whole line, or that stand elsewhere too.

    Without bytes it is a gap: lines are missing there.
    """

    offset: int
    length: int
    misplaced: bool = False

    @property
    def sentence(self) -> str:
        """What is wrong, without the name of the segment."""
        if not self.length:
            return f"lines are missing at offset {self.offset}"
        if self.misplaced:
            return f"{self.length} bytes are out of order or doubled at offset {self.offset}"
        return f"{self.length} damaged bytes at offset {self.offset}"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment holds: (sequence, payload) of each whole line; `torn` bytes of an unfinished last line."""

    lines: list[tuple[int, bytes]]
    damage: tuple[Damage, ...] = ()
    torn: int = 0


def read_segment(data: bytes) -> Contents:
    """Return the whole lines of a segment, in the order of their numbers, and what else was there.

    Everything that a process was killed or cut short while writing is torn: the beginning of the one line that
    would have come next, zeros after it included, as a power cut leaves them. All else that does not
    check out is damage. Of two whole lines with one number the first counts.
    """
    reading = _Reading()
    position = 0
    for piece in _split(data):
        payload = _check(piece, reading.expected)
        if payload is not None:
            reading.take(reading.expected, payload)
        else:
            reading.take_odd(position, piece)
        position += len(piece)
    return reading.contents(data)


class _Reading:
    """What was read of a segment so far."""

    def __init__(self) -> None:
        self.expected = 0
        self._lines: dict[int, bytes] = {}
        self._late = False
        self._damage: list[Damage] = []
        self._gaps: list[tuple[int, range]] = []

    def take(self, number: int, payload: bytes) -> None:
        self._lines[number] = payload
        self.expected = number + 1

    def take_odd(self, position: int, piece: bytes) -> None:
        """Take a piece that is not the line that was expected; a later whole line may end it."""
        found = _find(piece)
        if found is None:
            self._bad(position, len(piece))
            return
        skipped, number, payload = found
        if skipped:
            self._bad(position, skipped)
        start, length = position + skipped, len(piece) - skipped
        if number >= self.expected:
            if number > self.expected and not self._ends_in_damage(start):
                self._gaps.append((start, range(self.expected, number)))
            self.take(number, payload)
            return
        self._damage.append(Damage(start, length, misplaced=True))
        if number not in self._lines:
            self._lines[number] = payload
            self._late = True

    def contents(self, data: bytes) -> Contents:
        damage = list(self._damage)
        torn = 0
        if self._ends_in_damage(len(data)) and _is_unfinished(data[damage[-1].offset :], self.expected):
            torn = damage.pop().length
        damage += [Damage(at, 0) for at, gap in self._gaps if any(number not in self._lines for number in gap)]
        lines = sorted(self._lines.items()) if self._late else list(self._lines.items())
        return Contents(lines, tuple(sorted(damage, key=lambda d: d.offset)), torn)

    def _bad(self, position: int, length: int) -> None:
        if self._ends_in_damage(position):
            last = self._damage.pop()
            position, length = last.offset, last.length + length
        self._damage.append(Damage(position, length))

    def _ends_in_damage(self, position: int) -> bool:
        last = self._damage[-1] if self._damage else None
        return last is not None and not last.misplaced and last.offset + last.length == position


def _split(data: bytes) -> Iterator[bytes]:
    return iter(data.splitlines(keepends=True) if b"\r" not in data else _split_at_newlines(data))


def _split_at_newlines(data: bytes) -> list[bytes]:
    # bytes.splitlines also splits at a carriage return, which a payload may hold.
    pieces = data.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])


def _check(raw: bytes, expected: int) -> bytes | None:
    """The payload of `raw` when it is the whole line number `expected`."""
    head = raw.split(b" ", 3)
    if len(head) != 4 or raw[-1:] != b"\n":
        return None
    payload = head[3][:-1]
    if head[1] != b"%d" % expected or head[0] != b"%d" % len(payload):
        return None
    return payload if head[2] == b"%08x" % zlib.crc32(payload, expected & 0xFFFFFFFF) else None


def _find(piece: bytes) -> tuple[int, int, bytes] | None:
    """Where in a piece that ends in a newline a whole line begins, its number and payload; None for nowhere.

    A line begins in the middle where the newline before it is damaged, or after a hole, which reads as zeros.
    """
    if not piece.endswith(b"\n"):
        return None
    for head in _HEAD.finditer(piece):
        start = head.start()
        if int(head[1]) == len(piece) - start - len(head[1]) - len(head[2]) - 12:
            number = int(head[2])
            payload = _check(piece[start:], number)
            if payload is not None:
                return start, number, payload
    return None


def _is_unfinished(tail: bytes, number: int) -> bool:
    """Whether `tail` is the beginning of a line with that number, followed by nothing but zeros."""
    head = _BEGINNING.fullmatch(tail.rstrip(b"\0"))
    if head is None:
        return False
    length, sequence, checksum, payload = head.groups()
    wanted = b"%d" % number
    if sequence is not None and not (sequence == wanted if checksum is not None else wanted.startswith(sequence)):
        return False
    if payload is None:
        return True
    if len(checksum) < 8 or len(payload) > int(length):
        return False
    return len(payload) < int(length) or checksum == b"%08x" % zlib.crc32(payload, number & 0xFFFFFFFF)


# The beginnings of lines, also those that overlap; and the beginning of one line, cut anywhere.
_HEAD = re.compile(rb"(?=(\d{1,19}) (\d{1,19}) [0-9a-f]{8} )")
_BEGINNING = re.compile(rb"(?:(\d{1,19})(?: (?:(\d{1,19})(?: ([0-9a-f]{0,8})(?: ([^\n]*))?)?)?)?)?")
