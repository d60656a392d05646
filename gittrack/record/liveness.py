"""Whether the process that writes a segment still lives: it holds a lock, which no crash can leave behind.

The locks are POSIX record locks (docs/decisions/0001): a process that closes any descriptor of a file
drops its own lock on it, so a lock of this process is never probed, only looked up in `_held`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from typing import TYPE_CHECKING

from gittrack.git.ages import file_clock
from gittrack.git.lock import let_go, silent
from gittrack.record.segment import LOCK_SUFFIX, SUFFIX

if TYPE_CHECKING:
    from fasteners import InterProcessLock, InterProcessReaderWriterLock

STALE_SECONDS = 24 * 3600
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}  # what a file system without locks says
_NO_WRITING = {errno.EROFS, errno.EACCES, errno.EPERM}

_held: dict[str, InterProcessLock | None] = {}


def hold(path: str) -> None:
    """Take the lock file at `path`, new and nobody else's, until `release` or the death of the process.

    On a file system without locks only the file is made. OSError when the disk refuses.
    """
    from fasteners import InterProcessLock

    lock = InterProcessLock(path, logger=silent())
    fault: BaseException | None = None
    try:
        # Somebody who probes holds the lock for some microseconds.
        lock.acquire(blocking=True, delay=0.001, max_delay=0.005, timeout=5)
    except OSError as error:
        fault = error
    except threading.ThreadError as error:
        fault = _said(error)
    if not lock.acquired:
        let_go(lock)
        if fault is not None and _has_no_locks(fault):
            _held[path] = None
            return
        raise fault if isinstance(fault, OSError) else OSError(errno.EAGAIN, "it cannot be locked", path)
    _held[path] = lock


def release(path: str) -> None:
    """Give the lock at `path` back; nothing when it is not held."""
    lock = _held.pop(path, None)
    if lock is not None:
        let_go(lock)


def is_held(path: str) -> bool:
    """Whether a living process, this one or another, holds the lock file at `path`.

    Where locks do not work, its segment counts as written by a living process until it is STALE_SECONDS old.
    """
    if path in _held:
        return True
    from fasteners import InterProcessReaderWriterLock

    # Shared: those who ask must not take each other for the living.
    lock = InterProcessReaderWriterLock(path, logger=silent())
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False  # nobody can hold it, and opening it might hang
        free = lock.acquire_read_lock(blocking=False)
    except FileNotFoundError:
        return False
    except (OSError, threading.ThreadError) as error:
        return _is_held_otherwise(path, error)
    finally:
        _close(lock)
    return not free


def _is_held_otherwise(path: str, error: Exception) -> bool:
    """What to think of a lock that could not be asked for."""
    if _has_no_locks(error):
        return _is_fresh(path.removesuffix(LOCK_SUFFIX) + SUFFIX)
    if isinstance(error, OSError) and error.errno in _NO_WRITING:
        return _is_locked(path)
    # It cannot even be opened, or not be asked: to take a living run for dead would lose what it still logs.
    return True


def _is_fresh(segment: str) -> bool:
    try:
        return file_clock(os.path.dirname(segment)) - os.stat(segment).st_mtime < STALE_SECONDS
    except OSError:
        return False


def _is_locked(path: str) -> bool:
    """Whether somebody holds it, where it can only be read and fasteners cannot open the file as it wants to."""
    import fcntl

    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.lockf(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _has_no_locks(fault: BaseException) -> bool:
    said = _said(fault)
    return isinstance(said, OSError) and said.errno in _NO_LOCKS


def _said(fault: BaseException) -> BaseException | None:
    """What the disk said: fasteners wraps it in an error of its own."""
    return fault.__context__ if isinstance(fault, threading.ThreadError) else fault


def _close(lock: InterProcessReaderWriterLock) -> None:
    # Closing gives it back, and cannot fail half-way as unlocking can.
    if lock.lockfile is not None:
        with contextlib.suppress(OSError):
            lock.lockfile.close()


def _forget_in_child() -> None:
    # Record locks are not inherited: the child holds none of them, and must not release the parent's.
    _held.clear()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_forget_in_child)
