"""The query index: every committed run in one SQLite file, derived from the branch and keyed to its tip.

Deleting the file is always safe. One transaction moves the rows together with the tip, so a reader sees the
runs of one tip or of another; what cannot be used or written is made anew, on disk or else in memory.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar, final

from gittrack.errors import DamagedRecord, StorageError
from gittrack.read.database import FILE, Place, next_place, open_database
from gittrack.read.follow import follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from sqlite3 import Connection

    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.query.terms import Field, Query, Source
    from gittrack.read.revisions import Codes
    from gittrack.read.search import Hit

Progress: TypeAlias = Callable[[int, int], None]
_T = TypeVar("_T")

_BATCH: Final = 256  # runs


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
        from gittrack.read.sql import bindable

        sql = f"SELECT 1 FROM {field.source.value} WHERE key = ? LIMIT 1"  # noqa: S608 - a word of our own
        return self._ask(lambda db: db.execute(sql, (bindable(field.key),)).fetchone()) is not None

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
        found = self._ask(lambda db: [segments for _, segments in _sound(db, "WHERE id = ?", (run_id,))])
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

    def with_tree(self, tree: str, limit: int) -> list[str]:
        """Return the newest runs that are not deleted and whose files were that very tree."""
        sql = "SELECT id FROM runs WHERE tree = ? AND deleted = 0 ORDER BY start DESC, id LIMIT ?"
        return self._ask(lambda db: [run_id for (run_id,) in db.execute(sql, (tree, limit))])

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
        return self._ask(lambda db: [_run(document) for document, _ in _sound(db, rest, values)])

    # The file

    def _update(self, db: Connection) -> None:
        follow(db, self._project, self._progress)

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


def open_index(project: Project, progress: Progress | None = None) -> Index:
    """Return the index of a project, brought to the tip of its runs."""
    index = Index(project, progress)
    index.refresh()
    return index


def _sound(db: Connection, rest: str, values: Sequence[str | int]) -> Iterator[tuple[str, str]]:
    """Yield (document, segments) of runs; DamagedRecord where they are not as they were written."""
    from gittrack.read.schema import checksum

    sql = f"SELECT document, segments, checksum FROM runs JOIN documents USING (run) {rest}"  # noqa: S608 - our own words
    for document, segments, expected in db.execute(sql, values):
        if checksum(document, segments) != expected:
            raise DamagedRecord("a run in the index is not as it was written")
        yield document, segments


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
