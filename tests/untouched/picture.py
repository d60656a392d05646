"""A picture of everything below a folder, and what differs between two of them."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NEW: Final = "new"
GONE: Final = "gone"
CONTENT: Final = "content"  # other bytes, another target of a link
TIMES: Final = "times"  # written, renamed into place, or linked, and yet the same
MODE: Final = "mode"  # another type, mode or owner
ENTRIES: Final = "entries"  # a folder in which something came or went, though the picture may not show what


@dataclass(frozen=True, slots=True)
class Entry:
    """All that tells whether somebody touched a file, folder or link; reading it changes none of this."""

    kind: int
    mode: int
    owner: tuple[int, int]
    content: str
    times: tuple[int, int, int]  # inode, time of the content, time of the inode


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """What happened to one path, relative to the folder of the pictures."""

    path: str
    what: str


Picture: TypeAlias = "Mapping[str, Entry]"


def take(folder: Path) -> Picture:
    """Look at everything below `folder`, and at the folder itself, which is '.'."""
    return dict(_entries(os.fspath(folder)))


def difference(before: Picture, after: Picture) -> list[Change]:
    """Return every change, sorted by path."""
    return sorted(change for path in before.keys() | after.keys() for change in _changes(path, before, after))


def _entries(folder: str) -> Iterator[tuple[str, Entry]]:
    yield ".", _entry(folder)
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(root, name)
            yield os.path.relpath(path, folder), _entry(path)


def _entry(path: str) -> Entry:
    status = os.lstat(path)
    return Entry(
        stat.S_IFMT(status.st_mode),
        stat.S_IMODE(status.st_mode),
        (status.st_uid, status.st_gid),
        _content(path, status.st_mode),
        (status.st_ino, status.st_mtime_ns, status.st_ctime_ns),
    )


def _content(path: str, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return ""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _changes(path: str, before: Picture, after: Picture) -> Iterator[Change]:
    old, new = before.get(path), after.get(path)
    if old is None:
        yield Change(path, NEW)
    elif new is None:
        yield Change(path, GONE)
    elif (old.kind, old.mode, old.owner) != (new.kind, new.mode, new.owner):
        yield Change(path, MODE)
    elif old.content != new.content:
        yield Change(path, CONTENT)
    elif old.times != new.times:
        yield Change(path, ENTRIES if stat.S_ISDIR(new.kind) else TIMES)
