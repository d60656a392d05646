"""System calls fail once, in gittrack and in the git that it starts: the training goes on, the next try succeeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults.clear import assert_clear
from tests.faults.steps import STEPS
from tests.faults.tracing import step, tell

if TYPE_CHECKING:
    from tests.faults.conftest import Lab
    from tests.faults.steps import Ground, Step
    from tests.faults.tracing import Call

LONG = os.environ.get("GITTRACK_FAULTS") == "long"
ROOM = frozenset("openat write pwrite64 mkdir rename link ftruncate fallocate fsync fdatasync".split())
ENTRIES = frozenset("openat mkdir rename link unlink rmdir ftruncate utimensat chmod fchmod".split())
SLOW = frozenset("openat read pread64 write pwrite64 fsync fdatasync fcntl flock getdents64".split())
# Which calls can fail so; a disk that fails, fails at any.
FITTING = {"ENOSPC": ROOM, "EDQUOT": ROOM, "EROFS": ENTRIES, "EINTR": SLOW, "EMFILE": frozenset({"openat"})}
# A close that is made to fail would not have been made at all, while a real one that fails has closed.
NEVER = frozenset({"close", "exit_group", "getcwd", "mmap", "munmap", "execve"})
# CI takes every so manieth failure; doctor makes two thousand calls.
STRIDE = {"finish": 17, "start": 17, "flush": 4, "doctor": 299}
OTHERS = 47


def failures(calls: list[Call], folder: Path) -> list[tuple[Call, str]]:
    """Each call that touches the repository with each error that it may meet there."""
    found = []
    for call in calls:
        if call.touches(folder) and call.name not in NEVER and not call.failed:
            found += [(call, error) for error, names in FITTING.items() if call.name in names and _may(call, error)]
            found.append((call, "EIO"))
    return found


def _may(call: Call, error: str) -> bool:
    """A file that is only read needs no room, and may lie on a disk that is read-only."""
    return call.name != "openat" or error in {"EINTR", "EMFILE"} or call.changes or "O_WRONLY" in call.line


@pytest.mark.parametrize("name", STEPS)
def test_a_system_call_fails(lab: Lab, name: str) -> None:
    it = STEPS[name]
    ground = it.ground(lab)
    _, calls = step(lab, it.scene, lab.copy(ground.repo), ground.facts)
    chosen = failures(calls, lab.repos)[:: 1 if LONG else STRIDE.get(name, OTHERS)]
    met = 0
    for call, error in chosen:
        repo = lab.copy(ground.repo)
        rule = f"{call.name}:error={error}:when={call.ordinal}"
        ended, seen = step(lab, it.scene, repo, ground.facts, inject=rule)
        injected = [one for one in seen if one.injected]
        # Where objects have other names the count differs by a few: it may have struck the interpreter instead.
        if injected and injected[0].touches(lab.repos):
            assert_clear(ended)
            met += 1
        it.check(lab, ground, repo, ended)
        _again(lab, it, ground, repo)
    assert met > 0.6 * len(chosen)
    tell(f"{name}: {met} system calls failed, 0 lost")


def test_no_living_run_is_taken_for_dead(lab: Lab) -> None:
    """A command beside it, whose calls fail at the journal, must leave it alone."""
    acts = [("points", 0, 4), ("stop",), ("points", 4, 4), ("end",)]
    living = lab.stopped("training", lab.repo(used=True), {"acts": acts})
    _, calls = step(lab, "log", Path(str(living.request["repo"])), {})
    living.kill_group()
    living.join()
    at_journal = [call for call in calls if "/journal" in call.line and call.name not in NEVER]
    met = 0
    for call in at_journal[:: 1 if LONG else 6]:
        repo = lab.repo(used=True)
        living = lab.stopped("training", repo, {"acts": acts})
        ended, seen = step(lab, "log", repo, {}, inject=f"{call.name}:error=EIO:when={call.ordinal}")
        assert_clear(ended)
        met += any(one.injected for one in seen)
        living.go_on()
        ended = living.join()
        assert (ended.code, ended.err) == (0, "")
        runs = lab.check(repo).runs
        assert sorted(run[:2] for run in runs.values()) == [("finished", [0, 1, 2, 3]), ("finished", list(range(8)))]
    assert met > 0
    tell(f"beside a living run: {met} system calls failed, 0 lost")


def _again(lab: Lab, it: Step, ground: Ground, repo: Path) -> None:
    """The fault is gone: the same works."""
    ended = lab.scene(it.scene, repo, facts=ground.facts)
    assert (ended.signal, ended.code) == (0, 0), ended.err
