"""After a merge or the checkout of a branch news is fetched and the index refreshed, and nobody waits for it."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gittrack.git.lock import held_lock
from gittrack.hooks import background, post_checkout
from gittrack.project import open_project
from tests.conftest import PATIENCE, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack
    from tests.hooks.conftest import Record, Stub


@pytest.fixture
def clone(repo: Path, tmp_path: Path, git: Git, stub: Stub) -> Path:
    """A clone of `repo` with the two hooks, on a branch of its own, that looks for news all the time."""
    there = tmp_path / "clone"
    git("clone", "-q", str(repo), str(there))
    git("config", "gittrack.autoFetch", "true", cwd=there)
    git("config", "gittrack.autoFetchInterval", "0", cwd=there)
    stub(there / ".git", "post-merge", "post-checkout")
    return there


def until(happened: Callable[[], bool]) -> bool:
    """Wait for what another process does; nothing tells when it is done but what it leaves."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def has_runs(folder: Path) -> bool:
    return run(["git", "rev-parse", "--verify", "-q", "refs/heads/gittrack/runs"], cwd=folder).code == 0


def is_idle(folder: Path) -> bool:
    """Whether no process is at it: the lock is free once it has ended."""
    with held_lock(str(folder / ".git/gittrack/background.lock")) as held:
        return held


@pytest.mark.parametrize("how", [["switch", "-qc", "other"], ["merge", "-q", "side"]], ids=["checkout", "merge"])
def test_news_is_fetched(repo: Path, clone: Path, record: Record, git: Git, how: list[str]) -> None:
    git("branch", "side", cwd=clone)
    git("commit", "-q", "--allow-empty", "-m", "More", cwd=clone, env={"GITTRACK_HOOKS": "0"})
    git("switch", "-qC", "side", cwd=clone, env={"GITTRACK_HOOKS": "0"})
    git("commit", "-q", "--allow-empty", "-m", "Aside", cwd=clone)
    git("switch", "-q", "main", cwd=clone, env={"GITTRACK_HOOKS": "0"})
    record("new", cwd=repo)
    assert not (clone / ".git/gittrack/fetched").exists()
    done = run(["git", *how], cwd=clone)
    assert (done.code, done.err) == (0, "")
    assert until(lambda: has_runs(clone))
    assert until(lambda: is_idle(clone))


def test_files_that_are_checked_out_set_off_nothing(repo: Path, clone: Path, record: Record, git: Git) -> None:
    record("new", cwd=repo)
    (clone / "train.py").write_text("changed\n")
    git("checkout", "-q", "train.py", cwd=clone)
    assert not (clone / ".git/gittrack").exists()
    old, new = git("rev-parse", "HEAD", "HEAD", cwd=clone).split()
    assert [post_checkout.idle([old, new, flag]) for flag in ("0", "1")] == [True, False]


@pytest.mark.parametrize("setting", [["gittrack.autoFetch", "false"], ["gittrack.autoFetchInterval", "1000"]])
def test_it_is_asked_for_and_not_too_often(
    repo: Path, clone: Path, record: Record, git: Git, setting: list[str]
) -> None:
    (clone / ".git/gittrack").mkdir()
    (clone / ".git/gittrack/fetched").touch()
    git("config", *setting, cwd=clone)
    record("new", cwd=repo)
    assert run(["git", "switch", "-qc", "other"], cwd=clone).err == ""
    assert os.listdir(clone / ".git/gittrack") == ["fetched"]
    assert not background._is_fetch_due(open_project(clone))


def indexed(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("SELECT id FROM tip").fetchone()[0])


def test_an_index_is_refreshed(repo: Path, record: Record, git: Git, stub: Stub, gittrack: Gittrack) -> None:
    stub(repo / ".git", "post-checkout")
    record("first")
    assert gittrack("log").code == 0
    index = repo / ".git/gittrack/index.sqlite"
    record("second")
    os.utime(index, (0, 1))
    tip = git("rev-parse", "gittrack/runs").strip()
    assert indexed(index) != tip
    os.utime(index, (0, 1))
    git("switch", "-qc", "two")
    assert until(lambda: index.stat().st_mtime > 2 and is_idle(repo))
    assert indexed(index) == tip
