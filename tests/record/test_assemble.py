"""Segments become one record: what a line says that no gittrack of this version wrote is a warning, never an end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gittrack.names import name_for
from gittrack.record.assemble import Assembly, assemble
from gittrack.record.folder import read_segments
from tests.record.journals import lay

if TYPE_CHECKING:
    from pathlib import Path

RUN_ID = "ab" * 16
SHA256 = "0" * 64
OPEN: dict[str, object] = {"e": "open", "run": RUN_ID, "owner": True, "host": "here", "start": 1000.0, "wall": 1000.0}
START: dict[str, object] = {
    "e": "start",
    "at": 1000.0,
    "start": {"id": RUN_ID, "name": "mine", "experiment": "default", "start": "1970-01-01T00:16:40.000Z"},
}
END: dict[str, object] = {"e": "end", "at": 1009.0, "status": "finished", "end": "1970-01-01T00:16:49.000Z"}


def assembled(folder: Path, *lines: dict[str, object] | bytes) -> Assembly:
    """What a run says whose journal holds these lines between its start and its end."""
    lay(folder, "aa", OPEN, START, *lines, END)
    return assemble(RUN_ID, read_segments(str(folder)))


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"e": "dance"}, "unknown event 'dance'"),
        ({"at": 1.0}, "journal: 'e' is missing"),
        ({"e": "artifact", "path": "a", "sha256": "xyz", "size": 1}, "'xyz' is not a SHA-256"),
        ({"e": "artifact", "path": "../a", "sha256": SHA256, "size": 1}, "'..'"),
        ({"e": "end", "status": "dancing"}, "'dancing' is not a status"),
        ({"e": "warning"}, "journal: 'text' is missing"),
    ],
)
def test_an_event_that_cannot_be_understood_is_told(tmp_path: Path, event: dict[str, object], said: str) -> None:
    assembly = assembled(tmp_path, event, b"m\tloss\t1\t0.000\t0.5")
    (warning,) = assembly.record.warnings
    assert warning.startswith("a journal event could not be read: ")
    assert said in warning
    assert (assembly.record.status, assembly.record.metrics["loss"].last) == ("finished", 0.5)


def test_two_values_of_one_param_keep_the_first_and_are_told(tmp_path: Path) -> None:
    assembly = assembled(
        tmp_path, {"e": "params", "params": {"lr": 0.1}}, {"e": "params", "params": {"lr": 0.2, "new": 1}}
    )
    assert assembly.record.params == {"lr": 0.1}
    assert ["'lr' is already 0.1" in warning for warning in assembly.record.warnings] == [True]


@pytest.mark.parametrize(
    "line",
    [
        b"m\tloss\tone\t0.000\t0.5",
        b"m\tloss\t1\t0.000",
        b"m\tloss\t1\tinf\t0.5",
        b"m\tloss\t1\tnan\t0.5",
        b"m\tloss\t1\t1e12\t0.5",
        b"m\tloss\t1\t0.000\t" + b"9" * 4300,
        b"m\tloss\t1\t0.000\tmuch",
        b"m\t\xff\t1\t0.000\t0.5",
        b"m\t\t1\t0.000\t0.5",
    ],
)
def test_a_line_that_is_no_point_is_told(tmp_path: Path, line: bytes) -> None:
    assembly = assembled(tmp_path, line, b"m\tloss\t\t0.000\t-0.0")
    assert assembly.record.warnings == ("a journal line is no point",)
    assert assembly.series == {"loss": b"step\tseconds\tvalue\n\t0.000\t-0.0\n"}


@pytest.mark.parametrize("line", [b"{no json", b"[1]", b"\xff", b""])
def test_a_line_that_is_no_event_is_told(tmp_path: Path, line: bytes) -> None:
    assert assembled(tmp_path, line).record.warnings == ("a journal line is no event",)


def test_an_owner_whose_start_is_lost_has_one_as_good_as_can_be(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, b"m\tloss\t1\t0.000\t0.5")
    record = assemble(RUN_ID, read_segments(str(tmp_path))).record
    assert record.start is not None
    assert (record.start.id, record.start.name, record.start.time) == (RUN_ID, name_for(RUN_ID), 1000.0)
    assert record.warnings == ("the start of this run was damaged",)


def test_points_of_two_processes_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    lay(tmp_path, "bb", {**OPEN, "owner": False}, b"m\tloss\t\t1.000\t7", b"m\tother\t\t1.000\t1")
    assembly = assembled(tmp_path, b"m\tloss\t1\t0.000\t5.0", b"m\tloss\t3\t2.000\t6.0")
    assert assembly.series["loss"] == b"step\tseconds\tvalue\n1\t0.000\t5.0\n\t1.000\t7\n3\t2.000\t6.0\n"
    summary = assembly.record.metrics["loss"]
    assert (summary.last, summary.step, summary.max, summary.max_step, summary.count) == (6.0, 3, 7, None, 3)


def test_a_failed_worker_fails_a_run_that_finished_and_a_terminated_one_does_not(tmp_path: Path) -> None:
    worker = {**OPEN, "owner": False}
    lay(tmp_path, "bb", worker, {"e": "close", "at": 1001.0, "status": "killed"})
    assert assembled(tmp_path).record.status == "finished"
    lay(tmp_path, "cc", worker, {"e": "close", "at": 1002.0, "status": "failed", "error": "ValueError: x"})
    record = assembled(tmp_path).record
    assert (record.status, record.error) == ("failed", "ValueError: x")


def test_what_is_said_of_a_running_run_is_in_its_record(tmp_path: Path) -> None:
    record = assembled(
        tmp_path,
        {"e": "set", "name": "new", "description": ""},
        {"e": "set", "experiment": "two"},
        {"e": "note", "text": "good", "by": {"name": "Ada Example", "email": "ada@example.com"}},
        {"e": "note", "text": "odd"},
        {"e": "deleted", "deleted": True},
        {"e": "tags", "tags": {"stage": "dev", "gone": "x"}},
        {"e": "tags", "tags": {"gone": None}},
        {"e": "warning", "text": "the disk was full"},
        {"e": "input", "name": "d", "path": "d.csv", "kind": "file", "size": 1, "sha256": SHA256, "files": 1},
        {"e": "artifact", "path": "a", "sha256": SHA256, "size": 1},
        {"e": "artifact", "path": "a/b", "sha256": SHA256, "size": 2},
    ).record
    assert (record.name, record.experiment, record.description, record.deleted) == ("new", "two", "", True)
    assert [(note.text, note.author and note.author.name) for note in record.notes] == [
        ("good", "Ada Example"),
        ("odd", None),
    ]
    assert record.tags == {"stage": "dev", "gone": None}
    assert [item.path for item in record.inputs] == ["d.csv"]
    assert [artifact.path for artifact in record.artifacts] == ["a", "a~/b"]
    assert record.warnings == (
        "the disk was full",
        "artifact 'a/b' is kept as 'a~/b': a file and a folder had one name",
    )


def test_a_run_without_an_end_was_heard_of_last_when_its_last_line_was_written(tmp_path: Path) -> None:
    path = lay(tmp_path, "aa", OPEN, START, b"m\tloss\t1\t5.000\t0.5")
    os.utime(path, (2000.0, 2000.0))
    assert assemble(RUN_ID, read_segments(str(tmp_path))).record.end == 2000.0
    os.utime(path, (10.0, 10.0))
    assert assemble(RUN_ID, read_segments(str(tmp_path))).record.end == 1005.0, "the clock of the files went back"
