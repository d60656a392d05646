"""Generated histories of up to eight clones that exchange in any order: the same tree everywhere, nothing lost.

All clones share one object database, so that an exchange costs milliseconds and no process: `Union` sees two trees, as
it does after a fetch. What a clone is, is the commit that its branch is at. GITTRACK_HISTORIES tells how many.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unittest import mock

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from gittrack.codec.paths import conflict_place, later_stem, run_directory
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.git.branch import Addition, View, add_commit, commit_bytes, tree_of
from gittrack.git.reader import BlobReader
from gittrack.git.store import ObjectStore
from gittrack.git.tree import parse_tree
from gittrack.model import FINISHED, Author, Note, Record, Start
from gittrack.project import open_project
from gittrack.record.publish import frame_files, next_lamport, records_on
from gittrack.share.union import Union
from gittrack.verify import is_record, read_records
from tests.share.conftest import START, id_of, run_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from gittrack.project import Project
    from gittrack.share.admit import Admission

LONG: Final = os.environ.get("GITTRACK_FAULTS") == "long"
HISTORIES: Final = int(os.environ.get("GITTRACK_HISTORIES", "10000" if LONG else "25"))
YEAR: Final = 365 * 86400.0


@dataclass
class Clone:
    """Where a clone's branch is, what led there, and what its clock says beside the true time."""

    skew: float = 0.0
    tip: str | None = None
    history: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Act:
    """What somebody does in a clone: which one it is, to which of its runs, and with what."""

    kind: str
    which: int
    text: str
    yes: bool


