"""`gittrack purge`: the bytes are gone, and nothing else is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.purge.conftest import SECRET, Lab

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("packed", ["loose", "packed", "bitmaps"])
def test_no_byte_of_a_purged_run_is_left_and_all_else_is(lab: Lab, packed: str) -> None:
    lab.record("first")
    doomed = lab.record("doomed-" + SECRET, SECRET, "large", dirty=SECRET)
    lab.gittrack("tag", doomed, f"key={SECRET[:20]}", cwd=lab.repo)
    lab.record("second", dirty="other")
    last = lab.record("last", dirty="changes")
    mine = lab.git("hash-object", "-w", "--stdin", input="a blob of mine", cwd=lab.repo).strip()
    before = lab.trees()
    if packed != "loose":
        lab.git("repack", "-adkq", *(["-b"] if packed == "bitmaps" else []), cwd=lab.repo)
        lab.git("commit-graph", "write", "--reachable", cwd=lab.repo)
        lab.git("multi-pack-index", "write", cwd=lab.repo)
    assert lab.holds()
    head = lab.git("rev-parse", "HEAD", cwd=lab.repo)

    said = lab.purge(doomed)

    assert lab.holds() == []
    lab.is_sound()
    del before[doomed]
    assert lab.trees() == before
    assert lab.git("cat-file", "-p", mine, cwd=lab.repo) == "a blob of mine"
    assert lab.git("rev-parse", "HEAD", cwd=lab.repo) == head
    assert "purged 1 run and 1 snapshot" in said
    assert "revoked" in said
    assert lab.gittrack("checkout", last, str(lab.repo.parent / "out"), cwd=lab.repo).code == 0
    assert (lab.repo.parent / "out" / "left.txt").read_text() == "changes\n"
    assert lab.gittrack("show", doomed, cwd=lab.repo).code == 1


def test_history_is_kept_but_for_the_run(lab: Lab) -> None:
    lab.record("first")
    old = lab.git("rev-parse", "gittrack/runs", cwd=lab.repo)
    doomed = lab.record("doomed", SECRET)
    lab.record("last")
    form = ("log", "--format=%an %ae %ad %cn %ce %cd %B", "gittrack/runs")
    before = lab.git(*form, cwd=lab.repo)

    lab.purge(doomed)

    after = lab.git("log", "--format=%H %s", "gittrack/runs", cwd=lab.repo).splitlines()
    assert [line.split(" ", 1)[1].split()[0] for line in after] == ["purge", "run", "run"]
    assert after[2].split()[0] == old.strip()
    rest = lab.git(*form, "-n2", "--skip=1", cwd=lab.repo)
    assert all(part in before for part in rest.split("\n\n"))
    assert lab.git("show", f"gittrack/runs:purged/{doomed[:2]}/{doomed}", cwd=lab.repo) == f"{doomed}\n"


def test_the_only_run(lab: Lab) -> None:
    doomed = lab.record("doomed-" + SECRET, SECRET, dirty=SECRET)

    lab.purge(doomed)

    assert lab.holds() == []
    lab.is_sound()
    assert lab.git("for-each-ref", "refs/gittrack/snapshots", cwd=lab.repo) == ""
    assert lab.gittrack("doctor", cwd=lab.repo).out == "nothing needs attention\n"
    lab.record("next", dirty="again")
    lab.is_sound()


def test_a_snapshot_that_another_run_has_too_stays(lab: Lab) -> None:
    one = lab.record("one", dirty=SECRET)
    two = lab.record("two", dirty=SECRET)
    assert lab.snapshot(one) == lab.snapshot(two)

    said = lab.purge(one)

    assert f"stays: run {two[:8]}" in said
    assert lab.gittrack("checkout", two, str(lab.repo.parent / "out"), cwd=lab.repo).code == 0
    lab.purge(two)
    lab.git("worktree", "remove", "--force", str(lab.repo.parent / "out"), cwd=lab.repo)
    lab.is_sound()


def test_snapshots_alone(lab: Lab) -> None:
    clean = lab.record("clean")
    one = lab.record("one", dirty=SECRET)
    two = lab.record("two", dirty="other")

    lab.purge("--snapshots", one)

    assert lab.holds() == []
    lab.is_sound()
    assert set(lab.trees()) == {clean, one, two}
    refused = lab.gittrack("checkout", one, cwd=lab.repo)
    assert refused.code == 1
    assert "was purged" in refused.err
    assert "not fetched" not in refused.err
    assert "which was purged" in lab.gittrack("show", one, cwd=lab.repo).out
    assert "was purged" in lab.gittrack("reproduce", one, cwd=lab.repo).err
    lab.purge("--snapshots")
    assert "was purged" in lab.gittrack("checkout", two, cwd=lab.repo).err
    lab.is_sound()
    assert "nothing to purge" in lab.purge("--snapshots")


def test_a_lost_commit_of_the_user_is_not_broken(lab: Lab) -> None:
    (lab.repo / "left.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    lab.git("add", "left.txt", cwd=lab.repo)
    lab.git("stash", "-q", cwd=lab.repo)
    stash = lab.git("rev-parse", "stash", cwd=lab.repo).strip()
    lab.git("stash", "drop", "-q", cwd=lab.repo)
    doomed = lab.record("doomed", "plain", dirty=SECRET)

    said = lab.purge(doomed)

    assert stash[:12] in said
    assert lab.git("show", f"{stash}:left.txt", cwd=lab.repo) == f"{SECRET}\n"
    lab.is_sound()


def test_what_still_leads_to_it_is_told(lab: Lab) -> None:
    doomed = lab.record("doomed", SECRET, dirty=SECRET)
    lab.git("branch", "backup", "gittrack/runs", cwd=lab.repo)
    lab.gittrack("branch", doomed, "mine", cwd=lab.repo)

    said = lab.purge(doomed)

    assert "refs/heads/backup still leads to it" in said
    assert "refs/heads/mine still leads to it" in said
    lab.is_sound()


def test_remotes_are_told_and_what_follows_them_is_deleted(lab: Lab, tmp_path: Path) -> None:
    lab.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    lab.git("remote", "add", "origin", str(tmp_path / "remote.git"), cwd=lab.repo)
    lab.record("first")
    doomed = lab.record("doomed", SECRET, dirty=SECRET)
    pushed = ("push", "-q", "origin", "gittrack/runs", "refs/gittrack/snapshots:refs/gittrack/snapshots")
    lab.git(*pushed, cwd=lab.repo)
    lab.git("fetch", "-q", "origin", "refs/gittrack/snapshots:refs/gittrack/remotes/origin/snapshots", cwd=lab.repo)

    said = lab.purge(doomed)

    assert lab.holds() == []
    lab.is_sound()
    assert "refs/remotes/origin/gittrack/runs held it and was deleted" in said
    assert "origin holds it, as of the last fetch" in said
    commands = [line.strip() for line in said.splitlines() if line.startswith("  git push ")]
    assert len(commands) == 2
    for line in commands:
        lab.git(*line.split()[1:], cwd=lab.repo)
    lab.git("-C", str(tmp_path / "remote.git"), "gc", "-q", "--prune=now")
    assert SECRET not in lab.git("-C", str(tmp_path / "remote.git"), "log", "-p", "--all")
    lab.git("fetch", "-q", "origin", cwd=lab.repo)
    assert lab.holds() == []


def test_a_run_that_came_back_is_ignored_and_can_be_purged_again(lab: Lab) -> None:
    lab.record("first")
    doomed = lab.record("doomed", SECRET)
    lab.git("clone", "-q", "--no-local", ".", str(lab.repo.parent / "other"), cwd=lab.repo)
    lab.purge(doomed)
    lab.git("fetch", "-q", str(lab.repo.parent / "other"), "origin/gittrack/runs", cwd=lab.repo)
    tree = lab.git(
        "merge-tree", "--write-tree", "--allow-unrelated-histories", "gittrack/runs", "FETCH_HEAD", cwd=lab.repo
    )
    commit = lab.git(
        "commit-tree", tree.split()[0], "-p", "gittrack/runs", "-p", "FETCH_HEAD", "-m", "union", cwd=lab.repo
    )
    lab.git("update-ref", "refs/heads/gittrack/runs", commit.strip(), cwd=lab.repo)
    assert doomed in lab.trees()

    assert "doomed" not in lab.gittrack("log", cwd=lab.repo).out
    (lab.repo / ".git/gittrack/index.sqlite").unlink()
    assert "doomed" not in lab.gittrack("log", cwd=lab.repo).out
    checked = lab.gittrack("check", cwd=lab.repo)
    assert checked.code == 1
    assert "it was purged and came back" in checked.out
    lab.purge(doomed)
    assert lab.holds() == []
    lab.is_sound()


def test_it_asks_first(lab: Lab) -> None:
    doomed = lab.record("doomed", SECRET, dirty="x")

    refused = lab.gittrack("purge", doomed, cwd=lab.repo)
    told = lab.gittrack("purge", "--dry-run", doomed, cwd=lab.repo)
    facts = json.loads(lab.gittrack("purge", "-n", "--json", doomed, cwd=lab.repo).out)

    assert (refused.code, lab.gittrack("purge", "-y", cwd=lab.repo).code) == (2, 2)
    assert "--yes" in refused.err
    assert f"run {doomed[:8]} doomed" in told.out
    assert (facts["runs"], facts["commits"]) == ([{"id": doomed, "name": "doomed"}], 1)
    assert facts["bytes"] > 0
    assert doomed in lab.trees()
    assert lab.gittrack("purge", "-y", "nosuchrun", cwd=lab.repo).code == 1
