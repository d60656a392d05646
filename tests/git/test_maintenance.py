"""Packing in the background: it keeps the repository small, loses nothing and respects the user's settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.git import maintenance
from gittrack.git.branch import Addition, View, append
from gittrack.git.maintenance import maintain, pack_branch
from gittrack.git.packfile import KEEP_MARK
from gittrack.git.process import run_git
from gittrack.git.refs import read_ref
from gittrack.git.repository import Repository, Settings, Signature, discover

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Git

REF = "refs/heads/gittrack/runs"
ADA = Signature("Ada", "ada@example.com")


@pytest.fixture
def known(repo: Path) -> Repository:
    return discover(repo)


def _given(addition: Addition, _: View) -> Addition:
    return addition


def add(known: Repository, first: int, count: int) -> None:
    for number in range(first, first + count):
        files = {f"runs/{number % 256:02x}/{number}/f{file}": b"%d %d" % (number, file) for file in range(3)}
        addition = Addition(files, "run", ADA, 0.0)
        append(known, REF, partial(_given, addition), committer=ADA)


def counts(known: Repository) -> dict[str, int]:
    lines = run_git(["count-objects", "-v"], repo=known).decode().splitlines()
    return {key: int(value) for key, value in (line.split(": ") for line in lines)}


def is_sound(known: Repository) -> bool:
    return run_git(["fsck", "--strict", "--no-dangling"], repo=known) == b""


def test_only_the_new_objects_of_the_branch_are_packed(known: Repository) -> None:
    users = counts(known)["count"]
    add(known, 0, 5)
    pack_branch(known, REF)
    first = counts(known)
    assert (first["count"], first["packs"]) == (users, 1)
    add(known, 5, 5)
    pack_branch(known, REF)
    second = counts(known)
    assert (second["count"], second["packs"]) == (users, 2)
    assert second["in-pack"] == len(run_git(["rev-list", "--objects", REF], repo=known).splitlines())
    pack_branch(known, REF)
    assert counts(known) == second
    assert is_sound(known)


def test_a_rewritten_branch_and_a_damaged_memory_do_no_harm(known: Repository) -> None:
    add(known, 0, 3)
    pack_branch(known, REF)
    run_git(["update-ref", "-d", REF], repo=known)
    pack_branch(known, REF)
    add(known, 10, 3)
    pack_branch(known, REF)
    Path(known.state_dir, "packed").write_text("--all\n")
    add(known, 20, 3)
    pack_branch(known, REF)
    Path(known.state_dir, "packed").write_text("0" * 40)
    add(known, 30, 3)
    pack_branch(known, REF)
    assert run_git(["rev-list", "--count", REF], repo=known) == b"9\n"
    loose = run_git(["rev-list", "--objects", "--unpacked", REF], repo=known)
    assert loose == b""
    assert is_sound(known)


def test_a_second_one_leaves_at_once(known: Repository) -> None:
    add(known, 0, 2)
    code = (
        "import sys, fasteners\n"
        "lock = fasteners.InterProcessLock(sys.argv[1])\n"
        "lock.acquire()\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    lock = os.path.join(known.state_dir, "packing.lock")
    holder = subprocess.Popen([sys.executable, "-c", code, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        pack_branch(known, REF)
        assert counts(known)["packs"] == 0
        holder.communicate()
    pack_branch(known, REF)
    assert counts(known)["packs"] == 1


def test_the_pack_is_durable_before_a_loose_object_goes(
    known: Repository, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(known, 0, 2)
    synced.clear()

    def traced(args: Sequence[str], *, repo: Repository, stdin: bytes | None = None) -> bytes:
        synced.append(next(arg for arg in args if arg in {"pack-objects", "prune-packed", "repack"}))
        return run_git(args, repo=repo, stdin=stdin)

    monkeypatch.setattr(maintenance, "run_git", traced)
    pack_branch(known, REF)
    assert synced == ["pack-objects", f"{known.objects_dir}/pack", "prune-packed"]


def test_packs_are_folded_when_there_are_too_many_and_nothing_is_forgotten(known: Repository, git: Git) -> None:
    git("config", "gc.autoPackLimit", "2", cwd=known.worktree)
    hook = Path(known.common_dir, "hooks", "pre-auto-gc")
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch '{known.common_dir}/told'\n")
    hook.chmod(0o755)
    lost = git("hash-object", "-w", "--stdin", input="what no ref leads to\n", cwd=known.worktree).strip()
    os.utime(Path(known.objects_dir, lost[:2], lost[2:]), (1_600_000_000, 1_600_000_000))
    for turn in range(2):
        add(known, turn * 10, 2)
        pack_branch(known, REF)
    assert counts(known)["packs"] == 2
    add(known, 20, 2)
    pack_branch(known, REF)
    assert counts(known)["packs"] < 3
    assert git("cat-file", "-p", lost, cwd=known.worktree) == "what no ref leads to\n"
    assert not Path(known.common_dir, "told").exists()
    assert is_sound(known)


def test_keeps_of_killed_writers_go_and_others_stay(known: Repository) -> None:
    add(known, 0, 1)
    packs = Path(known.objects_dir, "pack")
    stale, fresh, users = (packs / f"pack-{name}.keep" for name in ("stale", "fresh", "users"))
    stale.write_bytes(KEEP_MARK)
    fresh.write_bytes(KEEP_MARK)
    users.write_bytes(b"mine")
    for keep in (stale, users):
        os.utime(keep, (1_600_000_000, 1_600_000_000))
    pack_branch(known, REF)
    assert [keep.exists() for keep in (stale, fresh, users)] == [False, True, True]


def test_every_fortieth_commit_starts_one_and_only_one(known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(maintenance, "spawn_detached", lambda command, **_: started.append(command))
    told = [maintain(known, REF, Settings({})) for _ in range(2 * maintenance.EVERY)]
    assert [number for number, did in enumerate(told, 1) if did] == [40, 80]
    assert len(started) == 2
    assert started[0][1:] == ["-m", "gittrack.git.maintenance", known.common_dir, "sha1", REF]


@pytest.mark.parametrize("setting", [("gc.auto", "0"), ("maintenance.auto", "false")])
def test_where_the_user_turned_it_off_nothing_starts(
    known: Repository, monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str]
) -> None:
    monkeypatch.setattr(maintenance, "EVERY", 1)
    started: list[object] = []
    monkeypatch.setattr(maintenance, "spawn_detached", lambda *args, **_: started.append(args))
    assert not maintain(known, REF, Settings({setting[0]: (setting[1],)}))
    assert maintain(known, REF, Settings({setting[0]: ("1",)}))
    assert len(started) == 1


def test_the_real_process_packs(known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "EVERY", 1)
    add(known, 0, 3)
    spawned: list[subprocess.Popen[bytes]] = []

    def spawn(command: list[str], *, cwd: str, env: dict[str, str]) -> None:
        spawned.append(subprocess.Popen(command, cwd=cwd, env=env))

    monkeypatch.setattr(maintenance, "spawn_detached", spawn)
    assert maintain(known, REF, Settings({}))
    assert spawned[0].wait(60) == 0
    assert counts(known)["packs"] == 1
    assert Path(known.state_dir, "packed").read_text().strip() == read_ref(known, REF)


@pytest.mark.parametrize("setting", ["gc.autodetach", "maintenance.autodetach"])
def test_where_git_would_wait_for_its_housekeeping_so_does_gittrack(
    known: Repository, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setattr(maintenance, "EVERY", 1)
    add(known, 0, 3)
    assert maintain(known, REF, Settings({setting: ("false",)}))
    # At once, with nothing waited for here.
    assert counts(known)["packs"] == 1
    assert Path(known.state_dir, "packed").read_text().strip() == read_ref(known, REF)


@pytest.mark.parametrize("lines", [2, 4, 8, 16])
def test_killed_at_any_moment_it_loses_nothing(known: Repository, lines: int) -> None:
    add(known, 0, 5)
    whole = run_git(["rev-list", "--objects", REF], repo=known)
    # Killed after so many events of git's own trace: deterministic enough, and nothing is waited for by time.
    trace = Path(known.common_dir, "trace")
    os.mkfifo(trace)
    process = subprocess.Popen(
        [sys.executable, "-m", "gittrack.git.maintenance", known.common_dir, "sha1", REF],
        env={**os.environ, "GIT_TRACE2_EVENT": str(trace)},
        start_new_session=True,
    )
    with open(trace, "rb") as events:
        for _ in range(lines):
            events.readline()
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert run_git(["rev-list", "--objects", REF], repo=known) == whole
    assert is_sound(known)
    pack_branch(known, REF)
    assert run_git(["rev-list", "--objects", "--unpacked", REF], repo=known) == b""
    assert is_sound(known)
