r"""Data that a run reads, as the SHA-256 of its content: a file, or all files of a directory.

The hash of a directory is the SHA-256 of a text of one line for each entry below it, sorted by the
bytes of its path (relative, with '/'):

    <sha256 of the content>  <path>      a file, the very line that sha256sum prints
    link <target>  <path>                a symbolic link; it is not followed
    fifo|socket|device  <path>           what has no content to read

Where a path or target holds a backslash, a line feed or a carriage return, these are written \\, \n
and \r, and a backslash stands in front of the line, again as sha256sum does it. Empty directories and
everything named .git (a repository changes while its run is recorded) do not count.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gittrack.capture.stat_cache import StatCache
from gittrack.errors import GittrackError, InvalidValue
from gittrack.model import Input
from gittrack.values import check_key

if TYPE_CHECKING:
    from gittrack.capture.stat_cache import Session

__all__ = ["StatCache", "describe_input"]

Progress: TypeAlias = Callable[[int, int | None], None]
_CHUNK = 1 << 20
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def describe_input(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    cache: StatCache | None = None,
    progress: Progress | None = None,
) -> Input:
    """Return size and hash of a file or directory; `name` is its last part unless given.

    `progress` is called with the bytes done and the bytes in all. A symbolic link given as `path` is
    followed, links below it are not. Raises GittrackError when something is missing, unreadable, no
    file, or changes while it is read (after one more try).
    """
    given = os.fspath(path)
    status = _status(given)
    kind = "directory" if stat.S_ISDIR(status.st_mode) else "file"
    if kind == "file" and not stat.S_ISREG(status.st_mode):
        raise GittrackError(f"{_shown(given)} is a {_special(status.st_mode)}; an input is a file or a directory")
    title = check_key("input", name) if name is not None else _title(given)
    with cache.session() if cache is not None else nullcontext() as session:
        if kind == "file":
            hasher = _Hasher(session, progress, status.st_size)
            digest, size = hasher.hash_file(given)
            return Input(title, _shown(given), kind, size, digest, 1)
        entries = sorted(_walk(given))
        hasher = _Hasher(session, progress, sum(entry.size for entry in entries))
        digest, size, files = _hash_directory(entries, hasher)
        return Input(title, _shown(given), kind, size, digest, files)


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        hint = "an input is a local path, no URL" if "://" in path else "check the path"
        raise InvalidValue(f"input {_shown(path)} does not exist; {hint}") from None
    except (OSError, ValueError) as error:
        raise GittrackError(f"input {_shown(path)} cannot be read: {_reason(error)}") from None


def _shown(path: str) -> str:
    """`path` as UTF-8 can write it: a file's name may be any bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def _title(path: str) -> str:
    last = os.path.basename(os.path.abspath(path)) or path
    return "".join(c if c.isprintable() else "\ufffd" for c in _shown(last))[:250]


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _special(mode: int) -> str:
    return "fifo" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """One entry below a directory; ordered by `path`, the bytes of its relative path with '/'."""

    path: bytes
    location: str
    size: int
    mode: int


def _walk(top: str) -> Iterator[_Entry]:
    waiting = [(top, b"")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as found:
                children = list(found)
            for child in children:
                if child.name == ".git":
                    continue
                path = prefix + os.fsencode(child.name)
                status = child.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((child.path, path + b"/"))
                else:
                    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
                    yield _Entry(path, child.path, size, status.st_mode)
        except OSError as error:
            where = error.filename if isinstance(error.filename, str) else folder
            raise GittrackError(f"input {_shown(where)} cannot be read: {_reason(error)}") from None


def _hash_directory(entries: list[_Entry], hasher: _Hasher) -> tuple[str, int, int]:
    whole = hashlib.sha256()
    total = files = 0
    for entry in entries:
        if stat.S_ISREG(entry.mode):
            digest, size = hasher.hash_file(entry.location)
            total, files, what = total + size, files + 1, digest.encode()
        elif stat.S_ISLNK(entry.mode):
            what = b"link " + _target(entry.location)
        else:
            what = _special(entry.mode).encode()
        whole.update(_line(what, entry.path))
    return whole.hexdigest(), total, files


def _target(link: str) -> bytes:
    try:
        return os.fsencode(os.readlink(link))
    except OSError as error:
        raise GittrackError(f"input {_shown(link)} cannot be read: {_reason(error)}") from None


def _line(what: bytes, path: bytes) -> bytes:
    line = what + b"  " + path
    if b"\\" in line or b"\n" in line or b"\r" in line:
        line = b"\\" + line.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return line + b"\n"


@dataclass(slots=True)
class _Hasher:
    """Hashes files one after the other, with what the cache knows, and tells how far it is."""

    session: Session | None
    progress: Progress | None
    total: int
    done: int = 0

    def hash_file(self, path: str) -> tuple[str, int]:
        """Return (sha256, size) of a file; once more where it changed meanwhile, then GittrackError."""
        at = self.done
        for _ in range(2):
            self.done = at
            found = self._try_file(path)
            if found is not None:
                return found
        raise GittrackError(f"input {_shown(path)} changes while it is read; log it when it is complete")

    def _try_file(self, path: str) -> tuple[str, int] | None:
        started = time.time_ns()
        try:
            if self.session is not None:
                status = os.stat(path)
                known = self.session.lookup(path, status)
                if known is not None:
                    self._advance(status.st_size)
                    return known, status.st_size
            descriptor = os.open(path, _OPEN_FLAGS)
            with open(descriptor, "rb", buffering=0) as file:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    return None
                digest = self._read(file.readinto, before.st_size)
                after = os.fstat(descriptor)
            now = os.stat(path)
        except FileNotFoundError:
            raise GittrackError(f"input {_shown(path)} went away while it was read") from None
        except OSError as error:
            raise GittrackError(f"input {_shown(path)} cannot be read: {_reason(error)}") from None
        if digest is None or _identity(before) != _identity(after) or _identity(after) != _identity(now):
            return None
        if self.session is not None:
            self.session.remember(path, before, digest, started)
        return digest, before.st_size

    def _read(self, readinto: Callable[[memoryview], int | None], size: int) -> str | None:
        """The hash of `size` bytes; None when there are more: a file that grows has no end."""
        hasher = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        while count := readinto(buffer):
            size -= count
            if size < 0:
                return None
            hasher.update(buffer[:count])
            self._advance(count)
        return hasher.hexdigest()

    def _advance(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


def _identity(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino
