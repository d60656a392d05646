"""Names: of the folder that holds the repository, and of what is in a run where case does not count."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.repositories.conftest import Console, Cycle

NAMES = {
    "spaces": b" a  b ",
    "quotes": b'it\'s "so" $HOME `x` \\n',
    "not ASCII": "Übung 実験".encode(),
    "separators of Unicode": "a\u2028b\x85c\x0bd".encode(),
    "not UTF-8": b"caf\xe9 \xff",
    "newline": b"two\nlines",
    "newline at the end": b"end\n",
    "leading dash": b"-x",
    "glob": b"[a]*?",
    "percent and hash": b"100%25#1?x",
    "colon": b"a:b",
}


@pytest.fixture
def named(repo: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The repository below a folder of that name."""
    folder = tmp_path / os.fsdecode(request.param)
    folder.mkdir()
    return repo.rename(folder / "repo")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
@pytest.mark.parametrize("named", NAMES.values(), ids=NAMES, indirect=True)
def test_repository_path(named: Path, cycle: Cycle) -> None:
    cycle(named)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
@pytest.mark.parametrize("name", [NAMES["not UTF-8"], NAMES["newline"]], ids=["not UTF-8", "newline"])
def test_where_it_runs(repo: Path, console: Console, cycle: Cycle, name: bytes) -> None:
    """The folder in the repository in which somebody works, and a branch, of such a name."""
    below = repo / os.fsdecode(name)
    below.mkdir()
    cycle(below)


def test_branch_of_bytes(repo: Path, git: Git, cycle: Cycle) -> None:
    git("checkout", "-q", "-b", os.fsdecode(b"caf\xe9"), cwd=repo)
    cycle(repo, branch="caf\\xe9")
