"""`gittrack import` on a terminal, where a person is asked before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git


def test_a_terminal_is_asked(repo: Path, git: Git, terminal: Terminal) -> None:
    (repo / "results.csv").write_text("name,lr,acc\n\x1b[31mred,0.1,0.5\nblue,0.2,0.25\n")
    code, text = terminal("import", "results.csv", typed="n\n")
    assert (code, "\x1b[31m" in text) == (1, False)
    assert "must not be empty or hold line breaks or control characters" in text

    (repo / "results.csv").write_text("name,lr,acc\nred,0.1,0.5\nblue,0.2,0.25\n")
    code, text = terminal("import", "results.csv", typed="n\n")
    assert (code, "2 rows, 2 new runs. Import? [y/N]" in text, "nothing was written" in text) == (0, True, True)
    assert git("for-each-ref", "refs/heads/gittrack") == ""
    code, text = terminal("import", "results.csv", typed="y\n")
    assert (code, "imported 2 runs from results.csv" in text) == (0, True)
    code, text = terminal("import", "results.csv", "--yes")
    assert (code, "Import?" in text) == (0, False)
