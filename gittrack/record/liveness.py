"""Whether the process that writes a segment still lives: it holds a lock, which no crash can leave behind.

The locks are POSIX record locks (docs/decisions/0001): a process that closes any descriptor of a file
drops its own lock on it, so a lock of this process is never probed, only looked up in `_held`.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasteners import InterProcessLock

_held: dict[str, InterProcessLock] = {}


def hold(path: str) -> None:
    """Take the lock file at `path`, new and nobody else's, until `release` or the death of the process."""
    from fasteners import InterProcessLock

    lock = InterProcessLock(path)
    # Somebody who probes holds the lock for some microseconds.
    if not lock.acquire(blocking=True, delay=0.001, max_delay=0.005, timeout=5):
        raise OSError(f"cannot lock {path}")
    _held[path] = lock


def release(path: str) -> None:
    """Give the lock at `path` back; nothing when it is not held."""
    lock = _held.pop(path, None)
    if lock is not None:
        lock.release()


def is_held(path: str) -> bool:
    """Whether a living process, this one or another, holds the lock file at `path`."""
    if path in _held:
        return True
    if not os.path.exists(path):
        return False
    from fasteners import InterProcessReaderWriterLock

    # Shared: those who ask must not take each other for the living.
    lock = InterProcessReaderWriterLock(path)
    try:
        free = lock.acquire_read_lock(blocking=False)
    except (OSError, threading.ThreadError):
        # It cannot even be opened: whoever may do so decides.
        return True
    if free:
        lock.release_read_lock()
    else:
        lock.lockfile.close()
    return not free


def _forget_in_child() -> None:
    # Record locks are not inherited: the child holds none of them, and must not release the parent's.
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
