"""The journal: every byte cut, every bit flipped, every fault of the disk, many processes."""

from __future__ import annotations

import errno
import os
import signal
from typing import TYPE_CHECKING

import pytest

from gittrack.codec.document import unpack
from gittrack.record import liveness
from gittrack.record.assemble import assemble
from gittrack.record.folder import read_segments
from gittrack.record.journal import Journal, opening_of
from gittrack.record.segment import frame, read_segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN_ID = "ab" * 16


def journal_in(folder: Path) -> Journal:
    return Journal(str(folder / RUN_ID), opening_of(RUN_ID, owner=True, start=1000.0))


def payloads(data: bytes) -> list[bytes]:
    return [payload for _, payload in read_segment(data).lines]


LINES = [b'{"e":"open"}', b"m\tloss\t1\t0.000\t0.5", '{"e":"tags","tags":{"ü":"x\ry"}}'.encode(), b""]
DATA = b"".join(frame(i, payload) for i, payload in enumerate(LINES))


def test_a_whole_segment_reads_back() -> None:
    contents = read_segment(DATA)
    assert contents.lines == list(enumerate(LINES))
    assert (contents.damage, contents.torn) == ((), 0)


def test_cut_at_every_byte_the_whole_lines_stay_and_the_rest_is_torn() -> None:
    ends = [0]
    for i, payload in enumerate(LINES):
        ends.append(ends[-1] + len(frame(i, payload)))
    for cut in range(len(DATA) + 1):
        contents = read_segment(DATA[:cut])
        whole = max(i for i, end in enumerate(ends) if end <= cut)
        assert contents.lines == list(enumerate(LINES[:whole]))
        assert contents.damage == ()
        assert contents.torn == cut - ends[whole]


def test_every_flipped_bit_is_found_and_costs_only_its_own_line() -> None:
    for position in range(len(DATA)):
        for bit in range(8):
            damaged = bytearray(DATA)
            damaged[position] ^= 1 << bit
            contents = read_segment(bytes(damaged))
            for number, payload in contents.lines:
                assert payload == LINES[number]
            lost = len(LINES) - len(contents.lines)
            assert 1 <= lost <= 2, (position, bit)  # a newline that flips joins two lines
            assert contents.damage or contents.torn


def test_zeros_after_a_power_cut_are_a_torn_tail() -> None:
    contents = read_segment(DATA + b"\0" * 4096)
    assert (len(contents.lines), contents.damage, contents.torn) == (len(LINES), (), 4096)


def test_a_hole_in_the_middle_is_damage() -> None:
    first = len(frame(0, LINES[0]))
    second = len(frame(1, LINES[1]))
    damaged = DATA[:first] + b"\0" * second + DATA[first + second :]
    contents = read_segment(damaged)
    assert [number for number, _ in contents.lines] == [0, 2, 3]
    assert [(d.offset, d.length) for d in contents.damage] == [(first, second)]


def test_points_are_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for step in range(10):
        journal.point("m\tloss\t", step, step / 10, 1 / (step + 1))
        segment = next((tmp_path / RUN_ID).glob("*.log"))
        assert payloads(segment.read_bytes())[-1] == f"m\tloss\t{step}\t{step / 10:.3f}\t{1 / (step + 1)!r}".encode()
    journal.close()


