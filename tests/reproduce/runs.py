"""A script that is run and run again, and what `gittrack reproduce` says of it."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

from tests.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Result

SCRIPT = """
import random
import sys

import gittrack
import helper

random.seed(1)
with gittrack.start_run(params={"lr": 0.1}):
    for step in range(5):
        gittrack.log_metric("loss", helper.scale(random.random()), step)
    if "--noise" in sys.argv:
        gittrack.log_metric("noise", 1 + random.SystemRandom().random() / 1000)
print("trained")
"""


def write(folder: Path, **files: str) -> None:
    """Write files; `name_py` is name.py."""
    for name, text in files.items():
        (folder / name.replace("_py", ".py")).write_text(textwrap.dedent(text), encoding="utf-8")


def verdict(result: Result) -> dict[str, object]:
    """What `gittrack reproduce --json` says; what the command printed comes before it."""
    found = json.loads(result.out[result.out.index("{\n") :])
    assert isinstance(found, dict)
    return found


def record(repo: Path, python: str, *args: str) -> None:
    """Run the script, which records by itself."""
    result = run([python, "train.py", *args], cwd=repo)
    assert result.code == 0, result.err
