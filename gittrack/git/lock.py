"""Locks between processes, which leave nothing open, and between threads, which survive a fork."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gittrack.git.durable import make_directories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from logging import Logger

    from fasteners import InterProcessLock

    from gittrack.git.durable import Sharing


@contextmanager
def held_lock(path: str, timeout: float = 0.0, *, sharing: Sharing | None = None) -> Iterator[bool]:
    """Hold the lock file `path` in the block; yields False if it could not be had in `timeout` seconds.

    Also False on a file system without locks: correctness must not rest on it. Threads of one process are
    not kept apart by it. The file and its folder get the modes of `sharing`, or other users could not queue up.
    """
    from fasteners import InterProcessLock

    lock = InterProcessLock(path, logger=silent())
    with suppress(OSError, threading.ThreadError):
        make_directories(os.path.dirname(path), sharing)  # fasteners would make it closed to others
        lock.acquire(blocking=timeout > 0, delay=0.001, max_delay=0.01, timeout=timeout)
    if lock.acquired and sharing is not None:
        with suppress(OSError):  # another user's, who has done it
            sharing.apply(path)
    try:
        yield lock.acquired
    finally:
        let_go(lock)


def let_go(lock: InterProcessLock) -> None:
    """Give a lock back, or give up trying to have it, even where the disk refuses to unlock it."""
    with suppress(OSError, threading.ThreadError):
        if lock.acquired:
            lock.release()
    # fasteners leaves the file open to try again, and after a fault; closing it gives the lock back too.
    if lock.lockfile is not None:
        with suppress(OSError):
            lock.lockfile.close()


def silent() -> Logger:
    """Return a log for fasteners that goes nowhere: by itself it would print tracebacks on stderr."""
    import logging

    log = logging.getLogger("gittrack.git.lock")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.propagate = False
    return log


class ThreadLock:
    """A lock for a module's global: a forked child gets it free, even if another thread held it at the fork."""

    def __init__(self) -> None:
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    @contextmanager
    def held(self, timeout: float = -1) -> Iterator[bool]:
        """Hold the lock in the block; yields False if it could not be had in `timeout` seconds (-1: wait)."""
        lock = self._lock
        got = lock.acquire(timeout=timeout)
        try:
            yield got
        finally:
            if got:
                lock.release()

    def _renew(self) -> None:
        self._lock = threading.Lock()
