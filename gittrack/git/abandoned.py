"""Clears at once the lock of a ref that a killed gittrack left behind, and never one that a git holds.

Who moves a ref says so in a file first. Whoever holds `swap.lock` and finds that file knows that its writer
is dead, and that a lock of that ref with that very id in it is a dead one's.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gittrack.git.lock import ThreadLock, held_lock
from gittrack.git.packs import open_packs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.durable import Sharing
    from gittrack.git.repository import Repository

WATCH = 1.0  # seconds; no git holds the lock of one ref for so long
_PATIENCE = 10.0
_threads = ThreadLock()


@contextmanager
def announced(repo: Repository, path: str, new: str) -> Iterator[None]:
    """In the block the ref at `path` moves to `new`; what a killed process left of the same is cleared before."""
    note = os.path.join(repo.state_dir, "moving-ref")
    lock = os.path.join(repo.state_dir, "swap.lock")
    sharing = open_packs(repo).sharing
    with _threads.held(_PATIENCE) as alone, held_lock(lock, _PATIENCE, sharing=sharing) as held:
        if not (alone and held):
            yield  # no locks on this file system: the lock of a dead process then waits until it is stale
            return
        _clear(note, path)
        noted = _write(note, f"{path}\n{new}\n", sharing)
        try:
            yield
        finally:
            if noted:
                with suppress(OSError):
                    os.unlink(note)


def _clear(note: str, path: str) -> None:
    try:
        with open(note, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().rsplit("\n", 2)  # the path may hold newlines
    except OSError:
        return
    # A note without its end was cut short by the disk: then it may have been this ref.
    lock, new = (f"{lines[0]}.lock", lines[1]) if len(lines) == 3 else (f"{path}.lock", "")
    seen = lock_state(lock)
    if seen is None:
        return
    if not new or seen[2].strip() != new.encode():
        time.sleep(WATCH)  # it was killed before it wrote the id: only time tells it from a git at work
        if lock_state(lock) != seen:
            return
    with suppress(OSError):
        os.unlink(lock)


def lock_state(lock: str) -> tuple[int, int, bytes] | None:
    """What tells one lock file from another: inode, time of change, content; None where there is none."""
    try:
        with open(lock, "rb") as file:
            status = os.fstat(file.fileno())
            return status.st_ino, status.st_mtime_ns, file.read(100)
    except OSError:
        return None


def _write(path: str, text: str, sharing: Sharing | None) -> bool:
    try:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        if sharing is not None:
            sharing.apply(path)
    except OSError:
        return False  # the disk is full: moving the ref will tell
    return True
