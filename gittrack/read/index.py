"""The query index: every committed run in one SQLite file, derived from the branch and keyed to its tip.

Deleting the file is always safe. One transaction moves the rows together with the tip, so a reader sees the
runs of one tip or of another; what cannot be used or written is made anew, on disk or else in memory.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar, final

from gittrack.errors import DamagedRecord, GittrackError, StorageError
from gittrack.read.database import FILE, Place, next_place, open_database
from gittrack.values import shown

if TYPE_CHECKING:
    from sqlite3 import Connection

    from gittrack.git.reader import BlobReader
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.query.terms import Field, Query, Source
    from gittrack.read.revisions import Codes
    from gittrack.read.search import Hit

Progress: TypeAlias = Callable[[int, int], None]
_T = TypeVar("_T")
_Group: TypeAlias = "tuple[str, list[tuple[str, str]]]"  # run id, (path, object id) of each record

_BATCH: Final = 256  # runs
# A run that was purged may be back by a merge with a clone that still had it: it is not there for a reader.
_KEPT: Final = "id NOT IN (SELECT id FROM purged)"


class Named(NamedTuple):
    """A run as far as it takes to choose it."""

    id: str
    name: str
    deleted: bool


@final
class Index:
    """Queries over the committed runs, as of the last `refresh`; safe to leave open, `close` it when done."""

    def __init__(self, project: Project, progress: Progress | None = None, *, in_memory: bool = False) -> None:
        """Open nothing yet; `progress(done, total)` is told of runs while many are read.

        With `in_memory` the file is neither read nor written: a full scan of the branch, as a check needs it.
        """
        self._project = project
        self._in_memory = in_memory
        self._progress = progress
        self._db: Connection | None = None
        self._closing: weakref.finalize[[], Index] | None = None
        self._path = os.path.join(project.repo.state_dir, FILE)

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a later query opens it again."""
        if self._closing is not None:
            self._closing()
        self._db = self._closing = None

    def refresh(self) -> None:
        """Bring the index to the present tip; raises GittrackError when the branch itself cannot be read."""
        self._ask(self._update)

    def ask(self, work: Callable[[Connection], _T]) -> _T:
        """Return what `work` reads from the tables (read/schema.py)."""
        return self._ask(work)

    # Questions

    def search(self, query: Query) -> list[Hit]:
        """Return the runs that `query` means, in its order; GittrackError when that takes too long."""
        from gittrack.read.search import search

        return self._ask(lambda db: search(db, query))

    def count(self) -> int:
        """Return how many runs there are, deleted ones too."""
        return int(self._ask(lambda db: db.execute("SELECT count(*) FROM runs").fetchone()[0]))

    def codes(self) -> Codes:
        """Return what the runs were made with."""
        from gittrack.read.revisions import Codes

        by_commit = "SELECT commit_id, max(CASE WHEN dirty THEN NULL ELSE tree END) FROM runs GROUP BY commit_id"
        dirty = "SELECT DISTINCT tree FROM runs WHERE dirty AND tree IS NOT NULL"
        return self._ask(
            lambda db: Codes(
                {commit: tree for commit, tree in db.execute(by_commit) if commit},
                frozenset(tree for (tree,) in db.execute(dirty)),
            )
        )

    def trees(self, ids: Sequence[str]) -> dict[str, str]:
        """Return the tree, or else the commit, of the code of each of those runs that has one."""
        sql = "SELECT id, coalesce(tree, commit_id) FROM runs"
        if len(ids) <= _BATCH:
            sql += f" WHERE id IN ({', '.join('?' * len(ids))})"
            found = self._ask(lambda db: db.execute(sql, ids).fetchall())
        else:
            found = self._ask(lambda db: db.execute(sql).fetchall())
        return {run_id: tree for run_id, tree in found if tree}

    def has(self, field: Field) -> bool:
        """Tell whether any run has that metric, param or tag."""
        sql = f"SELECT 1 FROM {field.source.value} WHERE key = ? LIMIT 1"  # noqa: S608 - a word of our own
        return self._ask(lambda db: db.execute(sql, (field.key,)).fetchone()) is not None

    def keys(self, source: Source) -> list[str]:
        """Return the names of all metrics, params or tags."""
        sql = f"SELECT DISTINCT key FROM {source.value} ORDER BY key"  # noqa: S608 - a word of our own
        return self._ask(lambda db: [key for (key,) in db.execute(sql)])

    def documents(self, ids: Sequence[str]) -> Iterator[Run]:
        """Yield the runs with those whole ids, in that order; one that has gone meanwhile is passed over."""
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            marks = ", ".join("?" * len(batch))
            found = {run.id: run for run in self._documents(f"WHERE id IN ({marks})", *batch)}
            yield from (found[run_id] for run_id in batch if run_id in found)

    def get(self, run_id: str) -> Run | None:
        """Return the run with that whole id."""
        found = self._documents("WHERE id = ?", run_id)
        return found[0] if found else None

    def segments(self, run_id: str) -> frozenset[str]:
        """Return the names of the journal segments whose content a run on the branch has."""
        sql = "SELECT segments FROM runs JOIN documents USING (run) WHERE id = ?"
        found = self._ask(lambda db: db.execute(sql, (run_id,)).fetchone())
        return frozenset(found[0].split(" ")) if found else frozenset()

    def by_prefix(self, prefix: str, limit: int | None = None) -> list[Named]:
        """Return the runs whose id starts with `prefix`, by id, deleted ones too."""
        return self._named("WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", prefix, prefix + "g", _limit(limit))

    def by_name(self, name: str, limit: int | None = None) -> list[Named]:
        """Return the runs of that name, those that are not deleted first, then the newest first."""
        if not _is_unicode(name):
            return []
        return self._named("WHERE name = ? ORDER BY deleted, start DESC, id LIMIT ?", name, _limit(limit))

    def knows_commit(self, commit: str) -> bool:
        """Tell whether a run was made with that commit of the code."""
        sql = "SELECT 1 FROM runs WHERE commit_id = ? LIMIT 1"
        return self._ask(lambda db: db.execute(sql, (commit,)).fetchone()) is not None

    def names(self, limit: int | None = None) -> list[Named]:
        """Return the newest runs that are not deleted, for suggestions."""
        return self._named("WHERE deleted = 0 ORDER BY start DESC, id LIMIT ?", _limit(limit))

    def damaged(self) -> list[tuple[str, str]]:
        """Return (id, what is wrong) of each run that is damaged on the branch, wholly or in part."""
        return self._ask(lambda db: db.execute("SELECT id, reason FROM damaged ORDER BY id").fetchall())

    def _named(self, rest: str, *values: str | int) -> list[Named]:
        sql = f"SELECT id, name, deleted FROM runs {rest}"  # noqa: S608 - our own words; values are bound
        return self._ask(lambda db: [Named(i, name, bool(deleted)) for i, name, deleted in db.execute(sql, values)])

    def _documents(self, rest: str, *values: str | int) -> list[Run]:
        sql = f"SELECT document FROM runs JOIN documents USING (run) {rest}"  # noqa: S608 - as above
        return self._ask(lambda db: [_run(text) for (text,) in db.execute(sql, values)])

    # The file

    def _ask(self, work: Callable[[Connection], _T]) -> _T:
        """Do `work`; a damaged file is made anew, and one that cannot be used is replaced in memory."""
        import sqlite3

        place: Place | None = Place.FILE
        failure = ""
        while place is not None:
            try:
                if self._db is None:
                    self._db = self._open(place)
                    self._closing = weakref.finalize(self, self._db.close)
                    self._update(self._db)
                return work(self._db)
            except (sqlite3.DatabaseError, DamagedRecord, OSError) as error:
                failure = str(error)
                self.close()
                place = next_place(place, error)
            except BaseException:
                self.close()
                raise
        raise StorageError(f"the index of the runs cannot be made: {failure}")

    def _open(self, place: Place) -> Connection:
        # Reading alone leaves nothing behind in a repository that has no runs.
        if self._in_memory or (not os.path.exists(self._path) and self._project.runs_tip() is None):
            place = Place.MEMORY
        return open_database(self._path, place, self._project.repo.common_dir)

    # Following the branch

    def _update(self, db: Connection) -> None:
        if _state(db) == (True, self._project.runs_tip()):
            return
        db.execute("BEGIN IMMEDIATE")
        try:
            # Asked again: another process may have done it while this one waited, or moved the branch.
            tip = self._project.runs_tip()
            known, indexed = _state(db)
            if not known or indexed != tip:
                self._move(db, indexed, tip, known=known)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _move(self, db: Connection, old: str | None, new: str | None, *, known: bool) -> None:
        from gittrack.git.reader import BlobReader
        from gittrack.read.schema import create_tables

        with BlobReader(self._project.repo) as reader:
            if new is None:
                create_tables(db)
            elif not known or old is None or not self._move_by_difference(db, reader, old, new):
                self._rebuild(db, reader, new)
        db.execute("DELETE FROM tip")
        db.execute("INSERT INTO tip VALUES (?)", (new,))

    def _move_by_difference(self, db: Connection, reader: BlobReader, old: str, new: str) -> bool:
        """Read again the runs that differ between two tips; False when git does not know the old one any more."""
        from gittrack.codec.paths import FORMAT_FILE, parse_purged
        from gittrack.git.reader import changed_paths
        from gittrack.read.records import record_at
        from gittrack.read.schema import remove_run

        try:
            changes = changed_paths(self._project.repo, old, new)
        except StorageError:
            return False
        if any(change.path == FORMAT_FILE for change in changes):
            return False
        touched: set[str] = set()
        for change in changes:
            if (purged := parse_purged(change.path)) is not None:
                _mark_purged(db, purged, is_so=change.status != "D")
                touched.add(purged)
            record = record_at(change.path)
            if record is None:
                continue
            touched.add(record[0])
            if change.status == "D":
                db.execute("DELETE FROM records WHERE id = ? AND path = ?", record)
            else:
                db.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (*record, change.oid))
        for run_id in touched:
            remove_run(db, run_id)
        sql = f"SELECT path, object FROM records WHERE id = ? AND {_KEPT} ORDER BY path"  # noqa: S608 - our own words
        groups = ((run_id, db.execute(sql, (run_id,)).fetchall()) for run_id in sorted(touched))
        self._add(db, reader, groups, len(touched))
        return True

    def _rebuild(self, db: Connection, reader: BlobReader, tip: str) -> None:
        from gittrack.read.schema import create_indexes, create_tables

        create_tables(db)
        try:
            _insert_records(db, _listed(self._project, tip))
        except StorageError:
            # git stops at a directory that it cannot read.
            db.execute("DELETE FROM records")
            _insert_records(db, _walked(self._project, reader, tip))
        total = int(db.execute("SELECT count(DISTINCT id) FROM records").fetchone()[0])
        _check_format(reader, tip, empty=total == 0)
        _insert_purged(db, self._project, tip)
        rows = db.execute(f"SELECT id, path, object FROM records WHERE {_KEPT} ORDER BY id, path")  # noqa: S608 - as above
        groups = ((run_id, [row[1:] for row in group]) for run_id, group in groupby(rows, itemgetter(0)))
        self._add(db, reader, groups, total)
        create_indexes(db)

    def _add(self, db: Connection, reader: BlobReader, groups: Iterable[_Group], total: int) -> None:
        from gittrack.read.records import read_records
        from gittrack.read.schema import add_run

        done = 0
        for batch in _batches(groups, _BATCH):
            contents = _contents(reader, [oid for _, files in batch for _, oid in files])
            for run_id, files in batch:
                if files:
                    add_run(db, run_id, read_records(run_id, ((path, contents.get(oid)) for path, oid in files)))
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


