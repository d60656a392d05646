"""Where objects are and how they are named: alternates, shallow and partial clones, sha256, by the environment."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack
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


@pytest.fixture
def partial(origin: Path, git: Git, gittrack: Gittrack, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A partial clone of a repository with five runs, none of whose files it has."""
    for number in range(5):
        assert gittrack("run", "--name", f"run{number}", "--", "echo", f"{number}", cwd=origin).code == 0
    git("clone", "-q", f"--filter={request.param}", origin.as_uri(), tmp_path / "partial")
    return tmp_path / "partial"


@pytest.mark.parametrize("partial", ["blob:none", "tree:0"], indirect=True)
def test_runs_that_a_partial_clone_left_out(
    partial: Path, console: Console, gittrack: Gittrack, tmp_path: Path
) -> None:
    """A listing fetches the records of all runs at once, and only once."""
    trace = tmp_path / "trace"
    assert "run4" in console.read(["log"], partial, {"GIT_TRACE": str(trace)})
    assert 1 <= trace.read_text().count("trace: built-in: git fetch") <= 3
    trace.unlink()
    assert "run4" in console.read(["log"], partial, {"GIT_TRACE": str(trace)})
    assert "fetch" not in trace.read_text()
    assert console.read(["show", "run3", "--output"], partial) == "3\n"
    assert gittrack("run", "--name", "new", "--", "true", cwd=partial).code == 0
    assert "checked 6 runs" in console.read(["check"], partial)


@pytest.mark.parametrize("partial", ["blob:none", "tree:0"], indirect=True)
def test_runs_that_nobody_has_any_more(partial: Path, origin: Path, git: Git, gittrack: Gittrack) -> None:
    """One sentence, and what is recorded meanwhile is kept until the remote is back."""
    away = origin.rename(origin.with_name("away"))
    sentence = (
        "this clone is a partial one, and what it left out cannot be fetched from origin; "
        "try again when that remote can be reached"
    )
    for words in (["log"], ["show", "run3"], ["tag", "run3", "a=b"], ["check"]):
        done = gittrack(*words, cwd=partial)
        assert (done.code, done.out, done.err) == (1, "", f"gittrack: error: {sentence}\n")
    done = gittrack("run", "--name", "new", "--", "echo", "trained", cwd=partial)
    assert (done.code, done.out) == (0, "trained\n")
    assert sentence in done.err
    away.rename(origin)
    assert "new" in gittrack("log", cwd=partial).out
    assert git("log", "-1", "--format=%s", "gittrack/runs", cwd=partial).endswith(" new finished\n")


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
