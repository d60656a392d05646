"""Purging in linked worktrees, beside borrowed and kept packs, in partial clones, and while others record."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import gittrack
from tests.purge.conftest import SECRET, Lab

if TYPE_CHECKING:
    from pathlib import Path


def test_what_an_index_of_another_worktree_has_stays(lab: Lab, tmp_path: Path) -> None:
    place = tmp_path / "linked"
    lab.git("worktree", "add", "-q", "--detach", str(place), cwd=lab.repo)
    (place / "staged.txt").write_text(f"{SECRET}\n", encoding="utf-8")
    lab.git("add", "staged.txt", cwd=place)
    doomed = lab.record("doomed", dirty=SECRET)

    result = lab.gittrack("purge", "--yes", doomed, cwd=place)

    assert result.code == 0, result.err
    assert "stay there: left.txt" in result.err
    assert lab.git("show", ":staged.txt", cwd=place) == f"{SECRET}\n"
    assert doomed not in lab.trees()
    lab.is_sound()


def test_the_branch_for_runs_must_not_be_checked_out(lab: Lab, tmp_path: Path) -> None:
    doomed = lab.record("doomed", SECRET)
    lab.git("worktree", "add", "-q", str(tmp_path / "linked"), "gittrack/runs", cwd=lab.repo)

    refused = lab.gittrack("purge", "-y", doomed, cwd=lab.repo)

    assert refused.code == 1
    assert f"is checked out in {tmp_path / 'linked'}" in refused.err
    assert doomed in lab.trees()


def test_a_pack_that_somebody_keeps_is_told_of(lab: Lab) -> None:
    doomed = lab.record("doomed", SECRET)
    lab.git("repack", "-adkq", cwd=lab.repo)
    (pack,) = (lab.repo / ".git/objects/pack").glob("*.pack")
    keep = pack.with_suffix(".keep")
    keep.touch()

    said = lab.purge(doomed)

    assert f"{pack} holds some of it and is protected by a .keep file" in said
    assert lab.holds()
    assert "a purge was interrupted" in lab.gittrack("check", cwd=lab.repo).out
    keep.unlink()
    lab.purge()
    assert lab.holds() == []
    lab.is_sound()


def test_a_repository_that_borrows_objects(lab: Lab, tmp_path: Path) -> None:
    doomed = lab.record("doomed", SECRET)
    lab.record("last")
    other = tmp_path / "other"
    lab.git("clone", "-q", "--shared", str(lab.repo), str(other))

    result = lab.gittrack("purge", "-y", doomed, cwd=other)

    assert result.code == 0, result.err
    assert f"borrows objects from {lab.repo / '.git/objects'}" in result.err
    assert lab.holds(), "the other repository is nobody's to change"
    assert "doomed" not in lab.gittrack("log", cwd=other).out
    assert lab.git("fsck", "--strict", "--no-dangling", cwd=other) == ""


def test_a_partial_clone(lab: Lab, tmp_path: Path) -> None:
    doomed = lab.record("doomed", SECRET)
    lab.record("last")
    lab.git("config", "uploadpack.allowFilter", "true", cwd=lab.repo)
    other = tmp_path / "other"
    lab.git("clone", "-q", "--filter=blob:none", f"file://{lab.repo}", str(other))
    assert "doomed" in lab.gittrack("log", cwd=other).out

    result = lab.gittrack("purge", "-y", doomed, cwd=other)

    assert result.code == 0, result.err
    assert "doomed" not in lab.gittrack("log", cwd=other).out
    assert Lab(other, lab.git, lab.gittrack, lab.run_python).holds() == []
    assert lab.git("fsck", "--no-dangling", cwd=other) == ""


def test_a_shallow_clone_is_refused(lab: Lab, tmp_path: Path) -> None:
    lab.record("first")
    doomed = lab.record("doomed", SECRET)
    other = tmp_path / "other"
    lab.git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{lab.repo}", str(other))

    refused = lab.gittrack("purge", "-y", doomed, cwd=other)

    assert refused.code == 1
    assert "git fetch --unshallow" in refused.err


def test_a_run_that_is_running_is_refused(lab: Lab) -> None:
    with gittrack.start_run("busy", params={"word": SECRET}) as run:
        refused = lab.gittrack("purge", "-y", run.id, cwd=lab.repo)
    assert refused.code == 1
    assert "is still running" in refused.err
    lab.purge(run.id)
    assert lab.holds() == []


def test_the_reflog_of_another_branch_is_told_of(lab: Lab) -> None:
    doomed = lab.record("doomed", SECRET)
    lab.git("checkout", "-q", "gittrack/runs", cwd=lab.repo)
    lab.git("checkout", "-q", "main", cwd=lab.repo)

    said = lab.purge(doomed)

    assert "the reflog of HEAD still leads to it" in said
    lab.git("reflog", "expire", "--expire=all", "HEAD", cwd=lab.repo)
    lab.is_sound()


def test_others_record_meanwhile(lab: Lab) -> None:
    doomed = [lab.record(f"doomed{number}", SECRET, dirty=SECRET) for number in range(3)]
    script = """
import sys, gittrack
for number in range(12):
    with gittrack.start_run(f"{sys.argv[1]}-{number}", params={"word": "plain"}) as run:
        gittrack.log_metric("loss", number, 1)
        gittrack.log_text("the same in all\\n", "notes.txt")
"""
    (lab.repo / "left.txt").write_text("uncommitted\n", encoding="utf-8")
    command = [sys.executable, "-c", script]
    writers = [subprocess.Popen([*command, name], cwd=lab.repo, env=dict(os.environ)) for name in ("a", "b")]
    for run_id in doomed:
        lab.purge(run_id)
    for writer in writers:
        assert writer.wait(timeout=100) == 0

    assert lab.holds() == []
    lab.is_sound()
    names = lab.gittrack("log", "--json", "-n", "100", cwd=lab.repo).out
    assert all(f'"{name}-{number}"' in names for name in ("a", "b") for number in range(12))


def test_pins_that_were_deleted_do_not_come_back_as_lost_ones(lab: Lab) -> None:
    doomed = lab.record("doomed", dirty=SECRET)
    snapshot = lab.snapshot(doomed)
    lab.git("branch", "mine", snapshot, cwd=lab.repo)
    lab.git("branch", "pins", "refs/gittrack/snapshots", cwd=lab.repo)
    lab.purge(doomed)
    assert lab.git("cat-file", "-t", "pins", cwd=lab.repo) == "commit\n", "another ref has them still"

    lab.record("next", dirty="other")

    assert snapshot not in lab.git("rev-list", "refs/gittrack/snapshots", cwd=lab.repo)
