"""What a purge says of remotes never leads to the loss of somebody else's runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.conftest import run
from tests.purge.conftest import SECRET, Lab

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

PINS = "refs/gittrack/snapshots:refs/gittrack/remotes/origin/snapshots"


@pytest.fixture
def shared(lab: Lab, tmp_path: Path) -> Lab:
    """The lab with a remote and another clone of it, `../other`, after a first run."""
    lab.git("init", "-q", "--bare", str(tmp_path / "hub.git"))
    lab.git("remote", "add", "origin", str(tmp_path / "hub.git"), cwd=lab.repo)
    lab.record("first")
    lab.git("push", "-q", "origin", "main", "gittrack/runs", cwd=lab.repo)
    lab.git("clone", "-q", "-b", "main", str(tmp_path / "hub.git"), str(tmp_path / "other"))
    return lab


def commands(said: str, start: str = "git push") -> list[list[str]]:
    return [line.split()[1:] for line in said.splitlines() if line.startswith(f"  {start} ")]


def hub(lab: Lab, *args: str) -> str:
    return lab.git("-C", str(lab.repo.parent / "hub.git"), *args)


def test_a_fetch_that_brings_it_back_is_told_and_it_is_purged_again(shared: Lab) -> None:
    doomed = shared.record("doomed", SECRET, dirty=SECRET)
    shared.git("push", "-q", "origin", "gittrack/runs", "refs/gittrack/snapshots", cwd=shared.repo)
    shared.purge(doomed)
    shared.is_sound()
    shared.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*", PINS, cwd=shared.repo)

    checked = shared.gittrack("check", cwd=shared.repo)
    told = shared.gittrack("doctor", cwd=shared.repo)

    sentence = f"run {doomed[:8]}: it was purged and came back: refs/remotes/origin/gittrack/runs has it, as it was"
    assert (checked.code, sentence in checked.out) == (1, True), checked.out
    assert (told.code, sentence in told.out) == (1, True), told.out
    said = shared.purge(doomed[:8])
    assert shared.holds() == []
    shared.is_sound()
    for words in commands(said):
        shared.git(*words, cwd=shared.repo)
    assert SECRET not in hub(shared, "log", "-p", "--all")
    shared.git("fetch", "-q", "origin", cwd=shared.repo)
    shared.is_sound()


def test_who_pushed_meanwhile_loses_nothing_and_it_goes_on(shared: Lab) -> None:
    other = shared.repo.parent / "other"
    doomed = shared.record("doomed", SECRET)
    shared.git("push", "-q", "origin", "gittrack/runs", cwd=shared.repo)
    shared.git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", cwd=other)
    said = shared.purge(doomed)
    assert "somebody pushed meanwhile: fetch, and purge the same again" in said
    assert shared.gittrack("run", "-q", "--name", "theirs", "--", "true", cwd=other).code == 0
    shared.git("push", "-q", "origin", "gittrack/runs", cwd=other)
    ((*words,),) = commands(said)
    assert run(["git", *words], cwd=shared.repo).code == 1, "a lease that is over"
    shared.git("fetch", "-q", "origin", cwd=shared.repo)

    refused = shared.gittrack("purge", "-y", doomed, cwd=shared.repo)
    assert (refused.code, "origin/gittrack/runs has runs that are not here" in refused.err) == (1, True)
    merge = refused.err.partition("then purge again: ")[2]
    merged = run(["sh", "-ec", merge], cwd=shared.repo)
    assert merged.code == 0, merged.err
    assert shared.gittrack("check", cwd=shared.repo).code == 1
    ((*words,),) = commands(shared.purge(doomed))
    assert shared.holds() == []
    shared.git(*words, cwd=shared.repo)

    shared.is_sound()
    assert SECRET not in hub(shared, "log", "-p", "--all")
    assert "theirs" in shared.gittrack("log", cwd=shared.repo).out
    assert hub(shared, "rev-parse", "gittrack/runs") == shared.git("rev-parse", "gittrack/runs", cwd=shared.repo)


def test_overwriting_the_pins_of_a_remote_keeps_those_of_others(shared: Lab) -> None:
    other = shared.repo.parent / "other"
    doomed = shared.record("doomed", dirty=SECRET)
    shared.git("push", "-q", "origin", "gittrack/runs", "refs/gittrack/snapshots", cwd=shared.repo)
    shared.git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", "refs/gittrack/*:refs/gittrack/*", cwd=other)
    (other / "theirs.py").write_text("1\n")
    assert shared.gittrack("run", "-q", "--name", "theirs", "--", "true", cwd=other).code == 0
    theirs = json.loads(shared.gittrack("show", "theirs", "--json", cwd=other).out)["code"]["snapshot"]
    shared.git("push", "-q", "origin", "gittrack/runs", "refs/gittrack/snapshots", cwd=other)

    unseen = shared.purge("--snapshots", doomed)
    assert commands(unseen) == []
    shared.git(*commands(unseen, "git fetch")[-1], cwd=shared.repo)
    assert shared.gittrack("check", cwd=shared.repo).code == 1, "the snapshot is back"
    ((*words,),) = commands(shared.purge("--snapshots", doomed))
    assert words[1].startswith("--force-with-lease=refs/gittrack/snapshots:")
    shared.git(*words, cwd=shared.repo)

    assert shared.holds() == []
    shared.is_sound()
    assert hub(shared, "show", f"{theirs}:theirs.py") == "1\n"
    assert theirs in hub(shared, "rev-list", "refs/gittrack/snapshots").split()
    assert SECRET not in hub(shared, "log", "-p", "--all")


def test_a_remote_with_runs_that_are_not_here_stops_it(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("init", "-q", "--bare", "../hub.git", cwd=repo)
    git("remote", "add", "origin", "../hub.git", cwd=repo)
    assert gittrack("run", "-q", "--name", "one", "--", "true").code == 0
    git("push", "-q", "origin", "main", "gittrack/runs", cwd=repo)
    git("clone", "-q", "-b", "main", "../hub.git", "../other", cwd=repo)
    assert gittrack("run", "-q", "--name", "theirs", "--", "true", cwd=repo.parent / "other").code == 0
    git("push", "-q", "origin", "gittrack/runs", cwd=repo.parent / "other")
    git("fetch", "-q", "origin", cwd=repo)
    refused = gittrack("purge", "one", "--yes")
    assert (refused.code, refused.out) == (1, "")
    assert "origin/gittrack/runs has runs that are not here; merge them into gittrack/runs first" in refused.err
    git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", cwd=repo)
    done = gittrack("purge", "one", "--yes")
    assert done.code == 0, done.err
    assert "git push --force-with-lease=gittrack/runs:" in done.err


def test_a_remote_that_was_never_fetched_is_not_overwritten(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("remote", "add", "origin", "../hub.git", cwd=repo)
    assert gittrack("run", "-q", "--name", "one", "--", "true").code == 0
    done = gittrack("purge", "one", "--yes")
    assert (done.code, "git fetch origin gittrack/runs" in done.err, "--force" in done.err) == (0, True, False)


def test_of_two_remotes_and_no_branch_here_nothing_is_taken_for_known(shared: Lab) -> None:
    shared.git("remote", "add", "second", "../hub.git", cwd=shared.repo)
    shared.git("fetch", "-q", "second", cwd=shared.repo)
    shared.git("update-ref", "-d", "refs/heads/gittrack/runs", cwd=shared.repo)
    (shared.repo / ".git/gittrack/durable-tip").unlink()
    refused = shared.gittrack("purge", "-y", "--snapshots", cwd=shared.repo)
    assert (refused.code, "has runs that are not here" in refused.err) == (1, True), refused.err
