"""`gittrack init`: idempotent, and it changes nothing that it need not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Gittrack


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_in_a_repository_it_changes_nothing(repo: Path, gittrack: Gittrack) -> None:
    before = contents(repo)

    first, second = gittrack("init"), gittrack("init", "--yes")

    assert (first.code, first.err) == (0, "")
    assert first.out == second.out
    assert first.out.splitlines() == [
        f"repository: {repo}",
        "runs:       branch gittrack/runs, which the first run makes",
        "author:     Ada Example <ada@example.com>",
        "Ready; nothing had to be changed. Record a run of any program:",
        "  gittrack run -- python train.py",
    ]
    assert contents(repo) == before


def test_it_tells_the_branch_that_is_there(recorded: Path, gittrack: Gittrack) -> None:
    assert "runs:       branch gittrack/runs\n" in gittrack("init").out, recorded


def test_without_a_repository_it_asks(tmp_path: Path, gittrack: Gittrack, terminal: Terminal) -> None:
    folder = tmp_path / "new"
    folder.mkdir()

    refused = gittrack("init", cwd=folder)
    declined, _ = terminal("-C", str(folder), "init", typed="n\n")

    assert (refused.code, refused.out, declined) == (1, "", 1)
    assert "'gittrack init --yes' makes one" in refused.err
    assert list(folder.iterdir()) == []

    agreed, text = terminal("-C", str(folder), "init", typed="y\n")
    assert agreed == 0
    assert f"Made a git repository in {folder}" in text
    assert (folder / ".git").is_dir()


def test_yes_makes_a_repository(tmp_path: Path, gittrack: Gittrack) -> None:
    folder = tmp_path / "new"
    folder.mkdir()

    made = gittrack("init", "-y", cwd=folder)

    assert (made.code, made.out.splitlines()[0]) == (0, f"Made a git repository in {folder}")
    assert "nothing else had to be changed" in made.out
    recorded = gittrack("run", "--quiet", "--", sys.executable, "-c", "", cwd=folder)
    assert (recorded.code, recorded.err) == (0, "")
    assert len(gittrack("log", "--jsonl", cwd=folder).out.splitlines()) == 1


def test_without_an_identity(repo: Path, home: Path, gittrack: Gittrack) -> None:
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n", encoding="utf-8")

    result = gittrack("init")

    assert (result.code, result.out) == (1, ""), repo
    assert "git config --global user.name" in result.err
