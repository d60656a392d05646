"""Inboxes: refs of one clone, which others take in and delete once what they held has arrived."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_share import RUNS, names, record, refs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


@pytest.fixture
def other(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> Path:
    """A second clone; the hub has one run that both have."""
    record(gittrack, "first")
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    path = repo.parent / "other"
    assert gittrack("pull", cwd=path).code == 0
    return path


def inboxes(git: Git, hub: Path) -> list[str]:
    return [ref for ref in refs(git, hub) if ref.startswith(("refs/heads/gittrack/inbox/", "refs/gittrack/inbox/"))]


def send_to_inbox(git: Git, gittrack: Gittrack, clone: Path, name: str) -> str:
    """Record a run on changed files and push it into the inbox, whose branch is returned."""
    (clone / "train.py").write_text(f"{name}\n")
    record(gittrack, name, clone)
    git("config", "gittrack.inbox", "true", cwd=clone)
    sent = gittrack("push", cwd=clone)
    assert sent.code == 0, sent.err
    name = (clone / ".git" / "gittrack" / "clone-id").read_text().strip()
    return f"refs/heads/gittrack/inbox/{name}"


def test_a_sync_folds_inboxes_in_and_deletes_them(
    repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    before = refs(git, hub)[RUNS]
    branch = send_to_inbox(git, gittrack, other, "theirs")
    assert refs(git, hub)[branch] == refs(git, other)[RUNS]
    assert refs(git, hub)[RUNS] == before
    assert len(inboxes(git, hub)) == 3, "with the pins"
    record(gittrack, "mine")
    assert gittrack("pull").out == "received 1 run from origin\n"
    assert len(inboxes(git, hub)) == 3, "a pull deletes nothing"

    synced = gittrack("sync", "--json")

    assert synced.code == 0, synced.err
    assert branch in json.loads(synced.out)["folded"]
    assert inboxes(git, hub) == []
    assert names(gittrack) == ["first", "mine", "theirs"]
    assert gittrack("sync", cwd=other).code == 0
    assert refs(git, repo)[RUNS] == refs(git, other)[RUNS] == refs(git, hub)[RUNS]
    assert refs(git, repo)["refs/gittrack/snapshots"] == refs(git, hub)["refs/gittrack/snapshots"]
    assert gittrack("check").code == 0


def test_an_inbox_that_moved_meanwhile_stays(repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack) -> None:
    branch = send_to_inbox(git, gittrack, other, "theirs")
    record(gittrack, "late", other)
    record(gittrack, "mine")
    # Between what the sync has looked at and its deletion, the inbox gets another run.
    fetch = f"env -u GIT_OBJECT_DIRECTORY -u GIT_QUARANTINE_PATH git fetch -q {other} +{RUNS}:{branch}"
    (hub / "hooks" / "post-receive").write_text(f"#!/bin/sh\nrm hooks/post-receive; {fetch}\n")
    (hub / "hooks" / "post-receive").chmod(0o755)

    synced = gittrack("sync")

    assert (synced.code, synced.err) == (0, "")
    assert refs(git, hub)[branch] == refs(git, other)[RUNS]
    assert gittrack("sync").code == 0
    assert (names(gittrack), inboxes(git, hub)) == (["first", "late", "mine", "theirs"], [])


def test_an_inbox_that_came_in_after_the_runs_had_gone_stays(
    repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    """Somebody is faster at the pins alone, so that only these are pushed again, after all inboxes came in again."""
    branch = send_to_inbox(git, gittrack, other, "theirs")
    record(gittrack, "late", other)
    record(gittrack, "mine")
    lock = "refs/gittrack/snapshots.lock"
    once = f"mkdir once 2>/dev/null || {{ rm -f {lock}; exit 0; }}; touch {lock}; git fetch -q {other} +{RUNS}:{branch}"
    update = hub / "hooks" / "update"
    update.write_text(f"#!/bin/sh\ntest $1 = refs/gittrack/snapshots || exit 0\n{once}\n")
    update.chmod(0o755)

    assert gittrack("sync").code == 0

    assert names(gittrack) == ["first", "late", "mine", "theirs"]
    assert refs(git, hub)[branch] == refs(git, other)[RUNS], "nothing else there has the run"
    assert gittrack("sync").code == 0
    assert inboxes(git, hub) == []
    assert refs(git, hub)[RUNS] == refs(git, repo)[RUNS]


def test_nothing_is_deleted_where_its_push_was_refused(
    repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    branch = send_to_inbox(git, gittrack, other, "theirs")
    update = hub / "hooks" / "update"
    update.write_text(f"#!/bin/sh\ntest $1 != {RUNS}\n")
    update.chmod(0o755)

    assert gittrack("sync").code == 1

    assert inboxes(git, hub) == [branch], "the pins have arrived"
    assert names(gittrack) == ["first", "theirs"]
    update.unlink()
    assert gittrack("sync").code == 0
    assert inboxes(git, hub) == []


def test_a_run_that_is_left_out_stays_in_the_inbox(
    repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    send_to_inbox(git, gittrack, other, "theirs")
    branch = next(ref for ref in inboxes(git, hub) if ref.startswith("refs/heads/"))
    git("worktree", "add", "-q", "--detach", "../bad", RUNS, cwd=other)
    bad = repo.parent / "bad"
    folder = bad / "runs" / "ab" / ("ab" * 16)
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text("no: run\n")
    git("add", "-A", cwd=bad)
    git("commit", "-qm", "no run", cwd=bad)
    git("push", "-q", str(hub), f"HEAD:{branch}", cwd=bad)

    for _ in range(2):
        synced = gittrack("sync")
        assert synced.code == 0, synced.err
        assert "run abababab of origin was left out" in synced.err
        assert f"{branch} of origin was not taken in: it stays there" in synced.err

    assert names(gittrack) == ["first", "theirs"]
    assert inboxes(git, hub) == [branch]
    assert refs(git, repo)[RUNS] == refs(git, hub)[RUNS]
    refused = gittrack("push", cwd=other)
    assert (refused.code, "what is there could not be taken in" in refused.err) == (1, True)


def test_an_inbox_with_what_was_purged_here_is_written_over(
    repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    branch = send_to_inbox(git, gittrack, other, "doomed")
    record(gittrack, "kept", other)
    assert gittrack("purge", "-y", "doomed", cwd=other).code == 0

    sent = gittrack("push", "--inbox", cwd=other)

    assert sent.code == 0, sent.err
    assert refs(git, hub)[branch] == refs(git, other)[RUNS]
    assert gittrack("sync").code == 0
    assert names(gittrack) == ["first", "kept"]
    only = gittrack("push", "--inbox", "kept")
    assert (only.code, "an inbox takes everything" in only.err) == (2, True)
