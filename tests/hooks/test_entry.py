"""The door that the stubs come through: exit codes, one line, and a light way out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from gittrack.hooks.entry import HOOKS
from tests.conftest import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, Result, RunPython
    from tests.hooks.conftest import Record


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


# What git hands to each hook, at a commit that has no runs: its arguments, and its input.
CALLS = {
    "post-commit": ("", ""),
    "post-rewrite": ("amend", "{old} {new}\n"),
    "pre-push": ("origin /nowhere", "refs/heads/main {new} refs/heads/main {old}\n"),
    "post-merge": ("0", ""),
    "post-checkout": ("{old} {new} 1", ""),
    "prepare-commit-msg": ("{message}", ""),
    "pre-receive": ("", "{old} {new} refs/heads/main\n"),
}


@pytest.mark.parametrize("recorded", [False, True], ids=["without runs", "with runs of other commits"])
def test_with_nothing_to_do_little_is_imported(
    repo: Path, git: Git, gittrack: Gittrack, record: Record, run_python: RunPython, recorded: bool
) -> None:
    costly = {"click", "dulwich", "fasteners", "yaml"} | (set() if recorded else {"sqlite3"})
    git("remote", "add", "origin", "/nowhere")
    if recorded:
        record("earlier")
        (repo / "train.py").write_text("changed\n")
        git("commit", "-qam", "Changed")
        assert gittrack("log").code == 0
    old = git("rev-parse", "HEAD").strip()
    (repo / "train.py").write_text("changed again\n")
    git("commit", "-qam", "Changed again")
    (repo / ".git/MESSAGE").write_text("x\n")
    places = {"old": old, "new": git("rev-parse", "HEAD").strip(), "message": str(repo / ".git/MESSAGE")}
    assert set(CALLS) == set(HOOKS)
    for name, (arguments, lines) in CALLS.items():
        code = f"""
            import sys

            from gittrack.hooks.entry import main

            code = main(sys.argv[1:])
            print(code, sorted({costly!r} & set(sys.modules)))
        """
        words = arguments.format(**places).split()
        done = run_python(code, name, *words, input=lines.format(**places))
        assert (name, done.out, done.err) == (name, "0 []\n", "")


def test_a_defect_is_one_line_and_stops_nothing(repo: Path, run_python: RunPython) -> None:
    done = run_python("""
        import sys

        from gittrack.hooks import post_merge
        from gittrack.hooks.entry import main


        def run(*_):
            raise RuntimeError("one thing\\nand another")

        post_merge.run = run
        sys.exit(main(["post-merge", "0"]))
    """)
    said = "gittrack: the hook post-merge failed and was passed over: RuntimeError: one thing and another\n"
    assert (done.code, done.out, done.err) == (0, "", said)
