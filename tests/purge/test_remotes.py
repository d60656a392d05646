"""What a purge says of remotes never leads to the loss of somebody else's runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


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
