"""The journal at its edges: after its end, in a forked child, at the limit of memory, on disks that do odd things."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING
from unittest.mock import ANY

import pytest

from gittrack.codec.document import unpack
from gittrack.errors import NoActiveRun
from gittrack.project import open_project
from gittrack.record import journal as journals
from gittrack.record import liveness
from gittrack.record.folder import read_segments
from gittrack.record.journal import Journal, opening_of
from gittrack.record.on_disk import sync_directory, write_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git

RUN_ID = "ab" * 16


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / RUN_ID), opening_of(RUN_ID, owner=True, start=1000.0))


def log(journal: Journal, *steps: int) -> None:
    for step in steps:
        journal.point("m\tloss\t", step, 0.0, float(step))


def steps_of(journal: Journal) -> list[int]:
    lines = [line for segment in read_segments(journal.directory) for line in segment.lines]
    return [int(line.split(b"\t")[2]) for line in lines if line.startswith(b"m\t")]


def refuse(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_after_the_end_everything_is_refused_and_nothing_written(journal: Journal) -> None:
    log(journal, 0)
    journal.last_event("end", status="finished")
    with pytest.raises(NoActiveRun, match=f"start_run\\(run_id='{RUN_ID}'\\)"):
        log(journal, 1)
    with pytest.raises(NoActiveRun):
        journal.event("tags", tags={})
    with pytest.raises(NoActiveRun):
        journal.check_open()
    journal.ensure_open()
    journal.close()
    journal.restart()
    assert steps_of(journal) == [0]
    assert len(read_segments(journal.directory)) == 1


def test_memory_is_bounded_by_an_fsync_of_its_own(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "SYNC_LINES", 3)
    synced: list[bool] = []
    real = os.fsync

    def counting(fd: int) -> None:
        synced.append(stat.S_ISREG(os.fstat(fd).st_mode))
        real(fd)

    monkeypatch.setattr(os, "fsync", counting)
    log(journal, 0, 1)
    assert synced == []
    log(journal, 2)
    assert synced.count(True) == 1
    log(journal, 3)
    assert synced.count(True) == 1
    assert steps_of(journal) == [0, 1, 2, 3]
    journal.close()


def test_an_event_that_is_written_by_half_is_written_again(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.open()
    real, once = os.write, [True]

    def half(fd: int, data: bytes) -> int:
        return real(fd, data[: len(data) // 2] if once and once.pop() else data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        journal.event("tags", tags={"a": "b"})
    lines = [line for segment in read_segments(journal.directory) for line in segment.lines]
    assert [b'"tags":{"a":"b"}' in line for line in lines] == [True]
    journal.close()


def test_what_the_disk_still_refuses_is_told_to_who_wants_it_written(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(journal, 0)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        log(journal, 1)
        assert journal.unwritten == 1
        with pytest.raises(OSError, match="No space left"):
            journal.catch_up()
    journal.catch_up()
    journal.catch_up()
    assert (journal.unwritten, steps_of(journal)) == (0, [0, 1])
    journal.close()


def test_a_journal_that_is_closed_during_a_fault_holds_no_lock(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(journal, 0)
    (segment,) = journal.segments
    lock = os.path.join(journal.directory, segment + ".lock")
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        log(journal, 1)
        assert liveness.is_held(lock), "nobody may take the run for dead while it waits for the disk"
        journal.close()
    assert not liveness.is_held(lock)


def test_a_child_of_a_process_that_had_written_nothing_writes_its_own_segment(journal: Journal) -> None:
    child = os.fork()
    if not child:
        journal.continue_in_child(opening_of(RUN_ID, owner=False))
        log(journal, 1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    log(journal, 0)
    assert sorted(steps_of(journal)) == [0, 1]
    assert sorted(segment.owner for segment in read_segments(journal.directory)) == [False, True]
    journal.close()


def test_a_file_that_takes_nothing_is_a_full_disk_and_no_loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(fd: int, data: bytes) -> int:
        return 0

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="nothing could be written"):
        write_all(-1, b"line\n")


def test_a_file_system_that_cannot_sync_folders_is_taken_as_it_is_and_a_failing_one_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = [errno.EINVAL, errno.ENOTSUP, errno.EIO]

    def failing(fd: int) -> None:
        number = said.pop(0)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    sync_directory(str(tmp_path))
    sync_directory(str(tmp_path))
    with pytest.raises(OSError, match="Input/output error"):
        sync_directory(str(tmp_path))


def test_an_interrupt_before_there_is_a_segment_costs_nothing(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(fd: int, data: bytes) -> int:
        assert fd < 0
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log(journal, 0)
    log(journal, 1)
    assert (journal.unwritten, steps_of(journal)) == (0, [0, 1])
    journal.close()


def test_after_an_interrupt_in_the_middle_of_a_fault_the_next_line_does_not_wait(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refused is asked again after a second; one that was never asked, at once."""
    journal.open()
    log(journal, 0)
    said: list[BaseException] = [KeyboardInterrupt(), OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))]

    def failing(fd: int, data: bytes) -> int:
        raise said.pop()

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing)
        with pytest.raises(KeyboardInterrupt):
            log(journal, 1)
    log(journal, 2)
    assert (said, journal.unwritten, steps_of(journal)) == ([], 0, [0, 1, 2])
    journal.close()


def test_a_folder_that_cannot_be_made_keeps_the_values_until_it_can(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / RUN_ID).touch()
    log(journal, 0)
    assert journal.unwritten == 1
    (tmp_path / RUN_ID).unlink()
    journal.ensure_open()
    assert (journal.unwritten, steps_of(journal)) == (0, [0])
    journal.close()


def test_bytes_that_are_no_text_do_not_stop_an_event(journal: Journal) -> None:
    journal.event("warning", text="caf\udce9 costs 1 \u20ac")
    (segment,) = read_segments(journal.directory)
    assert unpack(segment.lines[0]) == {"e": "warning", "at": ANY, "text": "caf\\udce9 costs 1 \u20ac"}
    journal.close()


def test_segments_of_a_shared_repository_are_the_groups(repo: Path, git: Git) -> None:
    git("config", "core.sharedRepository", "group")
    journal = Journal(open_project(repo).journal_of(RUN_ID), opening_of(RUN_ID, owner=True))
    before = os.umask(0o077)
    try:
        journal.open()
    finally:
        os.umask(before)
    modes = {name: os.stat(os.path.join(journal.directory, name)).st_mode for name in os.listdir(journal.directory)}
    assert len(modes) == 2
    assert all(mode & 0o060 == 0o060 for mode in modes.values())
    journal.close()
