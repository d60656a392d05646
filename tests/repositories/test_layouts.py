"""Where the git directory and the working tree lie: worktrees, submodules, bare, apart, told by the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack
    from tests.repositories.conftest import Console, Cycle

LOCAL = ("-c", "protocol.file.allow=always")


def names(console: Console, here: Path) -> set[str]:
    """The names of the runs that are seen from a place."""
    return {run["name"] for run in json.loads(console.read(["log", "--json"], here))}


def test_linked_worktree(repo: Path, git: Git, cycle: Cycle, console: Console, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "side", linked, cwd=repo)
    cycle(linked, branch="side")
    assert names(console, repo) == {"command", "api", "crash"}
    assert not (repo / ".git/worktrees/linked/gittrack").exists()


def test_two_worktrees_at_once(repo: Path, git: Git, console: Console, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "side", linked, cwd=repo)
    command = [sys.executable, "-m", "gittrack", "run", "--name"]
    started = [
        subprocess.Popen(
            [*command, f"{place.name}{number}", "--", "true"],
            cwd=place,
            stderr=subprocess.DEVNULL,
        )
        for number in range(3)
        for place in (repo, linked)
    ]
    assert [process.wait() for process in started] == [0] * 6
    for place in (repo, linked):
        found = {run["name"]: run["code"]["branch"] for run in json.loads(console.read(["log", "--json"], place))}
        assert found == {
            f"{name}{number}": branch for name, branch in (("repo", "main"), ("linked", "side")) for number in range(3)
        }


def test_worktree_of_a_bare_repository(repo: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", repo, tmp_path / "all.git")
    git("worktree", "add", "-q", "-b", "side", tmp_path / "linked", cwd=tmp_path / "all.git")
    cycle(tmp_path / "linked", branch="side")


def test_worktree_config(repo: Path, git: Git, cycle: Cycle, console: Console, tmp_path: Path) -> None:
    git("config", "extensions.worktreeConfig", "true", cwd=repo)
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "side", linked, cwd=repo)
    git("config", "--worktree", "gittrack.experiment", "of the side", cwd=linked)
    cycle(linked, branch="side")
    assert {run["experiment"] for run in json.loads(console.read(["log", "--json"], linked))} == {"of the side"}


@pytest.fixture
def superproject(repo: Path, git: Git, tmp_path: Path) -> Path:
    """A repository with a submodule in `parts/model`, which is on its branch."""
    folder = tmp_path / "super"
    git("init", "-q", folder)
    git(*LOCAL, "submodule", "--quiet", "add", repo, "parts/model", cwd=folder)
    git("commit", "-qm", "Add the model", cwd=folder)
    return folder


def test_inside_a_submodule(superproject: Path, cycle: Cycle, console: Console) -> None:
    cycle(superproject / "parts/model")
    assert names(console, superproject) == set()
    assert (superproject / ".git/modules/parts/model/gittrack").is_dir()


def test_superproject(superproject: Path, cycle: Cycle, console: Console) -> None:
    cycle(superproject)
    assert names(console, superproject / "parts/model") == set()


def test_bare(repo: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", repo, tmp_path / "bare.git")
    cycle(tmp_path / "bare.git")


def test_separate_git_dir(repo: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    git("init", "-q", f"--separate-git-dir={tmp_path / 'apart'}", cwd=repo)
    cycle(repo)
    assert (tmp_path / "apart/gittrack").is_dir()


def test_git_dir_and_work_tree_in_the_environment(repo: Path, cycle: Cycle, tmp_path: Path) -> None:
    away = tmp_path / "away.git"
    (repo / ".git").rename(away)
    cycle(tmp_path, {"GIT_DIR": str(away), "GIT_WORK_TREE": str(repo)})


def test_relative_git_dir_in_the_environment(repo: Path, cycle: Cycle, tmp_path: Path) -> None:
    (repo / ".git").rename(repo / "inside.git")
    (repo / "inside.git/info/exclude").write_text("inside.git\n")
    cycle(repo, {"GIT_DIR": "inside.git"})


def test_core_worktree(repo: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    away = tmp_path / "away.git"
    (repo / ".git").rename(away)
    git("config", "core.worktree", "../repo", cwd=away)
    cycle(away, {"GIT_DIR": str(away)})
    cycle_here = away / "gittrack"
    assert cycle_here.is_dir()


def test_core_bare_left_unset(repo: Path, git: Git, cycle: Cycle) -> None:
    git("config", "--unset", "core.bare", cwd=repo)
    cycle(repo)


def test_core_bare_beside_a_working_tree(repo: Path, git: Git, cycle: Cycle) -> None:
    git("config", "core.bare", "true", cwd=repo)
    cycle(repo)


def test_ceiling_directories(repo: Path, gittrack: Gittrack, cycle: Cycle) -> None:
    below = repo / "a" / "b"
    below.mkdir(parents=True)
    cycle(repo, {"GIT_CEILING_DIRECTORIES": str(repo.parent)})
    done = gittrack("log", cwd=below, env={"GIT_CEILING_DIRECTORIES": str(repo / "a")})
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"gittrack: error: no git repository here or above {below}; run 'git init' first, or 'gittrack init'\n"
    )


@pytest.mark.parametrize("command", [["log"], ["run", "--", "true"], ["doctor"], ["check"]], ids=" ".join)
def test_a_git_file_that_points_nowhere(gittrack: Gittrack, tmp_path: Path, command: list[str]) -> None:
    lost = tmp_path / "lost"
    lost.mkdir()
    (lost / ".git").write_text(f"gitdir: {tmp_path}/gone\n")
    done = gittrack(*command, cwd=lost)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"gittrack: error: {lost}/.git points to the git directory {tmp_path}/gone, which is not there; "
        f"bring it back, or remove that file and run 'git init'\n"
    )
    assert os.listdir(lost) == [".git"]
