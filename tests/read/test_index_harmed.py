"""Whatever happens to the branch and to the file of the index, whoever reads and writes: the rows are a full scan's."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gittrack.git.repository import discover
from gittrack.project import Project
from gittrack.read.index import open_index
from gittrack.read.rescan import index_differences, index_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.conftest import Git
    from tests.read.conftest import RunsBranch

PAGE = 4096
RUNS = 12


def recorded(branch: RunsBranch, number: int, word: int) -> Mapping[str, bytes | None]:
    return branch.run(number, name=f"name-{word}", params={"n": word, "text": "x" * 300}, tags={"a": "b"})


def tagged(branch: RunsBranch, number: int, word: int) -> Mapping[str, bytes | None]:
    return branch.later(number, word + 1, tags={"a": f"later {word}"})


def deleted(branch: RunsBranch, number: int, word: int) -> Mapping[str, bytes | None]:
    return branch.later(number, word + 1, deleted=word % 2 == 0)


def damaged(branch: RunsBranch, number: int, word: int) -> Mapping[str, bytes | None]:
    return {branch.path(number): b"]"}


ON_THE_BRANCH: dict[str, Callable[[RunsBranch, int, int], Mapping[str, bytes | None]]] = {
    "record": recorded,
    "tag": tagged,
    "delete": deleted,
    "damage": damaged,
}


def cut(path: str, place: float, _kept: str) -> None:
    os.truncate(path, int(os.path.getsize(path) * place))


def overwritten(path: str, place: float, _kept: str) -> None:
    """Some page of the file is full of zeros; no value is so long that it fills one, which SQLite would believe."""
    pages = os.path.getsize(path) // PAGE
    with open(path, "r+b") as file:
        file.seek(int(pages * place) * PAGE)
        file.write(bytes(PAGE))


def turned(path: str, place: float, _kept: str) -> None:
    """The documents hold another bit."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        sql = "UPDATE documents SET document = replace(document, '\"n\":', '\"m\":') WHERE run % 3 = ?"
        db.execute(sql, (int(place * 3),))


def of_another_version(path: str, place: float, _kept: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(f"PRAGMA user_version = {int(place * 9000)}")


def as_it_was(path: str, _place: float, kept: str) -> None:
    """The copy that somebody made a while ago, in the place of the file."""
    shutil.copyfile(kept, path)


def with_half_a_log(path: str, place: float, _kept: str) -> None:
    """What was not moved into the file yet is cut: a process was killed while it wrote."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer, closing(sqlite3.connect(path)) as reader:
        reader.execute("SELECT * FROM tip").fetchall()
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE runs SET name = name")
        writer.execute("COMMIT")
        half = {name: _read(f"{path}{name}") for name in ("", "-wal")}
    for name, data in half.items():
        with open(f"{path}{name}", "wb") as file:
            file.write(data if not name else data[: int(len(data) * place * 0.99)])


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def gone(path: str, _place: float, _kept: str) -> None:
    os.unlink(path)


HARMS: dict[str, Callable[[str, float, str], None]] = {
    "cut": cut,
    "overwritten": overwritten,
    "turned": turned,
    "of another version": of_another_version,
    "as it was": as_it_was,
    "half a log": with_half_a_log,
    "gone": gone,
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["look", "rewrite", "keep", *ON_THE_BRANCH, *HARMS]),
        st.integers(0, RUNS - 1),
        st.floats(0, 1, exclude_max=True),
    ),
    min_size=3,
    max_size=10,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_rows_equal_a_full_scan_whatever_is_done_to_branch_and_file(
    branch: RunsBranch, git: Git, tmp_path: Path, steps: list[tuple[str, int, float]]
) -> None:
    git("update-ref", "-d", "refs/heads/gittrack/runs")
    project = Project(discover())
    path, kept = index_path(project), str(tmp_path / "kept.sqlite")
    shutil.rmtree(os.path.dirname(path), ignore_errors=True)
    files: dict[str, bytes] = branch.frame()
    for number in range(RUNS):
        files.update({name: data for name, data in recorded(branch, number, 99).items() if data is not None})
    branch.commit(files, orphan=True)
    open_index(project).close()
    shutil.copyfile(path, kept)
    for word, (step, number, place) in enumerate(steps):
        if step in ON_THE_BRANCH:
            changes = ON_THE_BRANCH[step](branch, number, word)
            files.update({name: data for name, data in changes.items() if data is not None})
            branch.commit(changes)
        elif step == "rewrite":
            branch.commit(files, orphan=True)
        elif step == "keep":
            open_index(project).close()
            shutil.copyfile(path, kept)
        elif step in HARMS:
            open_index(project).close()
            with suppress(sqlite3.DatabaseError):  # what was harmed before may not open any more
                HARMS[step](path, place, kept)
        else:
            look(project)
    look(project)


def look(project: Project) -> None:
    """Read every run, which finds out what is wrong with the file, and hold all rows against a full scan."""
    with open_index(project) as index:
        ids = [run.id for run in index.by_prefix("")]
        assert {run.id for run in index.documents(ids)} == set(ids)
    assert index_differences(project) == []


READER = """if True:
    import sys
    from gittrack.catalog import open_catalog

    seen = 0
    print("ready", flush=True)
    for _ in sys.stdin:
        found = len(open_catalog().runs(1000))
        assert found >= seen, (found, seen)
        seen = found
    print(seen)
"""
WRITER = """if True:
    import sys
    import gittrack

    for line in sys.stdin:
        with gittrack.start_run(params={"line": line}) as run:
            run.log_metric("loss", 0.5, 0)
    print("done")
"""


def test_eight_that_read_while_four_record(repo: Path) -> None:
    """Nobody is ever told of a lock, no run is missed, and a run that was there once is there from then on."""
    readers = [start(READER) for _ in range(8)]
    writers = [start(WRITER) for _ in range(4)]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    for _ in range(4):
        for process in (*readers, *writers):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    assert [end(writer) for writer in writers] == ["done\n"] * 4
    for reader in readers:
        assert reader.stdin is not None
        reader.stdin.write("once more\n")
    assert [end(reader) for reader in readers] == ["16\n"] * 8
    assert index_differences(Project(discover(repo))) == []


def start(code: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def end(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    return out
