"""Who holds a segment's lock, where the disk does not tell, and where the disk knows no locks."""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gittrack.record import liveness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOLDER = """
import sys
from gittrack.record import liveness
liveness.hold(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A lock file that another process holds."""
    path = tmp_path / "cd34.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield path
        holder.stdin.close()


@pytest.fixture
def lockless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no locks."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", refuse)


def read_only(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """No file can be opened for writing any more."""
    real = builtins.open

    def refusing(path: str, mode: str = "r", *rest: object, **named: object) -> object:
        if set(mode) & set("wax+"):
            raise OSError(number, os.strerror(number), path)
        return real(path, mode, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(builtins, "open", refusing)


def test_no_file_is_held_by_nobody(tmp_path: Path) -> None:
    assert not liveness.is_held(str(tmp_path / "ab12.lock"))


def test_what_is_no_file_is_held_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ab12.lock")
    assert not liveness.is_held(str(tmp_path / "ab12.lock"))


def test_a_lock_is_held_until_it_is_released(tmp_path: Path, elsewhere: Path) -> None:
    assert liveness.is_held(str(elsewhere))
    path = str(tmp_path / "ab12.lock")
    liveness.hold(path)
    assert liveness.is_held(path)
    liveness.release(path)
    assert not liveness.is_held(path)


def test_what_cannot_be_looked_at_counts_as_held(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    assert liveness.is_held(str(circle / "ab12.lock"))


def test_a_lock_that_cannot_be_taken_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "ab12.lock").mkdir()
    with pytest.raises(OSError, match=r"Is a directory.*ab12\.lock"):
        liveness.hold(str(tmp_path / "ab12.lock"))
    assert str(tmp_path / "ab12.lock") not in liveness._held


def test_a_lock_that_breaks_while_it_is_taken_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "lockf", broken)
        with pytest.raises(OSError, match="Input/output error"):
            liveness.hold(str(tmp_path / "ab12.lock"))
    assert not liveness.is_held(str(tmp_path / "ab12.lock"))


@pytest.mark.usefixtures("lockless")
def test_without_locks_the_holder_alone_knows_and_others_go_by_the_age_of_the_segment(tmp_path: Path) -> None:
    path, segment = tmp_path / "ab12.lock", tmp_path / "ab12.log"
    liveness.hold(str(path))
    assert liveness.is_held(str(path))
    liveness.release(str(path))
    path.touch()
    assert not liveness.is_held(str(path)), "there is no segment that it could belong to"
    segment.touch()
    assert liveness.is_held(str(path))
    os.utime(segment, (time.time() - liveness.STALE_SECONDS - 60,) * 2)
    assert not liveness.is_held(str(path))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_where_nothing_can_be_written_a_lock_can_still_be_asked_for(
    tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    free = tmp_path / "ab12.lock"
    free.touch()
    with monkeypatch.context() as patch:
        read_only(patch, number)
        held = [liveness.is_held(str(path)) for path in (elsewhere, free)]
    assert held == [True, False]


def test_a_lock_that_can_not_even_be_read_counts_as_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ab12.lock"
    path.touch()

    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patch:
        read_only(patch, errno.EACCES)
        patch.setattr(os, "open", refuse)
        held = liveness.is_held(str(path))
    assert held
