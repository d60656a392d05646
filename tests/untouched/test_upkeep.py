"""What changes when gittrack has more to do than it was asked for: the first run, what died, packing, mending."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from gittrack.git.maintenance import EVERY
from tests.conftest import run
from tests.untouched.allowed import (
    AGAIN,
    CHANGE,
    FOLD,
    LEFTOVERS,
    PACK,
    QUARANTINE,
    QUIET,
    READ,
    RECORD,
    UNNAMED,
    rule,
)
from tests.untouched.conftest import ASIDE, OLD, PROGRAM, write_program
from tests.untouched.picture import NEW

if TYPE_CHECKING:
    from tests.conftest import Git
    from tests.untouched.conftest import World

KILLED: Final = f"""{ASIDE}
import os, signal
import gittrack
run = gittrack.start_run("killed")
run.log_metric("loss", 0.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_before_the_first_run_reading_makes_nothing_of_git(world: World) -> None:
    before = world.picture()
    assert world.gittrack("log").code == 0
    assert world.gittrack("show").code == 1
    assert world.complaints(before, READ) == []


def test_the_first_run(world: World) -> None:
    before = world.picture()
    assert world.gittrack("run", "--", "true").code == 0
    assert world.complaints(before, RECORD) == []
    assert not (world.repo / ".git/logs/refs/heads/gittrack").exists()


def test_init_makes_a_repository_and_nothing_else(world: World) -> None:
    before = world.picture()
    assert world.gittrack("init", "--yes", cwd=world.root / "elsewhere").code == 0
    assert world.complaints(before, (rule(r"elsewhere/\.git(/.*)?", NEW),)) == []


@pytest.mark.parametrize(("ending", "code"), [("echo words > $1", 0), ("exit 3", 1), ("kill -INT 0", 130)])
def test_a_note_that_an_editor_writes(recorded: World, ending: str, code: int) -> None:
    write_program(recorded.root / "bin/edit", f"#!/bin/sh\n{ending}\n")
    before = recorded.picture()
    master, slave = pty.openpty()
    env = {**os.environ, "GIT_EDITOR": "edit"}
    process = subprocess.Popen(
        [*PROGRAM, "note", "first"],
        cwd=recorded.repo,
        env=env,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    with contextlib.suppress(OSError):  # how Linux tells that the other side is closed
        while os.read(master, 65536):
            pass
    os.close(master)
    assert process.wait(60) == code
    assert recorded.complaints(before, (*CHANGE, *UNNAMED)) == []


def test_a_shell_that_completes(recorded: World) -> None:
    before = recorded.picture()
    env = {"_GITTRACK_COMPLETE": "bash_complete", "COMP_WORDS": "gittrack show fi", "COMP_CWORD": "2"}
    done = run(PROGRAM, env=env, cwd=recorded.repo)
    assert done.out == "plain,first\n"
    assert recorded.complaints(before, QUIET) == []


def test_reading_commits_what_a_killed_process_left(recorded: World) -> None:
    before = recorded.picture()
    assert run([sys.executable, "-c", KILLED], cwd=recorded.repo).code == -signal.SIGKILL
    assert "killed" in recorded.gittrack("log").out
    assert recorded.complaints(before, (*RECORD, *CHANGE)) == []
    before = recorded.picture()
    assert recorded.gittrack("log").code == 0
    assert recorded.complaints(before, QUIET) == []


def test_an_interrupt_while_the_command_runs(recorded: World) -> None:
    before = recorded.picture()
    words = [*PROGRAM, "run", "--", "sh", "-c", "echo ready; exec cat"]
    with subprocess.Popen(
        words, cwd=recorded.repo, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
    assert recorded.complaints(before, RECORD) == []


def test_doctor_moves_leftovers_aside(recorded: World) -> None:
    git_dir = recorded.repo / ".git"
    left = [git_dir / "refs/heads/gittrack/runs.lock", git_dir / "objects/pack/tmp_pack_x", git_dir / "index.lock"]
    for path in left:
        path.touch()
        os.utime(path, (OLD, OLD))
    before = recorded.picture()
    assert recorded.gittrack("doctor", "--fix").code == 1
    assert recorded.complaints(before, (*CHANGE, *QUARANTINE, *LEFTOVERS)) == []
    assert [path.exists() for path in left] == [False, False, True]  # the index is the user's


def pack(world: World) -> None:
    """Do in the foreground what every fortieth commit begins in the background."""
    git_dir = world.repo / ".git"
    words = [sys.executable, "-m", "gittrack.git.maintenance", str(git_dir), "sha1", "refs/heads/gittrack/runs"]
    done = run(words, cwd=git_dir / "objects")
    assert (done.code, done.err) == (0, "")


def ids(world: World, git: Git) -> tuple[str, str]:
    """Every ref with its commit, and every object that one of them needs."""
    refs = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=world.repo)
    objects = git("rev-list", "--objects", "--no-object-names", "--all", "--reflog", cwd=world.repo)
    return refs, "\n".join(sorted(objects.split()))


def test_packing_in_the_background(recorded: World, git: Git) -> None:
    known = ids(recorded, git)
    before = recorded.picture()
    pack(recorded)
    assert recorded.complaints(before, PACK) == []
    assert len(list((recorded.repo / ".git/objects/pack").glob("*.pack"))) == 2  # the user's, and the new one
    assert ids(recorded, git) == known

    before = recorded.picture()
    pack(recorded)
    assert recorded.complaints(before, AGAIN) == []


def test_packs_are_folded_where_there_are_too_many(recorded: World, git: Git) -> None:
    git("config", "gc.autoPackLimit", "1", cwd=recorded.repo)
    known = ids(recorded, git)
    before = recorded.picture()
    pack(recorded)
    assert recorded.complaints(before, FOLD) == []
    assert len(list((recorded.repo / ".git/objects/pack").glob("*.pack"))) == 1
    assert ids(recorded, git) == known


@pytest.mark.parametrize("setting", ["gc.auto=0", "maintenance.auto=false"])
def test_no_packing_where_it_is_turned_off(recorded: World, setting: str) -> None:
    (recorded.repo / ".git/gittrack/commits-since-packing").write_bytes(b"." * EVERY)
    name, _, value = setting.partition("=")
    env = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": name, "GIT_CONFIG_VALUE_0": value}
    before = recorded.picture()
    assert run([*PROGRAM, "tag", "first", "a=b"], cwd=recorded.repo, env=env).code == 0
    assert recorded.complaints(before, CHANGE) == []