def test_a_segment_is_live_while_its_journal_is_open(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.event("tags", tags={"a": "b"})
    assert [s.live for s in read_segments(journal.directory)] == [True]
    directory = journal.directory
    journal.close()
    assert [s.live for s in read_segments(directory)] == [False]
    assert liveness.is_held(directory + "/none.lock") is False


class Faults:
    """A disk that refuses: os.write and os.fsync fail with `number` from the n-th call on, `times` times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: str, number: int, first: int, times: int) -> None:
        real = getattr(os, call)
        self.calls = 0

        def failing(fd: int, *rest: bytes) -> int:
            self.calls += 1
            if first <= self.calls < first + times:
                if number == 0:  # a short write
                    return int(real(fd, rest[0][: len(rest[0]) // 2]))
                raise OSError(number, os.strerror(number))
            return int(real(fd, *rest) or 0)

        monkeypatch.setattr(os, call, failing)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, 0])
@pytest.mark.parametrize("first", [1, 2, 5])
@pytest.mark.parametrize("times", [1, 3])
def test_no_fault_of_a_write_loses_or_doubles_a_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, first: int, times: int
) -> None:
    journal = journal_in(tmp_path)
    with monkeypatch.context() as patch:
        Faults(patch, "write", number, first, times)
        patch.setattr("gittrack.record.journal.RETRY_SECONDS", 0.0)
        for step in range(10):
            journal.point("m\tloss\t", step, 0.0, float(step))
    assert journal.sync()
    assert steps_of(journal) == list(range(10))
    journal.close()


@pytest.mark.parametrize("first", [1, 2])
def test_after_a_failed_fsync_everything_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    journal = journal_in(tmp_path)
    journal.point("m\tloss\t", 0, 0.0, 0.0)
    with monkeypatch.context() as patch:
        Faults(patch, "fsync", errno.EIO, first, 1)
        assert journal.sync()
        journal.point("m\tloss\t", 1, 0.0, 1.0)
        assert journal.sync()
    assert len(list((tmp_path / RUN_ID).glob("*.log"))) == 2
    assert steps_of(journal) == [0, 1]
    journal.close()


def test_while_every_fsync_fails_nothing_is_acknowledged_and_nothing_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_in(tmp_path)
    journal.point("m\tloss\t", 0, 0.0, 0.0)
    with monkeypatch.context() as patch:
        Faults(patch, "fsync", errno.EIO, 1, 10_000)
        assert journal.sync() is False
        assert journal.unwritten == 0
        journal.point("m\tloss\t", 1, 0.0, 1.0)
        assert journal.sync() is False
    assert journal.sync()
    assert steps_of(journal) == [0, 1]
    journal.close()


def test_a_process_out_of_descriptors_keeps_its_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_in(tmp_path)
    journal.point("m\tloss\t", 0, 0.0, 0.0)
    with monkeypatch.context() as patch:
        Faults(patch, "open", errno.EMFILE, 1, 10_000)
        assert journal.sync() is False
        journal.point("m\tloss\t", 1, 0.0, 1.0)
        assert journal.unwritten == 0
    assert journal.sync()
    assert journal.fault is None
    assert len(list((tmp_path / RUN_ID).glob("*.log"))) == 1
    assert steps_of(journal) == [0, 1]
    journal.close()


def test_a_lasting_fault_keeps_everything_in_memory_until_the_disk_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = journal_in(tmp_path)
    journal.point("m\tloss\t", 0, 0.0, 0.0)
    with monkeypatch.context() as patch:
        Faults(patch, "write", errno.ENOSPC, 1, 10_000)
        for step in range(1, 50):
            journal.point("m\tloss\t", step, 0.0, float(step))
        assert journal.sync() is False
        assert journal.fault is not None
    assert journal.sync()
    assert journal.fault is None
    assert steps_of(journal) == list(range(50))
    assert capsys.readouterr().err.count("warning") == 1
    journal.close()


def test_a_handler_that_interrupts_a_write_loses_nothing(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.point("m\tloss\t", 0, 0.0, 0.0)
    journal.restart()
    journal.point("m\tloss\t", 1, 0.0, 1.0)
    assert steps_of(journal) == [0, 1]
    journal.close()


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("first", ["point", "event"])
def test_what_is_logged_after_an_interrupt_that_the_script_caught_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, *, written: bool
) -> None:
    journal = journal_in(tmp_path)
    journal.point("m\tloss\t", 0, 0.0, 0.0)

    def write(fd: int, data: bytes, real: Callable[[int, bytes], int] = os.write) -> int:
        count = real(fd, data) if written else 0
        signal.raise_signal(signal.SIGINT)
        return count

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(KeyboardInterrupt):
            journal.point("m\tloss\t", 1, 0.0, 1.0) if first == "point" else journal.event("tags", tags={})
    for step in range(2, 5):
        journal.point("m\tloss\t", step, 0.0, float(step))

    assert steps_of(journal) == ([0, 1, 2, 3, 4] if first == "point" else [0, 2, 3, 4])
    assert not any(segment.problems for segment in read_segments(journal.directory))
    journal.close()


def test_a_first_segment_that_can_neither_be_written_nor_removed_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_in(tmp_path)

    def half(fd: int, data: bytes, real: Callable[[int, bytes], int] = os.write) -> int:
        real(fd, bytes(data))
        raise OSError(errno.EIO, "broken")

    def refuse(path: str) -> None:
        raise OSError(errno.EROFS, "read-only", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        patch.setattr(os, "unlink", refuse)
        journal.point("m\tloss\t", 0, 0.0, 0.0)
    journal.point("m\tloss\t", 1, 0.0, 1.0)
    assert journal.sync()

    assert len(list((tmp_path / RUN_ID).glob("*.log"))) == 2
    assert steps_of(journal) == [0, 1]
    journal.close()


def test_a_damaged_line_is_told_and_the_rest_stays(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    for step in range(3):
        journal.point("m\tloss\t", step, 0.0, float(step))
    path = tmp_path / RUN_ID / f"{journal.segment}.log"
    journal.close()
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\t1\t0.000\t1.0", b"\t1\t0.000\t9.0"))
    assembly = assemble(RUN_ID, read_segments(str(path.parent)))
    assert assembly.series["loss"].count(b"\n") == 3
    assert any("damaged bytes" in warning for warning in assembly.record.warnings)


def steps_of(journal: Journal) -> list[int]:
    lines = [line for segment in read_segments(journal.directory) for line in segment.lines]
    return [int(line.split(b"\t")[2]) for line in lines if line.startswith(b"m\t")]


def test_events_carry_plain_values(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.event("params", params={"a": {1: [float("inf")]}})
    line = read_segments(journal.directory)[0].lines[0]
    event = unpack(line)
    assert isinstance(event, dict)
    assert event["params"] == {"a": {1: [float("inf")]}}
    journal.close()
