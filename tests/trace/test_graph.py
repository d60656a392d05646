"""`gittrack log --graph` draws what git draws, of the commits with runs alone, and nothing that a terminal obeys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython
    from tests.trace.conftest import Commit, Record


def drawing(text: str) -> list[str]:
    """The lines with ids as X, and without trailing spaces."""
    return [re.sub(r"\b[0-9a-f]{7,8}\b", "X", line).rstrip() for line in text.splitlines()]


def test_runs_stand_below_their_commits(
    code: Path, git: Git, gittrack: Gittrack, commit: Commit, record: Record
) -> None:
    record("first")
    commit(2)
    commit(3)
    git("checkout", "-qb", "topic")
    commit(4, "Topic \x1b[31mred\x01 \u202e")
    record("on-topic")
    (code / "value").write_text("5")
    record("dirty")
    git("checkout", "-q", "value")
    git("checkout", "-q", "main")
    (code / "other").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "Other")
    record("on-main")
    git("merge", "-q", "--no-edit", "topic")
    commit(6)
    record("last", "--name", "last")

    shown = gittrack("log", "--graph")

    assert (shown.code, shown.err) == (0, "")
    assert drawing(shown.out) == [
        "* X (HEAD -> main) Value 6",
        "|   X last finished  acc=6",
        "*   X Merge branch 'topic'",
        "|\\",
        "| * X (topic) Topic \\x1b[31mred\\x01 \\u202e",
        "| |   X* dirty finished  acc=5",
        "| |   X on-topic finished  acc=4",
        "* | X Other",
        "|/    X on-main finished  acc=3",
        "* X Train",
        "    X first finished  acc=1",
    ]
    colored = gittrack("log", "--graph", "--color", "always").out
    assert drawing(re.sub(r"\x1b\[[0-9;]*m", "", colored)) == drawing(shown.out)
    assert "\x1b[33m" in colored
    assert drawing(gittrack("log", "--graph", "-n", "1").out) == drawing(shown.out)[:2]
    assert drawing(gittrack("log", "--graph", "topic", "--where", "metrics.acc < 5").out) == [
        "* X (topic) Topic \\x1b[31mred\\x01 \\u202e",
        "|   X on-topic finished  acc=4",
        "* X Train",
        "    X first finished  acc=1",
    ]


def test_many_runs_of_one_commit_are_counted(code: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    result = run_python("""
        import gittrack

        for number in range(12):
            gittrack.start_run(f"n{number}").end()
    """)
    assert result.code == 0, result.err
    lines = drawing(gittrack("log", "--graph").out)
    assert len(lines) == 12, code
    assert lines[-2:] == ["    X n2 finished", "    … and 2 more"]


def test_a_rewritten_commit_and_nothing(
    code: Path, git: Git, gittrack: Gittrack, commit: Commit, record: Record
) -> None:
    assert "no runs here yet" in gittrack("log", "--graph").err
    commit(2)
    record("before")
    git("commit", "-q", "--amend", "-m", "Amended")
    assert drawing(gittrack("log", "--graph").out) == ["* X (HEAD -> main) Amended", "    X before finished  acc=2"]
    old = git("rev-parse", "HEAD").strip()
    (code / "value").write_text("3")
    git("commit", "-qa", "--amend", "-m", "With other files")
    hook = gittrack("hook", "post-rewrite", input=f"{old} {git('rev-parse', 'HEAD')}")
    assert hook.code == 0, hook.err
    # Of the first of the two amendments nobody told.
    assert gittrack("log", "--graph").err == "gittrack: no run matches\n"
    record("after")
    newer = git("rev-parse", "HEAD").strip()
    (code / "value").write_text("4")
    git("commit", "-qa", "--amend", "-m", "And other files")
    assert gittrack("hook", "post-rewrite", input=f"{newer} {git('rev-parse', 'HEAD')}").code == 0
    assert drawing(gittrack("log", "--graph").out) == [
        "* X (HEAD -> main) And other files",
        "    X after finished  acc=3",
    ]
    nothing = gittrack("log", "--graph", "HEAD~1")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "gittrack: no run matches\n")
    wrong = gittrack("log", "--graph", "nowhere")
    assert (wrong.code, "'nowhere' is no revision" in wrong.err) == (2, True)
    assert "exclude each other" in gittrack("log", "--graph", "--json").err


def test_the_same_files_elsewhere_and_committed_later(
    code: Path, git: Git, gittrack: Gittrack, commit: Commit, record: Record
) -> None:
    git("checkout", "-qb", "topic")
    commit(2, "On topic")
    record("on-topic")
    git("checkout", "-q", "main")
    commit(2, "The same on main")
    assert gittrack("log", "--graph").err == "gittrack: no run matches\n", "it stands on its own branch"
    (code / "value").write_text("3")
    record("uncommitted")
    commit(3, "Committed")
    lines = drawing(gittrack("log", "--graph").out)
    assert lines == ["* X (HEAD -> main) Committed", "    X* uncommitted finished  acc=3"]


def test_before_the_first_commit(home: Path, git: Git, gittrack: Gittrack) -> None:
    git("init", "-q")
    assert (gittrack("log", "--graph").code, gittrack("log", "--notes").code) == (0, 0), home
    assert gittrack("run", "-q", "--", "true").code == 0
    assert gittrack("log", "--graph").err == "gittrack: no run matches\n"
    assert gittrack("log", "--notes").err == "gittrack: no run matches\n"
    assert "no finished run on a commit of this range" in gittrack("blame", "acc").err