def open_index(project: Project, progress: Progress | None = None) -> Index:
    """Return the index of a project, brought to the tip of its runs."""
    index = Index(project, progress)
    index.refresh()
    return index


def _state(db: Connection) -> tuple[bool, str | None]:
    """Whether the tables are those of this version, and the tip that they tell of."""
    from gittrack.read.schema import VERSION

    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
        return False, None
    row = db.execute("SELECT id FROM tip").fetchone()
    return True, None if row is None else row[0]


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
    db.executemany("INSERT INTO records VALUES (?, ?, ?)", ((*record, oid) for record, oid in entries if record))


def _mark_purged(db: Connection, run_id: str, *, is_so: bool) -> None:
    db.execute("DELETE FROM purged WHERE id = ?", (run_id,))
    if is_so:
        db.execute("INSERT INTO purged VALUES (?)", (run_id,))


def _insert_purged(db: Connection, project: Project, tip: str) -> None:
    from gittrack.codec.paths import PURGED, parse_purged
    from gittrack.git.reader import list_tree

    ids = (parse_purged(entry.path) for entry in list_tree(project.repo, tip, PURGED))
    db.executemany("INSERT OR IGNORE INTO purged VALUES (?)", ((run_id,) for run_id in ids if run_id))


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


def _run(document: str) -> Run:
    from gittrack.codec.document import run_from_document, unpack

    return run_from_document(unpack(document))


def _is_unicode(*texts: str | None) -> bool:
    """Whether SQLite takes the texts: what was typed may hold bytes that are no UTF-8, and nothing is called so."""
    try:
        "".join(text or "" for text in texts).encode()
    except UnicodeEncodeError:
        return False
    return True


# As far as SQLite counts.
_MANY: Final = 2**63 - 1


def _limit(limit: int | None) -> int:
    return -1 if limit is None else min(limit, _MANY)
