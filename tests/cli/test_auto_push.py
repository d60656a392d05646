"""The push in the background at the end of runs: it arrives, it coalesces, and where it fails doctor tells."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gittrack.git.lock import held_lock
from gittrack.project import open_project
from gittrack.share.auto import LOCK, WANTED, last_outcome
from tests.cli.test_share import RUNS, hook, record, refs
from tests.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, Result


def push_in_background() -> Result:
    """Do what is started in the background, and wait for it."""
    return run([sys.executable, "-m", "gittrack.share.auto"])


def wait_for_push(repo: Path) -> None:
    """Wait until the process that pushes in the background, which has reached the remote, has ended its work."""
    with held_lock(str(repo / ".git" / "gittrack" / LOCK), 60.0) as held:
        assert held


def test_the_end_of_a_run_pushes(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    git("config", "gittrack.autoPush", "true")
    os.mkfifo(repo.parent / "reached")
    hook(hub, f"echo > {repo.parent / 'reached'}")

    record(gittrack, "one")

    assert (repo.parent / "reached").read_text() == "\n"
    wait_for_push(repo)
    assert refs(git, hub)[RUNS] == refs(git, repo)[RUNS]
    outcome = last_outcome(open_project(repo))
    assert outcome is not None
    assert outcome.fault == ""
    assert "auto-push" not in gittrack("doctor").out


def test_a_push_that_fails_fails_no_run(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    git("config", "gittrack.autoPush", "true")
    os.mkfifo(repo.parent / "reached")
    hook(hub, f"echo > {repo.parent / 'reached'}; exit 1")

    record(gittrack, "one")

    assert (repo.parent / "reached").read_text() == "\n"
    wait_for_push(repo)
    assert RUNS not in refs(git, hub)
    told = gittrack("doctor")
    assert told.code == 1
    assert "failed: refs/heads/gittrack/runs was not taken: [remote rejected] (pre-receive hook declined)" in told.out


def test_of_many_that_end_at_once_one_pushes_for_all(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    git("config", "gittrack.autoPush", "true")
    for name in ("reached", "go"):
        os.mkfifo(repo.parent / name)
    count = repo.parent / "pushes"
    hook(hub, f"echo x >> {count}; echo > {repo.parent / 'reached'}; read line < {repo.parent / 'go'}")
    record(gittrack, "one")
    assert (repo.parent / "reached").read_text() == "\n"
    # While that push is held, the others ask for theirs, and find it at work.
    git("config", "gittrack.autoPush", "false")
    record(gittrack, "two")
    record(gittrack, "three")
    (repo / ".git" / "gittrack" / WANTED).touch()
    late = push_in_background()
    assert late.code == 0
    assert count.read_text() == "x\n"

    (repo.parent / "go").write_text("\n")
    assert (repo.parent / "reached").read_text() == "\n"
    (repo.parent / "go").write_text("\n")

    wait_for_push(repo)
    assert count.read_text() == "x\nx\n"
    assert refs(git, hub)[RUNS] == refs(git, repo)[RUNS]


def test_a_remote_that_says_nothing_has_failed(repo: Path, git: Git, gittrack: Gittrack) -> None:
    """The program in place of ssh ends with its test, and not with git."""
    git("config", "gittrack.remote", "ssh://example.com/runs.git")
    git("config", "gittrack.silenceTimeout", "1")
    record(gittrack, "one")
    (repo / ".git" / "gittrack" / WANTED).touch()
    never = repo.parent / "never"
    os.mkfifo(never)
    open_end = os.open(never, os.O_RDWR)
    try:
        done = run([sys.executable, "-m", "gittrack.share.auto"], env={"GIT_SSH_COMMAND": f"exec cat {never};:"})
    finally:
        os.close(open_end)
    assert (done.code, done.err) == (0, "")
    outcome = last_outcome(open_project(repo))
    assert outcome is not None
    assert outcome.fault == "nothing was heard from there for 1 s; is it reachable?"


def test_an_empty_remote_gets_no_branch_unasked(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "one")
    (repo / ".git" / "gittrack" / WANTED).touch()

    assert push_in_background().code == 0

    assert refs(git, hub) == {}
    outcome = last_outcome(open_project(repo))
    assert outcome is not None
    assert outcome.fault.startswith("origin is empty")
