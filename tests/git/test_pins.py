"""A pin is worth as much as what it pins: that is on disk first, also where git has written it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.git.ancestry import SNAPSHOT_MARK
from gittrack.git.branch import publish_lock
from gittrack.git.pin_refs import CODE, SNAPSHOTS
from gittrack.git.pins import pin, pin_new, pinned, unpin_lost
from gittrack.git.repository import Signature, discover
from gittrack.git.settled import lost_tip
from gittrack.git.snapshot import take_snapshot
from gittrack.git.status import working_tree

if TYPE_CHECKING:
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


@pytest.mark.parametrize("before", [0, 1])
def test_a_snapshot_that_a_prune_took_before_it_was_pinned_leaves_no_pin(
    repo: Path, git: Git, gittrack: Gittrack, before: int
) -> None:
    found = discover(repo)
    for number in range(before + 1):
        assert gittrack("run", "-q", "--", "true").code == 0
        (repo / "new.py").write_text(f"{number}\n")
    old = pinned(found, SNAPSHOTS)
    with publish_lock(found, 10.0):
        # It comes as far as the pin, which waits for the lock.
        run = subprocess.Popen([sys.executable, "-m", "gittrack", "run", "-q", "--", "true"], cwd=repo)
        while not snapshot_commits(repo, git) - set(old):
            assert run.poll() is None
        git("prune", "--expire=now", cwd=repo)
        (repo / "new.py").write_text("changed meanwhile\n")
    assert run.wait(60) == 0
    (new,) = set(pinned(found, SNAPSHOTS)) - set(old)
    assert git("show", f"{new}:new.py", cwd=repo) == "changed meanwhile\n"
    assert len(pinned(found, SNAPSHOTS)) == len(old) + 1
    assert git("fsck", "--strict", "--no-dangling", cwd=repo) == ""


def snapshot_commits(repo: Path, git: Git) -> set[str]:
    listing = git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)", cwd=repo)
    commits = [line.split()[0] for line in listing.splitlines() if line.endswith(" commit")]
    return {commit for commit in commits if SNAPSHOT_MARK in git("cat-file", "commit", commit, cwd=repo)}


def test_pins_above_a_lost_one_stay(repo: Path, git: Git) -> None:
    found = discover(repo)
    tree = git("rev-parse", "HEAD^{tree}", cwd=repo).strip()
    commits = [git("commit-tree", "-m", f"{number}", tree, cwd=repo).strip() for number in range(4)]
    for commit in commits:
        pin_new(found, SNAPSHOTS, commit, parent=None, committer=ADA)
    for commit in (commits[1], commits[0], "0" * 40):
        unpin_lost(found, SNAPSHOTS, commit)
    assert pinned(found, SNAPSHOTS) == [commits[3], commits[2]]
    for commit in commits[2:]:
        unpin_lost(found, SNAPSHOTS, commit)
    assert git("for-each-ref", "refs/gittrack", cwd=repo) == ""
    assert lost_tip(found, SNAPSHOTS) is None


@pytest.mark.parametrize("ref", [CODE, SNAPSHOTS])
def test_a_pin_that_a_fetch_brought_is_asked_to_disk(
    repo: Path, git: Git, synced: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    (repo / "new.py").write_text("1\n")
    first = take_snapshot(discover(repo), working_tree(discover(repo)), frozenset(), committer=ADA)
    pin(discover(repo), CODE, git("rev-parse", "HEAD", cwd=repo).strip(), committer=ADA)
    git("clone", "-q", str(repo), str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path / "other")
    git("fetch", "-q", "origin", "refs/gittrack/*:refs/gittrack/*")
    Path("new.py").write_text("1\n")
    found = discover(tmp_path / "other")
    if ref == CODE:
        pin(found, CODE, git("rev-parse", "HEAD").strip(), committer=ADA)
    else:
        assert take_snapshot(found, working_tree(found), frozenset(), committer=ADA) == first
    objects = git("rev-list", "--objects", "--no-object-names", ref).split()
    places = [tmp_path / "other/.git/objects" / oid[:2] / oid[2:] for oid in objects]
    assert {str(place) for place in places if place.exists()} <= set(synced)
    assert str(tmp_path / "other/.git" / ref) in synced
    synced.clear()
    pin(found, CODE, git("rev-parse", "HEAD").strip(), committer=ADA)
    assert ref != CODE or synced == []
