"""One pack of whole objects, written durably: for batches too large for loose files, or while git prunes."""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from binascii import crc32
from contextlib import suppress
from typing import TYPE_CHECKING

from gittrack.git.durable import Sharing, fsync_directories, make_directories, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBERS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
KEEP_MARK = b"gittrack"


def write_pack(
    directory: str,
    objects: Iterable[tuple[str, str, bytes]],
    *,
    object_format: str,
    sharing: Sharing | None,
    keep: bool = False,
) -> str:
    """Write (oid, kind, content) objects as a pack and its index into `directory`; both are then durable.

    With `keep` no git will repack or delete it until the returned path, with .keep appended, is removed.
    Returns the path without extension. Raises OSError.
    """
    pack, entries, checksum = _pack_bytes(list(objects), object_format)
    base = os.path.join(directory, f"pack-{checksum.hex()}")
    changed = make_directories(directory, sharing)
    if keep:
        # It must be there before the pack is: git collects what it may delete when it starts.
        _put(directory, f"{base}.keep", KEEP_MARK + b" is publishing\n", sharing)
    _put(directory, f"{base}.pack", pack, sharing)
    # The index comes last: a pack without one is not there for git.
    _put(directory, f"{base}.idx", _index_bytes(entries, checksum), sharing)
    fsync_directories([directory, *changed])
    return base


def release_pack(base: str) -> None:
    """Let git repack a pack that was written with `keep`."""
    with suppress(OSError):
        os.unlink(f"{base}.keep")


def _pack_bytes(
    objects: list[tuple[str, str, bytes]], object_format: str
) -> tuple[bytes, list[tuple[bytes, int, int | None]], bytes]:
    pieces = [b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")]
    offset = len(pieces[0])
    entries: list[tuple[bytes, int, int | None]] = []
    for oid, kind, data in objects:
        raw = _object_header(_NUMBERS[kind], len(data)) + zlib.compress(data, 1)
        entries.append((bytes.fromhex(oid), offset, crc32(raw)))
        pieces.append(raw)
        offset += len(raw)
    body = b"".join(pieces)
    checksum = hashlib.new(object_format, body, usedforsecurity=False).digest()
    return body + checksum, sorted(entries), checksum


def _object_header(number: int, size: int) -> bytes:
    """Return kind and size in git's variable-length encoding, four bits and then seven at a time."""
    byte = number << 4 | size & 15
    size >>= 4
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    header.append(byte)
    return bytes(header)


def _index_bytes(entries: list[tuple[bytes, int, int | None]], checksum: bytes) -> bytes:
    from dulwich.pack import write_pack_index_v2

    buffer = io.BytesIO()
    write_pack_index_v2(buffer, entries, checksum)
    return buffer.getvalue()


def _put(directory: str, path: str, data: bytes, sharing: Sharing | None) -> None:
    # git removes files of this name that a killed process left behind.
    temporary = os.path.join(directory, f"tmp_pack_{os.urandom(6).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o444)
    try:
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        if sharing is not None:
            sharing.apply(temporary)
        if os.path.exists(path):
            os.unlink(temporary)
        else:
            os.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
