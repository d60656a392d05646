"""Runs follow their commits through amend, rebase, squash and fixup, at the root and in linked worktrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conftest import run
from tests.hooks.conftest import commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.hooks.conftest import Record, Stub


@pytest.fixture
def commits(repo: Path, git: Git, stub: Stub, record: Record) -> list[str]:
    """Three commits on top of the first one, each with a run."""
    stub(repo / ".git", "post-rewrite")
    made = []
    for number in range(3):
        (repo / f"{number}.py").write_text(f"{number}\n")
        git("add", "-A")
        git("commit", "-qm", f"Number {number}")
        record(f"run-{number}")
        made.append(git("rev-parse", "HEAD").strip())
    return made


def rewrites(git: Git) -> set[str]:
    listed = git("ls-tree", "-r", "--name-only", "gittrack/runs", "rewrites").split()
    return {path.rpartition("/")[2] for path in listed}


def rebase(script: str, *words: str, cwd: Path | None = None) -> None:
    """Rebase, the list of what to do edited by sed."""
    editors: dict[str, str | None] = {"GIT_SEQUENCE_EDITOR": f"sed -i -e '{script}'", "GIT_EDITOR": "true"}
    done = run(["git", "rebase", "-q", "-i", *words], env=editors, cwd=cwd)
    assert (done.code, done.err) == (0, "")


def test_amend(repo: Path, commits: list[str], git: Git) -> None:
    assert commit("-q", "--amend", "-m", "Another message").err == ""
    assert rewrites(git) == {f"{commits[2]}-{git('rev-parse', 'HEAD').strip()}"}


@pytest.mark.parametrize("word", ["squash", "fixup"])
def test_commits_that_become_one(repo: Path, commits: list[str], git: Git, word: str) -> None:
    rebase(f"2,3s/pick/{word}/", "HEAD~3")
    head = git("rev-parse", "HEAD").strip()
    # git amends one after the other, and tells of that too.
    assert rewrites(git) >= {f"{old}-{head}" for old in commits}


def test_from_the_root(repo: Path, commits: list[str], git: Git) -> None:
    rebase("1s/pick/reword/", "--root")
    after = git("rev-list", "--reverse", "HEAD").split()
    moved = {f"{old}-{new}" for old, new in zip(commits, after[1:], strict=True) if old != new}
    assert rewrites(git) == moved


def test_commits_without_runs_are_left_out(repo: Path, commits: list[str], git: Git) -> None:
    git("commit", "-q", "--allow-empty", "-m", "Nothing ran here")
    rebase("1s/pick/drop/", "--keep-empty", "HEAD~3")
    after = git("rev-list", "--reverse", "-2", "HEAD").split()
    assert rewrites(git) == {f"{commits[2]}-{after[0]}"}


def test_in_a_linked_worktree(repo: Path, commits: list[str], git: Git, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "side", str(linked))
    rebase("1s/pick/drop/", "HEAD~3", cwd=linked)
    after = git("rev-list", "--reverse", "-2", "side").split()
    assert rewrites(git) == {f"{old}-{new}" for old, new in zip(commits[1:], after, strict=True)}
    assert git("rev-parse", "main").strip() == commits[2]
