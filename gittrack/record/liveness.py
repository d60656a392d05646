"""Whether the process that writes a segment still lives: it holds a lock, which no crash can leave behind.

The locks are POSIX record locks (docs/decisions/0001): a process that closes any descriptor of a file
drops its own lock on it, so a lock of this process is never probed, only looked up in `_held`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from typing import TYPE_CHECKING

from gittrack.git.lock import let_go, silent

if TYPE_CHECKING:
    from fasteners import InterProcessLock, InterProcessReaderWriterLock

_held: dict[str, InterProcessLock] = {}


def hold(path: str) -> None:
    """Take the lock file at `path`, new and nobody else's, until `release` or the death of the process.

    OSError when the disk refuses.
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
        fault = error.__context__  # what the disk said
    if not lock.acquired:
        let_go(lock)
        raise fault if isinstance(fault, OSError) else OSError(errno.EAGAIN, "it cannot be locked", path)
    _held[path] = lock


def release(path: str) -> None:
    """Give the lock at `path` back; nothing when it is not held."""
    lock = _held.pop(path, None)
    if lock is not None:
        let_go(lock)


def is_held(path: str) -> bool:
    """Whether a living process, this one or another, holds the lock file at `path`."""
    if path in _held:
        return True
    try:
        os.stat(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the disk does not tell: to take a living run for dead would lose what it still logs
    from fasteners import InterProcessReaderWriterLock

    # Shared: those who ask must not take each other for the living.
    lock = InterProcessReaderWriterLock(path, logger=silent())
    try:
        free = lock.acquire_read_lock(blocking=False)
    except (OSError, threading.ThreadError):
        # It cannot even be opened, or not be asked: whoever may do so decides.
        return True
    finally:
        _close(lock)
    return not free


def _close(lock: InterProcessReaderWriterLock) -> None:
    # Closing gives it back, and cannot fail half-way as unlocking can.
    if lock.lockfile is not None:
        with contextlib.suppress(OSError):
            lock.lockfile.close()


def _forget_in_child() -> None:
    # Record locks are not inherited: the child holds none of them, and must not release the parent's.
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
