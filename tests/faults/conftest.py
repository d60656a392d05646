"""Processes that are killed or whose disk fails, repositories made by copying one, and the check of what is left."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.conftest import Git

ROOT: Final = Path(__file__).parent.parent.parent
# The tests come last in the path: the installed gittrack is what is tested.
MAIN: Final = "import sys; sys.path.append(sys.argv[1]); from tests.faults.nursery import main; main()"


MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of a random name is made in it
ROOM: Final = 2 << 30  # bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended, what it had been told, and, where it came to its end, which calls it made below `top`."""

    signal: int
    code: int
    acks: Path
    top: str
    err: str
    calls: int = 0
    hit: bool = False
    trace: list[list[str]] = field(default_factory=list)

    @property
    def killed(self) -> bool:
        """Whether the planned death came."""
        return self.signal == 9


class Nursery:
    """Starts children through tests/faults/nursery.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", MAIN, str(ROOT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.warm = False

    def ask(self, request: Mapping[str, object]) -> dict[str, object]:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """End it; its children have ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a listing shows after all: id -> (status, steps in order, tags, artifacts and whether they are whole)."""

    runs: Mapping[str, tuple[str, list[int], dict[str, str], dict[str, bool]]]
    problems: list[str]
    journals: list[str]


@dataclass(frozen=True, slots=True)
class Child:
    """A process that stops itself at each step of interest."""

    pid: int
    lab: Lab
    request: Mapping[str, object]

    def stops(self) -> bool:
        """Wait for the next stop; False when the process has ended instead."""
        return self.lab.has_stopped(self.pid)

    def go_on(self) -> None:
        """Let it run until its next stop."""
        os.kill(self.pid, signal.SIGCONT)  # not waited for yet: the number is still its own

    def err(self) -> str:
        """What it has written to standard error so far."""
        return Path(str(self.request["err"])).read_text(encoding="utf-8")

    def kill_group(self) -> None:
        """Kill the processes that it started and that are still there."""
        with contextlib.suppress(ProcessLookupError):  # it is not waited for: the number is still its group's
            os.killpg(self.pid, signal.SIGKILL)

    def join(self) -> Ended:
        """Wait for its end."""
        return self.lab.join(self)


class Lab:
    """Makes repositories, lets scenes happen in them, and judges what they leave."""

    def __init__(self, nursery: Nursery, folder: Path, git: Git) -> None:
        self._nursery = nursery
        self._folder = folder
        self._git = git
        self._count = 0
        self.repos = folder / "repos"
        self._template = self.repos / "template"
        self._template.mkdir(parents=True)
        (self._template / "train.py").write_text("print(1)\n", encoding="utf-8")
        git("init", "-q", "--template=", cwd=self._template)
        git("add", "train.py", cwd=self._template)
        git("commit", "-qm", "Add a training script", cwd=self._template)
        if not nursery.warm:
            assert self.scene("warm", self.repo()).code == 0
            nursery.warm = True
        self._used = self.repo()
        done = self.scene("record", self._used)
        assert done.code == 0, done.err
        self.first = ids(done.acks, "end")[0]

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        return self._folder

    def repo(self, *, used: bool = False) -> Path:
        """A fresh repository; a `used` one holds the run `first` already."""
        return self.copy(self._used if used else self._template)

    def copy(self, repo: Path) -> Path:
        """A copy of a repository as it is now."""
        self._count += 1
        folder = self.repos / f"repo{self._count}"
        shutil.copytree(repo, folder, symlinks=True)
        return folder

    def scene(
        self,
        name: str,
        repo: Path,
        *,
        plan: Mapping[str, object] | None = None,
        mutant: str = "",
        facts: Mapping[str, object] | None = None,
        killed_after: float | None = None,
    ) -> Ended:
        """Let a scene happen in a process of its own."""
        request = self._request(name, repo, plan or {}, mutant, facts or {})
        if killed_after is not None:
            request["killed_after"] = killed_after
        return self._ended(request, self._nursery.ask(request))

    def scenes(self, repo: Path, wanted: Sequence[tuple[str, Mapping[str, object]]]) -> Iterator[Ended]:
        """Start all the scenes at once; yield as they are waited for, in the order given."""
        requests = [{**self._request(name, repo, {}, "", facts), "wait": False} for name, facts in wanted]
        started = [(request, self._nursery.ask(request)["pid"]) for request in requests]
        for request, pid in started:
            yield self._ended(request, self._nursery.ask({"join": pid}))

    def interrupted(
        self, repo: Path, wanted: Sequence[tuple[str, Mapping[str, object]]], seconds: float, stop: Callable[[], None]
    ) -> list[list[list[object]]]:
        """Start all the scenes, `stop` the world under them, kill them; return what each had acknowledged before."""
        requests = [{**self._request(name, repo, {}, "", facts), "wait": False} for name, facts in wanted]
        pids = [int(str(self._nursery.ask(request)["pid"])) for request in requests]
        time.sleep(seconds)
        told = [read(Path(str(request["acks"]))) for request in requests]
        stop()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # not waited for: the number is still its own
            os.kill(pid, signal.SIGKILL)
            self._nursery.ask({"join": pid})
        return told

    def _request(
        self, name: str, repo: Path, plan: Mapping[str, object], mutant: str, facts: Mapping[str, object]
    ) -> dict[str, object]:
        self._count += 1
        stem = self._folder / f"child{self._count}"
        return {
            "scene": name,
            "repo": str(repo),
            "env": dict(os.environ),
            "acks": f"{stem}.acks",
            "out": f"{stem}.out",
            "err": f"{stem}.err",
            "plan": plan,
            "mutant": mutant,
            "facts": facts,
        }

    def _ended(self, request: Mapping[str, object], answer: dict[str, object]) -> Ended:
        err = Path(str(request["err"]))
        text = err.read_text(encoding="utf-8") if err.exists() else ""
        top = os.path.realpath(os.path.join(str(request["repo"]), ".git"))
        return Ended(acks=Path(str(request["acks"])), top=top, err=text, **answer)  # type: ignore[arg-type]

    def stopped(self, name: str, repo: Path, facts: Mapping[str, object] | None = None) -> Child:
        """Start a scene in a process that stops itself where its step of interest begins; wait for that."""
        request = {**self._request(name, repo, {"kind": "stop"}, "", facts or {}), "wait": False}
        child = Child(int(str(self._nursery.ask(request)["pid"])), self, request)
        assert child.stops(), child.join().err
        return child

    def started(self, name: str, repo: Path, facts: Mapping[str, object] | None = None) -> Child:
        """Start a scene and wait for nothing."""
        request = {**self._request(name, repo, {}, "", facts or {}), "wait": False}
        return Child(int(str(self._nursery.ask(request)["pid"])), self, request)

    def has_stopped(self, pid: int) -> bool:
        """Wait until a child has stopped itself (True) or has ended (False)."""
        return self._nursery.ask({"stopped": pid})["stopped"] is True

    def join(self, child: Child) -> Ended:
        """Wait for the end of a child."""
        return self._ended(child.request, self._nursery.ask({"join": child.pid}))

    def commit_by_git(self, repo: Path) -> None:
        """Move the branch on as a merge does, without asking the disk."""
        ref = "refs/heads/gittrack/runs"
        commit = self._git("commit-tree", "-m", "Merge", "-p", ref, f"{ref}^{{tree}}", cwd=repo).strip()
        self._git("update-ref", ref, commit, cwd=repo)

    def see(self, repo: Path) -> Seen:
        """List the runs, as the next command would, which completes what was left behind."""
        done = self.scene("judge", repo)
        assert done.code == 0, done.err
        lines = read(done.acks)
        runs = [line for line in lines if line[0] == "run"]
        assert max(Counter(str(run[1]) for run in runs).values(), default=0) <= 1, "a run is listed twice"
        return Seen(
            {str(run[1]): (run[2], run[3], run[4], run[5]) for run in runs},  # type: ignore[misc]
            [str(line[2]) for line in lines if line[0] == "problem"],
            [str(line[1]) for line in lines if line[0] == "journal"],
        )

    def check(self, repo: Path, *told: Path) -> Seen:
        """Assert that nothing that was acknowledged is lost or doubled, and that git finds nothing wrong."""
        seen = self.see(repo)
        assert seen.problems == []
        assert seen.journals == []
        for acks in told:
            _compare(seen, read(acks))
        doubled = {run: steps for run, (_, steps, _, _) in seen.runs.items() if len(set(steps)) != len(steps)}
        assert doubled == {}
        broken = {run: files for run, (_, _, _, files) in seen.runs.items() if not all(files.values())}
        assert broken == {}
        assert self._git("fsck", "--strict", "--no-dangling", "--no-progress", cwd=repo) == ""
        return seen


def _compare(seen: Seen, acks: list[list[object]]) -> None:
    """Each acknowledged fact is there; a run has at most the one point more that was under way."""
    points: dict[str, list[object]] = {}
    for what, run_id, *facts in acks:
        if what in ("start", "resume", "end"):
            points.setdefault(str(run_id), [])
            assert run_id in seen.runs, f"run {run_id} was acknowledged ({what}) and is lost"
            assert seen.runs[str(run_id)][0] in ("finished", "crashed")
        if what == "point":
            points[str(run_id)].append(facts[0])
        if what == "tag":
            assert seen.runs[str(run_id)][2].get(str(facts[0])) == facts[1]
    last: dict[str, object] = {str(line[1]): line[0] for line in acks if line[0] in ("start", "resume", "end")}
    for run_id, steps in points.items():
        shown = [step for step in seen.runs[run_id][1] if step in set(steps)]
        assert shown == steps, f"points of {run_id}: acknowledged {steps}, shown {shown}"
        if last[run_id] == "end":
            assert seen.runs[run_id][0] == "finished"


def read(acks: Path) -> list[list[object]]:
    """The acknowledgements of a child, [] for one that was killed before the first."""
    if not acks.exists():
        return []
    return [json.loads(line) for line in acks.read_text(encoding="utf-8").splitlines()]


def ids(acks: Path, what: str) -> list[str]:
    """The runs of which something was acknowledged."""
    return [str(line[1]) for line in read(acks) if line[0] == what]


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that all children come from."""
    process = Nursery()
    yield process
    process.close()


@pytest.fixture
def lab(nursery: Nursery, tmp_path: Path, git: Git) -> Iterator[Lab]:
    """Repositories, scenes and the judge; in memory where there is room, for no test here asks a real disk."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        folder = Path(tempfile.mkdtemp(prefix="gittrack-faults-", dir=MEMORY))
        try:
            yield Lab(nursery, folder, git)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    else:
        yield Lab(nursery, tmp_path / "lab", git)
