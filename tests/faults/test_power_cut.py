"""The power goes in the very moment of an acknowledgement, on real file systems: all that was acknowledged is there.

The long form (GITTRACK_FAULTS=long) cuts a thousand times on each file system. The same cut after git's own commit,
as git is by default, loses or damages it: so the cut takes what it has to take.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.disks import FILE_SYSTEMS, disk, obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Git
    from tests.faults.conftest import Lab
    from tests.faults.disks import Disk

    Acks = list[list[object]]

LONG: Final = os.environ.get("GITTRACK_FAULTS") == "long"
ROUNDS: Final = int(os.environ.get("GITTRACK_POWER_CUTS", "1000")) if LONG else 16
SHARE: Final = 50  # rounds in one test, so that several workers have something to do
NAMES: Final = sorted(FILE_SYSTEMS) if LONG else ["ext4", "xfs"]
LONGEST: Final = 0.4  # seconds
COLLECT: Final = "while :; do git gc -q --prune=now; git repack -adq; git pack-refs --all; done"

pytestmark = pytest.mark.skipif(bool(obstacle()), reason=obstacle())


class Round:
    """One power cut: what happens before it, and how."""

    def __init__(self, lab: Lab, where: Disk, number: int, folder: Path) -> None:
        self.lab = lab
        self.disk = where
        self.dice = random.Random(f"round {number}")  # noqa: S311 - no secret
        self.log_flushed = self.dice.random() < 0.5
        self.folder = folder
        self.repo = where.top / "repo"

    def place(self, *, used: bool) -> None:
        """Have a repository on the disk, all of it."""
        shutil.copytree(self.lab.repo(used=used), self.repo, symlinks=True)
        self.disk.settle()

    def cut_after(self, scene: str, **facts: object) -> Acks:
        """Let a scene happen whose process cuts the power at its end; return what it acknowledged."""
        how = {
            "scene": scene,
            "facts": facts,
            "disk": str(self.disk.top),
            "log_flushed": self.log_flushed,
            "written": self.dice.choice([0, 1 + self.dice.randrange(1 << 30)]),
        }
        ended = self.lab.scene("power_cut", self.repo, facts=how)
        assert ended.killed, ended.err
        return _read(ended.acks)

    def cut(self) -> None:
        """Cut the power now."""
        self.disk.cut(log_flushed=self.log_flushed)

    def large(self) -> str:
        """A file that goes into the store for large ones."""
        path = self.folder / "model.bin"
        path.write_bytes(self.dice.randbytes(200_000))
        return str(path)


def first_run(it: Round) -> Acks:
    it.place(used=False)
    return it.cut_after("record")


def later_run(it: Round) -> Acks:
    it.place(used=True)
    return it.cut_after("record", flush=it.dice.random() < 0.5)


def large_artifact(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("record", large=it.large())


def many_metrics(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("wide")


def flush(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("flushed", large=it.large() if it.dice.random() < 0.5 else "")


def flush_of_a_worker(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("worker")


def flush_of_a_resumed_part(it: Round) -> Acks:
    it.place(used=False)
    return it.cut_after("again")


def nothing_asked(it: Round) -> Acks:
    """The journal may be gone, or empty, or full of zeros: no command stumbles over it."""
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("unflushed")


def command(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("command", note=str(it.folder / "note"))


def later_words(it: Round) -> Acks:
    it.place(used=True)
    return it.cut_after("words", run=it.lab.first)


def resumed_part(it: Round) -> Acks:
    it.place(used=True)
    return it.cut_after("resume", run=it.lab.first)


def recovery(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    left = it.lab.scene("crash", it.repo)
    it.cut_after("log")
    return _read(left.acks)


def packing(it: Round) -> Acks:
    it.place(used=it.dice.random() < 0.5)
    return it.cut_after("packing")


def on_top_of_gits_work(it: Round) -> Acks:
    """The tip was made by git a moment ago, as by a merge, and git has not asked the disk for it."""
    it.place(used=True)
    it.lab.commit_by_git(it.repo)
    return it.cut_after("record")


def while_git_collects(it: Round) -> Acks:
    it.place(used=True)
    with subprocess.Popen(
        ["sh", "-c", COLLECT], cwd=it.repo, stderr=subprocess.DEVNULL, start_new_session=True
    ) as collector:
        try:
            return it.cut_after("many", runs=3)
        finally:
            os.killpg(collector.pid, signal.SIGKILL)


def many_writers(it: Round) -> Acks:
    """Here the moment is any; and what a run logged is promised as far as its last end or flush."""
    it.place(used=it.dice.random() < 0.5)
    wanted = [("mixed", {"seed": it.dice.randrange(1 << 30)}) for _ in range(3)]
    told = it.lab.interrupted(it.repo, wanted, it.dice.uniform(0.05, LONGEST), it.cut)
    return [line for acks in told for line in _promised(acks)]


SCENES: Final[list[Callable[[Round], Acks]]] = [
    *(first_run, later_run, large_artifact, many_metrics, flush, flush_of_a_worker, flush_of_a_resumed_part),
    *(
        nothing_asked,
        command,
        later_words,
        resumed_part,
        recovery,
        packing,
        on_top_of_gits_work,
        while_git_collects,
        many_writers,
    ),
]


@pytest.fixture
def room(lab: Lab) -> Iterator[Path]:
    """A folder for the image of a disk, where the lab has its own."""
    folder = lab.folder / "power"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize("share", range((ROUNDS + SHARE - 1) // SHARE))
@pytest.mark.parametrize("name", NAMES)
def test_nothing_acknowledged_is_lost(lab: Lab, room: Path, name: str, share: int) -> None:
    with disk(name, room) as where:
        for number in range(share * SHARE, min(ROUNDS, (share + 1) * SHARE)):
            it = Round(lab, where, number, room)
            acks = SCENES[number % len(SCENES)](it)
            where.restart()
            _judge(it, acks)
            shutil.rmtree(it.repo)
        where.verify()


def _judge(it: Round, acks: Acks) -> None:
    if it.lab.scene("bring_back", it.repo).code:
        pytest.fail("the branch of the runs is gone for good")
    told = it.folder / "told"
    told.write_text("".join(json.dumps(line) + "\n" for line in acks), encoding="utf-8")
    seen = it.lab.check(it.repo, told)
    checked = it.lab.scene("check", it.repo)
    assert _read(checked.acks) == [["check", "", 0]], checked.err
    said = {str(line[1]): line[2:] for line in _read(it.lab.scene("said", it.repo).acks)}
    for what, run_id, *facts in acks:
        if what == "artifact":
            assert facts[0] in seen.runs[str(run_id)][3]
        elif what == "note":
            assert facts[0] in said[str(run_id)][0]  # type: ignore[operator]
        elif what == "rm":
            assert said[str(run_id)][1] is True
        elif what == "output":
            assert said[str(run_id)][2] == facts[0]


def _read(acks: Path) -> Acks:
    return [json.loads(line) for line in acks.read_text(encoding="utf-8").splitlines()]


def _promised(acks: Acks) -> Acks:
    """What a power cut may not take of what a process was told: per run all before its last end."""
    ends = {line[1]: number for number, line in enumerate(acks) if line[0] == "end"}
    return [line for number, line in enumerate(acks) if number <= ends.get(line[1], -1) or line[0] == "resume"]


@pytest.mark.parametrize("log_flushed", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_git_by_default_does_not_reach_this(lab: Lab, room: Path, git: Git, name: str, log_flushed: bool) -> None:
    rounds = 100 if LONG else 2
    broken = 0
    with disk(name, room) as where:
        for _ in range(rounds):
            repo = where.top / "repo"
            shutil.copytree(lab.repo(), repo, symlinks=True)
            where.settle()
            (repo / "train.py").write_text("print(2)\n", encoding="utf-8")
            git("commit", "-qam", "Print more", cwd=repo)
            where.cut(log_flushed=log_flushed)
            where.restart()
            broken += _is_broken(repo)
            shutil.rmtree(repo)
    assert broken == rounds


def _is_broken(repo: Path) -> bool:
    whole = subprocess.run(["git", "fsck", "--strict"], cwd=repo, capture_output=True, check=False).returncode == 0
    log = subprocess.run(["git", "log", "--format=%s"], cwd=repo, capture_output=True, text=True, check=False)
    return not whole or not log.stdout.startswith("Print more")
