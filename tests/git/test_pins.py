"""A pin is worth as much as what it pins: that is on disk first, also where git has written it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from gittrack.git.pins import CODE, SNAPSHOTS, pin, pin_new, pinned
from gittrack.git.repository import Signature, discover
from gittrack.git.settled import lost_tip
from gittrack.git.snapshot import take_snapshot
from gittrack.git.status import working_tree

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Git, Gittrack

ADA = Signature("Ada Example", "ada@example.com")


def test_what_git_wrote_a_moment_ago_is_asked_to_disk(repo: Path, git: Git, synced: list[str]) -> None:
    (repo / "new.py").write_text("x\n")
    git("add", "new.py", cwd=repo)
    git("commit", "-qm", "New", cwd=repo)
    objects = [path for path in (repo / ".git/objects").glob("??/*") if path.is_file()]
    found = discover(repo)
    pin(found, CODE, git("rev-parse", "HEAD", cwd=repo).strip(), committer=ADA)
    assert {str(path) for path in objects} <= set(synced)
    assert {str(path.parent) for path in objects} <= set(synced)


def test_what_is_on_disk_already_is_not_asked_again_for_each_snapshot(repo: Path, git: Git, synced: list[str]) -> None:
    found = discover(repo)
    for number in range(2):
        (repo / "new.py").write_text(f"{number}\n")
        before = {str(path) for path in (repo / ".git/objects").glob("??/*")}
        synced.clear()
        assert take_snapshot(found, working_tree(found), frozenset(), committer=ADA).commit is not None
    assert len(before) > 6
    # The commit of the pin before, and files of the same content, are asked for again.
    assert len(before & set(synced)) <= 2


def test_pins_that_git_lost_are_gone_on_with(repo: Path, git: Git) -> None:
    found = discover(repo)
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    pin(found, CODE, first, committer=ADA)
    tip = git("rev-parse", CODE, cwd=repo).strip()
    Path(found.common_dir, *CODE.split("/")).unlink()
    assert lost_tip(found, CODE) == tip
    git("commit", "-q", "--allow-empty", "-m", "Second", cwd=repo)
    pin(found, CODE, git("rev-parse", "HEAD", cwd=repo).strip(), committer=ADA)
    assert git("rev-parse", f"{CODE}^1", cwd=repo).strip() == tip


def test_a_new_snapshot_is_pinned_without_a_look_at_the_pins_before(
    repo: Path, git: Git, gittrack: Gittrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        (repo / "new.py").write_text(f"{number}\n")
        if number:
            monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
        assert gittrack("run", "-q", "--", "true").code == 0
    monkeypatch.delenv("GIT_TRACE")
    tips = git("rev-parse", SNAPSHOTS, f"{SNAPSHOTS}^1", cwd=repo).split()
    trace = (tmp_path / "trace").read_text()
    assert "merge-base" not in trace
    assert not any(tip in trace for tip in tips)
    assert len(pinned(discover(repo), SNAPSHOTS)) == 2


def test_the_very_same_snapshot_of_two_processes_is_pinned_once(repo: Path, git: Git) -> None:
    found = discover(repo)
    tree = git("rev-parse", "HEAD^{tree}", cwd=repo).strip()
    commit = git("commit-tree", "-m", "Working tree", tree, cwd=repo).strip()
    for _ in range(2):
        pin_new(found, SNAPSHOTS, commit, parent=None, committer=ADA)
    assert pinned(found, SNAPSHOTS) == [commit]


def test_a_commit_that_an_older_pin_leads_to_gets_none(repo: Path, git: Git) -> None:
    found = discover(repo)
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    commits = []
    for name in ("one", "two"):
        git("checkout", "-qb", name, first, cwd=repo)
        git("commit", "-q", "--allow-empty", "-m", name, cwd=repo)
        commits.append(git("rev-parse", "HEAD", cwd=repo).strip())
        pin(found, CODE, commits[-1], committer=ADA)
    pin(found, CODE, first, committer=ADA)
    pin(found, CODE, commits[0], committer=ADA)
    assert pinned(found, CODE) == commits[::-1]


def test_the_log_of_all_without_runs_and_pins_is_as_the_page_says(repo: Path, git: Git, gittrack: Gittrack) -> None:
    page = (Path(__file__).parents[2] / "docs/reproducing.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"(?m)^git (log --exclude.*)$", page)
    (repo / "new.py").write_text("1\n")
    assert gittrack("run", "-q", "--", "true").code == 0
    git("update-ref", "refs/remotes/origin/gittrack/runs", "gittrack/runs", cwd=repo)
    git("update-ref", "refs/gittrack/remotes/origin/code", CODE, cwd=repo)
    git("update-ref", "refs/remotes/origin/main", "main", cwd=repo)
    mine = git("rev-list", "main", cwd=repo)
    assert git("log", "--format=%H", "--all", cwd=repo) != mine
    assert git(*shlex.split(command), "--format=%H", cwd=repo) == mine
