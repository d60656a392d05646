"""Runs of the commits that are pushed go along; a secret in runs that are pushed themselves stays here."""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gittrack.codec.paths import run_directory
from tests.conftest import run
from tests.hooks.conftest import commit
from tests.share.conftest import Clone, Hub, id_of, run_files

if TYPE_CHECKING:
    from pathlib import Path

    from gittrack.git.branch import View
    from tests.conftest import Git, Result
    from tests.hooks.conftest import Record, Stub

# Of the shape of a token of GitHub's, and none.
TOKEN = "ghp_" + "k3Jq8ZrT0vWx5YbN2cLm7HdS9fGa4Pe1UiQo"


@pytest.fixture
def clone(tmp_path: Path, git: Git, stub: Stub) -> Clone:
    """A clone with the hook, of a bare repository with code."""
    clone = Hub(tmp_path, git).clone("clone")
    stub(clone.path / ".git", "pre-push")
    return clone


def push(clone: Clone, *words: str, env: dict[str, str | None] | None = None) -> Result:
    return run(["git", "push", "-q", *words], cwd=clone.path, env=env)


def remote_names(clone: Clone, git: Git) -> list[str]:
    """The subjects of the remote's branch of runs, none where it has no such branch."""
    done = run(["git", "ls-tree", "-r", "--name-only", "gittrack/runs", "runs"], cwd=clone.path.parent / "hub.git")
    return sorted({path.split("/")[2] for path in done.out.splitlines()})


def work(clone: Clone, record: Record, name: str) -> str:
    """A commit, and a run of it."""
    (clone.path / "train.py").write_text(f"{name}\n")
    commit("-qam", name, cwd=clone.path)
    return record(name, "loss=1", cwd=clone.path)


def test_runs_of_the_commits_go_along(clone: Clone, record: Record, git: Git) -> None:
    git("switch", "-qc", "other", cwd=clone.path)
    elsewhere = work(clone, record, "elsewhere")
    git("switch", "-q", "main", cwd=clone.path)
    mine = work(clone, record, "mine")
    (clone.path / "train.py").write_text("changed\n")
    dirty = record("dirty", cwd=clone.path)
    done = push(clone, "origin", "main")
    assert (done.code, done.out, done.err) == (0, "", "gittrack: sent 2 runs to origin\n")
    assert remote_names(clone, git) == sorted([mine, dirty])
    refs = git("ls-remote", "origin", "refs/gittrack/*", cwd=clone.path)
    assert ("refs/gittrack/code" in refs, "refs/gittrack/snapshots" in refs) == (True, True)
    assert push(clone, "origin", "other").err == "gittrack: sent 1 run to origin\n"
    assert elsewhere in remote_names(clone, git)
    assert push(clone, "origin", "main:again").err == "", "what is there is not sent again"


def test_runs_made_since_the_commit_went_are_told_of(clone: Clone, record: Record, git: Git) -> None:
    work(clone, record, "mine")
    assert push(clone, "origin", "main").err == "gittrack: sent 1 run to origin\n"
    git("fetch", "-q", "origin", cwd=clone.path)
    assert push(clone, "origin", "main").err == "", "git calls it with nothing to push"
    record("again", "loss=2", cwd=clone.path)
    told = "gittrack: runs that are here are not on origin yet; 'gittrack push origin' sends them\n"
    assert push(clone, "origin", "main").err == told
    assert run([sys.executable, "-m", "gittrack", "push", "origin"], cwd=clone.path).code == 0
    assert push(clone, "origin", "main").err == ""
    record("more", "loss=3", cwd=clone.path)
    git("config", "gittrack.prePush", "off", cwd=clone.path)
    assert push(clone, "origin", "main").err == ""


@pytest.mark.parametrize(("mode", "count"), [("off", 0), ("all", 2), ("nonsense", 0)])
def test_what_goes_along_can_be_set(clone: Clone, record: Record, git: Git, mode: str, count: int) -> None:
    record("before", cwd=clone.path)
    work(clone, record, "mine")
    git("config", "gittrack.prePush", mode, cwd=clone.path)
    done = push(clone, "origin", "main")
    assert done.code == 0
    assert len(remote_names(clone, git)) == count
    assert ("it is one of runs, all and off" in done.err) == (mode == "nonsense")


