"""Bulk reading: paths, differences, contents."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import StorageError
from gittrack.git.reader import BlobReader, Change, TreeEntry, changed_paths, list_tree
from gittrack.git.repository import discover

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, RunPython

BLOB = 0o100644


def commit_all(repo: Path, git: Git) -> str:
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "x", cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


def oid_of(repo: Path, git: Git, name: str) -> str:
    return git("rev-parse", f"HEAD:{name}", cwd=repo).strip()


def test_a_tree_is_listed_with_names_of_any_bytes(repo: Path, git: Git) -> None:
    (repo / "runs" / "a b").mkdir(parents=True)
    (repo / "runs" / "a b" / "tab\tü").write_text("1")
    (repo / os.fsdecode(b"bad\xff")).write_text("2")
    tip = commit_all(repo, git)
    known = discover(repo)
    listed = list(list_tree(known, tip))
    assert [entry.path for entry in listed] == ["bad\udcff", "runs/a b/tab\tü", "train.py"]
    wanted = TreeEntry(BLOB, "blob", oid_of(repo, git, "runs/a b/tab\tü"), "runs/a b/tab\tü")
    assert listed[1] == wanted
    assert list(list_tree(known, tip, "runs/a b")) == [wanted]
    assert list(list_tree(known, tip, "nothing")) == []


def test_a_name_that_looks_like_an_option_is_none(repo: Path) -> None:
    with pytest.raises(StorageError, match="git ls-tree failed"):
        list(list_tree(discover(repo), "--name-only"))


def test_changes_between_two_tips(repo: Path, git: Git) -> None:
    known = discover(repo)
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    old = oid_of(repo, git, "train.py")
    (repo / "train.py").unlink()
    (repo / "moved ü.py").write_bytes(b'print("epoch 1: loss 0.5")\n')
    second = commit_all(repo, git)
    added = Change("A", old, "moved ü.py", BLOB)
    assert changed_paths(known, first, second) == [added, Change("D", old, "train.py", BLOB)]
    assert changed_paths(known, None, second) == [added]
    assert changed_paths(known, second, second) == []


def test_the_empty_tree_of_sha256(tmp_path: Path, git: Git) -> None:
    folder = tmp_path / "new"
    git("init", "-q", "--object-format=sha256", str(folder))
    (folder / "a").write_text("1")
    tip = commit_all(folder, git)
    assert [change.path for change in changed_paths(discover(folder), None, tip)] == ["a"]


def test_one_process_reads_one_after_the_other(repo: Path, git: Git) -> None:
    with BlobReader(discover(repo)) as reader:
        assert reader.read("HEAD:train.py") == (repo / "train.py").read_bytes()
        assert reader.read("0" * 40) is None
        assert reader.read("HEAD:no such file") is None
        assert reader.read("a\nb") is None
        assert reader.read(oid_of(repo, git, "train.py")) == (repo / "train.py").read_bytes()


def test_many_large_and_small_blobs_come_in_order_without_a_deadlock(repo: Path, git: Git) -> None:
    for number in range(300):
        size = 300_000 if number % 50 == 0 else number
        (repo / f"f{number:03}").write_bytes(bytes([number % 251]) * size)
    tip = commit_all(repo, git)
    known = discover(repo)
    wanted = [entry.oid for entry in list_tree(known, tip)] * 3
    asked = [*wanted[:10], "f" * 40, *wanted[10:]]
    with BlobReader(known) as reader:
        found = list(reader.read_many(asked))
        assert [oid for oid, _ in found] == wanted
        assert found[50][1] == (repo / "f050").read_bytes()
        assert list(reader.read_many([])) == []


def test_reading_goes_on_after_many_were_left_half_way(repo: Path, git: Git) -> None:
    oid = oid_of(repo, git, "train.py")
    with BlobReader(discover(repo)) as reader:
        many = reader.read_many([oid] * 200)
        next(many)
        many.close()
        assert reader.read(oid) == (repo / "train.py").read_bytes()


@pytest.mark.usefixtures("repo")
def test_reading_needs_no_dulwich(run_python: RunPython) -> None:
    result = run_python(
        """
        import sys
        from gittrack.git import reader, refs, repository
        known = repository.discover()
        tip = refs.read_ref(known, "refs/heads/main")
        with reader.BlobReader(known) as blobs:
            print(len(list(blobs.read_many([e.oid for e in reader.list_tree(known, tip)]))))
        print([name for name in sys.modules if name.startswith(("dulwich", "yaml", "click", "fasteners"))])
        """
    )
    assert (result.err, result.out) == ("", "1\n[]\n")
