"""Typed reading of a mapping that came from outside: every surprise is one DamagedRecord sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from gittrack.codec.times import read_time
from gittrack.errors import DamagedRecord
from gittrack.values import INT_BITS, shown

if TYPE_CHECKING:
    from gittrack.model import Key, Number, Value

T = TypeVar("T")

_OID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_KEPT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{32}(?:\.dir)?")


class _Place(NamedTuple):
    """Where a mapping with a name of its own stands; written out only in the sentence of an error."""

    above: object
    key: str
    name: object

    def __str__(self) -> str:
        return f"{self.above} {self.key} {shown(self.name)}"


class Fields:
    """One mapping of a record; each method reads one key and checks its type."""

    __slots__ = ("_data", "_where")

    def __init__(self, data: object, where: str | _Place) -> None:
        if not isinstance(data, Mapping):
            raise DamagedRecord(f"{where} must be a mapping, not {type(data).__name__}")
        self._data = data
        self._where = where

    def _wrong(self, key: str, what: str) -> DamagedRecord:
        return DamagedRecord(f"{self._where}: '{key}' must be {what}, not {shown(self._data[key])}")

    def _bounded(self, key: str, value: int) -> int:
        if value.bit_length() > INT_BITS:
            raise DamagedRecord(f"{self._where}: '{key}' is an integer of {value.bit_length()} bits")
        return value

    def text(self, key: str) -> str | None:
        """The text at `key`, None when it is absent."""
        value = self._data.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "text")

    def need_text(self, key: str) -> str:
        """The text at `key`, which must be there."""
        value = self.text(key)
        if value is None:
            raise DamagedRecord(f"{self._where}: '{key}' is missing")
        return value

    def oid(self, key: str) -> str | None:
        """The id of an object of git at `key`."""
        return self._matching(key, _OID, "the id of an object")

    def kept_as(self, key: str) -> str | None:
        """The id at `key` by which git, LFS or DVC keeps data; of a folder DVC has '.dir' behind it."""
        return self._matching(key, _KEPT, "the id of something that git, LFS or DVC keeps")

    def _matching(self, key: str, pattern: re.Pattern[str], what: str) -> str | None:
        value = self.text(key)
        if value is not None and not pattern.fullmatch(value):
            raise DamagedRecord(f"{self._where}: '{key}' must be {what}, not {shown(value)}")
        return value

    def oids(self, key: str) -> tuple[str, ...]:
        """The list of ids of objects of git at `key`."""
        values = self.texts(key)
        if not all(map(_OID.fullmatch, values)):
            raise DamagedRecord(f"{self._where}: '{key}' must be a list of ids of objects")
        return values

    def named_oids(self, key: str) -> dict[str, str]:
        """The mapping of names to ids of objects of git at `key`."""
        named = self.optional_texts(key)
        found = {name: oid for name, oid in named.items() if oid is not None and _OID.fullmatch(oid)}
        if len(found) < len(named):
            raise DamagedRecord(f"{self._where}: '{key}' must map names to ids of objects")
        return found

    def whole(self, key: str) -> int | None:
        """The integer at `key`."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return self._bounded(key, value)
        raise self._wrong(key, "a whole number")

    def need_whole(self, key: str) -> int:
        """The integer at `key`, which must be there and not be negative."""
        value = self.whole(key)
        if value is None or value < 0:
            raise DamagedRecord(f"{self._where}: '{key}' must be a whole number from 0 on")
        return value

    def need_number(self, key: str) -> Number:
        """The number at `key`, which must be there."""
        value = self._data.get(key)
        if isinstance(value, float):
            return value
        if value is None:
            raise DamagedRecord(f"{self._where}: '{key}' is missing")
        if isinstance(value, int) and not isinstance(value, bool):
            return self._bounded(key, value)
        raise self._wrong(key, "a number")

    def truth(self, key: str) -> bool | None:
        """The boolean at `key`."""
        value = self._data.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(key, "true or false")

    def _list(self, key: str) -> list[object]:
        """The list at `key`, an empty one when it is absent."""
        value = self._data.get(key)
        if value is None or isinstance(value, list):
            return value or []
        raise self._wrong(key, "a list")

    def time(self, key: str) -> float | None:
        """The time at `key`, in seconds since the epoch."""
        value = self.text(key)
        return None if value is None else read_time(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts at `key`."""
        items = self._list(key)
        texts = tuple(item for item in items if isinstance(item, str))
        if len(texts) != len(items):
            raise DamagedRecord(f"{self._where}: '{key}' must be a list of texts")
        return texts

    def part(self, key: str) -> Fields:
        """The mapping at `key`, an empty one when it is absent."""
        value = self._data.get(key)
        return Fields({} if value is None else value, f"{self._where} {key}")

    def parts(self, key: str) -> list[Fields]:
        """The list of mappings at `key`."""
        return [Fields(item, f"{self._where} {key}") for item in self._list(key)]

    def named(self, key: str, read: Callable[[str, Fields], T]) -> dict[str, T]:
        """The mapping of names to mappings at `key`, each read by `read`, which is given its name too."""
        mapping = self.part(key)
        found: dict[str, T] = {}
        for name, value in mapping.items():
            known = mapping.key(name)
            found[known] = read(known, Fields(value, _Place(self._where, key, name)))
        return found

    def values(self, key: str) -> dict[str, Value]:
        """The params at `key`: any plain values."""
        mapping = self.part(key)
        return {mapping.key(name): _value(value, str(self._where), 0) for name, value in mapping.items()}

    def optional_texts(self, key: str) -> dict[str, str | None]:
        """The mapping of names to text or null at `key`."""
        mapping = self.part(key)
        result: dict[str, str | None] = {}
        for name, value in mapping.items():
            if value is not None and not isinstance(value, str):
                raise DamagedRecord(f"{self._where}: {key} {shown(name)} must be text")
            result[mapping.key(name)] = value
        return result

    def items(self) -> list[tuple[object, object]]:
        """The raw items."""
        return list(self._data.items())

    def key(self, name: object) -> str:
        """`name` as the key of a mapping, which must be text."""
        if not isinstance(name, str) or not name:
            raise DamagedRecord(f"{self._where}: {shown(name)} is not a name")
        return name


def _value(value: object, where: str, depth: int) -> Value:
    if isinstance(value, int) and value.bit_length() > INT_BITS:
        raise DamagedRecord(f"{where}: a param is an integer of {value.bit_length()} bits")
    if value is None or isinstance(value, (str, int, float)):
        return value
    if depth > 100:
        raise DamagedRecord(f"{where}: a param is nested too deep")
    if isinstance(value, list):
        return [_value(item, where, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_key(key, where): _value(item, where, depth + 1) for key, item in value.items()}
    raise DamagedRecord(f"{where}: a param is a {type(value).__name__}")


def _key(key: object, where: str) -> Key:
    if key is None or isinstance(key, (str, float)) or (isinstance(key, int) and key.bit_length() <= INT_BITS):
        return key
    raise DamagedRecord(f"{where}: a nested param has a key that is not a plain value")
