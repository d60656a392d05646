"""Whether a push may move a branch of runs or a chain of pins: it only adds, and adds what the format allows.

Only folders that differ are read, so the cost grows with what is pushed and not with the branch.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.paths import (
    FORMAT_FILE,
    PURGED,
    README_FILE,
    RUNS,
    conflict_place,
    is_id,
    parse_conflict,
    purged_file,
)
from gittrack.errors import DamagedRecord, GittrackError, StorageError
from gittrack.git.ancestry import is_ancestor
from gittrack.git.pins import check_chain
from gittrack.git.process import GitError
from gittrack.git.reader import objects_at
from gittrack.git.tree import FILE, Entry
from gittrack.share.admit import admissions, folders, read_trees
from gittrack.share.folder import united
from gittrack.share.frame import MARKS, Entries, check_frame, mark_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.git.reader import BlobReader
    from gittrack.git.repository import Repository
    from gittrack.share.admit import Files

_FRAME: Final = (FORMAT_FILE, README_FILE)
_HEX: Final = frozenset("0123456789abcdef")
_KEPT: Final = "what was committed never changes"


class Objection(NamedTuple):
    """Why a push is not as it should be: the id of a run or '', the path on the branch or '', and the reason."""

    run: str
    path: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.path!r:.200}: " if self.path else ""
        return (f"run {self.run[:8]}, " if self.run else "") + where + self.reason


class Moved(NamedTuple):
    """A run whose folder a push adds or changes: the tree, and the one before, '' where there was none."""

    run: str
    tree: str
    before: str


class _Objected(Exception):
    def __init__(self, run: str, path: str, reason: str) -> None:
        super().__init__(reason)
        self.objection = Objection(run, path, reason)


def follows(repo: Repository, old: str | None, new: str) -> Objection | None:
    """Return an objection where the history of `new` does not hold `old`: then the push takes something away."""
    if old is None or is_ancestor(repo, old, new):
        return None
    return Objection("", "", "it is not on top of what is here; take that in first, with gittrack pull")


def pins_problem(repo: Repository, old: str | None, new: str) -> Objection | None:
    """Return what is wrong with the pins that `new` has and `old` has not."""
    try:
        check_chain(repo, new, old)
    except (DamagedRecord, GitError) as error:
        return Objection("", "", str(error))
    return None


def runs_problem(
    repo: Repository, reader: BlobReader, old: str | None, new: str, *, purges: bool
) -> tuple[Objection | None, list[Moved]]:
    """Return what is wrong with moving a branch of runs from `old` to `new`, and which runs are new or have more.

    Gone may only be what the format has another place for and, with `purges`, runs that `new` names as purged.
    """
    try:
        return None, _Push(repo, reader, purges=purges).moved(old, new)
    except (_Objected, DamagedRecord, StorageError) as error:
        return _objection(error), []


def news_problem(repo: Repository, reader: BlobReader, shared: str, new: str) -> Objection | None:
    """Return what is wrong with what the branch of runs `new` has and `shared` has not; all else may be missing."""
    try:
        _Push(repo, reader, purges=False).check_news(shared, new)
    except (_Objected, DamagedRecord, StorageError) as error:
        return _objection(error)
    return None


def lost_problem(repo: Repository, reader: BlobReader, old: str, new: str, runs: Sequence[str]) -> Objection | None:
    """Return what `new` has not kept of those runs of `old`.

    Gone may be a run that `new` names as purged, and one that no pull takes in.
    """
    try:
        _Push(repo, reader, purges=True).check_lost(old, new, runs)
    except (_Objected, DamagedRecord, StorageError) as error:
        return _objection(error)
    return None


def _objection(error: Exception) -> Objection:
    """What cannot be read is no better than what is wrong."""
    return error.objection if isinstance(error, _Objected) else Objection("", "", str(error))


class _Push:
    def __init__(self, repo: Repository, reader: BlobReader, *, purges: bool) -> None:
        self._repo = repo
        self._reader = reader
        self._purges = purges

    def moved(self, old: str | None, new: str) -> list[Moved]:
        """The runs that are new or have more, once all of it was found to be as it should be."""
        here, there = {} if old is None else self._top(old), self._top(new)
        gone = self._gone(here, there)
        purged = self._purged(there) if gone else set()
        for path in gone:
            name = path.rpartition("/")[2]
            if name not in purged:
                raise _Objected(name if is_id(name) else "", path, f"it is gone, and {_KEPT}")
        moved = self._admitted(here, there)
        self._check_kept([run for run in moved if run.before])
        return moved

    def check_news(self, shared: str, new: str) -> None:
        """Look at what is not in the shared branch, and do not ask for what is there alone."""
        self._admitted(self._top(shared), self._top(new))

    def check_lost(self, old: str, new: str, runs: Sequence[str]) -> None:
        """Look at what was of those runs, and at nothing that is new."""
        marks = objects_at(self._repo, [f"{new}:{purged_file(run)[0]}" for run in runs])
        kept = [run for run, mark in zip(runs, marks, strict=True) if mark is None]
        before, after = (objects_at(self._repo, [f"{side}:{_place(run)}" for run in kept]) for side in (old, new))
        trees = {run: tree for run, tree in zip(kept, before, strict=True) if tree is not None}
        found = admissions(self._repo, self._reader, list(trees.items()))
        sound = {admission.run for admission in found if not admission.reason}
        moved = [Moved(run, tree or "", trees[run]) for run, tree in zip(kept, after, strict=True) if run in sound]
        for run in moved:
            if not run.tree:
                raise _Objected(run.run, _place(run.run), f"it is gone, and {_KEPT}")
        self._check_kept(moved)

    def _admitted(self, here: Entries, there: Entries) -> list[Moved]:
        self._check_top(here, there)
        for folder in MARKS:
            self._check_marks(folder, here, there)
        moved = list(self._runs(here, there))
        for admission in admissions(self._repo, self._reader, [(run.run, run.tree) for run in moved]):
            if admission.reason:
                raise _Objected(admission.run, _place(admission.run), admission.reason)
        return moved

    def _gone(self, here: Entries, there: Entries) -> list[str]:
        """The paths that only `here` has, at the top and down to the folders of runs."""
        gone = [name for name in here if name not in there and name not in (RUNS, *MARKS)]
        for folder in (RUNS, *MARKS):
            for shard, ours, theirs in self._differing(folder, here, there):
                gone += [f"{folder}/{shard}/{name}" for name in sorted(ours.keys() - theirs.keys())]
        return gone

    # Trees

    def _top(self, commit: str) -> Entries:
        """The entries at the top of the branch."""
        tree = objects_at(self._repo, [f"{commit}^{{tree}}"])[0]
        return self._entries("", tree)

    def _entries(self, path: str, oid: str | None) -> Entries:
        found = None if oid is None else read_trees(self._repo, self._reader, [oid]).get(oid)
        if found is None:
            raise _Objected("", path, "this folder is missing, damaged or far too large")
        named = {_text(entry): entry for entry in found}
        if len(named) != len(found):
            raise _Objected("", path, "this folder has two entries of one name")
        return named

    def _below(self, top: Entries, name: str) -> Entries:
        entry = top.get(name)
        return self._entries(name, entry.oid) if entry is not None and entry.is_directory else {}

    def _differing(self, folder: str, here: Entries, there: Entries) -> Iterator[tuple[str, Entries, Entries]]:
        """(name, ours, theirs) of the folders of two characters in which something differs."""
        ours, theirs = self._below(here, folder), self._below(there, folder)
        for name in sorted({*ours, *theirs}):
            if ours.get(name) == theirs.get(name):
                continue
            if name in theirs and not (theirs[name].is_directory and len(name) == 2 and set(name) <= _HEX):
                raise _Objected("", f"{folder}/{name}", "nothing of that name and mode belongs there")
            yield name, self._below(ours, name), self._below(theirs, name)

    # What stands beside the runs

    def _check_top(self, here: Entries, there: Entries) -> None:
        for name, entry in there.items():
            belongs = entry.mode == FILE if name in _FRAME else entry.is_directory and name in (RUNS, *MARKS)
            if not belongs and here.get(name) != entry:
                raise _Objected("", name, "nothing of that name and mode belongs there")
        try:
            check_frame(self._reader, there)
        except GittrackError as error:
            raise _Objected("", "", str(error)) from None

    def _check_marks(self, folder: str, here: Entries, there: Entries) -> None:
        for shard, ours, theirs in self._differing(folder, here, there):
            for name, entry in theirs.items():
                path = f"{folder}/{shard}/{name}"
                found = mark_file(folder, name)
                wanted = None if found is None else Entry(FILE, entry.name, self._blob_id(found[1]))
                if ours.get(name) != entry and (found is None or found[0] != path or entry != wanted):
                    raise _Objected("", path, "it is no file of that folder, or says something else than its name")

    def _blob_id(self, content: bytes) -> str:
        data = b"blob %d\0" % len(content) + content
        return hashlib.new(self._repo.object_format, data, usedforsecurity=False).hexdigest()

    # Runs

    def _runs(self, here: Entries, there: Entries) -> Iterator[Moved]:
        for shard, ours, theirs in self._differing(RUNS, here, there):
            for name, entry in theirs.items():
                before = ours.get(name)
                if before == entry:
                    continue
                if not (entry.is_directory and is_id(name) and name.startswith(shard)):
                    raise _Objected("", f"{RUNS}/{shard}/{name}", "nothing of that name and mode belongs there")
                yield Moved(name, entry.oid, before.oid if before is not None else "")

    def _purged(self, top: Entries) -> set[str]:
        if not self._purges:
            return set()
        return {name for _, _, names in self._differing(PURGED, {}, top) for name in names}

    def _check_kept(self, runs: Sequence[Moved]) -> None:
        """Each file that was there has to be there still, or where the format puts it for another with its path."""
        ours = folders(self._repo, self._reader, [(run.run, run.before) for run in runs])
        theirs = folders(self._repo, self._reader, [(run.run, run.tree) for run in runs])
        for run, (before, problem), (after, _) in zip(runs, ours, theirs, strict=True):
            lost = None if problem else _lost(before, after)
            if lost is not None:
                how = "it has other bytes" if lost in after else "it is gone"
                raise _Objected(run.run, f"{_place(run.run)}/{lost}", f"{how}, and {_KEPT}")


def _lost(before: Files, after: Files) -> str | None:
    if united(before, after) == {path: entry for path, entry in after.items() if not entry.is_directory}:
        return None  # also of one content at paths that some disks take for one, which a union has once
    for path, entry in before.items():
        if entry.is_directory or after.get(path) == entry:
            continue
        conflict = parse_conflict(path)
        name = conflict[1] if conflict else path
        places = (after.get(name), after.get(conflict_place(name, entry.oid)))
        if all(kept is None or kept.oid != entry.oid for kept in places):
            return path
    return None


def _place(run_id: str) -> str:
    return f"{RUNS}/{run_id[:2]}/{run_id}"


def _text(entry: Entry) -> str:
    return entry.name.decode("utf-8", "surrogateescape")
