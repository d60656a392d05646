"""`gittrack log --notes` writes what git itself reads as notes, changes what has changed, and leaves others' alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack
    from tests.trace.conftest import Commit, Record

REF = "refs/notes/gittrack"


def test_git_shows_the_results(code: Path, git: Git, gittrack: Gittrack, commit: Commit, record: Record) -> None:
    first = record("first")
    commit(2)
    second = record("second")
    (code / "value").write_text("3")
    dirty = record("dirty")
    git("checkout", "-q", "value")
    before = git("config", "--list", "--local")

    done = gittrack("log", "--notes")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == "2 commits with notes: 2 written, 0 removed"
    assert "git config notes.displayRef refs/notes/gittrack" in done.out
    assert git("config", "--list", "--local") == before
    assert git("notes", "--ref=gittrack", "show", "HEAD") == (
        f"gittrack: 2 runs, newest first\n{dirty[:8]}* dirty finished  acc=3\n{second[:8]} second finished  acc=2\n"
    )
    assert f"    {first[:8]} first finished  acc=1\n" in git("log", "--notes=gittrack")
    assert git("fsck", "--strict", "--no-dangling") == ""

    tip = git("rev-parse", REF)
    assert gittrack("log", "--notes").out.startswith("2 commits with notes: 0 written, 0 removed")
    assert git("rev-parse", REF) == tip
    third = record("third")
    assert gittrack("rm", "first").code == 0
    assert gittrack("log", "--notes").out.startswith("1 commit with notes: 1 written, 1 removed")
    assert third[:8] in git("notes", "--ref=gittrack", "show", "HEAD")
    assert git("notes", "--ref=gittrack", "list").count("\n") == 1
    assert git("rev-parse", f"{REF}~1") == tip


def test_notes_of_others_stay(code: Path, git: Git, gittrack: Gittrack, commit: Commit, record: Record) -> None:
    record("first")
    commits = [git("rev-parse", "HEAD").strip(), *(commit(number) for number in range(2, 5))]
    git("notes", "--ref=gittrack", "add", "-m", "by hand", commits[0])
    git("notes", "--ref=gittrack", "add", "-m", "no run here", commits[1])
    record("last")

    done = gittrack("log", "--notes")

    assert done.out.startswith("2 commits with notes: 1 written, 0 removed")
    assert f"the note of 1 commit is not gittrack's and stays as it is ({commits[0][:7]})" in done.err
    shown = [git("notes", "--ref=gittrack", "show", each) for each in (commits[0], commits[1])]
    assert shown == ["by hand\n", "no run here\n"]
    git("notes", "--ref=gittrack", "append", "-m", "and by hand", commits[3])
    record("more")
    assert "stays as it is" in gittrack("log", "--notes").err
    assert "and by hand" in git("notes", "--ref=gittrack", "show", commits[3])
    git("notes", "--ref=gittrack", "remove", commits[0])
    assert gittrack("log", "--notes", f"{commits[0]}^!").out.startswith("1 commit with notes: 1 written")


def test_many_commits_and_the_fan_out_of_git(code: Path, git: Git, gittrack: Gittrack, record: Record) -> None:
    feed = "".join(
        f"commit refs/heads/long\ncommitter Ada Example <ada@example.com> {number} +0000\ndata 1\nx\n"
        for number in range(1_700_000_000, 1_700_000_300)
    )
    git("fast-import", "--quiet", input=feed)
    listed = git("rev-list", "long").split()
    # What git itself lays out in folders, and rewrites as it likes.
    notes = "".join(f"N inline {each}\ndata 1\nx\n" for each in listed)
    who = "committer Ada Example <ada@example.com> 1700000000 +0000\ndata 1\nx\n"
    git("fast-import", "--quiet", input=f"commit {REF}\n{who}{notes}")
    record("one")
    assert gittrack("log", "--notes").out.startswith("1 commit with notes: 1 written, 0 removed")
    assert git("notes", "--ref=gittrack", "list").count("\n") == len(listed) + 1
    git("notes", "--ref=gittrack", "add", "-m", "rewritten by git", listed[0], "-f")
    assert gittrack("log", "--notes").out.startswith("1 commit with notes: 0 written, 0 removed")
    assert git("notes", "--ref=gittrack", "show", "HEAD").startswith("gittrack: 1 run, newest first\n")
