"""What a power cut may take away is never needed: contents, names and the ref are on disk in the right order.

The check knows nothing of gittrack but where things lie. A file whose content was not asked to disk since it was last
written may be lost, and so may a name whose directory was not. Every fsync and rename of every way to the disk is left
out in turn, and every fsync is put off until what must wait for it has happened: each such gittrack has to be caught.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.disk_model import REF, DiskModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.faults.conftest import Ended, Lab

LONG: Final = os.environ.get("GITTRACK_FAULTS") == "long"
ORDERS: Final = (
    "the ref before the objects",
    "names of objects before their contents",
    "the journal before the ref",
    "directories of objects after the ref",
    "no directory of the ref",
)
MOST: Final = 200  # calls of one kind


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the disk: a scene, in which repository, what goes before, and what has to hold at its end."""

    scene: str
    facts: Mapping[str, object] = field(default_factory=dict)
    used: bool = False
    before: str = ""
    large: int = 0  # bytes of the file that it is about
    end: str = "done"


WAYS: Final = {
    "numbers": Way("record", {"flush": True, "small": False}),
    "small": Way("record", {"flush": True, "small": True}),
    "large": Way("record", {"flush": False}, large=200_000),
    "large, flushed": Way("record", {"flush": True}, used=True, large=200_000),
    "large text, twice": Way("record", {"flush": True, "text": 200_000}, before="text"),
    "packed": Way("wide", used=True),
    "kept from a git that prunes": Way("record", {"flush": False}, before="gc"),
    "recovery": Way("log", before="crash"),
    "recovery of half a commit": Way("log", before="objects"),
    "recovery of what stands": Way("log", before="half"),
    "on top of git's work": Way("record", used=True, before="merge"),
    "tag": Way("tag", used=True),
    "resumed part": Way("resume", used=True),
    "resumed by who ended it": Way("again", end="flush"),
    "flush of a worker": Way("worker", end="flush"),
    "packing": Way("packing", used=True, end="packed"),
    "streamed": Way("streamed", large=5 << 20),
}
# What CI is content with for the kinds of change that take long.
RENAMING: Final = [
    name
    for name, way in WAYS.items()
    # What has been packed is remembered only to save time, a mark for git is nothing after a power cut, and a flush
    # and a ref that stands rename nothing.
    if way.end == "done" and way.before not in {"half", "gc"}
]
SHORT: Final = ("small", "large", "packed", "recovery of what stands", "flush of a worker", "packing")


class Walk:
    """Goes one way, again and again, each time with another change."""

    def __init__(self, lab: Lab, name: str, folder: Path) -> None:
        self._lab = lab
        self._way = way = WAYS[name]
        self._facts = {**way.facts, "run": lab.first}
        if way.large:
            path = folder / "model.bin"
            path.write_bytes(os.urandom(way.large))
            self._facts["large"] = str(path)
        self._start = lab.repo(used=way.used)
        self._prepare()
        self._tip = lab._git("for-each-ref", "--format=%(objectname)", REF, cwd=self._start).strip()
        self._objects = _below(self._start, "objects/??/*")
        self._others = self._left_by_others()

    def _prepare(self) -> None:
        lab, repo = self._lab, self._start
        if self._way.before == "gc":
            (repo / ".git" / "gc.pid").write_text("1 elsewhere", encoding="utf-8")
        elif self._way.before == "crash":
            lab.scene("crash", repo)
        elif self._way.before == "text":
            lab.scene("record", repo, facts=self._facts)
        elif self._way.before == "merge":
            lab.commit_by_git(repo)
        elif self._way.before == "half":
            _die_at_the_ref(lab, repo, "kill-after")
        elif self._way.before == "objects":
            _die_at_the_ref(lab, repo, "kill-before")
            # It is found by its place, and the repository will be copied.
            (repo / ".git" / f"{REF}.lock").unlink()

    def _left_by_others(self) -> list[str]:
        """What is there and a process that died may have made, beside objects."""
        if self._way.before == "half":
            return [REF]
        folders = ["gittrack", "gittrack/journal"] if (self._start / ".git" / "gittrack").exists() else []
        return [*folders, *_below(self._start, "lfs"), *_below(self._start, "lfs/**/*")]

    def _taken_over(self, repo: Path) -> list[str]:
        """Objects that were there and belong to what was added to the branch, or to its history."""
        if self._way.before in ("merge", "half"):
            return [*self._objects, *{os.path.dirname(path) for path in self._objects}]
        ask = ["diff-tree", "-r", "-t", "--no-abbrev", self._tip] if self._tip else ["rev-list", "--objects"]
        added = subprocess.run(["git", *ask, REF], cwd=repo, capture_output=True, text=True, check=False).stdout
        oids = {line.split()[3 if self._tip else 0] for line in added.splitlines()}
        return [path for path in self._objects if path.replace("/", "").removeprefix("objects") in oids]

    def go(self, mutant: str = "", **plan: object) -> Ended:
        """Go once, with a change."""
        repo = self._lab.copy(self._start)
        ended = self._lab.scene(self._way.scene, repo, mutant=mutant, plan=plan, facts=self._facts)
        assert plan.get("calls") != ("fsync",) or ended.code == 0, ended.err
        return ended

    def is_of_the_user(self, ended: Ended) -> bool:
        """Whether what was not asked for is the commit of the code, which git wrote (tests/git/test_pins.py)."""
        path = ended.trace[_left_out(ended.trace)][1]
        made = {os.path.join(ended.top, name) for name in self._objects}
        return self._way.before in ("", "gc") and path in made | {os.path.dirname(name) for name in made}

    def may_wait(self, ended: Ended) -> bool:
        """Whether it is a pin's name or a note about it: no other file waits for those, only a flush or an end."""
        name = os.path.relpath(ended.trace[_left_out(ended.trace)][1], ended.top)
        return name in ("gittrack", "refs", "refs/gittrack") or name.startswith(("refs/gittrack/", "gittrack/durable-"))

    def faults(self, ended: Ended) -> list[str]:
        """What a power cut could break."""
        model = DiskModel(ended.top)
        for name in (*self._others, *self._taken_over(Path(ended.top))):
            model.unsettled(name)
        for call, path, target in ended.trace:
            model.take(call, path, target)
        return model.faults_at(self._way.end)


