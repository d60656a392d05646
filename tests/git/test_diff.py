"""The difference of two trees is the very one that the user's git shows, and leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from gittrack.git.diff import ChangedFile, Trees, View, changed_files, differs, patch
from gittrack.git.repository import discover
from gittrack.git.scratch import scratch_tree
from gittrack.git.status import working_tree

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Git

CONFIGURED = (
    ("diff.renames", "false"),
    ("diff.noprefix", "true"),
    ("diff.algorithm", "patience"),
    ("core.abbrev", "9"),
)


@pytest.fixture
def two(repo: Path, git: Git) -> Trees:
    """Two commits with all that a diff can meet: a rename, a binary file, a mode, a link, a submodule, odd names."""
    lines = "".join(f"line {number}\n" for number in range(40))
    (repo / "old name.txt").write_text(lines)
    (repo / "picture.bin").write_bytes(bytes(range(256)))
    (repo / "run.sh").write_text("true\n")
    (repo / "link").symlink_to("run.sh")
    (repo / "ends").write_text("no line end")
    (repo / "folder").mkdir()
    (repo / "folder/deep.py").write_text("x = 1\ny = 2\n")
    with open(os.fsencode(repo) + b"/raw\xff.txt", "wb") as file:
        file.write(b"one\n")
    git("add", "-A", cwd=repo)
    git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub", cwd=repo)
    git("commit", "-qm", "before", cwd=repo)
    (repo / "old name.txt").rename(repo / "new näme.txt")
    (repo / "new näme.txt").write_text(lines.replace("line 7\n", "line seven\n"))
    (repo / "picture.bin").write_bytes(bytes(range(255, -1, -1)))
    (repo / "run.sh").chmod(0o755)
    (repo / "link").unlink()
    (repo / "link").symlink_to("ends")
    (repo / "ends").write_text("no line end either")
    (repo / "folder/deep.py").write_text("x  =  1\ny = 3\n")
    with open(os.fsencode(repo) + b"/raw\xff.txt", "wb") as file:
        file.write(b"two \xfe\n")
    git("add", "-A", ":!sub", cwd=repo)
    git("update-index", "--add", "--cacheinfo", f"160000,{'2' * 40},sub", cwd=repo)
    git("commit", "-qm", "after", cwd=repo)
    before, after = git("rev-parse", "HEAD~", "HEAD", cwd=repo).split()
    return Trees(before, after)


def plain(git: Git, trees: Trees, *args: str, cwd: Path) -> bytes:
    return git("diff", *args, trees.before, trees.after, cwd=cwd).encode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    "options",
    [(), ("--stat",), ("--name-only",), ("--name-status",), ("-U0",), ("-w",), ("--word-diff",), ("--stat", "-w")],
)
@pytest.mark.parametrize("configured", [(), CONFIGURED])
def test_the_very_bytes_of_git_diff(
    repo: Path, git: Git, two: Trees, options: tuple[str, ...], configured: Sequence[tuple[str, str]]
) -> None:
    for key, value in configured:
        git("config", key, value, cwd=repo)

    found = b"".join(patch(discover(repo), two, View(options)))

    assert found == plain(git, two, *options, cwd=repo)
    assert found


def test_paths_are_those_of_the_folder_where_one_stands(repo: Path, git: Git, two: Trees) -> None:
    inside = View(paths=("deep.py",), directory=str(repo / "folder"))
    found = b"".join(patch(discover(repo), two, inside))

    assert found == git("diff", two.before, two.after, "--", "deep.py", cwd=repo / "folder").encode()
    assert differs(discover(repo), two, inside)
    assert not differs(discover(repo), two, View(paths=("deep.py",), directory=str(repo)))
    assert not differs(discover(repo), two, View(("-w",), ("--output=made",)))
    assert not (repo / "made").exists()


def test_whether_something_differs(repo: Path, git: Git, two: Trees) -> None:
    known = discover(repo)
    (repo / "folder/deep.py").write_text("x = 1\ny = 3\n")
    git("add", "folder", cwd=repo)
    git("commit", "-qm", "Only white space", cwd=repo)
    spaced = Trees(two.after, git("rev-parse", "HEAD", cwd=repo).strip())

    assert differs(known, two, View())
    assert not differs(known, Trees(two.after, two.after), View())
    assert differs(known, spaced, View())
    assert not differs(known, spaced, View(("--ignore-all-space",)))


def test_the_files_as_data(repo: Path, git: Git, two: Trees) -> None:
    found = {file.path: file for file in changed_files(discover(repo), two, View())}

    assert found["new näme.txt"] == ChangedFile("R", "new näme.txt", "old name.txt", 1, 1)
    assert found["picture.bin"] == ChangedFile("M", "picture.bin", None, None, None)
    assert found["raw\\xff.txt"] == ChangedFile("M", "raw\\xff.txt", None, 1, 1)
    assert found["sub"] == ChangedFile("M", "sub", None, 1, 1)
    assert found["run.sh"] == ChangedFile("M", "run.sh", None, 0, 0)
    assert len(found) == len(git("diff", "--name-only", two.before, two.after, cwd=repo).splitlines())


def test_no_program_of_the_configuration_runs_unless_wanted(repo: Path, git: Git, two: Trees) -> None:
    told = repo / ".git/told"
    program = repo / ".git/program"
    program.write_text(f'#!/bin/sh\necho ran >> "{told}"\ncat "$1" 2> /dev/null\ntrue\n')
    program.chmod(0o755)
    git("config", "diff.own.textconv", str(program), cwd=repo)
    git("config", "diff.other.command", str(program), cwd=repo)
    (repo / ".gitattributes").write_text("*.py diff=own\n*.txt diff=other\n")
    known = discover(repo)

    quiet = b"".join(patch(known, two, View()))
    changed_files(known, two, View())
    differs(known, two, View(("--ignore-all-space",)))
    assert b"+y = 3" in quiet
    assert not told.exists()
    b"".join(patch(known, two, View(programs=True)))
    assert told.read_text().count("ran") > 1


def test_the_working_tree_leaves_no_object_behind(
    repo: Path, git: Git, two: Trees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = discover(repo)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (repo / "untracked").write_text("untracked\n")
    (repo / "secret").write_text("left out\n")
    (repo / "train.py").unlink()
    index = (repo / ".git/index").read_bytes()
    had = git("count-objects", "-v", cwd=repo)

    with scratch_tree(known, working_tree(known), {b"secret"}) as (tree, env):
        trees = Trees(two.after, tree, env)
        found = changed_files(known, trees, View())
        text = b"".join(patch(known, trees, View()))
        assert list(scratch.iterdir())

    assert {(file.status, file.path) for file in found} == {("A", "untracked"), ("D", "train.py"), ("D", "sub")}
    assert b"+untracked" in text
    assert git("count-objects", "-v", cwd=repo) == had
    assert (repo / ".git/index").read_bytes() == index
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ['quo"ted', "back\\slash", "co:lon", "line\nfeed", "spä ce"])
def test_a_repository_whose_path_has_to_be_quoted(name: str, git: Git, tmp_path: Path) -> None:
    repo = tmp_path / name
    git("init", "-q", str(repo))
    (repo / "file").write_text("1\n")
    git("add", "file", cwd=repo)
    git("commit", "-qm", "one", cwd=repo)
    (repo / "file").write_text("2\n")
    known = discover(repo)
    head = git("rev-parse", "HEAD", cwd=repo).strip()

    with scratch_tree(known, working_tree(known), ()) as (tree, env):
        assert b"+2\n" in b"".join(patch(known, Trees(head, tree, env), View()))


def test_before_the_first_commit_and_in_sha256(git: Git, tmp_path: Path) -> None:
    repo = tmp_path / "new"
    git("init", "-q", "--object-format=sha256", str(repo))
    known = discover(repo)
    with scratch_tree(known, working_tree(known), ()) as (empty, _):
        assert len(empty) == 64
    (repo / "file").write_text("1\n")
    with scratch_tree(known, working_tree(known), ()) as (tree, env):
        assert [file.path for file in changed_files(known, Trees(empty, tree, env), View())] == ["file"]
