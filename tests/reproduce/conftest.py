"""A repository with a script that can be run and run again."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.reproduce.runs import SCRIPT, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git


@pytest.fixture
def script(repo: Path, git: Git) -> Path:
    """A committed script that needs a module which is not committed."""
    write(repo, train_py=SCRIPT, helper_py="def scale(x): return 2 * x\n")
    write(repo, **{".gitignore": "__pycache__\ndata.csv\nmetrics.json\n"})
    git("add", "train.py", ".gitignore", cwd=repo)
    git("commit", "-qm", "Train", cwd=repo)
    return repo


@pytest.fixture
def python() -> str:
    """The Python that runs the scripts."""
    return sys.executable
