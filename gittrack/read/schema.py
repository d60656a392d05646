"""The tables of the query index, and the rows that a run has in them.

`documents` holds the truth about each run, as JSON; everything else is there to search by: NaN, which
SQLite cannot store, is NULL there, and an integer of more than 64 bits is the nearest float.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final
from zlib import crc32

from gittrack.codec.document import pack, run_document
from gittrack.codec.paths import FORMAT_VERSION
from gittrack.values import flatten, full_value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from gittrack.model import Run, Value
    from gittrack.read.records import Reading

# Raise the first number with every change of a table, of a row's meaning, of the document or of the fold.
VERSION: Final = 6 * 1000 + FORMAT_VERSION

# A run has a short number in the other tables: its id would be most of their size. `records` lists the
# files that a run was folded from, so that a refresh reads no tree.
TABLES: Final = """
CREATE TABLE tip (id TEXT);
CREATE TABLE records (id TEXT, path TEXT, object TEXT, PRIMARY KEY (id, path)) WITHOUT ROWID;
CREATE TABLE purged (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE damaged (id TEXT PRIMARY KEY, reason TEXT) WITHOUT ROWID;
CREATE TABLE documents (run INTEGER PRIMARY KEY, document TEXT, segments TEXT, checksum INTEGER);
CREATE TABLE runs (
    run INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT, experiment TEXT, status TEXT, start REAL, end REAL,
    duration REAL, author TEXT, email TEXT, host TEXT, user TEXT, commit_id TEXT, tree TEXT, branch TEXT, dirty INTEGER,
    parent TEXT, reproduces TEXT, description TEXT, deleted INTEGER
);
CREATE TABLE params (run INTEGER, key TEXT, number NUMERIC, text TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE metrics (
    run INTEGER, key TEXT, last NUMERIC, step NUMERIC, min NUMERIC, min_step NUMERIC, max NUMERIC,
    max_step NUMERIC, count NUMERIC, PRIMARY KEY (run, key)
) WITHOUT ROWID;
CREATE TABLE tags (run INTEGER, key TEXT, value TEXT, PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE TABLE inputs (run INTEGER, name TEXT, path TEXT, sha256 TEXT);
"""
# Made after the rows of a rebuild, which is faster.
INDEXES: Final = """
CREATE UNIQUE INDEX runs_id ON runs (id);
CREATE INDEX runs_start ON runs (start DESC, id);
CREATE INDEX runs_experiment ON runs (experiment, start DESC, id);
CREATE INDEX runs_status ON runs (status, start DESC, id);
CREATE INDEX runs_name ON runs (name);
CREATE INDEX runs_commit ON runs (commit_id);
CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE INDEX params_number ON params (key, number);
CREATE INDEX params_text ON params (key, text);
CREATE INDEX metrics_last ON metrics (key, last);
CREATE INDEX tags_value ON tags (key, value);
CREATE INDEX inputs_run ON inputs (run);
"""
_OF_A_RUN: Final = ("runs", "documents", "params", "metrics", "tags", "inputs")


def create_tables(db: Connection) -> None:
    """Drop whatever tables there are and create ours, empty and without indexes, in the open transaction."""
    dropped = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in dropped:
        db.execute('DROP TABLE "{}"'.format(name.replace('"', '""')))
    _each(db, TABLES)
    db.execute(f"PRAGMA user_version = {VERSION}")


def clear_runs(db: Connection) -> None:
    """Remove the rows of all runs, and the indexes, without which many rows are added faster."""
    made = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    for (name,) in db.execute(made).fetchall():
        db.execute(f"DROP INDEX {name}")
    for table in (*_OF_A_RUN, "damaged"):
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own


def create_indexes(db: Connection) -> None:
    """Create the indexes of the tables."""
    _each(db, INDEXES)


def _each(db: Connection, statements: str) -> None:
    # Not executescript, which commits first.
    for statement in statements.split(";\n"):
        db.execute(statement)


def remove_run(db: Connection, run_id: str) -> None:
    """Remove every row of a run, except the list of its records."""
    db.execute("DELETE FROM damaged WHERE id = ?", (run_id,))
    for (run,) in db.execute("SELECT run FROM runs WHERE id = ?", (run_id,)).fetchall():
        for table in _OF_A_RUN:
            db.execute(f"DELETE FROM {table} WHERE run = ?", (run,))  # noqa: S608 - names of our own


def add_run(db: Connection, run_id: str, reading: Reading) -> None:
    """Add the rows of a run that has none."""
    problem = reading.problem
    if reading.run is not None:
        try:
            document = pack(run_document(reading.run))
            document.encode()
        except (ValueError, TypeError, RecursionError) as error:  # such as half of a UTF-16 pair
            problem = f"it holds a value that cannot be kept: {error}"[:300]
        else:
            _add(db, reading.run, document, " ".join(reading.segments))
    if problem:
        text = problem.encode("utf-8", "backslashreplace").decode()
        db.execute("INSERT INTO damaged VALUES (?, ?)", (run_id, text))


def _add(db: Connection, run: Run, document: str, segments: str) -> None:
    author = run.author
    cursor = db.execute(
        "INSERT INTO runs VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.id,
            run.name,
            run.experiment,
            run.status,
            run.start,
            run.end,
            run.duration,
            None if author is None else author.name,
            None if author is None else author.email,
            run.host or None,
            run.user or None,
            run.code.commit,
            run.code.tree,
            run.code.branch,
            run.code.dirty,
            run.parent,
            run.reproduces,
            run.description or None,
            run.deleted,
        ),
    )
    number = cursor.lastrowid
    db.execute("INSERT INTO documents VALUES (?, ?, ?, ?)", (number, document, segments, checksum(document, segments)))
    # Two spellings of one path, {"a.b": 1, "a": {"b": 2}}: the first is found, the document has both.
    db.executemany(
        "INSERT OR IGNORE INTO params VALUES (?, ?, ?, ?)",
        [(number, key, amount, text) for key, amount, text in _params(run)],
    )
    db.executemany(
        "INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (number, key, *map(_number, (m.last, m.step, m.min, m.min_step, m.max, m.max_step, m.count)))
            for key, m in run.metrics.items()
        ],
    )
    db.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(number, *tag) for tag in run.tags.items()])
    db.executemany(
        "INSERT INTO inputs VALUES (?, ?, ?, ?)", [(number, item.name, item.path, item.sha256) for item in run.inputs]
    )


def checksum(document: str, segments: str) -> int:
    """Return the number that tells a document from one in which a bit has turned, which SQLite does not notice."""
    return crc32(f"{document}\n{segments}".encode())


def _params(run: Run) -> Iterator[tuple[str, int | float | None, str | None]]:
    for key, value in flatten(run.params):
        # NaN equals nothing, not even as text.
        text = value if isinstance(value, str) else None if value != value else full_value(value)
        yield key, _number(value), text


def _number(value: Value) -> int | float | None:
    """What SQLite can compare as a number; None for NaN, booleans and all that is no number."""
    if isinstance(value, float):
        return value if value == value else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    if -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
