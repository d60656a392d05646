"""Hooks of the configuration, which git has from 2.54 on: where the folder of hooks is not gittrack's to write in."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from gittrack.hooks.stub import USUAL
from tests.conftest import run
from tests.hooks.test_places import state_of
from tests.hooks.witness import picture, pretend_runs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


@pytest.fixture
def tracked(repo: Path, git: Git) -> Path:
    """A repository whose folder of hooks is part of what it tracks, with one hook in it."""
    found = re.search(r"(\d+)\.(\d+)", git("version"))
    assert found is not None
    if (int(found[1]), int(found[2])) < (2, 54):
        pytest.skip(f"{found[0]} runs no hooks of the configuration; that needs git 2.54")
    script = repo / "githooks" / "post-commit"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\ntouch team\n")
    script.chmod(0o755)
    git("config", "core.hooksPath", "githooks")
    git("add", ".")
    git("commit", "-qm", "Hooks")
    (repo / "team").unlink()
    return repo


@pytest.mark.may_skip
def test_both_run_and_nothing_is_left(tracked: Path, git: Git, gittrack: Gittrack) -> None:
    pretend_runs(tracked)
    config = tracked / ".git" / "config"
    before, at_first = config.read_bytes(), picture(tracked / "githooks")

    done = gittrack("hooks", "install")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "installed post-commit, by git config hook.gittrack-post-commit"
    assert picture(tracked / "githooks") == at_first
    assert [state_of(hook)[0] for hook in USUAL] == ["installed"] * len(USUAL)
    assert "already installed" in gittrack("hooks", "install").out

    assert gittrack("run", "-q", "--name", "dirty", "--", "sh", "-c", "echo changed > train.py").code == 0
    assert gittrack("run", "-q", "--name", "again", "--", "true").code == 0
    told = run(["git", "commit", "-qam", "Change"])
    assert told.code == 0
    assert "again" in told.err, told.err
    assert (tracked / "team").exists()

    assert gittrack("hooks", "uninstall").code == 0
    assert config.read_bytes() == before
    assert not (tracked / ".git/gittrack/hooks").exists()
    git("commit", "-q", "--allow-empty", "-m", "x")


@pytest.mark.may_skip
def test_a_stub_that_is_gone_stops_nobody(tracked: Path, gittrack: Gittrack, git: Git) -> None:
    assert gittrack("hooks", "install", "pre-push").code == 0
    for stub in (tracked / ".git/gittrack/hooks").glob("pre-*"):
        stub.unlink()
    git("init", "-q", "--bare", "../hub.git")
    done = subprocess.run(["git", "push", "-q", "../hub.git", "main"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
