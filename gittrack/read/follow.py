"""Brings the rows of the index from one tip of the branch to another, reading again only the runs that differ."""

from __future__ import annotations

import time
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, TypeAlias, final

from gittrack.errors import DamagedRecord, GittrackError, StorageError
from gittrack.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from sqlite3 import Connection

    from gittrack.git.reader import BlobReader
    from gittrack.project import Project
    from gittrack.read.index import Progress

_Group: TypeAlias = "tuple[str, list[tuple[str, str]]]"  # run id, (path, object id) of each record

_BATCH: Final = 256  # runs
# So many of all runs differ that making every row anew is faster: rows are added before the indexes are made.
_MOST: Final = 0.5
_FEW: Final = 1000  # runs, which are faster one by one even so
_PATIENCE: Final = 600.0  # seconds; the lock of a process that is gone is gone with it
_TURN: Final = 0.25  # seconds between two looks at the lock, in which a key that interrupts is heard
# A run that was purged may be back by a merge with a clone that still had it: it is not there for a reader.
_KEPT: Final = "id NOT IN (SELECT id FROM purged)"
_DIFFERING: Final = """
SELECT id FROM listed LEFT JOIN records USING (id, path) WHERE records.object IS NOT listed.object
UNION SELECT id FROM records LEFT JOIN listed USING (id, path) WHERE listed.object IS NULL
"""


def follow(db: Connection, project: Project, progress: Progress | None) -> None:
    """Bring the tables to the present tip, in one transaction.

    Raises sqlite3.Error where the file cannot be written or is damaged, GittrackError where the branch cannot be read.
    """
    if indexed(db) == (True, project.runs_tip()):
        return
    _begin(db)
    try:
        # Asked again: another process may have done it while this one waited, or moved the branch.
        tip = project.runs_tip()
        known, old = indexed(db)
        if not known or old != tip:
            _move(db, project, progress, old if known else None, tip)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def indexed(db: Connection) -> tuple[bool, str | None]:
    """Whether the tables are those of this version, and the tip that they tell of."""
    from gittrack.read.schema import VERSION

    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        return False, None
    row = db.execute("SELECT id FROM tip").fetchone()
    return True, None if row is None else row[0]


def _begin(db: Connection) -> None:
    """Begin a transaction that writes; a process that makes the index of a large branch is waited for."""
    from sqlite3 import OperationalError

    before = int(db.execute("PRAGMA busy_timeout").fetchone()[0])
    deadline = time.monotonic() + _PATIENCE
    db.execute(f"PRAGMA busy_timeout = {int(_TURN * 1000)}")
    try:
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            else:
                return
    finally:
        db.execute(f"PRAGMA busy_timeout = {before}")


def _move(db: Connection, project: Project, progress: Progress | None, old: str | None, new: str | None) -> None:
    from gittrack.git.reader import BlobReader
    from gittrack.read.schema import create_tables

    if new is None:
        create_tables(db)
    else:
        with BlobReader(project.repo) as reader:
            _Rows(db, project, reader, progress).move(old, new)
    db.execute("DELETE FROM tip")
    db.execute("INSERT INTO tip VALUES (?)", (new,))


