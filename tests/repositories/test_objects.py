"""Where objects are and how they are named: alternates, shallow and partial clones, sha256, by the environment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.repositories.conftest import Console, Cycle


def test_shared_clone(origin: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    git("clone", "-q", "--shared", origin, tmp_path / "clone")
    cycle(tmp_path / "clone")


def test_reference_clone(origin: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    git("gc", "-q", cwd=origin)
    git("clone", "-q", "--reference", origin, origin.as_uri(), tmp_path / "clone")
    assert (tmp_path / "clone/.git/objects/info/alternates").exists()
    cycle(tmp_path / "clone")


def test_runs_in_an_alternate(repo: Path, git: Git, cycle: Cycle, console: Console, tmp_path: Path) -> None:
    """The branch is in the other repository's objects; a run on top of it goes into our own."""
    console.read(["run", "--name", "first", "--", "true"], repo)
    git("gc", "-q", cwd=repo)
    clone = tmp_path / "clone"
    git("clone", "-q", "--shared", repo, clone)
    before = sorted((repo / ".git/objects").rglob("*"))
    assert "first" in console.read(["log"], clone)
    console.read(["run", "--name", "second", "--", "true"], clone)
    assert "all is well" in console.read(["check"], clone)
    assert git("log", "--format=%s", "gittrack/runs", cwd=clone).count("\n") == 2
    assert sorted((repo / ".git/objects").rglob("*")) == before


@pytest.mark.parametrize("depth", [1, 2])
def test_shallow_clone(origin: Path, git: Git, cycle: Cycle, tmp_path: Path, depth: int) -> None:
    git("clone", "-q", f"--depth={depth}", origin.as_uri(), tmp_path / "clone")
    cycle(tmp_path / "clone")


def test_shallow_clone_of_the_runs(repo: Path, git: Git, console: Console, tmp_path: Path) -> None:
    for name in ("first", "second"):
        console.read(["run", "--name", name, "--", "true"], repo)
    clone = tmp_path / "clone"
    git("clone", "-q", "--depth=1", "--no-single-branch", repo.as_uri(), clone)
    assert "first" in console.read(["log"], clone)
    console.read(["run", "--name", "third", "--", "true"], clone)
    assert "checked 3 runs" in console.read(["check"], clone)
    assert "nothing needs attention" in console.read(["doctor"], clone)
    assert git("fsck", "--strict", "--no-dangling", cwd=clone) == ""


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
@pytest.mark.parametrize("remote", ["there", "gone"])
def test_partial_clone(origin: Path, git: Git, cycle: Cycle, tmp_path: Path, left_out: str, remote: str) -> None:
    """With the remote gone nothing can be fetched; with it there, git's own trace shows that nothing is."""
    clone = tmp_path / "clone"
    git("clone", "-q", f"--filter={left_out}", origin.as_uri(), clone)
    trace = tmp_path / "trace"
    if remote == "gone":
        shutil.rmtree(origin)
    cycle(clone, {"GIT_TRACE": str(trace)})
    assert "upload-pack" not in trace.read_text()
    assert "fetch" not in trace.read_text()


def test_sha256(repo: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    git("init", "-q", "--object-format=sha256", folder)
    (folder / "train.py").write_text("print(1)\n")
    git("add", ".", cwd=folder)
    git("commit", "-qm", "Train", cwd=folder)
    cycle(folder)
    assert len(git("rev-parse", "gittrack/runs", cwd=folder).strip()) == 64


def test_sha256_in_packs(git: Git, cycle: Cycle, console: Console, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    git("init", "-q", "--object-format=sha256", folder)
    (folder / "train.py").write_text("print(1)\n")
    git("add", ".", cwd=folder)
    git("commit", "-qm", "Train", cwd=folder)
    console.read(["run", "--name", "first", "--", "true"], folder)
    git("gc", "-q", cwd=folder)
    console.read(["run", "--name", "second", "--", "true"], folder)
    assert "checked 2 runs" in console.read(["check"], folder)


def test_object_directory_in_the_environment(repo: Path, cycle: Cycle, tmp_path: Path) -> None:
    away = tmp_path / "objects"
    (repo / ".git/objects").rename(away)
    (repo / ".git/objects").mkdir()
    cycle(repo, {"GIT_OBJECT_DIRECTORY": str(away)})
    assert [path for path in (repo / ".git/objects").rglob("*") if path.is_file()] == []


def test_alternates_in_the_environment(repo: Path, git: Git, cycle: Cycle, tmp_path: Path) -> None:
    """The user's own objects are found through the environment alone."""
    away = tmp_path / "objects"
    (repo / ".git/objects").rename(away)
    (repo / ".git/objects").mkdir()
    cycle(repo, {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(away)})
