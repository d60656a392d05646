"""A file of a committed run that somebody changed by hand is not sent; what keeps to the format is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from gittrack.share.auto import WANTED
from tests.cli.test_auto_push import push_in_background
from tests.cli.test_share import RUNS, record, refs
from tests.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


class Shared(NamedTuple):
    """A run that was pushed: its id, the file of its metric in a worktree of the runs, and that worktree."""

    run: str
    metric: Path
    tree: Path


@pytest.fixture
def shared(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> Shared:
    """A run that the remote has, and a worktree of the runs."""
    script = f"{sys.executable} -m gittrack record metric loss=0.5"
    assert gittrack("run", "-q", "--name", "one", "--", "sh", "-c", script).code == 0
    assert gittrack("push").code == 0
    tree = repo.parent / "tree"
    git("worktree", "add", "-q", str(tree), "gittrack/runs")
    (metric,) = tree.glob("runs/*/*/metrics/loss.tsv")
    return Shared(metric.parent.parent.name, metric, tree)


def forge(shared: Shared, git: Git) -> None:
    text = shared.metric.read_text()
    assert "0.5" in text
    shared.metric.write_text(text.replace("0.5", "0.1"))
    git("commit", "-qam", "a better loss", cwd=shared.tree)


@pytest.mark.parametrize(
    "words",
    [("push",), ("sync",), ("push", "--inbox"), ("push", "one"), ("sync", "../hub.git")],
    ids=["push", "sync", "inbox", "chosen", "path"],
)
def test_an_altered_file_is_not_sent(
    shared: Shared, hub: Path, git: Git, gittrack: Gittrack, words: tuple[str, ...]
) -> None:
    before = refs(git, hub)
    forge(shared, git)

    refused = gittrack(*words)

    assert (refused.code, refused.out, refs(git, hub)) == (1, "", before)
    path = shared.metric.relative_to(shared.tree)
    told = f"gittrack/runs does not go: run {shared.run[:8]}, '{path}': it has other bytes, and what was committed"
    assert told in refused.err
    assert refused.err.count("\n") == 1
    git("revert", "--no-edit", "HEAD", cwd=shared.tree)
    assert gittrack(*words).code == 0


@pytest.mark.parametrize("whole", [False, True])
def test_what_was_removed_by_hand_stays_there(
    shared: Shared, hub: Path, git: Git, gittrack: Gittrack, *, whole: bool
) -> None:
    before = refs(git, hub)
    git("rm", "-qr", str(shared.metric.parent.parent if whole else shared.metric), cwd=shared.tree)
    git("commit", "-qm", "tidy up", cwd=shared.tree)

    refused = gittrack("push")

    assert (refused.code, refs(git, hub)) == (1, before)
    assert f"{shared.run}{'' if whole else '/metrics/loss.tsv'}': it is gone, and what was committed" in refused.err


@pytest.mark.parametrize("fetched", [False, True])
def test_it_is_found_though_others_were_faster(
    shared: Shared, repo: Path, hub: Path, git: Git, gittrack: Gittrack, *, fetched: bool
) -> None:
    other = repo.parent / "other"
    git("clone", "-q", str(hub), str(other))
    record(gittrack, "theirs", other)
    assert gittrack("push", cwd=other).code == 0
    forge(shared, git)
    here, there = refs(git, repo)[RUNS], refs(git, hub)[RUNS]
    if fetched:
        git("fetch", "-q")

    for word in ("push", "sync"):
        assert gittrack(word).code == 1

    assert (refs(git, repo)[RUNS], refs(git, hub)[RUNS]) == (here, there), "nothing was united with it"


def test_another_run_goes_alone(shared: Shared, hub: Path, git: Git, gittrack: Gittrack) -> None:
    forge(shared, git)
    record(gittrack, "fine")

    assert gittrack("push", "fine").code == 0

    assert "0.5" in git("show", f"{RUNS}:{shared.metric.relative_to(shared.tree)}", cwd=hub)


def test_a_run_that_was_left_out_stops_no_push(
    shared: Shared, repo: Path, hub: Path, git: Git, gittrack: Gittrack
) -> None:
    theirs = repo.parent / "theirs"
    git("clone", "-q", "-b", "gittrack/runs", str(hub), str(theirs))
    bad = theirs / "runs" / "ab" / ("ab" * 16)
    bad.mkdir(parents=True)
    (bad / "run.yaml").write_text("no record\n")
    (theirs / shared.metric.relative_to(shared.tree).parent / "stray.txt").write_text("no file of a run\n")
    git("add", "-A", cwd=theirs)
    git("commit", "-qm", "odd things", cwd=theirs)
    git("push", "-q", cwd=theirs)
    assert "ababab" in gittrack("pull").err
    record(gittrack, "mine")

    pushed = gittrack("push")

    assert (pushed.code, refs(git, hub)[RUNS]) == (0, refs(git, repo)[RUNS]), pushed.err


def test_a_push_that_arrives_outdates_one_in_the_background_that_failed(
    shared: Shared, repo: Path, git: Git, gittrack: Gittrack
) -> None:
    git("config", "gittrack.autoPush", "true")
    git("init", "-q", "--bare", "../backup.git")
    forge(shared, git)
    (repo / ".git" / "gittrack" / WANTED).touch()
    assert push_in_background().code == 0
    told = gittrack("doctor")
    assert (told.code, "gittrack/runs does not go: run" in told.out) == (1, True)
    git("revert", "--no-edit", "HEAD", cwd=shared.tree)
    assert gittrack("push", "../backup.git").code == 0
    assert "does not go" in gittrack("doctor").out, "another remote says nothing of this one"

    assert gittrack("sync").code == 0

    assert "auto-push" not in gittrack("doctor").out
    assert run(["git", "status", "--porcelain"], cwd=shared.tree).out == ""
