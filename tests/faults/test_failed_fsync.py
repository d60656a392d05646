"""After a failed fsync nothing is acknowledged: the segment is given up, and written again from memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.tracing import attached, read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Lab, Seen

ACTS: Final = (
    *(("points", 0, 4), ("flush",), ("stop",), ("points", 4, 4), ("flush",), ("stop",)),
    *(("points", 8, 2), ("flush",), ("stop",)),
)
UNSAFE: Final = "is not yet safe from a power cut: Input/output error"
MOST: Final = 20


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT"])
def test_once(lab: Lab, error: str) -> None:
    """At each fsync of a flush in turn; then everything is lost that the disk had not promised to keep."""
    for ordinal in range(1, MOST):
        repo = lab.repo()
        child = lab.stopped("training", repo, {"acts": ACTS})
        promised = _sizes(repo)
        with attached(child, f"fsync:error={error}:when={ordinal}") as log:
            child.go_on()
            assert child.stops()
            if "warning" not in child.err():
                promised = _sizes(repo)  # the fault comes at the next flush
            child.go_on()
            assert child.stops()
            err = child.err()
            child.go_on()
            ended = child.join()
        failed = [call for call in read_trace(log) if call.injected]
        assert UNSAFE not in err
        if not failed:
            break
        assert "warning: the journal cannot be written" in err
        assert (ended.signal, ended.code) == (0, 0)
        # The kernel has dropped what it could not write: of the segment that was given up only the old part is left.
        ((given_up, size),) = promised.items()
        os.truncate(given_up, size)
        ((status, steps, _, _),) = lab.check(repo).runs.values()
        assert (status, steps) == ("crashed", list(range(10)))
    assert ordinal > 2


def test_for_good(lab: Lab) -> None:
    """A flush that could not do its work says so, each time, and what was logged is committed once the disk is well."""
    repo = lab.repo()
    child = lab.stopped("training", repo, {"acts": [*ACTS[2:], ("end",)]})
    with attached(child, "fsync:error=EIO:when=1+"):
        for flushes in (1, 2):
            child.go_on()
            assert child.stops()
            assert child.err().count(UNSAFE) == flushes
        child.go_on()
        ended = child.join()
    assert (ended.signal, ended.code) == (0, 0)
    assert "could not be committed" in ended.err
    assert "lost" not in ended.err
    assert _only(lab.check(repo)) == ("finished", list(range(4, 10)))


def test_what_was_synced_before_is_not_given_up(lab: Lab) -> None:
    """The old segment keeps what an earlier flush promised; the new one says from where on it stands in for it."""
    repo = lab.repo()
    child = lab.stopped("training", repo, {"acts": ACTS})
    with attached(child, "fsync:error=EIO:when=1"):
        child.go_on()
        assert child.stops()
        segments = [path.read_bytes() for path in _sizes(repo)]
        child.kill_group()
        child.join()
    (old,) = [data for data in segments if b'"after"' not in data]
    (new,) = [data for data in segments if b'"after"' in data]
    assert [step for step in range(8) if b"\tloss\t" in old and f"\t{step}\t".encode() in new] == [4, 5, 6, 7]
    assert _only(lab.check(repo)) == ("crashed", list(range(8)))


def _sizes(repo: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in repo.glob(".git/gittrack/journal/*/*.log")}


def _only(seen: Seen) -> tuple[str, list[int]]:
    ((status, steps, _, _),) = seen.runs.values()
    return status, steps
