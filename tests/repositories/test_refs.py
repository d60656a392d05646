"""How refs are kept and named: packed, many, reftable, in the way of the branch for runs, hidden, in a namespace."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack
    from tests.repositories.conftest import Console, Cycle

MANY = 50_000


@pytest.mark.may_skip  # Debian's stable git is older than 2.45, the first that knows the format
def test_reftable(git: Git, cycle: Cycle, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    made = subprocess.run(["git", "init", "-q", "--ref-format=reftable", folder], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"{git('version').strip()} makes no reftable repository; that needs git 2.45")
    (folder / "train.py").write_text("print(1)\n")
    git("add", ".", cwd=folder)
    git("commit", "-qm", "Train", cwd=folder)
    cycle(folder)


def test_empty_packed_refs(repo: Path, cycle: Cycle) -> None:
    (repo / ".git/packed-refs").touch()
    cycle(repo)


def test_packed_runs(repo: Path, git: Git, cycle: Cycle, console: Console) -> None:
    """The branch is in packed-refs between any two commands."""
    cycle(repo)
    git("pack-refs", "--all", cwd=repo)
    assert not (repo / ".git/refs/heads/gittrack").exists()
    assert console.read(["log", "--oneline"], repo).count("\n") == 3
    console.read(["run", "--name", "more", "--", "true"], repo)
    git("pack-refs", "--all", "--prune", cwd=repo)
    console.read(["tag", "more", "a=b"], repo)
    assert "checked 4 runs" in console.read(["check"], repo)
    assert git("fsck", "--strict", "--no-dangling", cwd=repo) == ""


def processor_seconds(work: Callable[[], object]) -> float:
    """What the processes that `work` starts take of the processor: others on the machine do not count."""
    before = os.times()
    work()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_many_refs(repo: Path, git: Git, gittrack: Gittrack, cycle: Cycle, tmp_path: Path) -> None:
    """50,000 branches, tags and remote branches make no command half as slow again."""
    few = tmp_path / "few"
    git("clone", "-q", repo, few)
    head = git("rev-parse", "HEAD", cwd=repo).strip()
    kinds = ("heads/topic", "remotes/origin/topic", "tags/v")
    names = sorted(f"refs/{kinds[number % 3]}/{number % 97}/{number}" for number in range(MANY))
    lines = ["# pack-refs with: peeled fully-peeled sorted ", *(f"{head} {name}" for name in names)]
    (repo / ".git/packed-refs").write_text("\n".join(lines) + "\n")
    assert git("for-each-ref", "--format=x", cwd=repo).count("x") > MANY
    cycle(repo)
    for words in (["run", "--", "true"], ["tag", "latest", "a=b"], ["log"]):
        seconds = {
            place: min(processor_seconds(lambda: gittrack(*words, cwd=place)) for _ in range(2))  # noqa: B023
            for place in (few, repo)
        }
        assert seconds[repo] < 1.5 * seconds[few], (words, seconds)


WAYS = {
    "gittrack": "the branch 'gittrack' leaves no room for 'gittrack/runs': rename it (git branch -m gittrack OTHER)",
    "gittrack/runs/more": "branches below 'gittrack/runs/' leave no room for 'gittrack/runs': rename them",
}


@pytest.mark.parametrize("taken", WAYS)
@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_a_branch_in_the_way(repo: Path, git: Git, gittrack: Gittrack, taken: str, packed: bool) -> None:
    git("branch", taken, cwd=repo)
    if packed:
        git("pack-refs", "--all", cwd=repo)
    before = git("for-each-ref", cwd=repo)
    done = gittrack("run", "--", "true")
    assert (done.code, done.out) == (1, "")
    assert done.err == f"gittrack: error: {WAYS[taken]} or keep runs elsewhere (git config gittrack.branch NAME)\n"
    assert gittrack("log").code == 0
    assert git("for-each-ref", cwd=repo) == before
    git("config", "gittrack.branch", "experiments", cwd=repo)
    assert gittrack("run", "--", "true").code == 0


def test_hidden_refs(repo: Path, git: Git, cycle: Cycle) -> None:
    git("config", "transfer.hideRefs", "refs/heads/gittrack", cwd=repo)
    cycle(repo)


def test_namespace(repo: Path, git: Git, cycle: Cycle) -> None:
    """GIT_NAMESPACE is for servers: git itself looks at no namespace when it reads or makes a branch here."""
    cycle(repo, {"GIT_NAMESPACE": "other"})
    assert git("rev-parse", "--verify", "refs/heads/gittrack/runs", cwd=repo)
