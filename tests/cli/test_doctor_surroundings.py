"""`gittrack doctor` on the clone, its settings, its permissions, its clock, and what people did to the branch."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.doctor.configuration import SETTINGS
from gittrack.doctor.machine import inodes

if TYPE_CHECKING:
    from tests.conftest import Git, Gittrack, RunPython

RUNS = "refs/heads/gittrack/runs"


def told(gittrack: Gittrack, *args: str, code: int, cwd: Path | None = None) -> dict[str, str]:
    """What the doctor says, by kind."""
    result = gittrack("doctor", "--json", *args, cwd=cwd)
    assert (result.code, result.err) == (code, ""), result.out + result.err
    return {item["kind"]: f"{item['problem']}; {item['remedy']}" for item in json.loads(result.out)["left"]}


def commit(git: Git, *changes: str) -> None:
    head = f"commit {RUNS}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {RUNS}^0\n"
    git("fast-import", "--quiet", "--force", input=head + "".join(changes))


def test_the_settings_that_are_known_are_those_of_their_page(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    there = re.findall(r"^\| `(gittrack\.\w+)` \|", page, re.MULTILINE)
    assert sorted(SETTINGS) == sorted(there)
    values = {"gittrack.branch": "gittrack/runs", "gittrack.experiment": "lr sweep", "gittrack.prePush": "all"}
    for key in there:
        git("config", key, values.get(key, "3600"))

    assert told(gittrack, code=0) == {}, recorded


@pytest.mark.parametrize(
    ("key", "value", "sentence", "code"),
    [
        ("gittrack.brnach", "x", "the setting gittrack.brnach has no meaning; did you mean gittrack.branch?", 0),
        ("gittrack.snapshotMaxCount", "many", "the setting gittrack.snapshotMaxCount is 'many': ", 1),
        ("gittrack.snapshotMaxFile", "-1", "the setting gittrack.snapshotMaxFile is '-1': it is less than 0", 1),
        ("gittrack.redact", "(", "the setting gittrack.redact is '(': ", 1),
        ("gittrack.prePush", "everything", "is 'everything': it is one of runs, all, off", 1),
        ("gittrack.colour", "x", "has no meaning; there are gittrack.branch, ", 0),
        ("gittrack.staleAfter", "soon", "the setting gittrack.staleAfter is 'soon'", 1),
        ("gittrack.staleAfter", "0", "it is not a number of seconds greater than 0", 1),
        ("gittrack.branch", "a..b", "the setting gittrack.branch is 'a..b'", 1),
        ("gittrack.experiment", "a\tb", "the setting gittrack.experiment is", 1),
    ],
)
def test_settings(recorded: Path, git: Git, gittrack: Gittrack, key: str, value: str, sentence: str, code: int) -> None:
    git("config", key, value)

    found = told(gittrack, "--fix", code=code)

    assert sentence in found["setting"], recorded


def test_what_another_user_left(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    """As root it is another user's file that is told, for root may write everywhere."""
    folder = recorded / ".git" / "gittrack" / "journal"
    folder.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        for path in (recorded / ".git", *(recorded / ".git").rglob("*")):
            os.chown(path, 12345, 12345)
        os.chown(folder, 0, 0)
        git("config", "--global", "safe.directory", recorded)
        remedy = "sudo chown -R 12345"
    else:
        folder.chmod(0o555)
        remedy = f"sudo chown -R {os.getuid()}"

    found = told(gittrack, "--fix", code=1)["permissions"]

    folder.chmod(0o755)
    assert str(folder) in found
    assert remedy in found


def test_objects_borrowed_from_what_is_gone(recorded: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    shutil.copytree(recorded, tmp_path / "lender")
    git("clone", "-q", "--shared", tmp_path / "lender", tmp_path / "borrower")
    git("branch", "gittrack/runs", "origin/gittrack/runs", cwd=tmp_path / "borrower")
    assert told(gittrack, code=0, cwd=tmp_path / "borrower") == {}
    shutil.rmtree(tmp_path / "lender")

    found = told(gittrack, code=1, cwd=tmp_path / "borrower")

    assert f"borrowed from {tmp_path / 'lender'}" in found["alternates"]


def test_a_shallow_clone_and_a_partial_one(recorded: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    git("commit", "-q", "--allow-empty", "-m", "more")
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--depth=1", f"file://{recorded}", tmp_path / "shallow")
    git("clone", "-q", "--filter=blob:none", f"file://{recorded}", tmp_path / "partial")

    assert told(gittrack, code=0, cwd=tmp_path / "shallow").keys() == {"shallow"}
    assert told(gittrack, code=0, cwd=tmp_path / "partial").keys() == {"partial"}


def test_the_branch_checked_out(recorded: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    git("worktree", "add", "-q", tmp_path / "runs", "gittrack/runs")

    found = told(gittrack, code=0)["checked-out"]
    assert f"gittrack/runs is checked out in {tmp_path / 'runs'}" in found, recorded

    assert gittrack("tag", "grid-0", "a=b").code == 0
    found = told(gittrack, "--fix", code=1)["checked-out"]
    assert "a commit made there would take runs back" in found
    assert f"git -C {tmp_path / 'runs'} switch --detach --force" in found

    git("switch", "-q", "--detach", "--force", cwd=tmp_path / "runs")
    assert told(gittrack, code=0) == {}


def test_the_branch_checked_out_in_the_main_worktree(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    git("checkout", "-q", "gittrack/runs")
    assert "checked-out" in told(gittrack, code=0)
    assert gittrack("tag", "grid-0", "a=b").code == 0

    assert f"git -C {recorded} switch --detach" in told(gittrack, code=1)["checked-out"]


@pytest.mark.usefixtures("recorded")
def test_commits_made_by_hand(git: Git, gittrack: Gittrack) -> None:
    folder = git("ls-tree", "-r", "--name-only", RUNS, "runs").split()[0].rpartition("/artifacts/")[0]
    commit(git, f"D {folder}\n")

    found = told(gittrack, code=1)

    assert git("rev-parse", RUNS)[:12] in found["altered"]
    assert "'gittrack check' tells which" in found["altered"]
    git("revert", "--no-edit", RUNS, cwd=_worktree(git))
    assert told(gittrack, code=0).keys() <= {"checked-out"}


def _worktree(git: Git) -> str:
    git("worktree", "add", "-q", "../branch", "gittrack/runs")
    return "../branch"


def test_a_run_from_the_future(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    run_python("""
        import time
        import gittrack

        now = time.time
        time.time = lambda: now() + 7200
        with gittrack.start_run("early"):
            gittrack.log_metric("loss", 1)
    """)

    found = told(gittrack, code=0)

    assert "early started in the future, at " in found["clock"], repo


@pytest.mark.usefixtures("recorded")
def test_runs_that_a_remote_lacks(git: Git, gittrack: Gittrack) -> None:
    git("update-ref", "refs/remotes/origin/gittrack/runs", f"{RUNS}~1")

    found = told(gittrack, code=0)

    assert "gittrack/runs has 1 commits that origin/gittrack/runs lacked" in found["ahead"]
    assert "'gittrack sync origin'" in found["ahead"]


def test_the_number_of_files_that_can_be_made() -> None:
    found = [[a.urgent for a in inodes("x", free, 10**6)] for free in (10**5, 5000, 50)]

    assert (found, list(inodes("x", 0, 0))) == ([[], [False], [True]], [])
