"""The query index looked at from outside: whether its file is sound, and whether it equals a full scan."""

from __future__ import annotations

import contextlib
import os
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from gittrack.read.database import FILE
from gittrack.read.index import Index, Progress
from gittrack.read.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from gittrack.project import Project

# Each table in an order of its own; the short numbers of runs differ from file to file and stand for an id.
_TABLES: Final = {
    "damaged": "SELECT id, reason FROM damaged ORDER BY id",
    "records": "SELECT id, path, object FROM records ORDER BY id, path",
    "purged": "SELECT id, id FROM purged ORDER BY id",
    "runs": (
        "SELECT id, name, experiment, status, start, end, duration, author, email, host, user, commit_id, tree, "
        "branch, dirty, parent, reproduces, description, deleted FROM runs ORDER BY id"
    ),
    "documents": "SELECT id, document, segments, checksum FROM documents JOIN runs USING (run) ORDER BY id",
    "params": "SELECT id, key, number, text FROM params JOIN runs USING (run) ORDER BY id, key",
    "metrics": (
        "SELECT id, key, last, step, min, min_step, max, max_step, count FROM metrics JOIN runs USING (run) "
        "ORDER BY id, key"
    ),
    "tags": "SELECT id, key, value FROM tags JOIN runs USING (run) ORDER BY id, key",
    "inputs": "SELECT id, inputs.name, path, sha256 FROM inputs JOIN runs USING (run) ORDER BY 1, 2, 3, 4",
}
_TRIES: Final = 3


class IndexState(Enum):
    """How the file of the index stands."""

    ABSENT = "absent"
    UNREADABLE = "unreadable"
    UNUSABLE = "unusable"  # sound perhaps, but this process may not open it
    OLD = "old"
    BEHIND = "behind"
    GOOD = "good"


def index_path(project: Project) -> str:
    """Return where the index is."""
    return os.path.join(project.repo.state_dir, FILE)


def index_state(project: Project) -> IndexState:
    """Look at the file of the index without writing to it."""
    import sqlite3

    path = index_path(project)
    if not os.path.lexists(path):
        return IndexState.ABSENT
    try:
        with contextlib.closing(_open_read_only(path)) as db:
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                return IndexState.UNREADABLE
            if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                return IndexState.OLD
            row = db.execute("SELECT id FROM tip").fetchone()
    except sqlite3.OperationalError as error:
        return IndexState.UNREADABLE if "no such" in str(error) else IndexState.UNUSABLE
    except sqlite3.Error:
        return IndexState.UNREADABLE
    return IndexState.GOOD if row is not None and row[0] == project.runs_tip() else IndexState.BEHIND


def indexed_tip(project: Project) -> str | None:
    """Return the tip that the file of the index tells of, None where it tells of none."""
    import sqlite3

    path = index_path(project)
    try:
        with contextlib.closing(_open_read_only(path)) as db:
            row = db.execute("SELECT id FROM tip").fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else row[0]


def index_differences(project: Project, progress: Progress | None = None) -> list[tuple[str, str]]:
    """Return (run id, table) of the first difference in each table between the index and a full scan.

    Both are brought to the tip first. Raises GittrackError where the branch cannot be read.
    """
    with Index(project) as index, Index(project, progress, in_memory=True) as scan:
        for _ in range(_TRIES):
            index.refresh()
            scan.refresh()
            if index.ask(_tip) == scan.ask(_tip):
                break
        else:
            return []  # runs come in faster than they can be read: nothing can be said
        return scan.ask(lambda fresh: index.ask(lambda kept: list(_differences(kept, fresh))))


def _open_read_only(path: str) -> Connection:
    import sqlite3
    from pathlib import Path

    return sqlite3.connect(Path(path).as_uri() + "?mode=ro", uri=True, timeout=5)


def _tip(db: Connection) -> object:
    return db.execute("SELECT id FROM tip").fetchone()


def _differences(kept: Connection, fresh: Connection) -> Iterator[tuple[str, str]]:
    for table, sql in _TABLES.items():
        for row, other in zip_longest(kept.execute(sql), fresh.execute(sql)):
            if row != other:
                yield min(found[0] for found in (row, other) if found is not None), table
                break
