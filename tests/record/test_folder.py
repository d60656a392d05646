"""The folder of a journal: what counts as a segment there, and which lines a segment repeats of another."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gittrack.record.folder import (
    is_live,
    opening_of_owner,
    openings,
    read_segments,
    says_nothing,
    segment_names,
)
from gittrack.record.segment import frame
from tests.record.journals import lay

if TYPE_CHECKING:
    from pathlib import Path

OPEN: dict[str, object] = {
    "e": "open",
    "run": "ab" * 16,
    "owner": True,
    "host": "here",
    "start": 1000.0,
    "wall": 1000.0,
}


def point(step: int) -> bytes:
    return b"m\tloss\t%d\t0.000\t%d.0" % (step, step)


def steps(folder: Path) -> list[int]:
    return [int(line.split(b"\t")[2]) for segment in read_segments(str(folder)) for line in segment.lines]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "gone")
    assert (segment_names(folder), read_segments(folder), openings(folder)) == ([], [], [])
    assert not is_live(folder)
    assert says_nothing(folder)
    assert opening_of_owner(folder) is None


def test_the_output_of_a_command_is_no_segment(tmp_path: Path) -> None:
    (tmp_path / "output.log").write_text("epoch 1\n")
    lay(tmp_path, "aa", OPEN)
    assert segment_names(str(tmp_path)) == ["aa"]


def test_a_segment_that_vanishes_while_the_folder_is_read_is_passed_over(tmp_path: Path) -> None:
    """Another process deletes what it has published: the name is still listed, the file is gone."""
    lay(tmp_path, "aa", OPEN, point(1))
    gone = tmp_path / "zz.log"

    class Vanishing:
        """Asked whether to skip the first segment, it removes the second, as a publisher may at that moment."""

        def __contains__(self, name: object) -> bool:
            gone.unlink(missing_ok=True)
            return False

    lay(tmp_path, "zz", OPEN, point(2))
    assert [segment.name for segment in read_segments(str(tmp_path), Vanishing())] == ["aa"]


def test_what_has_the_name_of_a_segment_and_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "aa.log").mkdir()
    os.mkfifo(tmp_path / "bb.log")
    found = read_segments(str(tmp_path))
    assert [segment.problems for segment in found] == [
        ("aa.log in the journal is no file",),
        ("bb.log in the journal is no file",),
    ]
    assert openings(str(tmp_path)) == []
    assert not says_nothing(str(tmp_path))


def test_an_opening_line_that_says_nothing_is_told_and_the_points_stay(tmp_path: Path) -> None:
    lay(tmp_path, "aa", b"[1]", point(1))
    lay(tmp_path, "bb", b"{no json", point(2))
    told = [segment.problems for segment in read_segments(str(tmp_path))]
    assert sorted(told) == [(f"the opening line of journal segment {name} cannot be read",) for name in ("aa", "bb")]
    assert sorted(steps(tmp_path)) == [1, 2]
    assert openings(str(tmp_path)) == []


def test_who_owns_a_run_and_when_it_started(tmp_path: Path) -> None:
    lay(tmp_path, "aa", {**OPEN, "owner": False})
    lay(tmp_path, "bb", {**OPEN, "start": "yesterday"})
    assert opening_of_owner(str(tmp_path)) is None
    lay(tmp_path, "cc", OPEN)
    assert opening_of_owner(str(tmp_path)) == (1000.0, OPEN)


def test_facts_of_another_type_are_as_good_as_none(tmp_path: Path) -> None:
    path = lay(tmp_path, "aa", {**OPEN, "wall": "noon", "start": -1.0, "after": 3, "attempt": "first"})
    (segment,) = read_segments(str(tmp_path))
    assert (segment.wall, segment.start) == (path.stat().st_mtime, 0.0)
    assert (segment.after, segment.attempt, segment.closed) == (None, 0, False)


def test_a_segment_counts_from_the_line_on_that_it_repeats(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, point(1), point(2), point(3))
    lay(tmp_path, "bb", {**OPEN, "after": "aa", "from": 2}, point(2), point(3), point(4))
    assert steps(tmp_path) == [1, 2, 3, 4]


def test_without_a_number_to_repeat_from_all_of_the_earlier_one_counts(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, point(1))
    lay(tmp_path, "bb", {**OPEN, "after": "aa"}, point(2))
    assert steps(tmp_path) == [1, 2]


def test_of_two_that_repeat_the_same_one_the_last_counts(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, point(1))
    lay(tmp_path, "bb", {**OPEN, "after": "aa", "from": 1, "attempt": 2}, point(1), point(2), point(3))
    lay(tmp_path, "cc", {**OPEN, "after": "aa", "from": 1, "attempt": 1}, point(1), point(2))
    assert steps(tmp_path) == [1, 2, 3]
    assert {s.name for s in read_segments(str(tmp_path))} == {"aa", "bb", "cc"}, "all three are published and deleted"


def test_a_line_that_the_later_one_lost_is_taken_from_the_earlier_one(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, point(1), point(2), point(3))
    path = lay(tmp_path, "bb", {**OPEN, "after": "aa", "from": 2}, point(2), point(3), point(4))
    path.write_bytes(path.read_bytes().replace(frame(2, point(3)), b""))
    assert steps(tmp_path) == [1, 2, 3, 4]


def test_a_segment_without_its_opening_line_follows_the_one_whose_end_it_begins_with(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, point(1), point(2), point(3))
    lay(tmp_path, "cc", {**OPEN, "owner": False}, point(9))
    path = lay(tmp_path, "bb", {**OPEN, "after": "aa", "from": 2}, point(2), point(3), point(4))
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    assert steps(tmp_path) == [1, 2, 3, 4, 9]


def test_a_segment_without_its_opening_line_that_follows_none_stands_for_itself(tmp_path: Path) -> None:
    lay(tmp_path, "aa", OPEN, point(2), point(7))
    path = lay(tmp_path, "bb", OPEN, point(2), point(3))
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    assert steps(tmp_path) == [2, 7, 2, 3]
