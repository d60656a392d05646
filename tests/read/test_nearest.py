"""The nearest commit that has runs, with few commits looked at closely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gittrack.project import open_project
from gittrack.read import nearest as module
from gittrack.read.nearest import Made, nearest
from gittrack.read.whereabouts import COMMIT, PATCH, TREE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git


@pytest.fixture
def line(repo: Path, git: Git) -> list[Made]:
    """The codes of twelve commits, each with a file more, the newest first."""
    for number in range(11):
        (repo / f"{number}.py").write_text(f"{number}\n", encoding="utf-8")
        git("add", ".", cwd=repo)
        git("commit", "-qm", f"Add {number}", cwd=repo)
    lines = (line.split() for line in git("log", "--format=%H %T", cwd=repo).splitlines())
    return [Made(commit, tree, dirty=False) for commit, tree in lines]


@pytest.mark.parametrize("small", [2, 5, 100])
def test_a_run_is_found_however_far_back(line: list[Made], small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SMALL", small)
    commits = [code.commit or "" for code in line]

    found = nearest(open_project(), [line[11], line[8]], commits[1])

    assert found is not None
    assert (found.commit, found.back, found.how) == (commits[8], 7, {line[8]: COMMIT})
    assert nearest(open_project(), line[:3], commits[3]) is None
    assert nearest(open_project(), line[5:], commits[0], without=[commits[4]]) is None
    assert nearest(open_project(), [], commits[0]) is None


def test_trees_and_patches_are_looked_for_among_the_newest(
    line: list[Made], git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = line[0].commit or ""
    old = git("commit-tree", f"{line[6].commit}^{{tree}}", "-p", f"{line[7].commit}", "-m", "As it was").strip()
    same_patch = Made(old, "0" * 40, dirty=False)
    same_tree = Made(old, line[6].tree, dirty=False)
    uncommitted = Made(line[11].commit, line[6].tree, dirty=True)

    for code, how in ((same_patch, PATCH), (same_tree, TREE), (uncommitted, TREE)):
        found = nearest(open_project(), [code], head)
        assert found is not None
        assert (found.commit, found.back, found.how) == (line[6].commit, 6, {code: how})

    monkeypatch.setattr(module, "_SMALL", 5)
    monkeypatch.setattr(module, "_FEW", 5)
    assert nearest(open_project(), [same_patch], head) is None
    assert nearest(open_project(), [same_tree], head) is None
