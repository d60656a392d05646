"""The door that the stubs come through: exit codes, one line, and a light way out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Result


def hook(*words: str, input: str = "", env: dict[str, str] | None = None) -> Result:  # noqa: A002
    return run([sys.executable, "-m", "gittrack.hooks", *words], input=input, env=env)


def test_what_it_does_not_know_stops_no_git(repo: Path) -> None:
    done = hook("post-nonsense", "x")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("gittrack: post-nonsense: gittrack has nothing to do for it, but for ")
    assert done.err.count("\n") == 1
    assert hook().code == 0


def test_outside_of_a_repository_one_line_is_said(home: Path) -> None:
    done = hook("post-rewrite", "amend", input=f"{'0' * 40} {'1' * 40}\n")
    assert (done.code, done.out, done.err.count("\n")) == (0, "", 1)
    assert done.err.startswith("gittrack: post-rewrite: no git repository here")


def test_all_of_them_are_turned_off(home: Path) -> None:
    done = hook("post-rewrite", "amend", input="x\n", env={"GITTRACK_HOOKS": "0"})
    assert (done.code, done.out, done.err) == (0, "", "")
