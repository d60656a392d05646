"""Where rewrites and purged runs stand on the branch, and which names are none of theirs."""

from __future__ import annotations

import pytest

from gittrack.codec.paths import (
    conflict_place,
    parse_conflict,
    parse_purged,
    parse_rewrite,
    purged_file,
    reworded,
    rewrite_file,
)

OLD, NEW, RUN = "ab" * 20, "cd" * 32, "0123456789abcdef" * 2


def test_a_rewrite_is_told_by_its_name() -> None:
    path, content = rewrite_file(OLD, NEW)
    assert (path, content) == (f"rewrites/ab/{OLD}-{NEW}", f"{OLD} {NEW}\n".encode())
    assert parse_rewrite(path.rpartition("/")[2]) == (OLD, NEW)


@pytest.mark.parametrize("name", ["", OLD, f"{OLD}-", f"{OLD}-{NEW[:-1]}", f"{OLD}-{NEW}.yaml", f"{OLD.upper()}-{NEW}"])
def test_what_is_no_rewrite(name: str) -> None:
    assert parse_rewrite(name) is None


def test_a_purged_run_is_told_by_its_name() -> None:
    path, _ = purged_file(RUN)
    assert parse_purged(path) == RUN
    assert parse_purged(f"purged/ff/{RUN}") is None
    assert parse_purged(f"{path}x") is None


def test_a_file_whose_place_another_has_tells_both() -> None:
    place = conflict_place("metrics/a.tsv", OLD)
    assert (place, parse_conflict(place)) == (f"conflicts/{OLD}/2/metrics/a.tsv", (OLD, "metrics/a.tsv"))
    assert parse_conflict(f"conflicts/{OLD}") is None
    assert parse_conflict(f"conflicts/{OLD}/1/metrics/a.tsv") is None
    assert parse_conflict("conflicts/abc/2/metrics/a.tsv") is None
    assert parse_conflict("metrics/a.tsv") is None


def test_the_message_of_a_commit_that_stays_names_no_purged_run() -> None:
    message = f"run {RUN[:8]} secret-name finished\n\nRun: {RUN}\nStatus: finished\n".encode()
    assert reworded(message, ["f" * 32, RUN]) == f"purge {RUN[:8]}\n".encode()
    assert reworded(message, ["f" * 32]) == message
