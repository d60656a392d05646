"""Runs with a planted secret in everything that a run holds, and a look for it in every byte below .git."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.conftest import Git, Gittrack, RunPython

SECRET: Final = "planted-and-not-to-be-found-5309"  # noqa: S105 - that is the point

RECORD = """
import sys
import gittrack

name, word = sys.argv[1:3]
with gittrack.start_run(name, params={"word": word, "name": name}) as run:
    for step in range(3):
        gittrack.log_metric("loss", step / 3, step)
    gittrack.log_text(f"{word}\\n{name}\\n", "notes.txt")
    if "large" in sys.argv:
        gittrack.log_text(f"{word} {name}\\n" * 10000, "large.txt")
    print(run.id)
"""


class Lab:
    """One repository with runs in it."""

    def __init__(self, repo: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> None:
        self.repo = repo
        self.git = git
        self.gittrack = gittrack
        self.run_python = run_python

    def record(self, name: str, word: str = "plain", *more: str, dirty: str | None = None) -> str:
        """Make a run, on uncommitted changes with `dirty` in them; return its id."""
        left = self.repo / "left.txt"
        left.unlink(missing_ok=True)
        if dirty is not None:
            left.write_text(f"{dirty}\n", encoding="utf-8")
        result = self.run_python(RECORD, name, word, *more, cwd=self.repo)
        assert result.code == 0, result.err
        left.unlink(missing_ok=True)
        return result.out.strip()

    def snapshot(self, run_id: str) -> str:
        """The snapshot that a run names."""
        return str(json.loads(self.gittrack("show", run_id, "--json", cwd=self.repo).out)["code"]["snapshot"])

    def trees(self) -> dict[str, str]:
        """The object of each run's folder on the branch."""
        lines = self.git("ls-tree", "-r", "-d", "gittrack/runs", cwd=self.repo).splitlines()
        found = {
            line.split("\t")[1].split("/")[2]: line.split()[2]
            for line in lines
            if line.count("/") == 2 and "\truns/" in line
        }
        return {run_id: tree for run_id, tree in found.items() if len(run_id) == 32}

    def purge(self, *args: str) -> str:
        """Purge, and return what it said on both streams."""
        result = self.gittrack("purge", "--yes", *args, cwd=self.repo)
        assert result.code == 0, result.err
        return result.out + result.err

    def is_sound(self) -> None:
        """Git and gittrack find nothing wrong."""
        result = subprocess.run(
            ["git", "fsck", "--strict", "--no-dangling"], cwd=self.repo, capture_output=True, text=True, check=False
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        checked = self.gittrack("check", cwd=self.repo)
        assert checked.code == 0, checked.out

    def holds(self, word: str = SECRET) -> list[str]:
        """Where the word is: objects by id, and files below the git directory as they are or inflated."""
        return [*self._objects(word.encode()), *self._files(word.encode())]

    def _objects(self, word: bytes) -> list[str]:
        args = ["git", "cat-file", "--batch-all-objects", "--unordered", "--batch"]
        done = subprocess.run(args, cwd=self.repo, capture_output=True, check=True)
        return ["an object"] if word in done.stdout else []

    def _files(self, word: bytes) -> list[str]:
        found = []
        for folder, _, names in os.walk(self.repo / ".git"):
            for name in names:
                data = (Path(folder) / name).read_bytes()
                if word in data or word in _inflated(data):
                    found.append(os.path.join(folder, name))
        return found


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


@pytest.fixture
def lab(repo: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> Lab:
    """A repository whose training script is committed."""
    return Lab(repo, git, gittrack, run_python)
