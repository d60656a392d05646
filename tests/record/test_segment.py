"""A segment, cut at every byte, with every bit flipped, with holes and blocks at wrong places: what is read of it."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.record.segment import Contents, Damage, frame, read_segment
from tests.record.journals import journal_of_a_killed_run, segments_of, spans_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import RunPython

BLOCK = 512
LONG = os.environ.get("GITTRACK_FAULTS") == "long"
SMALL = b"".join(
    frame(i, payload)
    for i, payload in enumerate(
        [b'{"e":"open","owner":true}', b"m\tloss\t\t0.5\t1", '{"e":"tags","ü":"x\ry"}'.encode(), b"", b"5 6 7 8"]
    )
)


@pytest.fixture
def written(repo: Path, run_python: RunPython) -> list[bytes]:
    """The segments that a real run left, each cut to whole lines."""
    found = [path.read_bytes() for path in segments_of(journal_of_a_killed_run(repo, run_python))]
    whole = [data[: data.rindex(b"\n") + 1] for data in found]
    assert whole[0] != found[0], "the first segment of the owner ends in half a line"
    assert read_segment(found[0]).torn == len(found[0]) - len(whole[0])
    return whole


def without(data: bytes, start: int, end: int) -> list[tuple[int, bytes]]:
    """The lines of a sound segment but those that have bytes between `start` and `end`."""
    lines = read_segment(data).lines
    return [line for line, (a, b) in zip(lines, spans_of(data), strict=True) if b <= start or end <= a]


def hull(data: bytes, start: int, end: int) -> tuple[int, int]:
    """From the beginning of the first to the end of the last line that has bytes between `start` and `end`."""
    touched = [(a, b) for a, b in spans_of(data) if a < end and start < b]
    return touched[0][0], touched[-1][1]


def check_each_cut(data: bytes) -> None:
    lines, ends = read_segment(data).lines, [0, *(end for _, end in spans_of(data))]
    whole = 0
    for cut in range(len(data) + 1):
        whole += ends[whole + 1 :][:1] == [cut]
        assert read_segment(data[:cut]) == Contents(lines[:whole], (), cut - ends[whole]), cut


def check_each_flip(data: bytes, *, all_bits: bool) -> None:
    lines = read_segment(data).lines
    for number, (start, end) in enumerate(spans_of(data)):
        expected = Contents([*lines[:number], *lines[number + 1 :]], (Damage(start, end - start),), 0)
        for position in range(start, end):
            for bit in range(8) if all_bits else (position % 8,):
                flipped = bytearray(data)
                flipped[position] ^= 1 << bit
                assert read_segment(bytes(flipped)) == expected, (position, bit)


def check_each_hole(data: bytes, block: int) -> None:
    for start in range(0, len(data), block):
        end = min(start + block, len(data))
        first, last = hull(data, start, end)
        contents = read_segment(data[:start] + bytes(end - start) + data[end:])
        assert contents.lines == without(data, start, end), start
        if end == len(data):
            assert (contents.damage, contents.torn) == ((), len(data) - first)
        else:
            assert (contents.damage, contents.torn) == ((Damage(first, last - first),), 0)


def test_cut_anywhere_it_gives_the_lines_before_and_the_rest_is_torn(written: list[bytes]) -> None:
    for data in (SMALL, *written):
        check_each_cut(data)


def test_a_flipped_bit_costs_its_line_and_is_damage(written: list[bytes]) -> None:
    for data in (SMALL, *written):
        check_each_flip(data, all_bits=LONG or len(data) < 1000)


def test_a_hole_costs_the_lines_in_it_and_at_the_end_it_is_torn(written: list[bytes]) -> None:
    for data in (SMALL, *written):
        for block in (7, 64, BLOCK):
            check_each_hole(data, block)


def test_a_block_that_stands_twice_costs_nothing_and_is_told(written: list[bytes]) -> None:
    for data in (SMALL, *written):
        for block in (16, BLOCK):
            for start in range(0, len(data), block):
                end = min(start + block, len(data))
                contents = read_segment(data[:end] + data[start:end] + data[end:])
                split = {n for n, (a, b) in enumerate(spans_of(data)) if a < start and end < b}
                assert contents.lines == [line for line in read_segment(data).lines if line[0] not in split], start
                assert contents.damage or contents.torn, start


def test_a_block_in_place_of_another_costs_the_lines_of_that(written: list[bytes]) -> None:
    dice = random.Random(1)  # noqa: S311 - no secret
    for data in written:
        blocks = range(0, len(data) - BLOCK, BLOCK)
        for start in blocks:
            other = dice.choice(blocks)
            contents = read_segment(data[:start] + data[other : other + BLOCK] + data[start + BLOCK :])
            if other != start:
                assert set(without(data, start, start + BLOCK)) <= set(contents.lines) <= set(read_segment(data).lines)
                assert contents.damage


def test_lines_out_of_order_are_put_in_order_and_told(written: list[bytes]) -> None:
    for data in (SMALL, *written):
        lines = [data[start:end] for start, end in spans_of(data)]
        for i in range(len(lines) - 1):
            swapped = b"".join([*lines[:i], lines[i + 1], lines[i], *lines[i + 2 :]])
            contents = read_segment(swapped)
            assert contents.lines == read_segment(data).lines
            (damage,) = contents.damage
            assert (damage.misplaced, damage.length, contents.torn) == (True, len(lines[i]), 0)
            assert "out of order or doubled" in damage.sentence


def test_lines_that_are_missing_are_told() -> None:
    spans = spans_of(SMALL)
    for start, end in spans[:-1]:
        contents = read_segment(SMALL[:start] + SMALL[end:])
        assert contents == Contents(without(SMALL, start, end), (Damage(start, 0),), 0)
        assert contents.damage[0].sentence == f"lines are missing at offset {start}"


def test_of_two_lines_with_one_number_the_first_counts() -> None:
    twin = frame(1, b"m\tloss\t\t0.5\t2")
    end = spans_of(SMALL)[1][1]
    contents = read_segment(SMALL[:end] + twin + SMALL[end:])
    assert contents == Contents(read_segment(SMALL).lines, (Damage(end, len(twin), misplaced=True),), 0)


NEXT = frame(5, b"m\tloss\t3\t0.5\t0.25")


@pytest.mark.parametrize(
    ("tail", "torn"),
    [
        (NEXT[:-1], True),
        (NEXT[:3] + bytes(5000), True),
        (bytes(5000), True),
        (b"\n", False),
        (NEXT[:-1] + b"\x0b", False),  # the newline itself is damaged: no process was interrupted there
        (NEXT[:-2] + b"6", False),  # a whole line that lacks its newline, and whose checksum is wrong
        (b"9" + NEXT, False),
        (b"19 6 ", False),  # the number of the line after the next one
        (b"19 6", False),
        (b"19 5 1234 ", False),
        (b"19 5 1234567g", False),
        (b"19\t", False),
        (b"-1", False),
        (bytes(512) + b"x", False),
        (b"no line at all\n", False),
        (b"\xff\xfe" * 40, False),
        (b"9" * 20, False),
    ],
)
def test_what_only_an_interrupted_write_leaves_is_torn_and_all_else_is_damage(tail: bytes, torn: bool) -> None:
    lines = read_segment(SMALL).lines
    damage = () if torn else (Damage(len(SMALL), len(tail)),)
    if tail.endswith(NEXT):
        lines, damage = [*lines, (5, NEXT[:-1].split(b" ", 3)[3])], (Damage(len(SMALL), 1),)
    assert read_segment(SMALL + tail) == Contents(lines, damage, len(tail) if torn else 0)


@given(st.lists(st.tuples(st.integers(0, len(SMALL)), st.integers(0, 40), st.binary(max_size=40)), max_size=4))
def test_whatever_happens_to_it_only_lines_that_were_written_are_read(edits: list[tuple[int, int, bytes]]) -> None:
    data = SMALL
    for start, length, new in edits:
        data = data[:start] + new + data[start + length :]
    contents = read_segment(data)
    assert set(contents.lines) <= set(read_segment(SMALL).lines)
    assert read_segment(data) == contents
    again = read_segment(b"".join(frame(number, payload) for number, payload in contents.lines))
    assert again.lines == contents.lines
