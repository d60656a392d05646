"""The door to the git program: its environment, its errors, its background processes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import RepositoryError
from gittrack.git import process
from gittrack.git.process import GitError, last_line, run_git, run_git_status, stream_git
from gittrack.git.repository import discover

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, RunPython


def test_a_hooks_environment_does_not_reach_git(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", str(repo / "elsewhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(repo / "nowhere"))
    monkeypatch.setenv("GIT_QUARANTINE_PATH", str(repo / "nowhere"))
    known = discover(repo)
    monkeypatch.setenv("GIT_DIR", str(repo / "wrong"))
    assert run_git(["ls-files"], repo=known) == b"train.py\n"
    assert run_git(["cat-file", "-t", "HEAD"], repo=known) == b"commit\n"


def test_no_hook_and_no_fsmonitor_of_the_user_runs(repo: Path, git: Git) -> None:
    told = repo / "told"
    hook = repo / ".git" / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{told}'\n")
    hook.chmod(0o755)
    git("config", "core.fsmonitor", str(hook), cwd=repo)
    known = discover(repo)
    run_git(["update-ref", "refs/heads/other", "HEAD"], repo=known)
    run_git(["status", "--porcelain"], repo=known)
    assert not told.exists()
    git("update-ref", "refs/heads/third", "HEAD", cwd=repo)
    assert told.exists()  # the hook would have told


def test_status_leaves_the_index_alone(repo: Path) -> None:
    known = discover(repo)
    index = repo / ".git" / "index"
    os.utime(repo / "train.py", (1, 1))  # git would note this in the index
    before = index.read_bytes(), index.stat().st_mtime_ns
    run_git(["status", "--porcelain"], repo=known)
    assert (index.read_bytes(), index.stat().st_mtime_ns) == before


def test_without_git_the_sentence_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(RepositoryError, match=r"^the git program is not installed or not on PATH; install git$"):
        run_git(["version"])


def test_a_missing_directory_is_not_taken_for_a_missing_git(home: Path) -> None:
    with pytest.raises(RepositoryError, match=r"does not exist"):
        run_git(["version"], cwd=home / "gone")


def test_a_failure_carries_gits_own_line(repo: Path) -> None:
    with pytest.raises(GitError, match=r"^git rev-parse failed: Needed a single revision$"):
        run_git(["rev-parse", "--verify", "nothing"], repo=discover(repo))
    assert run_git_status(["rev-parse", "--verify", "nothing"], repo=discover(repo))[0] == 128
    assert run_git(["rev-parse", "--verify", "--quiet", "nothing"], repo=discover(repo), ok=(0, 1)) == b""


@pytest.mark.parametrize(
    ("stderr", "line"),
    [
        (b"fatal: no such thing\nhint: try more\n", "no such thing"),
        (b"error: first\nfatal: last\nand make sure that\n", "last"),
        (b"something\n\n", "something"),
        (b"fatal: 'x' is registered;\nuse 'add -f', or 'prune'\n", "'x' is registered; use 'add -f', or 'prune'"),
        (b"fatal: nothing more;\n", "nothing more;"),
        (b"fatal: unable to access 'https://ada:secret@host/x'\n", "unable to access 'https://host/x'"),
        (b"", ""),
    ],
)
def test_the_last_meaningful_line(stderr: bytes, line: str) -> None:
    assert last_line(stderr) == line


def test_a_failure_names_the_subcommand_behind_its_settings(repo: Path) -> None:
    words = ["-c", "core.abbrev=7", "-c", "color.ui=false", "rev-parse", "--verify", "nothing"]
    with pytest.raises(GitError, match=r"^git rev-parse failed: Needed a single revision$"):
        run_git(words, repo=discover(repo))


def test_a_stream_that_fails_or_is_left(repo: Path) -> None:
    known = discover(repo)
    with pytest.raises(GitError, match="git ls-tree failed"):
        list(stream_git(["ls-tree", "nothing"], repo=known))
    stream = stream_git(["ls-tree", "-z", "--name-only", "HEAD"], repo=known)
    assert next(stream) == b"train.py"
    stream.close()


def test_a_detached_process_outlives_the_call_and_is_reaped(home: Path) -> None:
    fifo = home / "fifo"
    os.mkfifo(fifo)
    env = dict(os.environ)
    process.spawn_detached([sys.executable, "-c", f"open({str(fifo)!r}, 'w').write('here')"], env=env)
    with open(fifo) as file:  # waits until the child opens it
        assert file.read() == "here"
    mine = process._detached[-1]
    assert mine.wait(60) == 0
    process.spawn_detached([sys.executable, "-c", ""], env=env)
    assert mine not in process._detached


def test_a_process_that_spawned_ends_without_a_warning(run_python: RunPython) -> None:
    result = run_python(
        """
        import os, sys, warnings
        warnings.simplefilter("error")
        from gittrack.git.process import spawn_detached
        spawn_detached([sys.executable, "-c", "import sys; sys.stdin.read()"], env=dict(os.environ))
        """
    )
    assert (result.code, result.err) == (0, "")