@dataclass
class Database:
    """The objects of all clones of all histories, and what was found out about them."""

    project: Project
    store: ObjectStore
    reader: BlobReader
    admitted: dict[tuple[str, str], Admission] = field(default_factory=dict)
    histories: int = 0
    unions: int = 0

    def write_commit(self, tree: str, parents: list[str]) -> str:
        who = (self.project.author, time.time())
        commit = self.store.write("commit", commit_bytes(tree, parents, "merge runs\n", who, who))
        self.save()
        return commit

    def save(self) -> None:
        self.store.sync()
        self.store.confirm()

    def files(self, tree: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        """(path, blob) of everything in a tree."""
        for entry in parse_tree(self.store.read(tree)[1], self.project.repo.hash_len):
            path = prefix + entry.name.decode()
            if entry.is_directory:
                yield from self.files(entry.oid, f"{path}/")
            else:
                yield path, entry.oid


@contextmanager
def clock(skew: float) -> Iterator[None]:
    """A clock that is wrong."""
    true = time.time
    with mock.patch("time.time", side_effect=lambda: true() + skew):
        yield


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()  # noqa: S324 - it is git's


KINDS: Final = (
    *("record", "record", "record_what_others_may_have", "write_other_bytes"),
    *("tag", "note", "rename", "remove_or_restore", "resume"),
)
CHANCE: Final = st.randoms(use_true_random=True)  # its seed is what hypothesis draws, and shows


class Histories(RuleBasedStateMachine):
    """What people do in their clones."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.clones: list[Clone] = []
        self.hub = Clone()
        self.said: set[tuple[str, str]] = set()  # (path, blob) of all that anybody recorded
        self.count = 0
        self.database.histories += 1

    @initialize(number=st.integers(2, 8), chance=CHANCE)
    def clone(self, number: int, chance: Random) -> None:
        self.clones = [Clone(chance.uniform(-40, 40) * YEAR) for _ in range(number)]
        self.work(chance)

    # What is recorded

    def _commit(self, clone: Clone, files: dict[str, bytes]) -> None:
        with clock(clone.skew):
            old = View(self.database.store, clone.tip)
            author = self.database.project.author
            addition = Addition({**frame_files(old), **files}, "run\n", author, time.time())
            clone.tip = add_commit(self.database.store, clone.tip, addition, author)
        self.database.save()
        clone.history.add(clone.tip)
        self.said |= {(path, blob(data)) for path, data in files.items()}

    def _here(self, clone: Clone) -> list[str]:
        view = View(self.database.store, clone.tip)
        return [run for shard in view.names("runs") for run in view.names(f"runs/{shard}")]

    def _one(self, clone: Clone, act: Act) -> str | None:
        """The run that is meant, None where the clone has none."""
        here = self._here(clone)
        return here[act.which % len(here)] if here else None

    def _say(self, clone: Clone, act: Act, record: Record, more: dict[str, bytes] | None = None) -> None:
        """Add a later record to one of the runs that the clone has, with files of its own."""
        run_id = self._one(clone, act)
        if run_id is None:
            return
        data = to_yaml(record_to_plain(record))
        stem = later_stem(next_lamport(records_on(View(self.database.store, clone.tip), run_id)), data)
        folder = f"{run_directory(run_id)}/{stem}"
        files = {f"{folder}/{name}": content for name, content in (more or {}).items()}
        self._commit(clone, {f"{folder}.yaml": data, **files})

    @rule(chance=CHANCE)
    def work(self, chance: Random) -> None:
        for _ in range(chance.randrange(2, 2 * len(self.clones) + 4)):
            act = Act(chance.choice(KINDS), chance.randrange(10), chance.choice("abc"), chance.random() < 0.5)
            getattr(self, act.kind)(chance.choice(self.clones), act)

    def record(self, clone: Clone, act: Act) -> None:
        self.count += 1
        name = f"run-{self.count}"
        self._commit(clone, run_files(id_of(name), name, skew=clone.skew))

    def record_what_others_may_have(self, clone: Clone, act: Act) -> None:
        """As two imports of one table would; where the bytes differ it is damage, and both are kept."""
        name = f"shared-{act.which % 2}"
        files = run_files(id_of(name), name, skew=float(act.text != "a"))
        if not any(self._has(clone, path) for path in files):
            self._commit(clone, files)

    def write_other_bytes(self, clone: Clone, act: Act) -> None:
        """What no recorder does: the same path, with what another clone may have other bytes for."""
        here = [run for run in self._here(clone) if not self._has(clone, f"{run_directory(run)}/output.log")]
        if here:
            path = f"{run_directory(here[act.which % len(here)])}/output.log"
            self._commit(clone, {path: act.text.encode()})

    def tag(self, clone: Clone, act: Act) -> None:
        self._say(clone, act, Record(tags={act.text: act.text if act.yes else None}))

    def note(self, clone: Clone, act: Act) -> None:
        note = Note(act.text, START + clone.skew, Author("Ada Example", "ada@example.com"))
        self._say(clone, act, Record(notes=(note,)))

    def rename(self, clone: Clone, act: Act) -> None:
        self._say(clone, act, Record(name=act.text))

    def remove_or_restore(self, clone: Clone, act: Act) -> None:
        self._say(clone, act, Record(deleted=act.yes))

    def resume(self, clone: Clone, act: Act) -> None:
        run_id = self._one(clone, act)
        if run_id is not None:
            part = Start(run_id, act.text, START + clone.skew)
            record = Record(part=part, status=FINISHED, end=START + clone.skew + 1, output=("output.log",))
            self._say(clone, act, record, {"output.log": f"{act.text}\n".encode()})

    def _has(self, clone: Clone, path: str) -> bool:
        return View(self.database.store, clone.tip).read(path) is not None

    # What is exchanged

    def _take(self, clone: Clone, other: Clone) -> None:
        if other.tip is None or other.tip in clone.history:
            return
        with clock(clone.skew):
            if clone.tip is not None and clone.tip in other.history:
                clone.tip = other.tip  # as a pull does where nothing was recorded meanwhile
            else:
                clone.tip = self._united(clone.tip, other.tip)
        clone.history |= other.history | {clone.tip}

    def _united(self, ours: str | None, theirs: str) -> str:
        store = self.database.store
        there = tree_of(store, theirs)
        tree = self._union(None if ours is None else tree_of(store, ours), there)
        if ours is None and tree == there:
            return theirs
        return self.database.write_commit(tree, [tip for tip in (ours, theirs) if tip is not None])

    def _union(self, ours: str | None, theirs: str) -> str:
        database = self.database
        database.unions += 1
        union = Union(database.store, database.reader, database.admitted)
        tree = union.of(ours, theirs)
        assert not union.news.refused, union.news.refused
        return tree

    @rule(chance=CHANCE)
    def exchange(self, chance: Random) -> None:
        for _ in range(chance.randrange(1, len(self.clones) + 2)):
            clone, way = chance.choice(self.clones), chance.randrange(6)
            if way <= 2:
                self._sync(clone)
            elif way == 3:
                self._take(clone, self.hub)
            elif way == 4:
                self._take(clone, chance.choice(self.clones))
            else:
                self._merge_with_git(clone)

    def _sync(self, clone: Clone) -> None:
        self._take(clone, self.hub)
        if clone.tip is not None:
            self.hub.tip, self.hub.history = clone.tip, set(clone.history)

    def _merge_with_git(self, clone: Clone) -> None:
        """What somebody without gittrack does; where git finds a conflict, nothing."""
        if clone.tip is None or self.hub.tip is None or self.hub.tip in clone.history:
            return
        folder = self.database.project.repo.common_dir
        words = ["merge-tree", "--write-tree", "--allow-unrelated-histories", clone.tip, self.hub.tip]
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 1), done.stderr
        if done.returncode == 0:
            clone.tip = self.database.write_commit(done.stdout.strip(), [clone.tip, self.hub.tip])
            clone.history |= self.hub.history | {clone.tip}

    # What has to hold at the end

    def teardown(self) -> None:
        trees = {self._united_in(order) for order in (self.clones, self.clones[::-1], self.clones[1::2] + self.clones)}
        for clone in (*self.clones, *self.clones):
            self._sync(clone)
        if self.said:
            trees |= {tree_of(self.database.store, clone.tip or "") for clone in (*self.clones, self.hub)}
            assert len(trees) == 1, "the clones do not hold the same tree"
            self._nothing_is_lost(dict(self.database.files(trees.pop() or "")))

    def _united_in(self, order: list[Clone]) -> str | None:
        """The tree that somebody has who takes in all in that order, and never what is a union already."""
        tree = None
        for clone in (*order, self.hub):
            if clone.tip is not None:
                tree = self._union(tree, tree_of(self.database.store, clone.tip))
                self.database.save()
        return tree

    def _nothing_is_lost(self, files: dict[str, str]) -> None:
        missing = {item for item in self.said if not self._is_kept(files, *item)}
        assert not missing, missing
        runs: dict[str, dict[str, bytes]] = {}
        for path, oid in files.items():
            if path.startswith("runs/"):
                _, _, run_id, below = path.split("/", 3)
                runs.setdefault(run_id, {})
                if is_record(below):
                    runs[run_id][below] = self.database.store.read(oid)[1]
        assert runs.keys() == {path.split("/")[2] for path, _ in self.said}
        for run_id, records in runs.items():
            verdict = read_records(run_id, records)
            assert not verdict.problems, verdict.problems
            assert verdict.run is not None

    def _is_kept(self, files: dict[str, str], path: str, oid: str) -> bool:
        if files.get(path) == oid:
            return True
        *folder, below = path.split("/", 3)
        return files.get("/".join((*folder, conflict_place(below, oid)))) == oid


def test_any_history_ends_in_the_same_tree(git: object) -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        subprocess.run(["git", "init", "-q", "--bare", folder], check=True)
        project = open_project(Path(folder))
        with ObjectStore(project.repo) as store, BlobReader(project.repo) as reader:
            database = Database(project, store, reader)
            machine = type("Machine", (Histories,), {"database": database})
            run_state_machine_as_test(
                machine, settings=settings(max_examples=HISTORIES, stateful_step_count=12, database=None)
            )
    sys.stdout.write(f"{database.histories} histories, {database.unions} unions\n")
    assert database.histories >= HISTORIES
    assert database.unions > 3 * HISTORIES
