"""The whole cycle of a user, done in whatever kind of repository a test has made."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

RUNS: Final = "refs/heads/gittrack/runs"
PINS: Final = "refs/gittrack/"
LARGE: Final = 200_000  # bytes of the artifact that goes to the LFS store

# A finished run with everything in it, and one whose process is killed: what a training script may become.
TRAINING: Final = """
    import os, signal
    import gittrack

    with gittrack.start_run("api", params={"lr": 0.1, "Lr": 2}, tags={"stage": "dev"}) as run:
        for step in range(3):
            gittrack.log_metric("loss", 1 / (step + 1), step)
        gittrack.log_metric("Loss", 7.0, 0)
        gittrack.log_text("small", "notes/Summary.txt")
        gittrack.log_artifact(os.environ["LARGE"])
    run = gittrack.start_run("crash")
    run.log_metric("loss", 9.0, 1)
    os.kill(os.getpid(), signal.SIGKILL)
"""

# Every command as the console script would run it, in one process: each costs 20 ms instead of 150.
CONSOLE: Final = """
    import contextlib, io, json, sys
    from gittrack.cli.main import main

    answers = []
    for words in json.loads(sys.argv[1]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(words)
            except SystemExit as stop:  # of a recorded command
                code = stop.code
        answers.append((code, out.getvalue(), err.getvalue()))
    json.dump(answers, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody works: the directory, what the environment says beyond the test's, and what git calls it."""

    here: Path
    env: Mapping[str, str | None]
    branch: str | None
    dirty: bool
    born: bool


class Console:
    """`console(commands, here, env)` runs several commands in one process: (code, out, err) of each."""

    def __init__(self, run_python: RunPython) -> None:
        self._run_python = run_python

    def __call__(
        self, commands: Sequence[Sequence[str]], here: Path, env: Mapping[str, str | None] | None = None
    ) -> list[tuple[int, str, str]]:
        done = self._run_python(CONSOLE, json.dumps(commands), cwd=here, env=env)
        assert (done.code, done.err) == (0, "")
        return [(code, out, err) for code, out, err in json.loads(done.out)]

    def read(self, words: Sequence[str], here: Path, env: Mapping[str, str | None] | None = None) -> str:
        """Return what one command prints; it succeeds."""
        ((code, out, err),) = self([words], here, env)
        assert code == 0, f"{words}: {err or out}"
        return out


@pytest.fixture
def console(run_python: RunPython) -> Console:
    """Several commands in one process."""
    return Console(run_python)


class Cycle:
    """Does in a place what a user does in a week, and holds everything against what it has to be."""

    def __init__(self, git: Git, gittrack: Gittrack, run_python: RunPython, console: Console, large: Path) -> None:
        self._git = git
        self._gittrack = gittrack
        self._run_python = run_python
        self._console = console
        self._large = large

    def __call__(
        self,
        here: Path,
        env: Mapping[str, str | None] | None = None,
        *,
        branch: str | None = "main",
        dirty: bool = False,
        born: bool = True,
    ) -> None:
        """Record by both ways, crash, look, tag, delete and restore, check; nothing of the user's has changed.

        `branch`, `dirty` and `born` (whether HEAD has a commit) are what a run has to tell of the code.
        """
        place = Place(here, env or {}, branch, dirty, born)
        before = self.picture(place)
        self.record(place)
        self.look_and_change(place)
        assert self._git("fsck", "--strict", "--no-dangling", "--no-progress", cwd=here, env=env) == ""
        assert self.picture(place) == before

    def record(self, place: Place) -> None:
        """A command, a script, and a script that is killed."""
        command = ["run", "--name", "command", "--", sys.executable, "-c", 'print("epoch 1: loss 0.5")']
        done = self._gittrack(*command, cwd=place.here, env=place.env)
        assert (done.code, done.out) == (0, "epoch 1: loss 0.5\n"), done.err
        assert "warning" not in done.err
        env = {**place.env, "LARGE": str(self._large)}
        done = self._run_python(TRAINING, cwd=place.here, env=env)
        assert (done.code, done.err) == (-signal.SIGKILL, "")

    def look_and_change(self, place: Place) -> None:
        """Everything that was recorded is shown, can be changed, and is whole."""
        commands = [
            ["log", "--json"],
            ["show", "api", "--json"],
            ["show", "crash", "--json"],
            ["show", "command", "--output"],
            ["tag", "api", "stage=final"],
            ["rm", "command"],
            ["log", "--json"],
            ["restore", "command"],
            ["log", "--json"],
            ["check"],
            ["doctor"],
        ]
        answers = self._console(commands, place.here, place.env)
        for words, (code, out, err) in zip(commands, answers, strict=True):
            assert code == 0, f"{' '.join(words)}: {err or out}"
            assert "warning" not in err
        listed, api, crash, output, _, _, fewer, _, again, checked, doctor = (out for _, out, _ in answers)
        found = {run["name"]: run["status"] for run in json.loads(listed)}
        assert found == {"command": "finished", "api": "finished", "crash": "crashed"}
        assert {run["name"] for run in json.loads(fewer)} == {"api", "crash"}
        assert {run["name"]: run["tags"] for run in json.loads(again)}["api"] == {"stage": "final"}
        assert len(json.loads(again)) == 3
        self._hold_against(place, json.loads(api))
        assert json.loads(crash)["metrics"]["loss"]["last"] == 9.0
        assert output == "epoch 1: loss 0.5\n"
        assert "checked 3 runs" in checked
        assert "all is well" in checked
        assert doctor.splitlines()[-1] == "nothing needs attention"

    def _hold_against(self, place: Place, run: dict[str, dict[str, object]]) -> None:
        head = self._ask(place, "rev-parse", "HEAD").strip() if place.born else None
        code = run["code"]
        assert (code["commit"], code["branch"], code["dirty"]) == (head, place.branch, place.dirty)
        assert (run["params"], run["tags"]) == ({"lr": 0.1, "Lr": 2}, {"stage": "dev"})
        assert {"loss", "Loss"} == run["metrics"].keys()

    def picture(self, place: Place) -> dict[str, str]:
        """What is the user's own: HEAD, index, configuration, every other ref, the state of the working tree."""
        seen: dict[str, str] = {}
        for name in ("HEAD", "index", "config", "config.worktree"):
            path = self._ask(place, "rev-parse", "--git-path", name).removesuffix("\n")
            seen[name] = _digest(os.path.join(place.here, path))
        refs = self._ask(place, "for-each-ref", "--format=%(refname) %(objectname)")
        seen["refs"] = "".join(
            line for line in refs.splitlines(keepends=True) if not line.startswith((f"{RUNS} ", PINS))
        )
        return seen

    def _ask(self, place: Place, *words: str) -> str:
        return self._git(*words, cwd=place.here, env={**place.env, "GIT_OPTIONAL_LOCKS": "0"})


def _digest(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except FileNotFoundError:
        return ""


@pytest.fixture
def cycle(git: Git, gittrack: Gittrack, run_python: RunPython, console: Console, tmp_path: Path) -> Cycle:
    """`cycle(place)`: the whole cycle of a user."""
    large = tmp_path / "Weights ü.bin"
    large.write_bytes(bytes(LARGE))
    return Cycle(git, gittrack, run_python, console, large)


@pytest.fixture
def origin(tmp_path: Path, git: Git) -> Path:
    """A repository to clone from: three commits, folders, 20 files, and it lets a partial clone be made of it."""
    folder = tmp_path / "origin"
    for number in range(20):
        below = folder / f"part{number % 4}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"file{number}.txt").write_text(f"{number}\n" * 100, encoding="utf-8")
    git("init", "-q", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "-qm", "Add data", cwd=folder)
    for number in range(2):
        (folder / "train.py").write_text(f"print({number})\n", encoding="utf-8")
        git("add", ".", cwd=folder)
        git("commit", "-qm", f"Train {number}", cwd=folder)
    git("config", "uploadpack.allowFilter", "true", cwd=folder)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=folder)
    return folder
