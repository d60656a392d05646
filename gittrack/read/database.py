"""The SQLite file of the index: opened, and where it is damaged or cannot be used, replaced."""

from __future__ import annotations

import contextlib
import os
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from gittrack.errors import DamagedRecord
from gittrack.git.durable import make_directories, sharing_of

if TYPE_CHECKING:
    from sqlite3 import Connection

FILE: Final = "index.sqlite"
PATIENCE: Final = 60.0  # seconds to wait for a process that makes the index of a large branch


class Place(IntEnum):
    """Where the index is looked for, one after the other."""

    FILE = 0
    NEW_ROWS = 1  # in the file, with all rows made anew
    NEW_FILE = 2
    COPY = 3  # in memory, with what the file has
    MEMORY = 4


def connect(path: str) -> Connection:
    """Return a connection in autocommit mode, closed by the caller."""
    import sqlite3

    # Autocommit: transactions are begun by hand. Threads: SQLite itself takes turns.
    db = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def open_database(path: str, place: Place, common_dir: str) -> Connection:
    """Open the index at `path`, of the repository `common_dir`, as `place` says; it may have no tables yet."""
    if place == Place.MEMORY:
        return connect(":memory:")
    if place == Place.COPY:
        return _copy(path)
    if place == Place.NEW_FILE:
        _remove_damaged(path)
    new = not os.path.exists(path) or os.path.getsize(path) == 0
    make_directories(os.path.dirname(path), sharing_of(common_dir))
    db = connect(path)
    try:
        if new:
            _prepare(db, path, common_dir)
        if place == Place.NEW_ROWS:
            db.execute("PRAGMA user_version = 0")
    except BaseException:
        db.close()
        raise
    return db


def next_place(place: Place, error: Exception) -> Place | None:
    """Where to look after `place` failed: damage is mended on disk, a file that only cannot be used is copied."""
    from sqlite3 import OperationalError

    if place >= Place.COPY:
        return Place.MEMORY if place == Place.COPY else None
    if isinstance(error, DamagedRecord) or "no such" in str(error) or "decode" in str(error):
        return Place.NEW_ROWS if place == Place.FILE else Place.MEMORY
    if isinstance(error, (OperationalError, OSError)):
        return Place.COPY if place == Place.FILE else Place.MEMORY
    return Place.NEW_FILE if place < Place.NEW_FILE else Place.MEMORY


def _prepare(db: Connection, path: str, common_dir: str) -> None:
    """Let readers go on while somebody writes, and everybody write who may write to the repository."""
    from sqlite3 import OperationalError

    # SQLite keeps its rollback journal where the file system cannot do it; another process may be doing it.
    with contextlib.suppress(OperationalError):
        db.execute("PRAGMA journal_mode = WAL")
    sharing = sharing_of(common_dir)
    if sharing is not None:
        sharing.apply(path)


def _remove_damaged(path: str) -> None:
    """Remove the file unless another process has just made a good one."""
    from gittrack.git.lock import held_lock

    with held_lock(path + ".lock", PATIENCE) as held:
        if held and not _is_sound(path):
            for suffix in ("-wal", "-shm", ""):
                if os.path.exists(path + suffix):
                    os.unlink(path + suffix)


def _is_sound(path: str) -> bool:
    import sqlite3

    try:
        with contextlib.closing(connect(path)) as db:
            return bool(db.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def _copy(path: str) -> Connection:
    """A copy in memory, for a repository that cannot be written; empty while another process writes the file."""
    import sqlite3
    from pathlib import Path

    db = connect(":memory:")
    with contextlib.suppress(sqlite3.Error, OSError):
        before = os.stat(path)
        # Without 'immutable' SQLite would want to write beside it, which is only needed when others write it.
        uri = Path(path).as_uri() + "?immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as source:
            source.backup(db)
        after = os.stat(path)
        if os.path.exists(path + "-wal") or (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
            db.close()
            return connect(":memory:")
    return db
