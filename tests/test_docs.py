"""The transcripts of docs/queries.md are what happens."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.test_readme import BLOCK, normal, programs, project, transcript

if TYPE_CHECKING:
    from tests.conftest import Git, RunPython

__all__ = ["programs", "project"]

PAGE: Final = Path(__file__).parent.parent / "docs" / "queries.md"
RECORD: Final = """
import sys
import gittrack

name, lr, acc = sys.argv[1:]
with gittrack.start_run(name, params={"lr": float(lr)}):
    gittrack.log_metric("acc", float(acc))
"""


@pytest.mark.usefixtures("project")
def test_the_page_on_queries_tells_what_happens(git: Git, run_python: RunPython) -> None:
    Path("model.py").write_text("depth = 3\n")
    git("add", ".")
    git("commit", "-qm", "A model")
    for words in (["alpha", "0.5", "0.5"], ["beta", "0.1", "0.75"]):
        assert run_python(RECORD, *words).code == 0
    git("switch", "-qc", "feature")
    Path("model.py").write_text("depth = 4\n")
    git("commit", "-qam", "Deeper")
    assert run_python(RECORD, "gamma", "0.01", "0.9").code == 0
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) == 1
    for _, block in blocks:
        for command, expected in transcript(block):
            done = subprocess.run(["sh", "-c", f"{command} 2>&1"], stdout=subprocess.PIPE, text=True, check=False)
            assert normal(done.stdout) == normal(expected), command
