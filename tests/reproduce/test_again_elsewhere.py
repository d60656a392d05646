"""A reproduction is a run as any other: what is recorded of it can be done again in another clone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.reproduce.test_script import by_shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

READS = 'import pathlib; print(pathlib.Path("big [1]*.csv").read_text(), len(list(pathlib.Path("folder").iterdir())))'


@pytest.fixture
def big(script: Path, git: Git, gittrack: Gittrack, python: str) -> Path:
    """A run whose input is too large for its snapshot, beside a folder that git ignores as one."""
    git("config", "gittrack.snapshotMaxFile", "1000", cwd=script)
    (script / "big [1]*.csv").write_text("x" * 2000)
    (script / "folder").mkdir()
    (script / "folder/one.txt").write_text("1")
    (script / ".gitignore").write_text("folder/\n")
    (script.parent / "patterns").write_text("*.tmp")
    git("config", "core.excludesFile", str(script.parent / "patterns"), cwd=script)
    (script / "left.tmp").write_text("ignored by the user's own patterns")
    assert gittrack("run", "-q", "--input", "big [1]*.csv", "--", python, "-c", READS).code == 0
    return script


def test_links_are_not_in_the_snapshot_of_a_reproduction(
    big: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    first = json.loads(gittrack("show", "--json").out)
    again = gittrack("reproduce", "latest", "--link", "folder")
    assert again.code == 0, again.err
    new = json.loads(gittrack("show", "--json").out)
    assert new["reproduces"] == first["id"]
    assert new["code"]["tree"] == first["code"]["tree"]
    clone = tmp_path / "clone"
    git("clone", "-q", str(big), str(clone))
    git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", "refs/gittrack/*:refs/gittrack/*", cwd=clone)
    missing = gittrack("reproduce", new["id"], cwd=clone)
    assert (missing.code, "is not here" in missing.err) == (1, True)
    (clone / "big [1]*.csv").write_text("x" * 2000)
    (clone / "folder").mkdir()
    (clone / "folder/one.txt").write_text("1")
    there = gittrack("reproduce", new["id"], "--link", "folder", cwd=clone)
    assert there.code == 0, there.err


def test_a_kept_link_that_leads_nowhere_is_missing(
    big: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    code = 'print(open("data.csv").read())'
    git("rm", "-q", "--cached", ".gitignore", cwd=big)
    (big / ".gitignore").unlink()
    (big / "data.csv").symlink_to(tmp_path / "store.csv")
    (tmp_path / "store.csv").write_text("1\n")
    assert gittrack("run", "-q", "--input", "data.csv", "--", python, "-c", code).code == 0
    run_id = json.loads(gittrack("show", "--json").out)["id"]
    (big / "data.csv").unlink()
    (tmp_path / "store.csv").rename(big / "data.csv")
    result = gittrack("reproduce", run_id)
    assert (result.code, result.out.splitlines()[0]) == (0, "1"), result.err
    done = by_shell(gittrack("reproduce", run_id, "--dry-run").out, tmp_path)
    assert (done.code, done.out) == (0, "1\n\n"), done.err
    (big / "data.csv").unlink()
    assert "input 'data.csv' is not here" in gittrack("reproduce", run_id).err
