"""The best run of the files that are committed stands in the message, once, and only where the message is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hooks.conftest import commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git
    from tests.hooks.conftest import Record, Stub


@pytest.fixture
def run_id(repo: Path, git: Git, stub: Stub, record: Record) -> str:
    """The better one of two runs on uncommitted changes."""
    stub(repo / ".git", "prepare-commit-msg")
    git("config", "gittrack.metric", "acc")
    (repo / "train.py").write_text("changed\n")
    best = record("best", "acc=0.93", "loss=0.1")
    record("last", "acc=0.5")
    return best


def trailers(git: Git) -> str:
    return git("log", "-1", "--format=%(trailers:key=Gittrack-Run,valueonly)").strip()


def test_the_best_run_is_named(repo: Path, run_id: str, git: Git) -> None:
    assert commit("-qam", "What ran", "-m", "Signed-off-by: Ada Example <ada@example.com>").err == ""
    assert git("log", "-1", "--format=%B").strip() == (
        f"What ran\n\nSigned-off-by: Ada Example <ada@example.com>\nGittrack-Run: {run_id} acc=0.93"
    )
    assert trailers(git) == f"{run_id} acc=0.93"


def test_a_part_of_the_changes_is_what_counts(repo: Path, run_id: str, git: Git) -> None:
    (repo / "new.py").write_text("not in the run\n")
    git("add", "new.py")
    commit("-qm", "Only the script", "train.py")
    assert trailers(git) == f"{run_id} acc=0.93"
    assert git("status", "--porcelain") == "A  new.py\n"
    commit("-qm", "The rest")
    assert trailers(git) == ""


@pytest.mark.parametrize("words", [(), ("-v",)], ids=["plain", "with the diff"])
def test_in_an_editor_there_is_room_for_the_subject(repo: Path, run_id: str, git: Git, words: tuple[str, ...]) -> None:
    editor: dict[str, str | None] = {"GIT_EDITOR": "sed -i -e '1s/^/Typed/'"}
    commit("-qa", *words, env=editor)
    assert git("log", "-1", "--format=%B").strip() == f"Typed\n\nGittrack-Run: {run_id} acc=0.93"


def test_a_line_of_dashes_does_not_end_the_message(repo: Path, run_id: str, git: Git) -> None:
    commit("-qam", "What ran\n\nbefore\n\n---\nafter")
    assert trailers(git) == f"{run_id} acc=0.93"
    assert git("log", "-1", "--format=%B").startswith("What ran\n\nbefore\n\n---\nafter\n\n")


def test_it_is_not_there_twice(repo: Path, run_id: str, git: Git) -> None:
    commit("-qam", "What ran", "-m", "Gittrack-Run: mine")
    assert trailers(git) == "mine"


@pytest.mark.parametrize(
    "words", [["--amend", "--no-edit"], ["--fixup=HEAD"], ["--squash=HEAD", "-m", "x"], ["-C", "HEAD"]], ids=" ".join
)
def test_the_message_of_another_commit_stays(repo: Path, run_id: str, git: Git, words: list[str]) -> None:
    commit("-qa", *words)
    assert "Gittrack-Run" not in git("log", "-1", "--format=%B")


def test_a_merge_and_a_squash_and_a_rebase_are_left_alone(repo: Path, run_id: str, git: Git) -> None:
    git("switch", "-qc", "side")
    commit("-qam", "What ran", env={"GITTRACK_HOOKS": "0"})
    git("switch", "-q", "main")
    git("merge", "-q", "--no-ff", "--no-edit", "side")
    assert trailers(git) == ""
    git("reset", "-q", "--hard", "HEAD^1")
    git("merge", "-q", "--squash", "side")
    commit("-q", "--no-edit")
    assert trailers(git) == ""
    git("reset", "-q", "--hard", "HEAD^1")
    git("rebase", "-q", "--force-rebase", "main", "side")
    assert trailers(git) == ""


def test_without_a_run_of_these_files(repo: Path, run_id: str, git: Git) -> None:
    (repo / "train.py").write_text("changed again\n")
    commit("-qam", "Not what ran")
    assert git("log", "-1", "--format=%B").strip() == "Not what ran"
