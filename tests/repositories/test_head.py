"""Where HEAD stands: before the first commit, detached, in the middle of a merge, a rebase, a bisect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.repositories.conftest import Cycle


def test_unborn(git: Git, cycle: Cycle, tmp_path: Path) -> None:
    git("init", "-q", tmp_path / "new")
    cycle(tmp_path / "new", born=False)


def test_unborn_and_default_branch_unset(git: Git, cycle: Cycle, home: Path, tmp_path: Path) -> None:
    git("config", "--global", "--unset", "init.defaultBranch")
    git("init", "-q", tmp_path / "new")
    cycle(tmp_path / "new", born=False, branch=git("symbolic-ref", "--short", "HEAD", cwd=tmp_path / "new").strip())


def test_detached(repo: Path, git: Git, cycle: Cycle) -> None:
    git("checkout", "-q", "--detach", cwd=repo)
    cycle(repo, branch=None)


@pytest.fixture
def torn(repo: Path, git: Git) -> Path:
    """A repository on `main`, with a branch `topic` that changed the same line."""
    for branch in ("topic", "main"):
        git("checkout", "-q", "-B", branch, "main", cwd=repo)
        (repo / "train.py").write_text(f"print('{branch}')\n")
        git("commit", "-qam", branch, cwd=repo)
        git("checkout", "-q", "main", cwd=repo) if branch == "main" else git("branch", "-q", "kept", "main", cwd=repo)
    return repo


def test_in_a_merge(torn: Path, git: Git, cycle: Cycle) -> None:
    stops(git, torn, "merge", "topic")
    cycle(torn, dirty=True)
    (torn / "train.py").write_text("print('both')\n")
    git("add", "train.py", cwd=torn)
    git("commit", "-qm", "Merge", cwd=torn)  # MERGE_HEAD was still there
    assert git("rev-list", "--count", "--merges", "HEAD", cwd=torn) == "1\n"


@pytest.mark.parametrize("backend", ["--merge", "--apply"])
def test_in_a_rebase(torn: Path, git: Git, cycle: Cycle, backend: str) -> None:
    git("checkout", "-q", "topic", cwd=torn)
    stops(git, torn, "rebase", "-q", backend, "main")
    cycle(torn, branch="topic", dirty=True)
    git("checkout", "-q", "--theirs", "train.py", cwd=torn)
    git("add", "train.py", cwd=torn)
    git("rebase", "--continue", env={"GIT_EDITOR": "true"}, cwd=torn)
    assert git("log", "-1", "--format=%s", "topic", cwd=torn) == "topic\n"


def test_in_a_cherry_pick(torn: Path, git: Git, cycle: Cycle) -> None:
    stops(git, torn, "cherry-pick", "topic")
    cycle(torn, dirty=True)
    git("cherry-pick", "--abort", cwd=torn)


def test_in_a_bisect(repo: Path, git: Git, cycle: Cycle) -> None:
    for number in range(4):
        git("commit", "-q", "--allow-empty", "-m", str(number), cwd=repo)
    git("bisect", "start", "HEAD", "HEAD~4", cwd=repo)
    before = git("bisect", "log", cwd=repo)
    cycle(repo, branch=None)
    assert git("bisect", "log", cwd=repo) == before


def stops(git: Git, repo: Path, *words: str) -> None:
    with pytest.raises(AssertionError, match=f"git {words[0]}"):
        git(*words, cwd=repo)