@pytest.mark.parametrize(
    "words", [["origin", "--all"], ["origin", "main", "gittrack/runs"], ["--mirror", "../hub.git"]]
)
@pytest.mark.parametrize("mode", ["runs", "all"])
def test_runs_that_git_pushes_are_not_moved_under_its_feet(
    clone: Clone, record: Record, git: Git, mode: str, words: list[str]
) -> None:
    git("config", "gittrack.prePush", mode, cwd=clone.path)
    for name in ("new there", "there already"):
        mine = work(clone, record, name)
        done = push(clone, *words)
        assert (done.code, done.err) == (0, "")
        assert mine in remote_names(clone, git)


def test_runs_go_along_to_another_place_than_those_that_git_pushes(
    clone: Clone, record: Record, git: Git, tmp_path: Path
) -> None:
    git("clone", "-q", "--bare", str(tmp_path / "hub.git"), str(tmp_path / "runs.git"))
    git("config", "gittrack.remote", str(tmp_path / "runs.git"), cwd=clone.path)
    work(clone, record, "mine")
    assert push(clone, "origin", "--all").err == f"gittrack: sent 1 run to {tmp_path / 'runs.git'}\n"


def test_a_remote_that_takes_no_runs_still_gets_the_code(clone: Clone, record: Record, git: Git) -> None:
    hook = clone.path.parent / "hub.git/hooks/update"
    hook.write_text("#!/bin/sh\ncase $1 in refs/heads/gittrack/*) echo no runs here; exit 1;; esac\n")
    hook.chmod(0o755)
    work(clone, record, "mine")
    done = push(clone, "origin", "main")
    assert (done.code, done.err.count("\n")) == (0, 1)
    assert done.err.startswith("gittrack: origin did not take gittrack/runs: ")
    assert git("rev-parse", "main", cwd=clone.path.parent / "hub.git") == git("rev-parse", "main", cwd=clone.path)


def test_an_empty_remote_gets_the_code_first(clone: Clone, record: Record, git: Git, tmp_path: Path) -> None:
    git("init", "-q", "--bare", str(tmp_path / "new.git"))
    git("remote", "add", "new", str(tmp_path / "new.git"), cwd=clone.path)
    work(clone, record, "mine")
    done = push(clone, "new", "main")
    assert done.code == 0
    assert done.err == "gittrack: new has no branch yet; 'gittrack push new' sends the runs once it has\n"
    assert git("for-each-ref", "--format=%(refname)", cwd=tmp_path / "new.git").split() == ["refs/heads/main"]


@pytest.mark.parametrize("mode", ["runs", "all"])
def test_code_goes_nowhere_unasked(clone: Clone, record: Record, git: Git, tmp_path: Path, mode: str) -> None:
    """Runs go to a repository of their own, which has no branch yet, and the current branch is not to be seen."""
    git("init", "-q", "--bare", str(tmp_path / "runs.git"))
    git("config", "gittrack.remote", str(tmp_path / "runs.git"), cwd=clone.path)
    git("config", "gittrack.prePush", mode, cwd=clone.path)
    work(clone, record, "mine")
    git("switch", "-qc", "private", cwd=clone.path)
    done = push(clone, "origin", "main")
    assert done.code == 0
    assert done.err.startswith(f"gittrack: the runs stay here: {tmp_path / 'runs.git'} is empty, and the first branch")
    assert git("for-each-ref", cwd=tmp_path / "runs.git") == ""


@pytest.mark.parametrize("mode", ["runs", "all"])
def test_the_code_does_not_wait_for_a_remote_that_says_nothing(
    clone: Clone, record: Record, git: Git, tmp_path: Path, mode: str
) -> None:
    """The one of the runs, over ssh; the program in place of it ends with its test, and not with git."""
    os.mkfifo(tmp_path / "never")
    git("config", "gittrack.remote", "ssh://example.com/runs.git", cwd=clone.path)
    git("config", "gittrack.silenceTimeout", "1", cwd=clone.path)
    git("config", "gittrack.prePush", mode, cwd=clone.path)
    work(clone, record, "mine")
    open_end = os.open(tmp_path / "never", os.O_RDWR)
    try:
        done = push(clone, "origin", "main", env={"GIT_SSH_COMMAND": f"exec cat {tmp_path / 'never'};:"})
    finally:
        os.close(open_end)
    assert done.code == 0
    assert done.err.startswith("gittrack: the runs stay here: nothing was heard from there for 1 s;")
    assert git("rev-parse", "main", cwd=clone.path.parent / "hub.git") == git("rev-parse", "main", cwd=clone.path)


