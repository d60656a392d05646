"""Files found on the way down a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gittrack.git.lookup import files_on_the_way
from gittrack.git.repository import discover
from gittrack.git.store import ObjectStore

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git


@pytest.mark.parametrize(
    ("directory", "found"),
    [
        (".", ["train.py"]),
        ("a", ["train.py", "a/one"]),
        ("a/b", ["train.py", "a/one", "a/b/two"]),
        ("a/nothing/x", ["train.py", "a/one"]),
        ("../a", ["train.py", "a/one"]),
    ],
)
def test_files_of_every_folder_on_the_way(repo: Path, git: Git, directory: str, found: list[str]) -> None:
    (repo / "a/b").mkdir(parents=True)
    (repo / "other").mkdir()
    for name in ("a/one", "a/b/two", "other/three"):
        (repo / name).write_text(name)
    (repo / "link").symlink_to("train.py")
    git("add", "-A", cwd=repo)
    tree = git("write-tree", cwd=repo).strip()
    with ObjectStore(discover(repo)) as store:
        assert [path for path, _ in files_on_the_way(store, tree, directory)] == found
        for path, oid in files_on_the_way(store, tree, directory):
            assert git("rev-parse", f"{tree}:{path}", cwd=repo).strip() == oid
