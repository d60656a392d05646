"""The folders and files of journals on disk: written whole, made durable, changed by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

from gittrack.git.durable import fsync_file, sharing_of
from gittrack.git.lock import ThreadLock, held_lock
from gittrack.record.segment import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.durable import Sharing

FOLDER_SECONDS: Final = 5.0


@contextlib.contextmanager
def folder_lock(directory: str) -> Iterator[Sharing | None]:
    """Hold the lock under which the folder of a journal is made, gets a segment, or is removed; yields its sharing."""
    above = os.path.dirname(directory)
    sharing = sharing_of(os.path.dirname(os.path.dirname(above)))
    lock = os.path.join(above, "folders.lock")
    with _threads.held(FOLDER_SECONDS), held_lock(lock, FOLDER_SECONDS, sharing=sharing):
        yield sharing


_threads = ThreadLock()


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`; OSError when the file takes no more."""
    view = memoryview(data)
    while view:
        written = os.write(fd, view)
        if written == 0:
            raise OSError(28, "nothing could be written")
        view = view[written:]


def sync_directory(path: str) -> None:
    """Make the entries of a directory durable; nothing on Windows, where it is neither needed nor possible."""
    if os.name == "nt":  # pragma: no cover - another operating system
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
            raise
    finally:
        os.close(fd)


def sync_others(directory: str, segment: str) -> None:
    """Make the other segments of a run durable: without its owner's start a worker's points are nothing."""
    for name in os.listdir(directory):
        if name.endswith(SUFFIX) and name != segment + SUFFIX:
            with contextlib.suppress(FileNotFoundError):  # just published
                fsync_file(os.path.join(directory, name))


_settled: set[str] = set()


def settle(path: str, *, above: int) -> None:
    """Make the name of a directory durable, and those of as many `above` it; once in this process."""
    for _ in range(above + 1):
        if path in _settled:
            return
        parent = os.path.dirname(path)
        sync_directory(parent)
        _settled.add(path)
        path = parent


def unsettle(path: str) -> None:
    """Forget that a directory and those below it are settled: they may have been removed, and made anew."""
    _settled.difference_update([known for known in _settled if f"{known}{os.sep}".startswith(path + os.sep)])
