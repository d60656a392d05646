"""A repository whose runs log a number that is written in a committed file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

SCRIPT = """\
import json
value = float(open("value").read())
json.dump({"acc": value}, open("metrics.json", "w"))
"""


class Commit(Protocol):
    """`commit(0.9) -> its id` commits that number as what a run logs; a text makes it a commit that cannot be run."""

    def __call__(self, value: float | str, message: str = "") -> str: ...


class Record(Protocol):
    """`record("name") -> its id` records a run of what is checked out."""

    def __call__(self, name: str, *options: str) -> str: ...


@pytest.fixture
def code(repo: Path, git: Git) -> Path:
    """The repository; `train.py` writes the number of the file `value`, 1 to begin with, as the metric acc."""
    (repo / "train.py").write_text(SCRIPT)
    (repo / "value").write_text("1")
    (repo / ".gitignore").write_text("metrics.json\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Train", cwd=repo)
    return repo


@pytest.fixture
def commit(code: Path, git: Git) -> Commit:
    """Commit a number: `commit(0.9, message) -> id`."""

    def make(value: float | str, message: str = "") -> str:
        (code / "value").write_text(str(value))
        git("add", "-A", cwd=code)
        git("commit", "-q", "--allow-empty", "-m", message or f"Value {value}", cwd=code)
        return git("rev-parse", "HEAD", cwd=code).strip()

    return make


@pytest.fixture
def record(code: Path, gittrack: Gittrack) -> Record:
    """Record a run: `record(name, *options of gittrack run) -> id`."""

    def make(name: str, *options: str) -> str:
        words = ("--name", name, "--metrics", "metrics.json", *options, "--", "python3", "train.py")
        done = gittrack("run", "-q", *words, cwd=code)
        assert done.code == 0, done.err
        found: str = json.loads(gittrack("show", name, "--json", cwd=code).out)["id"]
        return found

    return make