def _below(repo: Path, pattern: str) -> list[str]:
    return [path.relative_to(repo / ".git").as_posix() for path in (repo / ".git").glob(pattern)]


def _die_at_the_ref(lab: Lab, repo: Path, moment: str) -> None:
    names = ("rename", "replace")
    calls = [target for call, _, target in lab.scene("record", lab.copy(repo)).trace if call in names]
    at = 1 + next(number for number, target in enumerate(calls) if target.endswith(REF))
    assert lab.scene("record", repo, plan={"kind": moment, "at": at, "calls": names}).killed


@pytest.fixture(params=WAYS)
def walk(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Walk:
    """Each way to the disk."""
    return Walk(lab, request.param, tmp_path)


def test_the_order_is_right(walk: Walk) -> None:
    ended = walk.go()
    assert ended.code == 0, ended.err
    assert walk.faults(ended) == []


@pytest.mark.parametrize("mutant", ORDERS)
def test_each_change_of_the_order_is_caught(lab: Lab, tmp_path: Path, mutant: str) -> None:
    walk = Walk(lab, "numbers", tmp_path)
    assert walk.faults(walk.go(mutant)) != []


def test_each_missing_fsync_is_caught(walk: Walk) -> None:
    assert _missed(walk, "skip", ("fsync",)) == []


@pytest.mark.parametrize("walk", WAYS if LONG else SHORT, indirect=True)
def test_each_late_fsync_is_caught(walk: Walk) -> None:
    assert _missed(walk, "late", ("fsync",)) == []


@pytest.mark.parametrize("walk", RENAMING if LONG else ("large", "packed"), indirect=True)
def test_each_missing_rename_is_caught(walk: Walk) -> None:
    assert _missed(walk, "skip", ("rename", "replace")) == []


def _missed(walk: Walk, kind: str, calls: Sequence[str]) -> list[str]:
    """Where a call is left out, or comes late, and nothing shows it."""
    missed = []
    for at in range(1, MOST):
        ended = walk.go(kind=kind, at=at, calls=calls)
        if not ended.hit:
            break
        # A folder may be asked for again for what may be new in it since, and there was nothing.
        if walk.faults(ended) or _asked_otherwise(ended.trace) or walk.is_of_the_user(ended):
            continue
        if kind != "late" or not walk.may_wait(ended):
            missed.append(_where(ended.trace))
    assert 1 < at < MOST - 1
    return missed


def _left_out(trace: Sequence[Sequence[str]]) -> int:
    return next(number for number, (call, _, _) in enumerate(trace) if call == "left out")


def _asked_otherwise(trace: Sequence[Sequence[str]]) -> bool:
    here = _left_out(trace)
    asked = ["fsync", trace[here][1], ""]
    return asked in trace[:here] or trace.count(asked) > 1  # one of them is the late one


def _where(trace: Sequence[Sequence[str]]) -> str:
    here = _left_out(trace)
    return f"{trace[here][1]} after {trace[here - 1][:2]}, before {trace[here + 1 : here + 2]}"
