"""The packs of one directory, read with dulwich; import it late, since dulwich costs 35 ms."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from dulwich.errors import ChecksumMismatch
from dulwich.object_format import get_object_format
from dulwich.objects import RawObjectID
from dulwich.pack import Pack, PackFileDisappeared

from gittrack.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

_Found = TypeVar("_Found")
_DAMAGE = (ChecksumMismatch, AssertionError, ValueError, struct.error, zlib.error, EOFError)


class PackFolder:
    """Every pack of a pack directory, opened when it is first needed. Not for several threads.

    dulwich's DiskObjectStore is not used: it lists the directory anew at every object that is not packed,
    reads the alternates of a sha256 repository as sha1, and never notices that a multi-pack-index changed.
    """

    def __init__(self, directory: str, object_format: str) -> None:
        self._directory = directory
        self._format = get_object_format(object_format)
        self._packs: dict[str, Pack] = {}

    def rescan(self) -> None:
        """Take in new packs and close those that are gone."""
        names = set(os.listdir(self._directory))
        found = {name[:-5] for name in names if name.endswith(".pack") and f"{name[:-5]}.idx" in names}
        for gone in self._packs.keys() - found:
            self._forget(gone)
        for base in sorted(found - self._packs.keys()):
            path = os.path.join(self._directory, base)
            self._packs[base] = Pack(path, object_format=self._format)

    def read(self, oid: str) -> tuple[int, bytes] | None:
        """Return type number and content of an object, or None; raises StorageError if its pack is damaged."""
        name = RawObjectID(bytes.fromhex(oid))
        found = self._first(lambda pack: pack.get_raw(name))
        return None if found is None else found[1]

    def find(self, oid: str) -> str | None:
        """Return the path of the pack file that holds an object, or None."""
        name = RawObjectID(bytes.fromhex(oid))
        found = self._first(lambda pack: pack.index.object_offset(name))
        return None if found is None else os.path.join(self._directory, f"{found[0]}.pack")

    def close(self) -> None:
        """Close all packs."""
        for base in list(self._packs):
            self._forget(base)

    def _first(self, look: Callable[[Pack], _Found]) -> tuple[str, _Found] | None:
        for base, pack in list(self._packs.items()):
            try:
                found = look(pack)
            except KeyError:
                continue
            except (PackFileDisappeared, FileNotFoundError):
                self._forget(base)  # repacked: the caller rescans
                continue
            except _DAMAGE as error:
                path = os.path.join(self._directory, f"{base}.pack")
                raise StorageError(f"the pack {path} is damaged: {error}; run 'git fsck'") from error
            if base != next(iter(self._packs)):
                # What is asked for next is most likely in the same pack.
                self._packs = {base: pack, **self._packs}
            return base, found
        return None

    def _forget(self, base: str) -> None:
        with suppress(Exception):  # a mapping that is still in use: it goes with the process
            self._packs.pop(base).close()
