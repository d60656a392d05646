"""Large artifacts go along by git-lfs, into the store of a repository next to this one."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_share import record, refs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

pytestmark = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")

READ = """
    import gittrack

    print(len(gittrack.get_run("heavy").artifact("model.bin")))
"""


def record_large(gittrack: Gittrack, repo: Path, name: str) -> None:
    """Record a run with an artifact that is too large for the branch."""
    (repo / "model.bin").write_bytes(name.encode() * 50_000)
    done = gittrack("run", "-q", "--name", name, "--artifact", "model.bin", "--", "true")
    assert done.code == 0, done.err


def stored(path: Path) -> int:
    return sum(1 for _ in (path / "lfs" / "objects").rglob("?" * 64))


def test_contents_go_before_the_runs_and_come_on_request(
    repo: Path, hub: Path, git: Git, gittrack: Gittrack, run_python: RunPython
) -> None:
    git("push", "-q", "origin", "main")
    record_large(gittrack, repo, "heavy")
    record_large(gittrack, repo, "alone")

    kept = gittrack("push", "--no-lfs", "heavy")
    assert (kept.code, kept.err, stored(hub)) == (0, "", 0)
    one = gittrack("push", "alone")
    assert (one.code, stored(hub)) == (0, 1), one.err
    sent = gittrack("push", "--json")
    assert json.loads(sent.out)["large_artifacts"] == {"sent": 2, "left": 0, "reason": None}
    assert stored(hub) == 2
    assert json.loads(gittrack("push", "--json").out)["large_artifacts"]["sent"] == 0

    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    assert gittrack("pull", cwd=other).code == 0
    assert stored(other / ".git") == 0, "a pull downloads nothing"
    missing = run_python(READ, cwd=other)
    (command,) = re.findall(r"git (lfs fetch REMOTE .*)", missing.err)
    git(*command.replace("REMOTE", "origin").split(), cwd=other)
    assert run_python(READ, cwd=other).out == "250000\n"
    assert stored(other / ".git") == 1, "nothing but what was asked for"


def test_contents_go_to_a_folder_of_any_name(repo: Path, git: Git, gittrack: Gittrack) -> None:
    record_large(gittrack, repo, "heavy")
    git("init", "-q", "--bare", "../a b%20c #d?.git")
    sent = gittrack("push", "../a b%20c #d?.git")
    assert (sent.code, sent.err, stored(repo.parent / "a b%20c #d?.git")) == (0, "", 1)


def test_without_git_lfs_one_sentence_tells(
    repo: Path, hub: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    git("push", "-q", "origin", "main")
    record_large(gittrack, repo, "heavy")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "sh"):
        os.symlink(str(shutil.which(name)), programs / name)

    sent = gittrack("push", env={"PATH": str(programs)})

    assert sent.code == 0, sent.err
    assert "1 large artifact of runs did not go to origin: git-lfs is not installed" in sent.err
    assert "refs/heads/gittrack/runs" in refs(git, hub)
    assert stored(hub) == 0
    assert "sent 1 large artifact to origin by git-lfs" in gittrack("push").out


def test_contents_that_cannot_be_sent_keep_no_run(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    record_large(gittrack, repo, "heavy")
    record(gittrack, "light")
    (hub / "lfs").write_text("in the way")

    sent = gittrack("push")

    assert sent.code == 1
    assert "error: 1 large artifact of runs did not go to origin" in sent.err
    assert "refs/heads/gittrack/runs" in refs(git, hub)
