"""The disk fails at each call, once or for good: the training goes on, and a later command completes what there is."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.conftest import Ended, Lab, Seen

LONG = os.environ.get("GITTRACK_FAULTS") == "long"
NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EINTR, errno.EMFILE)
CHANGES = ("create", "write", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "utime", "chmod")
STRIDE = 1 if LONG else 2  # CI takes every second call
MOST = 1000
STEPS = [0, 1, 2, 3]


def plans(at: int, *, lasting: bool) -> list[Mapping[str, object]]:
    """What to spoil the call number `at` with: one kind of error, or in the long run all."""
    # A call that is interrupted for ever is no fault of a disk, and Python itself repeats it for ever.
    numbers = tuple(number for number in NUMBERS if number != errno.EINTR) if lasting else NUMBERS
    chosen = numbers if LONG else (numbers[at // STRIDE % len(numbers)],)
    calls = (*CHANGES, "open")
    return [{"kind": "errno", "number": number, "at": at, "calls": calls, "lasting": lasting} for number in chosen]


def shorts(at: int, *, lasting: bool) -> list[Mapping[str, object]]:
    return [{"kind": "short", "at": at, "calls": ("write",), "lasting": lasting}]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file that goes into the store for large ones."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"0123456789abcdef" * 20_000)
    return path


@pytest.mark.parametrize("kind", ["errno", "short"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
def test_the_disk_fails(lab: Lab, large: Path, kind: str, lasting: bool) -> None:
    facts = {"large": str(large), "flush": True}
    met = 0
    for at in range(1, MOST, STRIDE):
        hit = False
        for plan in plans(at, lasting=lasting) if kind == "errno" else shorts(at, lasting=lasting):
            repo = lab.repo(used=True)
            ended = lab.scene("record", repo, plan=plan, facts=facts)
            _judge(lab, repo, ended, lasting=lasting)
            hit = hit or ended.hit
        if not hit:
            break
        met += STRIDE
    assert met > (90 if kind == "errno" else 15)


@pytest.mark.parametrize("kind", ["errno", "short"])
def test_the_disk_comes_back_before_the_end(lab: Lab, kind: str) -> None:
    calls = ("write",) if kind == "short" else CHANGES
    for at in range(1, MOST):
        plan = {"kind": kind, "number": errno.ENOSPC, "at": at, "calls": calls, "lasting": True}
        repo = lab.repo()
        ended = lab.scene("record", repo, plan=plan, facts={"arm": "points"})
        assert ended.code == 0, ended.err
        ((status, steps, _, artifacts),) = lab.check(repo, ended.acks).runs.values()
        assert (status, steps, list(artifacts)) == ("finished", STEPS, ["notes.txt"])
        if not ended.hit:
            break
        assert kind == "short" or "warning" in ended.err
    assert at > 4


def _judge(lab: Lab, repo: Path, ended: Ended, *, lasting: bool) -> None:
    assert ended.signal == 0
    started = [line for line in _acks(ended) if line == "start"]
    if not started:
        assert ended.code == 1
        last = ended.err.splitlines()[-1]
        assert last.startswith("gittrack.errors."), ended.err
    else:
        assert ended.code == 0, ended.err
        assert all(line.startswith("gittrack: warning: ") for line in ended.err.splitlines()), ended.err
    seen = lab.check(repo) if lasting else lab.check(repo, ended.acks)
    status, steps, *_ = seen.runs[lab.first]
    assert (status, steps) == ("finished", STEPS)
    if started:
        _complete(lab, seen, ended, lasting=lasting)


def _complete(lab: Lab, seen: Seen, ended: Ended, *, lasting: bool) -> None:
    found = [run for name, run in seen.runs.items() if name != lab.first]
    steps = found[0][1] if found else []
    artifacts = found[0][3] if found else {}
    assert steps == STEPS[: len(steps)]
    if steps != STEPS or len(artifacts) != 2:
        # What never reached the disk cannot be there; but then it was said.
        assert lasting, ended.err
        assert ended.err


def _acks(ended: Ended) -> list[str]:
    return [line.split('"')[1] for line in ended.acks.read_text(encoding="utf-8").splitlines()]
