"""What something else leads to stays at a purge, is told of, and goes with the purge after that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.purge.conftest import SECRET, Lab

if TYPE_CHECKING:
    from pathlib import Path


def told(said: str, start: str) -> str:
    """The command that a sentence tells in brackets."""
    return start + said.partition(f"({start}")[2].partition(")")[0]


@pytest.fixture
def doomed(lab: Lab) -> str:
    """A run with a secret in its snapshot, and others around it."""
    lab.record("first", dirty="other")
    run_id = lab.record("doomed", SECRET, "large", dirty=SECRET)
    lab.record("last")
    return run_id


@pytest.mark.parametrize("again", ["run", "nothing", "another"])
def test_a_branch_at_its_snapshot(lab: Lab, doomed: str, again: str) -> None:
    other = lab.record("other")
    lab.gittrack("branch", doomed, "mine", cwd=lab.repo)
    said = lab.purge(doomed)
    assert "refs/heads/mine still leads to it" in said
    assert lab.holds()
    assert "interrupted" not in lab.gittrack("check", cwd=lab.repo).out
    lab.git(*told(said, "git update-ref").split()[1:], cwd=lab.repo)

    said = lab.purge(*{"run": [doomed], "nothing": [], "another": [other]}[again])

    assert lab.holds() == []
    assert ("purged what an earlier purge left: " in said) is (again != "another")
    assert "still leads to it" not in said
    assert (other in lab.trees()) is (again != "another")
    lab.is_sound()
    refused = lab.gittrack("purge", "-y", cwd=lab.repo)
    assert (refused.code, "name the runs to purge" in refused.err) == (2, True), "there is nothing left to do"


def test_a_branch_at_the_runs(lab: Lab, doomed: str) -> None:
    lab.git("branch", "backup", "gittrack/runs", cwd=lab.repo)
    lab.purge(doomed)
    assert lab.holds()
    assert "refs/heads/backup still leads to it" in lab.purge(doomed)
    lab.git("update-ref", "-d", "refs/heads/backup", cwd=lab.repo)

    lab.purge(doomed)

    assert lab.holds() == []
    lab.is_sound()


def test_a_worktree_that_has_it_checked_out(lab: Lab, doomed: str, tmp_path: Path) -> None:
    place = tmp_path / "a place"
    assert lab.gittrack("checkout", doomed, str(place), cwd=lab.repo).code == 0

    said = lab.purge(doomed)

    assert f"{place} has it checked out" in said
    assert told(said, "git worktree") == f"git worktree remove '{place}'"
    lab.git("checkout", "-q", "--detach", "main", cwd=place)
    said = lab.purge(doomed)
    assert "checked out" not in said
    assert f"git -C '{place}' reflog expire --expire=all HEAD" in said
    lab.git("-C", place, "reflog", "expire", "--expire=all", "HEAD", cwd=lab.repo)
    (place / ".git").unlink()
    lab.purge(doomed)
    assert lab.holds() == []


def test_a_worktree_whose_folder_is_gone(lab: Lab, doomed: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    assert lab.gittrack("checkout", doomed, str(place), cwd=lab.repo).code == 0
    place.rename(tmp_path / "elsewhere")

    said = lab.purge(doomed)

    assert f"the worktree that was in {place} still leads to it; run 'git worktree prune' and purge again" in said
    lab.git("worktree", "prune", cwd=lab.repo)
    lab.purge(doomed)
    assert lab.holds() == []
    lab.is_sound()


def test_a_log_that_leads_to_one_of_several(lab: Lab) -> None:
    one = lab.record("one", dirty=SECRET)
    lab.git("checkout", "-q", "--detach", lab.snapshot(one), cwd=lab.repo)
    lab.git("checkout", "-q", "main", cwd=lab.repo)
    for number in range(3):
        lab.git("commit", "-q", "--allow-empty", "-m", f"Step {number}", cwd=lab.repo)
    two = lab.record("two", dirty="2")
    lab.git("branch", "mine", lab.snapshot(two), cwd=lab.repo)

    said = lab.purge("--snapshots", one, two)

    assert "the reflog of HEAD still leads to it" in said


def test_what_a_run_has_again_is_left_alone(lab: Lab, doomed: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    assert lab.gittrack("checkout", doomed, str(place), cwd=lab.repo).code == 0
    snapshot = lab.snapshot(doomed)
    lab.purge(doomed)
    assert lab.gittrack("run", "-q", "--name", "again", "--", "true", cwd=place).code == 0
    assert lab.snapshot("again") == snapshot
    lab.git("worktree", "remove", "--force", str(place), cwd=lab.repo)

    said = lab.purge(doomed)

    assert "refs/gittrack/snapshots" not in said
    assert lab.git("show", f"{snapshot}:left.txt", cwd=lab.repo) == f"{SECRET}\n"
    lab.is_sound()
