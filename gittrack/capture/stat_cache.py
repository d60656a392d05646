"""Hashes of files, or of what was found out about them, kept between runs and believed while a file's stat stays.

A file that was changed less than two seconds before it was hashed is not kept: another change in the
same tick of the file system's clock would leave no trace (git's rule for its index, racy-git).
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_RACY_NS = 2_000_000_000
_BATCH = 256
_PATIENCE = 2.0  # seconds to wait for another process; a hash that is not kept is only found again
HASHES = "hashes"
HARMLESS = "harmless"  # files without secrets, each with the hash of the rules by which it was looked at
_TABLE = """create table if not exists {} (
    path blob primary key, size integer, mtime_ns integer, ctime_ns integer, inode text, sha256 text
) without rowid"""


class StatCache:
    """A cache in the SQLite file `path`, for many processes; damage empties it, faults leave it unused."""

    def __init__(self, path: str | os.PathLike[str], table: str = HASHES) -> None:
        self._path = os.fspath(path)
        self._table = table

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open the cache for one piece of work of one thread."""
        session = Session(_connect(self._path, self._table), self._path, self._table)
        try:
            yield session
        finally:
            session.close()


def _connect(path: str, table: str) -> sqlite3.Connection | None:
    import sqlite3  # slow to import

    for _ in range(2):
        connection = None
        try:
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            connection.execute("pragma synchronous = off")
            connection.execute(_TABLE.format(table))
            connection.execute(f"select path, size, mtime_ns, ctime_ns, inode, sha256 from {table} limit 1")  # noqa: S608 - one of two names
        except (sqlite3.Error, OSError) as error:
            if connection is not None:
                connection.close()
            if not _is_damage(error):
                return None
            _remove(path)
        else:
            return connection
    return None


def _is_damage(error: Exception) -> bool:
    """Whether starting again helps: not where another process is at work or the disk is full."""
    import sqlite3

    if isinstance(error, sqlite3.OperationalError):
        return "no such column" in str(error) or "malformed" in str(error)
    return isinstance(error, sqlite3.DatabaseError)


def _remove(path: str) -> None:
    for name in (path, f"{path}-journal"):
        with suppress(OSError):
            os.unlink(name)


@dataclass(slots=True)
class Session:
    """One open connection; `close` writes down what was remembered."""

    _connection: sqlite3.Connection | None
    _path: str
    _table: str
    _pending: dict[bytes, tuple[int, int, int, str, str]] = field(default_factory=dict)

    def lookup(self, path: str, status: os.stat_result) -> str | None:
        """Return the SHA-256 of the file when its stat is that of the time when it was hashed."""
        if self._connection is None:
            return None
        import sqlite3

        size, mtime, changed, inode = _key(status)
        try:
            row = self._connection.execute(
                f"select sha256 from {self._table} where path=? and size=? and mtime_ns=? and ctime_ns=? and inode=?",  # noqa: S608
                (_digest(path), size, mtime, changed, inode),
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        known = row[0] if row else None
        return known if isinstance(known, str) and len(known) == 64 else None

    def remember(self, path: str, status: os.stat_result, sha256: str, started_ns: int) -> None:
        """Keep a hash that was begun at `started_ns`, unless the file was changed just before that."""
        if self._connection is None or started_ns - max(status.st_mtime_ns, status.st_ctime_ns) < _RACY_NS:
            return
        self._pending[_digest(path)] = (*_key(status), sha256)
        if len(self._pending) >= _BATCH:
            self._write()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._write()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self) -> None:
        if self._connection is None or not self._pending:
            return
        import sqlite3

        rows = [(path, *entry) for path, entry in self._pending.items()]
        self._pending.clear()
        try:
            self._connection.execute("begin immediate")
            insert = f"insert or replace into {self._table} values (?, ?, ?, ?, ?, ?)"  # noqa: S608
            self._connection.executemany(insert, rows)
            self._connection.execute("commit")
        except sqlite3.Error as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if _is_damage(error):
            _remove(self._path)


def _key(status: os.stat_result) -> tuple[int, int, int, str]:
    # The inode as text: on Windows it may not fit into SQLite's integers. The time of the last change
    # of the inode too, because tools that set a file's time back cannot set that one.
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, str(status.st_ino)


def _digest(path: str) -> bytes:
    """What stands for a path: not the path itself, which may hold a secret."""
    return hashlib.sha256(os.fsencode(os.path.abspath(path))).digest()
