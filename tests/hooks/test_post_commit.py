"""A commit of the very files that a run was made on: the run is tied to it, and one line tells of it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gittrack.catalog import open_catalog
from gittrack.git.lock import held_lock
from gittrack.project import open_project
from gittrack.read.whereabouts import whereabouts
from tests.conftest import PATIENCE, run
from tests.hooks.conftest import commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack
    from tests.hooks.conftest import Record, Stub


@pytest.fixture
def dirty(repo: Path, stub: Stub, record: Record) -> str:
    """A run on uncommitted changes, in a repository with the hooks post-commit and post-rewrite."""
    stub(repo / ".git", "post-commit", "post-rewrite")
    (repo / "train.py").write_text("changed\n")
    (repo / "new.py").write_text("new\n")
    return record("fast", "loss=0.25", "acc=0.5")


def rewrites(git: Git) -> list[str]:
    listed = git("ls-tree", "-r", "--name-only", "gittrack/runs", "rewrites").split()
    return [path.rpartition("/")[2] for path in listed]


def committed(run_id: str) -> str | None:
    with open_catalog() as catalog:
        return whereabouts(open_project(), catalog.find(run_id)).committed


def test_the_run_is_tied_and_told(repo: Path, dirty: str, git: Git, gittrack: Gittrack) -> None:
    git("add", "-A")
    said = commit("-qm", "What ran").err
    head, tree = git("rev-parse", "HEAD", "HEAD^{tree}").split()
    assert said == f"gittrack: {head[:7]} has the very files of run {dirty[:8]} fast: acc=0.5 loss=0.25\n"
    assert rewrites(git) == [f"{tree}-{head}"]
    assert committed(dirty) == head
    assert gittrack("check").code == 0


def test_git_does_not_wait_for_who_holds_up_the_writers(repo: Path, dirty: str, git: Git) -> None:
    git("add", "-A")
    with held_lock(str(repo / ".git/gittrack/publish.lock")) as held:
        assert held
        began = time.monotonic()
        commit("-qm", "What ran")
        assert time.monotonic() - began < 45, "a minute is what a run waits there"
    assert committed(dirty) == git("rev-parse", "HEAD").strip()


def test_the_run_follows_when_that_commit_is_rewritten(repo: Path, dirty: str, git: Git, gittrack: Gittrack) -> None:
    git("add", "-A")
    commit("-qm", "What ran")
    (repo / "train.py").write_text("changed again\n")
    commit("-qa", "--amend", "-m", "And more")
    now = git("rev-parse", "HEAD").strip()
    assert committed(dirty) == now
    assert "fast" in gittrack("log", "HEAD~1..HEAD").out
    drawn = gittrack("log", "--graph", "HEAD~1..HEAD").out.splitlines()
    assert ("And more" in drawn[0], "fast" in drawn[1]) == (True, True)


def test_a_commit_of_other_files_is_passed_over_in_silence(repo: Path, dirty: str, git: Git) -> None:
    (repo / "new.py").write_text("newer\n")
    git("add", "-A")
    tip = git("rev-parse", "gittrack/runs")
    assert commit("-qm", "Not what ran").err == ""
    assert git("rev-parse", "gittrack/runs") == tip


def test_runs_on_a_clean_tree_are_told_and_not_tied(repo: Path, git: Git, stub: Stub, record: Record) -> None:
    stub(repo / ".git", "post-commit")
    git("config", "gittrack.metric", "acc")
    first, best, last = record("low", "acc=0.1"), record("high", "acc=0.9", "loss=1"), record("late", "acc=0.5")
    tip = git("rev-parse", "gittrack/runs")
    said = commit("-q", "--amend", "-m", "Another message").err
    assert f"has the very files of run {best[:8]} high: acc=0.9, and of 2 more\n" in said, (first, last)
    assert git("rev-parse", "gittrack/runs") == tip
    git("config", "gittrack.metric", "min:acc")
    assert f"run {first[:8]} low: acc=0.1" in commit("-q", "--amend", "-m", "Once more").err


def test_it_is_silent_while_git_is_at_many_commits(repo: Path, dirty: str, git: Git) -> None:
    git("add", "-A")
    commit("-qm", "What ran", env={"GITTRACK_HOOKS": "0"})
    tree = git("rev-parse", "HEAD^{tree}").strip()
    git("branch", "side")
    git("reset", "-q", "--hard", "HEAD~1")
    assert run(["git", "cherry-pick", "side"]).err == ""
    git("reset", "-q", "--hard", "HEAD~1")
    commit("-q", "--allow-empty", "-m", "Empty")
    done = run(["git", "rebase", "-q", "--force-rebase", "HEAD", "side"])
    assert (done.code, done.err) == (0, "")
    assert git("rev-parse", "HEAD^{tree}").strip() == tree, "the very files, yet in a rebase"
    git("bisect", "start", "HEAD", "HEAD~1")
    assert commit("-q", "--allow-empty", "-m", "In a bisect").err == ""
    assert run(["git", "ls-tree", "gittrack/runs", "rewrites"]).out == ""


@pytest.mark.parametrize("off", ["environment", "configuration"])
def test_it_can_be_turned_off(repo: Path, dirty: str, git: Git, off: str) -> None:
    git("add", "-A")
    if off == "configuration":
        git("config", "gittrack.hooks", "false")
    env: dict[str, str | None] = {"GITTRACK_HOOKS": "0"} if off == "environment" else {}
    assert commit("-qm", "What ran", env=env).err == ""
    assert run(["git", "ls-tree", "gittrack/runs", "rewrites"]).out == ""


def test_modules_of_the_user_are_not_imported(repo: Path, dirty: str, git: Git) -> None:
    for name in ("random", "subprocess", "sqlite3", "json"):
        (repo / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    git("add", "train.py", "new.py")
    assert f"run {dirty[:8]} fast" in commit("-qm", "What ran").err


def test_in_a_linked_worktree(repo: Path, tmp_path: Path, stub: Stub, record: Record, git: Git) -> None:
    stub(repo / ".git", "post-commit")
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", str(linked))
    (linked / "train.py").write_text("changed\n")
    run_id = record("there", "loss=1", cwd=linked)
    assert f"run {run_id[:8]} there: loss=1\n" in commit("-qam", "What ran", cwd=linked).err
    (linked / "train.py").write_text("changed again\n")
    record("more", cwd=linked)
    gone = git("rev-parse", "--git-dir", cwd=linked).strip()
    (tmp_path / "repo" / gone / "rebase-merge").mkdir()
    assert commit("-qam", "In a rebase there", cwd=linked).err == ""


def test_a_run_that_is_running_is_tied_too(repo: Path, dirty: str, git: Git) -> None:
    (repo / "train.py").write_text("changed again\n")
    code = "import gittrack\nwith gittrack.start_run('slow') as run:\n    print(run.id, flush=True)\n    input()\n"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as training:
        assert training.stdout is not None
        run_id = training.stdout.readline().strip()
        git("add", "-A")
        assert f"run {run_id[:8]} slow (running)\n" in commit("-qm", "What runs").err
        (repo / "new.py").write_text("newer\n")
        commit("-qa", "--amend", "-m", "And more")
        training.communicate("\n", timeout=PATIENCE)
    assert training.returncode == 0
    assert committed(run_id) == git("rev-parse", "HEAD").strip()
