"""Objects such as a user may hand to the API, made from bytes: plain ones, odd ones, and ones that mean harm."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import math
import struct
from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Level(enum.IntEnum):
    """An integer that is more than one."""

    LOW = 1


class Word(str):
    """A text that is more than one."""

    __slots__ = ()


class Refusing:
    """Has the form of a number and is none."""

    def __float__(self) -> float:
        raise RuntimeError("no number today")

    def __index__(self) -> int:
        raise RuntimeError("no index today")

    def __repr__(self) -> str:
        raise RuntimeError("nothing to show")


class Tensor:
    """Has the form of a numpy or torch value."""

    dtype = "float32"

    def __init__(self, content: object) -> None:
        self._content = content

    def tolist(self) -> object:
        """The plain values, or an error as a tensor on another device gives it."""
        if self._content is None:
            raise RuntimeError("this tensor is elsewhere")
        return self._content


@dataclasses.dataclass
class Config:
    """Fields, one of which may be the object itself."""

    lr: object = 0.1
    inner: object = None


class Maker:
    """Takes objects off the front of `data`; an empty rest gives None and the like."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0
        self._open = 0

    def byte(self) -> int:
        """The next byte, 0 at the end."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, count: int) -> bytes:
        """The next bytes, as many as there are."""
        self._at += count
        return self._data[self._at - count : self._at]

    def text(self) -> str:
        """A text up to the next NUL; halves of UTF-16 pairs are possible."""
        end = self._data.find(b"\0", self._at)
        end = len(self._data) if end < 0 else end
        raw, self._at = self._data[self._at : end], end + 1
        if len(raw) % 2:
            return raw.decode("utf-8", "surrogateescape")
        return raw.decode("utf-8", "surrogatepass" if _passes(raw) else "replace")

    def key(self) -> object:
        """Mostly a text."""
        return self.text() if self.byte() % 8 else self.value(3)

    def value(self, depth: int = 0) -> object:
        """Any object."""
        kind = self.byte()
        if max(depth, self._open) >= 6 or kind % 5:
            return _SCALARS[kind % 23 if self._open < 6 else kind % 12](self)
        self._open += 1
        try:
            return self._many(kind // 5, depth)
        finally:
            self._open -= 1

    def mapping(self, depth: int = 0) -> dict[object, object]:
        """A dictionary of up to 7 entries."""
        result: dict[object, object] = {}
        for _ in range(self.byte() % 8):
            key = self.key()
            try:
                result[key] = self.value(depth + 1)
            except TypeError:  # a key without a hash
                continue
        return result

    def _many(self, kind: int, depth: int) -> object:
        if kind % 12 < 5:
            return self.mapping(depth)
        if kind % 12 < 9:
            return [self.value(depth + 1) for _ in range(self.byte() % 8)]
        return _HARMFUL[kind % len(_HARMFUL)](self)


def _passes(raw: bytes) -> bool:
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _deep(maker: Maker) -> object:
    value: object = maker.text()
    for _ in range(maker.byte() * 20):
        value = [value] if maker.byte() % 2 else {"a": value}
    return value


def _aliased(maker: Maker) -> object:
    """Lists that share their items: as few as 60 of them stand for more than any memory holds."""
    value: object = 1
    for _ in range(maker.byte() % 62):
        value = [value] * 9
    return value


def _endless(maker: Maker) -> object:
    items: list[object] = []
    items.append(items)
    return {"a": items} if maker.byte() % 2 else items


def _looping_config(_maker: Maker) -> object:
    config = Config()
    config.inner = config
    return config


_HARMFUL: tuple[Callable[[Maker], object], ...] = (
    _deep,
    _aliased,
    _endless,
    _looping_config,
    lambda m: range(10 ** (m.byte() % 13)),
    lambda m: argparse.Namespace(lr=m.value(5), name=m.text()),
    lambda m: Config(m.value(5), m.value(5)),
    lambda m: Tensor(m.value(3)),
    lambda _: Refusing(),
    lambda m: frozenset((m.text(), 1)),
    lambda m: (m.value(5), m.value(5)),
)
_SCALARS: tuple[Callable[[Maker], object], ...] = (
    lambda _: None,
    lambda m: m.byte() % 2 == 0,
    lambda m: m.byte() - 128,
    lambda m: int.from_bytes(m.take(9), "big", signed=True),
    lambda m: 10 ** (m.byte() * 20),
    lambda m: -(1 << m.byte() * 64),
    lambda m: struct.unpack(">d", m.take(8).ljust(8, b"\0"))[0],
    lambda m: (math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308)[m.byte() % 6],
    Maker.text,
    Maker.text,
    Maker.text,
    lambda m: Word(m.text()),
    lambda m: Level.LOW if m.byte() % 2 else Level,
    lambda m: m.take(m.byte() % 16),
    lambda m: bytearray(m.take(3)),
    lambda m: PurePosixPath(m.text().replace("\0", "x")),
    lambda m: Decimal(m.byte()).scaleb(m.byte() * 9),
    lambda m: Fraction(m.byte(), 7),
    lambda m: complex(m.byte(), 1),
    lambda m: datetime(1 + m.byte() * 30, 1, 1, tzinfo=timezone.utc if m.byte() % 2 else None),
    lambda _: object(),
    lambda _: len,
    lambda m: Tensor(m.byte()),
)
