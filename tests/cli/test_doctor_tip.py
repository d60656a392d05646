"""`gittrack doctor` where the ref of the branch is broken: the newest state that is left is found and set again."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import StorageError
from gittrack.git.refs import replace_ref
from gittrack.git.repository import discover
from tests.cli.sampling import sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

RUNS = "refs/heads/gittrack/runs"


def overwritten(content: str) -> Callable[[Path, Git], None]:
    def breaks(repo: Path, _: Git) -> None:
        (repo / ".git" / RUNS).write_text(content)

    return breaks


def object_file(repo: Path, oid: str) -> Path:
    return repo / ".git" / "objects" / oid[:2] / oid[2:]


def without_its_commit(repo: Path, git: Git) -> None:
    object_file(repo, git("rev-parse", RUNS).strip()).unlink()


def without_its_tree(repo: Path, git: Git) -> None:
    object_file(repo, git("rev-parse", f"{RUNS}:").strip()).unlink()


def with_a_rotten_commit(repo: Path, git: Git) -> None:
    place = object_file(repo, git("rev-parse", RUNS).strip())
    place.chmod(0o644)
    place.write_bytes(b"")


# How the ref breaks, and how many of the three runs the newest state that is left has.
BROKEN: dict[str, tuple[Callable[[Path, Git], None], int]] = {
    "empty": (overwritten(""), 3),
    "zeros": (overwritten("\0" * 41), 3),
    "nonsense": (overwritten("nonsense\n"), 3),
    "an id of nothing": (overwritten(f"{'ab' * 20}\n"), 3),
    "a file instead of a commit": (without_its_tree, 2),
    "no commit": (without_its_commit, 2),
    "a rotten commit": (with_a_rotten_commit, 2),
}


@pytest.mark.parametrize("kind", sample(BROKEN, 2))
def test_a_broken_ref_is_set_to_the_newest_state_left(
    recorded: Path, git: Git, gittrack: Gittrack, run_python: RunPython, kind: str
) -> None:
    breaks, runs = BROKEN[kind]
    breaks(recorded, git)
    content = (recorded / ".git" / RUNS).read_bytes()

    for words in (["log"], ["show"], ["tag", "grid-0", "a=b"], ["check"]):
        result = gittrack(*words)
        assert result.code == 1, words
        assert "Traceback" not in result.err + result.out
    during = run_python("import gittrack\nwith gittrack.start_run('during') as run: run.log_metric('loss', 1)")
    assert during.code == 0, "training goes on"
    told = gittrack("doctor")
    assert (told.code, "--fix would: set the branch to it" in told.out) == (1, True), told.out
    assert (recorded / ".git" / RUNS).read_bytes() == content, "nobody made another branch in its place"

    mended = gittrack("doctor", "--fix")

    assert (mended.code, f"done: set {RUNS} to " in mended.out) == (0, True), mended.out
    names = {item["name"] for item in json.loads(gittrack("log", "--json").out)}
    assert names == {*(f"grid-{number}" for number in range(runs)), "during"}
    (kept,) = (recorded / ".git" / "gittrack" / "quarantine").glob(f"*/{RUNS}")
    assert kept.read_bytes() == content
    assert (gittrack("doctor").code, gittrack("check").code) == (0, 0)


def test_a_state_that_a_rewrite_left_behind_is_not_taken(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    smaller = git("rev-parse", f"{RUNS}~1").strip()
    message = git("commit-tree", f"{smaller}^{{tree}}", "-m", "rewritten").strip()
    git("update-ref", RUNS, message)
    assert gittrack("log").code == 0, "the index knows the rewritten branch"
    (recorded / ".git" / RUNS).write_text("")

    assert gittrack("doctor", "--fix").code == 0

    assert git("rev-parse", RUNS).strip() == message


def test_runs_of_here_are_not_given_up_for_those_of_the_remote(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    here = git("rev-parse", RUNS).strip()
    assert gittrack("log").code == 0, "the index knows them"
    aside = {"GIT_INDEX_FILE": str(recorded / ".git" / "aside")}
    git("read-tree", f"{RUNS}~1", env=aside)
    blob = git("hash-object", "-w", "--stdin", input="x").strip()
    more = "".join(f"100644 {blob}\truns/ab/{'ab' * 16}/artifacts/{number}\n" for number in range(20))
    git("update-index", "--add", "--index-info", input=more, env=aside)
    there = git("commit-tree", git("write-tree", env=aside).strip(), "-p", f"{RUNS}~1", "-m", "theirs").strip()
    git("update-ref", "refs/remotes/origin/gittrack/runs", there)
    (recorded / ".git" / RUNS).write_text("")

    gittrack("doctor", "--fix")

    assert git("rev-parse", RUNS).strip() == here


def test_where_the_ref_cannot_be_set_no_lock_is_left(recorded: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise OSError(errno.EIO, "broken", path)

    tip = git("rev-parse", RUNS).strip()
    repo = discover(recorded)
    monkeypatch.setattr("gittrack.git.refs.fsync_file", refuse)

    with pytest.raises(StorageError):
        replace_ref(repo, RUNS, tip)

    assert not (recorded / ".git" / f"{RUNS}.lock").exists()


def test_a_branch_that_was_deleted(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    tip = git("rev-parse", RUNS).strip()
    assert gittrack("log").code == 0
    git("branch", "-D", "gittrack/runs")

    result = gittrack("doctor")

    assert (result.code, f"its last commit, {tip[:12]}, is still here" in result.out) == (0, True), recorded


def test_where_nothing_is_left(recorded: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", "-b", "main", "--single-branch", f"file://{recorded}", tmp_path / "clone")
    (tmp_path / "clone" / "refs" / "heads" / "gittrack").mkdir(parents=True)
    (tmp_path / "clone" / RUNS).write_text("")

    result = gittrack("doctor", "--fix", cwd=tmp_path / "clone")

    assert result.code == 1
    assert f"git fetch REMOTE +{RUNS}:{RUNS}" in result.out
    assert (tmp_path / "clone" / RUNS).read_text() == ""


def test_a_writer_at_work_is_waited_for(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    tip = git("rev-parse", RUNS).strip()
    path = recorded / ".git" / RUNS
    path.write_text("")
    lock = path.with_name("runs.lock")
    lock.write_text("somebody's")

    result = gittrack("doctor", "--fix")

    assert (result.code, path.read_text(), lock.exists()) == (1, "", True)
    assert "could not be done" in result.out
    lock.unlink()
    assert gittrack("doctor", "--fix").code == 0
    assert git("rev-parse", RUNS).strip() == tip


def test_a_branch_that_git_lost_comes_back(repo: Path, git: Git, gittrack: Gittrack) -> None:
    """What a power cut leaves after a `git pack-refs`: no ref, and all objects."""
    for name in ("one", "two"):
        assert gittrack("run", "-q", "--name", name, "--", "true").code == 0
    tip = git("rev-parse", "gittrack/runs").strip()
    lose(repo)
    assert gittrack("log").err.startswith("gittrack: the branch of the runs is gone, and they are still here")
    assert "the branch gittrack/runs is gone, and its last commit" in gittrack("doctor").out
    assert gittrack("doctor", "--fix").code == 0
    assert git("rev-parse", "gittrack/runs").strip() == tip

    lose(repo)
    assert gittrack("run", "-q", "--name", "three", "--", "true").code == 0
    assert git("rev-parse", "gittrack/runs~").strip() == tip
    assert [line.split()[1] for line in gittrack("log", "--oneline").out.splitlines()] == ["three", "two", "one"]


def lose(repo: Path) -> None:
    (repo / ".git/refs/heads/gittrack/runs").unlink()
    (repo / ".git/packed-refs").write_bytes(b"")
