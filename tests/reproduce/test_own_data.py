"""Data in the user's own tree, behind links and under odd paths, is never written to by a reproduction."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from tests.conftest import run
from tests.reproduce.test_script import by_shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

READS = 'import pathlib; print(sorted(pathlib.Path("data").iterdir()))'


@pytest.fixture
def linked(script: Path, git: Git, tmp_path: Path) -> Path:
    """A folder of data outside, behind a link `data` that is committed."""
    outside = tmp_path / "big"
    outside.mkdir()
    (outside / "train.csv").write_text("1,2,3\n")
    (script / "data").symlink_to(outside)
    git("add", "data", cwd=script)
    git("commit", "-qm", "Link", cwd=script)
    return outside


@pytest.mark.parametrize("path", ["data/train.csv", "data/more.csv"])
def test_the_script_does_not_write_through_a_link_of_the_code(
    linked: Path, python: str, gittrack: Gittrack, tmp_path: Path, path: str
) -> None:
    (linked / "more.csv").write_text("4\n")
    assert gittrack("run", "-q", "--input", path, "--", python, "-c", READS).code == 0
    text = gittrack("reproduce", "latest", "--new-data", "--dry-run").out
    done = by_shell(text, tmp_path)
    assert (done.code, "train.csv" in done.out) == (0, True), done.err
    assert {found.name: found.read_text() for found in linked.iterdir()} == {"train.csv": "1,2,3\n", "more.csv": "4\n"}
    again = gittrack("reproduce", "latest", "--new-data")
    assert again.code == 0, again.err
    assert len(list(linked.iterdir())) == 2


def test_nothing_is_laid_behind_a_link_of_the_code(
    linked: Path, script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    (script / "data").unlink()
    (script / "data").mkdir()
    (script / "data/own.csv").write_text("1\n")
    with (script / ".gitignore").open("a") as file:
        file.write("own.csv\n")
    git("rm", "-q", "--cached", "data", cwd=script)
    git("commit", "-qam", "A folder", cwd=script)
    assert gittrack("run", "-q", "--input", "data/own.csv", "--", python, "-c", READS).code == 0
    text = gittrack("reproduce", "latest", "--dry-run").out
    kept = json.loads(gittrack("show", "--json").out)["code"]["snapshot"]
    assert kept in text
    done = by_shell(text.replace(kept, git("rev-parse", "HEAD~1", cwd=script).strip()), tmp_path)
    assert done.code == 1
    assert [found.name for found in linked.iterdir()] == ["train.csv"]


@pytest.mark.parametrize("given", [".", "..", "sub/.."])
def test_a_whole_tree_as_an_input_is_not_laid_over_the_code(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path, given: str
) -> None:
    (script / "sub").mkdir()
    (script / "sub/kept.txt").write_text("kept\n")
    assert gittrack("run", "-q", "--input", given, "--", python, "-c", "print(1)").code == 0
    result = gittrack("reproduce", "latest", "--new-data")
    assert result.code in {0, 1}, result.err
    assert "internal error" not in result.err
    assert git("worktree", "list", cwd=script).count("\n") == 1
    assert (script / "sub/kept.txt").read_text() == "kept\n"
    if given != "..":
        done = by_shell(gittrack("reproduce", "latest~1", "--new-data", "--dry-run").out, tmp_path)
        assert (done.code, done.out) == (0, "1\n"), done.err


@pytest.mark.parametrize("path", [".git", ".git/config", ".GIT/config", "sub/../.git"])
def test_what_belongs_to_git_is_no_data(script: Path, git: Git, gittrack: Gittrack, tmp_path: Path, path: str) -> None:
    (script / "data.csv").write_text("1\n")
    assert gittrack("run", "-q", "--input", "data.csv", "--", "ls", ".git").code == 0
    place = tmp_path / "runs"
    git("worktree", "add", "-q", str(place), "gittrack/runs", cwd=script)
    (record_file,) = place.glob("runs/*/*/run.yaml")
    record_file.write_text(record_file.read_text().replace("path: data.csv\n", f"path: {path}\n"))
    git("commit", "-qam", "Hostile", cwd=place)
    git("worktree", "remove", "--force", str(place), cwd=script)
    result = gittrack("reproduce", "latest", "--new-data")
    assert "internal error" not in result.err
    assert "HEAD" not in result.out
    assert git("worktree", "list", cwd=script).count("\n") == 1
    text = gittrack("reproduce", "latest", "--new-data", "--dry-run").out
    assert f"renew {shlex.quote('./' + path)}" not in text


def test_link_takes_a_link_of_the_own_tree(script: Path, python: str, gittrack: Gittrack, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "one.csv").write_text("1\n")
    (script / "data").symlink_to(outside)
    with (script / ".gitignore").open("a") as file:
        file.write("data\n")
    assert gittrack("run", "-q", "--", python, "-c", READS).code == 0
    assert gittrack("reproduce", "latest").code == 1
    for name in ("data", "data/", "./data"):
        linked = gittrack("reproduce", "latest~1" if name == "data" else "latest", "--link", name)
        assert linked.code == 0, linked.err
    assert gittrack("reproduce", "latest", "--link", "data/one.csv").code == 2


def test_what_is_kept_is_removed_by_the_command_that_is_told(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    place = tmp_path / "a place"
    place.mkdir()
    assert gittrack("run", "-q", "--", python, "-c", "print(1)").code == 0
    kept = gittrack("reproduce", "latest", "--keep", env={"TMPDIR": str(place)})
    assert (kept.code, len(list(place.iterdir()))) == (0, 1)
    told = kept.err.partition("remove it with: ")[2].splitlines()[0]
    assert run(["sh", "-c", told], cwd=script).code == 0
    assert list(place.iterdir()) == []
    assert git("worktree", "list", cwd=script).count("\n") == 1
    assert json.loads(gittrack("show", "--json").out)["reproduces"] is not None
