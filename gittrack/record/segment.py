r"""The lines of a journal segment: framed when written, checked when read (docs/format.md, 'Journal').

A line is `<length> <sequence> <checksum> <payload>\n`: the payload's bytes in decimal, the line's number
from 0 on, and the CRC-32 of the payload started from that number, in eight hexadecimal digits. A
payload is a point, `m\t<metric>\t<step>\t<seconds>\t<value>`, or a JSON object, an event.
"""

from __future__ import annotations

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
    """Bytes of a segment that are no whole line although whole lines follow, or that never were written whole."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment holds: (sequence, payload) of each whole line; `torn` bytes of an unfinished last line."""

    lines: list[tuple[int, bytes]]
    damage: tuple[Damage, ...] = ()
    torn: int = 0


def read_segment(data: bytes) -> Contents:
    """Return the whole lines of a segment, in order, and what else was there.

    A tail without a whole line in it is torn when it has no newline or is all zeros, as a crash or a
    power cut leaves it; everything else that does not check out is damage.
    """
    lines: list[tuple[int, bytes]] = []
    damage: list[Damage] = []
    expected, position, bad_from = 0, 0, -1
    for line in _split(data):
        raw = line
        payload = _check(raw, expected)
        if payload is None:
            bad_from = position if bad_from < 0 else bad_from
            # A hole reads as zeros, without a newline at its end.
            whole = raw.lstrip(b"\0")
            payload, expected = _resume(whole, expected)
            position += len(raw) - len(whole)
            raw = whole
        if payload is not None:
            if bad_from >= 0:
                damage.append(Damage(bad_from, position - bad_from))
                bad_from = -1
            lines.append((expected, payload))
            expected += 1
        position += len(raw)
    if bad_from < 0:
        return Contents(lines, tuple(damage))
    tail = data[bad_from:]
    if b"\n" not in tail.rstrip(b"\0") or not tail.strip(b"\0"):
        return Contents(lines, tuple(damage), torn=len(tail))
    damage.append(Damage(bad_from, len(tail)))
    return Contents(lines, tuple(damage))


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


def _resume(raw: bytes, expected: int) -> tuple[bytes | None, int]:
    """After damage: the payload and number of a whole line that comes later than what was read."""
    head = raw.split(b" ", 2)
    if len(head) == 3 and head[1].isdigit() and len(head[1]) < 16 and int(head[1]) >= expected:
        number = int(head[1])
        payload = _check(raw, number)
        if payload is not None:
            return payload, number
    return None, expected
