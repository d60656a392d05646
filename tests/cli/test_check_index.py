"""The index damaged in every way: `check` tells, each command answers rightly all the same, the doctor rebuilds it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.cli.sampling import sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

NAMES = {"grid-0", "grid-1", "grid-2"}
PAGE = 4096


@pytest.fixture
def index(recorded: Path, gittrack: Gittrack) -> Path:
    """The file of the index, made, with nothing left to be moved into it."""
    assert gittrack("log").code == 0
    path = recorded / ".git" / "gittrack" / "index.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def changed(sql: str) -> Callable[[Path], None]:
    """Somebody wrote to the index by hand."""

    def damage(index: Path) -> None:
        with closing(sqlite3.connect(index)) as db:
            db.execute(sql)
            db.commit()

    return damage


def flipped(first: int, last: int | None = None) -> Callable[[Path], None]:
    """Pages of the file are full of other bytes."""

    def damage(index: Path) -> None:
        data = bytearray(index.read_bytes())
        end = len(data) if last is None else last * PAGE
        data[first * PAGE : end] = bytes(byte ^ 0xA5 for byte in data[first * PAGE : end])
        index.write_bytes(data)

    return damage


def half_written_log(index: Path) -> None:
    """What SQLite has before it moves it into the file, cut in the middle."""
    with closing(sqlite3.connect(index)) as db:
        db.execute("UPDATE runs SET name = 'wrong'")
        db.commit()
        data = index.with_name(f"{index.name}-wal").read_bytes()
        whole = index.read_bytes()
    index.write_bytes(whole)
    index.with_name(f"{index.name}-wal").write_bytes(data[: len(data) // 2])


# What is damaged, and what is said of it by the check and then by the doctor: a word, or nothing.
UNUSABLE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "gone": (os.unlink, "", ""),
    "empty": (lambda index: index.write_bytes(b""), "", "another version"),
    "zeros": (lambda index: index.write_bytes(bytes(index.stat().st_size)), "damaged", "damaged"),
    "cut": (lambda index: os.truncate(index, index.stat().st_size // 2), "damaged", "damaged"),
    "cut to one page": (lambda index: os.truncate(index, PAGE), "damaged", "damaged"),
    "no database": (lambda index: index.write_bytes(b"garbage" * 1000), "damaged", "damaged"),
    "first page flipped": (flipped(0, 1), "damaged", "damaged"),
    "second page flipped": (flipped(1, 2), "damaged", "damaged"),
    "all later pages flipped": (flipped(1), "damaged", "damaged"),
    "of another version": (changed("PRAGMA user_version = 7"), "", "another version"),
    "no table of runs": (changed("DROP TABLE runs"), "", ""),
    "no tables of ours": (changed("DROP TABLE tip"), "damaged", "damaged"),
    "half a log": (half_written_log, "", ""),
    "a log of nonsense": (lambda index: index.with_name("index.sqlite-wal").write_bytes(b"x" * 9000), "", ""),
    "a tip that git does not know": (changed("UPDATE tip SET id = replace(hex(zeroblob(20)), '0', 'a')"), "", ""),
}


@pytest.mark.parametrize("kind", sample(UNUSABLE, 2))
def test_an_index_that_cannot_be_used(index: Path, gittrack: Gittrack, kind: str) -> None:
    damage, checked, told = UNUSABLE[kind]
    damage(index)
    content = index.read_bytes() if index.exists() else b""

    doctor = gittrack("doctor")
    assert (doctor.code, told in doctor.out) == (int(told == "damaged"), True), doctor.out
    if told:
        assert index.read_bytes() == content, "without --fix nothing is changed"
    check = gittrack("check")
    assert (check.code, checked in check.out) == (int(checked == "damaged"), True), check.out
    assert names(gittrack("log", "--json").out) == NAMES
    assert gittrack("check").out.endswith("all is well\n")


@pytest.mark.parametrize("kind", sample((kind for kind, (_, _, told) in UNUSABLE.items() if told), 3))
def test_the_doctor_makes_an_index_anew(index: Path, gittrack: Gittrack, kind: str) -> None:
    UNUSABLE[kind][0](index)

    assert "made the index anew, with 3 runs" in gittrack("doctor", "--fix").out

    assert gittrack("doctor").out.endswith("\nnothing needs attention\n"), "only a note on what is kept"
    assert gittrack("check").code == 0


WRONG = {
    "a row changed": "UPDATE runs SET name = 'other' WHERE name = 'grid-1'",
    "a document changed": "UPDATE documents SET document = replace(document, '0.01', '0.5')",
    "a run missing": "DELETE FROM runs WHERE name = 'grid-1'",
    "a param missing": "DELETE FROM params WHERE key = 'lr'",
    "a metric changed": "UPDATE metrics SET max = 9",
    "a tag added": "INSERT INTO tags SELECT run, 'x', 'y' FROM runs",
    "a record missing": "DELETE FROM records",
    "a run called damaged": "INSERT INTO damaged SELECT id, 'so it says' FROM runs LIMIT 1",
}


@pytest.mark.parametrize("kind", sample(WRONG, 3))
def test_rows_changed_by_hand_are_what_the_check_finds(index: Path, gittrack: Gittrack, kind: str) -> None:
    changed(WRONG[kind])(index)

    check = gittrack("check")

    assert (check.code, "the index differs from the branch" in check.out) == (1, True), check.out
    assert gittrack("doctor").code == 1
    assert "made the index anew" in gittrack("doctor", "--fix").out
    assert gittrack("check").out.endswith("all is well\n")
    assert names(gittrack("log", "--json").out) == NAMES


def test_an_index_of_another_repository(
    index: Path, gittrack: Gittrack, git: Git, run_python: RunPython, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git("init", "-q", cwd=other)
    run_python("import gittrack\nwith gittrack.start_run('stranger'): gittrack.log_param('a', 1)", cwd=other)
    assert gittrack("log", cwd=other).code == 0
    for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
        if (other / ".git" / "gittrack" / name).exists():
            shutil.copy(other / ".git" / "gittrack" / name, index.parent / name)

    assert names(gittrack("log", "--json").out) == NAMES
    assert gittrack("check").code == 0


def test_an_index_that_cannot_be_written(index: Path, gittrack: Gittrack, git: Git) -> None:
    """Root may write everywhere: a folder in the place of SQLite's own files stops it as well."""
    index.with_name("index.sqlite-wal").mkdir()
    tip = git("rev-parse", "refs/heads/gittrack/runs~1").strip()
    git("update-ref", "refs/heads/gittrack/runs", tip)
    try:
        assert names(gittrack("log", "--json").out) == {"grid-0", "grid-1"}
        assert gittrack("check").code == 0
        assert gittrack("show", "grid-1").code == 0
    finally:
        index.with_name("index.sqlite-wal").rmdir()


def names(text: str) -> set[str]:
    return {item["name"] for item in json.loads(text)}