@final
class _Rows:
    """The rows of the index while they are moved to another tip."""

    def __init__(self, db: Connection, project: Project, reader: BlobReader, progress: Progress | None) -> None:
        self._db = db
        self._project = project
        self._reader = reader
        self._progress = progress

    def move(self, old: str | None, new: str) -> None:
        """Bring the rows from tip to tip; `old` is None where there are none of this version."""
        touched = None if old is None else self._by_difference(old, new)
        if touched is None:
            touched = self._by_listing(new, anew=old is None)
        if old is None or self._are_most(touched):
            self._fill()
        else:
            self._renew(touched)

    # Which records there are

    def _by_difference(self, old: str, new: str) -> set[str] | None:
        """Note the records that differ between two tips and return their runs; None where a listing has to tell."""
        from gittrack.codec.paths import FORMAT_FILE, parse_purged
        from gittrack.git.reader import stream_changes
        from gittrack.read.records import record_at

        records: list[tuple[tuple[str, str], str | None]] = []  # (run, path), its object unless it is gone
        purged: dict[str, bool] = {}
        try:
            for change in stream_changes(self._project.repo, old, new):
                gone = change.status == "D"
                if (record := record_at(change.path)) is not None:
                    records.append((record, None if gone else change.oid))
                elif (run_id := parse_purged(change.path)) is not None:
                    purged[run_id] = not gone
                elif change.path == FORMAT_FILE:
                    return None
        except StorageError:
            return None  # git no longer has the old tip, or cannot read all of the new one
        self._note(records)
        for run_id, is_so in purged.items():
            _mark_purged(self._db, run_id, is_so=is_so)
        return {run_id for (run_id, _), _ in records} | purged.keys()

    def _note(self, records: list[tuple[tuple[str, str], str | None]]) -> None:
        gone = (record for record, oid in records if oid is None)
        there = ((*record, oid) for record, oid in records if oid is not None)
        self._db.executemany("DELETE FROM records WHERE id = ? AND path = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", there)

    def _by_listing(self, tip: str, *, anew: bool) -> set[str]:
        """Note the records that the branch has, and return the runs of which others were noted before."""
        from gittrack.read.schema import create_tables

        db = self._db
        if anew:
            create_tables(db)
        db.execute("CREATE TEMP TABLE listed (id TEXT, path TEXT, object TEXT, PRIMARY KEY (id, path)) WITHOUT ROWID")
        try:
            _insert_records(db, _listed(self._project, tip))
        except StorageError:
            # git stops at a directory that it cannot read.
            db.execute("DELETE FROM listed")
            _insert_records(db, _walked(self._project, self._reader, tip))
        _check_format(self._reader, tip, empty=db.execute("SELECT 1 FROM listed LIMIT 1").fetchone() is None)
        touched = {run_id for (run_id,) in db.execute(_DIFFERING)}
        db.execute("DELETE FROM records")
        db.execute("INSERT INTO records SELECT * FROM listed")
        db.execute("DROP TABLE listed")
        return touched | self._list_purged(tip)

    def _list_purged(self, tip: str) -> set[str]:
        """Note the runs that were purged, and return those that were not noted before, or no longer are."""
        from gittrack.codec.paths import PURGED, parse_purged
        from gittrack.git.reader import list_tree

        before = {run_id for (run_id,) in self._db.execute("SELECT id FROM purged")}
        paths = (parse_purged(entry.path) for entry in list_tree(self._project.repo, tip, PURGED))
        now = {run_id for run_id in paths if run_id is not None}
        for run_id in before ^ now:
            _mark_purged(self._db, run_id, is_so=run_id in now)
        return before ^ now

    # The rows of runs

    def _are_most(self, touched: set[str]) -> bool:
        if len(touched) < _FEW:
            return False
        known = int(self._db.execute("SELECT count(*) FROM runs").fetchone()[0])
        return len(touched) > known * _MOST

    def _fill(self) -> None:
        """Make the rows of all runs anew, and then the indexes."""
        from gittrack.read.schema import clear_runs, create_indexes

        clear_runs(self._db)
        total = int(self._db.execute("SELECT count(DISTINCT id) FROM records").fetchone()[0])
        rows = self._db.execute(f"SELECT id, path, object FROM records WHERE {_KEPT} ORDER BY id, path")  # noqa: S608 - our own words
        groups = ((run_id, [row[1:] for row in group]) for run_id, group in groupby(rows, itemgetter(0)))
        self._add(groups, total)
        create_indexes(self._db)

    def _renew(self, touched: set[str]) -> None:
        from gittrack.read.schema import remove_run

        for run_id in touched:
            remove_run(self._db, run_id)
        sql = f"SELECT path, object FROM records WHERE id = ? AND {_KEPT} ORDER BY path"  # noqa: S608 - our own words
        groups = ((run_id, self._db.execute(sql, (run_id,)).fetchall()) for run_id in sorted(touched))
        self._add(groups, len(touched))

    def _add(self, groups: Iterable[_Group], total: int) -> None:
        from gittrack.read.records import read_records
        from gittrack.read.schema import add_run

        done = 0
        for batch in _batches(groups, _BATCH):
            contents = _contents(self._reader, [oid for _, files in batch for _, oid in files])
            for run_id, files in batch:
                if files:
                    add_run(self._db, run_id, read_records(run_id, ((path, contents.get(oid)) for path, oid in files)))
            done += len(batch)
            if self._progress is not None:
                self._progress(done, total)


def _contents(reader: BlobReader, oids: list[str]) -> dict[str, bytes]:
    """The contents of objects; what a git did not find is asked of another, for a disk that erred once is no damage."""
    found = dict(reader.read_many(oids))
    lost = [oid for oid in oids if oid not in found]
    if lost:
        reader.close()
        found |= dict(reader.read_many(lost))
    return found


def _listed(project: Project, tip: str) -> Iterator[tuple[str, str]]:
    from gittrack.git.reader import list_tree

    return ((entry.path, entry.oid) for entry in list_tree(project.repo, tip, "runs"))


def _walked(project: Project, reader: BlobReader, tip: str) -> Iterator[tuple[str, str]]:
    """As `_listed`, one directory at a time; one that cannot be read stands for the record that it may hold."""
    from gittrack.codec.paths import LATER, RECORD
    from gittrack.git.verified import walk_commit

    for node in walk_commit(project.repo, reader, tip):
        depth = node.path.count("/")
        if not node.fault:
            yield node.path, node.entry.oid
        elif depth == 2:
            yield f"{node.path}/{RECORD}", node.entry.oid
        elif depth == 3 and node.path.endswith(f"/{LATER}"):
            yield f"{node.path}/{0:08d}-{0:016d}.yaml", node.entry.oid


def _insert_records(db: Connection, files: Iterable[tuple[str, str]]) -> None:
    from gittrack.read.records import record_at

    entries = ((record_at(path), oid) for path, oid in files)
    db.executemany("INSERT INTO listed VALUES (?, ?, ?)", ((*record, oid) for record, oid in entries if record))


def _mark_purged(db: Connection, run_id: str, *, is_so: bool) -> None:
    db.execute("DELETE FROM purged WHERE id = ?", (run_id,))
    if is_so:
        db.execute("INSERT INTO purged VALUES (?)", (run_id,))


def _check_format(reader: BlobReader, tip: str, *, empty: bool) -> None:
    """GittrackError when a branch is of a newer format, or holds no runs but something else."""
    from gittrack.codec.paths import FORMAT_FILE, FORMAT_VERSION
    from gittrack.codec.text import from_yaml

    data = reader.read(f"{tip}:{FORMAT_FILE}")
    if data is None:
        if empty:
            raise GittrackError(
                "the branch for runs holds something else; set another with 'git config gittrack.branch NAME'"
            )
        return
    try:
        found = from_yaml(data, FORMAT_FILE)
    except DamagedRecord as error:
        raise GittrackError(str(error)) from None
    version = found.get("version") if isinstance(found, dict) else None
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise GittrackError(
            f"the branch has format version {shown(version)}; this gittrack reads {FORMAT_VERSION}: upgrade gittrack"
        )


def _batches(groups: Iterable[_Group], size: int) -> Iterator[list[_Group]]:
    iterator = iter(groups)
    while batch := list(islice(iterator, size)):
        yield batch