def test_a_secret_does_not_go_along(clone: Clone, record: Record, git: Git) -> None:
    work(clone, record, "fine")
    clone.commit(partial(leaky, git("rev-parse", "HEAD", cwd=clone.path).strip()))
    git("config", "gittrack.prePush", "all", cwd=clone.path)
    done = push(clone, "origin", "main")
    assert (done.code, remote_names(clone, git)) == (0, [])
    assert f"the runs stay here: run {id_of('leaky')[:8]}, '{LEAK}': it looks like a secret" in done.err


def leaky(head: str, _: View | None = None) -> dict[str, bytes]:
    del head
    return {**run_files(id_of("leaky"), "leaky"), LEAK: f"token: {TOKEN}\n".encode()}


LEAK = f"{run_directory(id_of('leaky'))}/artifacts/settings.yaml"
SOUND = f"{run_directory(id_of('leaky'))}/artifacts/notes.txt"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({LEAK: f"token: {TOKEN}\n".encode()}, f"run {id_of('leaky')[:8]}, '{LEAK}': it looks like a secret: line 1"),
        ({SOUND: b"x" * 200_000}, f"run {id_of('leaky')[:8]}, '{SOUND.rpartition('/artifacts')[0]}': 'artifacts/notes"),
    ],
    ids=["secret", "oversized"],
)
def test_runs_that_are_pushed_by_git_are_looked_at(
    clone: Clone, git: Git, files: dict[str, bytes], reason: str
) -> None:
    clone.record("fine")
    assert push(clone, "origin", "gittrack/runs").code == 0
    clone.commit(lambda _: {**run_files(id_of("leaky"), "leaky"), **files})
    done = push(clone, "origin", "main:new", "gittrack/runs")
    assert done.code == 1
    assert f"gittrack: refused: gittrack/runs: {reason}" in done.err
    assert remote_names(clone, git) == [id_of("fine")]
    assert push(clone, "origin", "gittrack/runs", env={"GITTRACK_HOOKS": "0"}).code == 0


def test_runs_as_they_are_recorded_hold_no_secret(clone: Clone, record: Record, git: Git) -> None:
    (clone.path / "train.py").write_text("password = input()\n")
    record("dirty", "loss=1", cwd=clone.path)
    done = run([sys.executable, "-m", "gittrack", "run", "--", "sh", "-c", "echo secret: xyz"], cwd=clone.path)
    assert done.code == 0, done.err
    pushed = push(clone, "origin", "gittrack/runs", "refs/gittrack/snapshots", "refs/gittrack/code")
    assert (pushed.code, pushed.err) == (0, "")


def test_a_snapshot_with_a_secret_stays(clone: Clone, record: Record, git: Git) -> None:
    """One that was taken before the secret was told of."""
    (clone.path / "train.py").write_text("word = 'plugh-4711'\n")
    record("dirty", cwd=clone.path)
    git("config", "gittrack.redact", "plugh-[0-9]+", cwd=clone.path)
    done = push(clone, "origin", "refs/gittrack/snapshots")
    assert done.code == 1
    assert "gittrack: refused: refs/gittrack/snapshots: 'train.py': it looks like a secret: line 1, in the" in done.err
    git("config", "--unset", "gittrack.redact", cwd=clone.path)
    git("config", "gittrack.snapshotMaxFile", "5", cwd=clone.path)
    assert "'train.py': it has 20 bytes" in push(clone, "origin", "refs/gittrack/snapshots").err


def test_git_calls_it_once(clone: Clone, record: Record, git: Git) -> None:
    work(clone, record, "mine")
    trace = clone.path.parent / "trace"
    assert push(clone, "origin", "main", env={"GIT_TRACE": str(trace)}).code == 0
    assert trace.read_text().count("run_command: .git/hooks/pre-push") == 1
