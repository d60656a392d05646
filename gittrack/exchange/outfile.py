"""A file that is there whole or not at all: written beside its place, and moved there when it is done."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from gittrack.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def new_file(path: str, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Give the file that becomes `path` when the block ends; when it fails, what was at `path` stays as it was.

    A device or a pipe is written to as it is. UsageError where there is a file already, unless `overwrite`.
    """
    target = os.path.realpath(path)  # of a link, what it leads to is replaced
    mode = _mode_of(target)
    try:
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                yield file
            return
        if mode is not None and not overwrite:
            raise _taken(path)
        with _beside(target, mode) as (file, temporary):
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not overwrite and os.path.lexists(target):
                raise _taken(path)
            os.replace(temporary, target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StorageError(f"{path!r:.200} cannot be written: {error.strerror or error}") from None


def _taken(path: str) -> UsageError:
    return UsageError(f"{path!r:.200} is there already; give another name, or --force to replace it")


@contextmanager
def _beside(target: str, mode: int | None) -> Iterator[tuple[BinaryIO, str]]:
    """A file of another name in the same folder, and its path; it is gone afterwards, unless it was moved."""
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(6).hex()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(temporary, flags, 0o666), "wb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            yield file, temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _mode_of(path: str) -> int | None:
    """The mode of a file, None where there is none; a folder is none to write to."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path!r:.200} is a folder; give the name of a file")
    return mode
