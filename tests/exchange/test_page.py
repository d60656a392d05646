"""docs/exchange.md tells what happens."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.test_readme import BLOCK, normal, programs, project, transcript

if TYPE_CHECKING:
    from tests.conftest import RunPython

__all__ = ["programs", "project"]

PAGE: Final = (Path(__file__).parents[2] / "docs" / "exchange.md").read_text(encoding="utf-8")
SHEET: Final = """\
name,date,lr,model,acc,val loss,remarks
tuned,2024-03-01,0.1,tree,0.9,0.5,the one of the report
wide,2024-03-02,1e-3,net,0.95,n/a,
"""
FRAME: Final = """\
name  params.lr  metrics.acc
 wide      0.001         0.95
tuned      0.100         0.90
"""


@pytest.mark.usefixtures("project")
def test_the_page_tells_what_happens(run_python: RunPython) -> None:
    Path("results.csv").write_text(SHEET)
    blocks = BLOCK.findall(PAGE)
    assert [kind for kind, _ in blocks] == ["transcript", "python"]
    for command, expected in transcript(blocks[0][1]):
        done = subprocess.run(["sh", "-c", f"{command} 2>&1"], stdout=subprocess.PIPE, text=True, check=False)
        assert normal(done.stdout) == normal(expected), command
    frame = run_python(blocks[1][1], cwd=Path.cwd())
    assert (normal(frame.out), frame.err) == (normal(FRAME), "")
