"""Kinds of index and working tree: split, sparse, with an untracked cache, watched by a monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.repositories.conftest import Cycle


@pytest.fixture
def clone(origin: Path, git: Git, tmp_path: Path) -> Path:
    """A clone with folders."""
    folder = tmp_path / "clone"
    git("clone", "-q", origin, folder)
    return folder


def test_split_index(clone: Path, git: Git, cycle: Cycle) -> None:
    git("update-index", "--split-index", cwd=clone)
    (clone / "new.txt").touch()
    git("add", "new.txt", cwd=clone)
    shared = {path.name: path.read_bytes() for path in (clone / ".git").glob("sharedindex.*")}
    assert shared
    cycle(clone, dirty=True)
    assert {path.name: path.read_bytes() for path in (clone / ".git").glob("sharedindex.*")} == shared


@pytest.mark.parametrize(
    "options",
    [
        ["--cone", "--no-sparse-index", "part1"],
        ["--no-cone", "/part1/", "/train.py"],
        ["--cone", "--sparse-index", "part1"],
    ],
    ids=["cone", "patterns", "sparse index"],
)
def test_sparse_checkout(clone: Path, git: Git, cycle: Cycle, options: list[str]) -> None:
    git("sparse-checkout", "set", *options, cwd=clone)
    assert not (clone / "part2").exists()
    cycle(clone)
    assert not (clone / "part2").exists()


def test_untracked_cache(clone: Path, git: Git, cycle: Cycle) -> None:
    git("config", "core.untrackedCache", "true", cwd=clone)
    git("update-index", "--force-untracked-cache", cwd=clone)
    (clone / "part1/new.txt").touch()
    git("status", cwd=clone)
    cycle(clone, dirty=True)


def test_monitor_hook(clone: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    """core.fsmonitor names a program of the user's, which runs when git looks and not when gittrack does."""
    called = tmp_path / "called"
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {called}\nprintf 'token\\0/\\0'\n")
    monitor.chmod(0o755)
    git("config", "core.fsmonitor", str(monitor), cwd=clone)
    git("status", cwd=clone)
    assert called.exists()
    git("config", "core.fsmonitor", f"{monitor}-gone", cwd=clone)
    called.unlink()
    monitor.rename(f"{monitor}-gone")
    cycle(clone)
