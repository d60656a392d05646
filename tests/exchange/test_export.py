"""`gittrack export`: whole files or none, exact numbers, nothing that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, BinaryIO

import pytest
from pyarrow import parquet

import gittrack as public
from gittrack.errors import StorageError, UsageError
from gittrack.exchange.csv_text import cell_text, unguarded
from gittrack.exchange.kinds import Kind, kind_of
from gittrack.exchange.outfile import new_file

if TYPE_CHECKING:
    from pathlib import Path

    from gittrack.model import Value
    from tests.conftest import Gittrack, RunPython

RUNS = """
    import gittrack

    values = {"lr": 0.1 + 0.2, "big": 2**60 + 1, "mixed": 1, "nested": {"a": [1, "x"], "b": None}, "amp": True}
    with gittrack.start_run("first", params=values, tags={"stage": "=1+1"}) as run:
        for step in range(3):
            run.log_metric("loss", 1 / (step + 1), step)
        run.log_metric("count", 3)
        run.log_metric("odd", float("nan"))
    with gittrack.start_run("second", experiment="other", params={"mixed": "a, b", "text": "-x"}) as run:
        run.log_metric("loss", 1e-300, 7)
        run.set_description("two\\nlines")
"""


@pytest.fixture
def two(repo: Path, run_python: RunPython) -> Path:
    done = run_python(RUNS)
    assert done.code == 0, done.err
    return repo


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_is_exact_and_computes_nothing(two: Path, gittrack: Gittrack) -> None:
    done = gittrack("export", "runs.csv", "--sort", "attributes.name")

    assert (done.code, done.out, done.err) == (0, "2 runs in runs.csv\n", "")
    first, second = rows_of((two / "runs.csv").read_text())
    assert (first["name"], first["params.lr"], first["params.big"]) == ("first", repr(0.1 + 0.2), str(2**60 + 1))
    assert (first["params.mixed"], second["params.mixed"]) == ("1", "a, b")
    assert (first["params.nested.a"], first["params.nested.b"]) == ('[1, "x"]', "")
    assert (first["params.amp"], second["params.amp"]) == ("true", "")
    assert (first["tags.stage"], second["params.text"]) == ("'=1+1", "'-x")
    assert (first["metrics.loss"], first["metrics.count"], first["metrics.odd"]) == (repr(1 / 3), "3", "nan")
    assert (second["metrics.loss"], second["description"]) == ("1e-300", "two\nlines")
    start = public.get_run("first").start.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert first["start_time"] == start
    assert gittrack("export", "--sort", "name").out == (two / "runs.csv").read_text(), "standard output is the same"


def test_json_lines_are_those_of_the_log(two: Path, gittrack: Gittrack) -> None:
    assert gittrack("export", "runs.jsonl").code == 0
    text = (two / "runs.jsonl").read_text()

    assert text == gittrack("log", "--jsonl").out
    assert gittrack("export", "-", "--format", "jsonl").out == text
    assert [json.loads(line)["name"] for line in text.splitlines()] == ["second", "first"]


def test_parquet_keeps_types(two: Path, gittrack: Gittrack) -> None:
    assert gittrack("export", "runs.parquet", "--sort", "name").out == "2 runs in runs.parquet\n"
    table = parquet.read_table(two / "runs.parquet").to_pydict()

    assert table["params.lr"] == [0.1 + 0.2, None]
    assert table["params.big"] == [2**60 + 1, None]
    assert table["params.mixed"] == ["1", "a, b"]
    assert table["params.amp"] == [True, None]
    assert table["tags.stage"] == ["=1+1", None], "no spreadsheet computes it there"
    assert table["metrics.loss"] == [1 / 3, 1e-300]
    assert table["start_time"] == [public.get_run("first").start, public.get_run("second").start]
    assert table["end_time"][0] >= table["start_time"][0]


def test_points(two: Path, gittrack: Gittrack) -> None:
    done = gittrack("export", "points.csv", "--what", "points", "--where", "name = 'first'")
    assert done.out == "5 points of 1 run in points.csv\n"
    rows = rows_of((two / "points.csv").read_text())
    run = public.get_run("first")

    assert {row["run_id"] for row in rows} == {run.id}
    loss = [(row["step"], row["value"]) for row in rows if row["metric"] == "loss"]
    assert loss == [("0", "1.0"), ("1", "0.5"), ("2", repr(1 / 3))]
    assert [row["seconds"] for row in rows if row["metric"] == "loss"] == [
        repr(point.seconds) for point in run.history("loss")
    ]
    lines = gittrack("export", "--what", "points", "--format", "jsonl", "-n", "1").out.splitlines()
    assert [json.loads(line)["value"] for line in lines] == [1e-300]
    assert gittrack("export", "points.parquet", "--what", "points").code == 0
    table = parquet.read_table(two / "points.parquet").to_pydict()
    assert sorted(value for value in table["value"] if value == value) == [1e-300, 1 / 3, 0.5, 1.0, 3.0]
    assert table["step"].count(None) == 2


def test_points_of_a_running_run(two: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    done = run_python("""
        import subprocess, sys, gittrack

        with gittrack.start_run("going") as run:
            run.log_metric("live", 0.25, 1)
            command = [sys.executable, "-m", "gittrack", "export", "--what", "points", "--where", "status = 'running'"]
            subprocess.run(command, check=True)
    """)

    assert [(row["metric"], row["value"]) for row in rows_of(done.out)] == [("live", "0.25")], done.err


def test_a_history_that_is_lost_hides_no_other(two: Path, gittrack: Gittrack, git: object) -> None:
    blob = subprocess.check_output(
        ["git", "rev-parse", f"gittrack/runs:runs/{(i := public.get_run('first').id)[:2]}/{i}/metrics/count.tsv"],
        text=True,
    ).strip()
    os.unlink(two / ".git" / "objects" / blob[:2] / blob[2:])
    done = gittrack("export", "--what", "points")

    assert done.code == 0
    assert f"metrics/count.tsv of run {i[:8]} is missing" in done.err
    assert {row["metric"] for row in rows_of(done.out)} == {"loss", "odd"}


def test_no_file_is_replaced_unasked(two: Path, gittrack: Gittrack) -> None:
    (two / "runs.csv").write_text("mine")
    refused = gittrack("export", "runs.csv")

    assert (refused.code, (two / "runs.csv").read_text()) == (2, "mine")
    assert refused.err == (
        "gittrack: error: 'runs.csv' is there already; give another name, or --force to replace it\n"
    )
    assert gittrack("export", "runs.csv", "--force").code == 0
    assert (two / "runs.csv").read_text().startswith("run_id,name")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["runs.txt"], "'runs.txt' does not end in .parquet, .csv or .jsonl; say which with --format"),
        (["--format", "parquet"], "Parquet needs a FILE"),
        (["no/where.csv"], "'no/where.csv' cannot be written: No such file or directory"),
        ([".", "--format", "csv"], "is a folder; give the name of a file"),
        (["runs.csv", "--where", "metrics.acc >"], "at column"),
    ],
)
def test_what_cannot_be_written(two: Path, gittrack: Gittrack, words: list[str], sentence: str) -> None:
    done = gittrack("export", *words)

    assert done.code in (1, 2)
    assert sentence in done.err
    assert done.out == ""
    assert sorted(os.listdir(two)) == [".git", "train.py"], "nothing is left"


def _interrupted(file: BinaryIO) -> None:
    file.write(b"half")
    file.flush()
    raise KeyboardInterrupt


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    path = folder / "out.csv"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), new_file(str(path), overwrite=True) as file:
        _interrupted(file)
    assert (os.listdir(folder), path.read_text()) == (["out.csv"], "before")
    path.unlink()
    with pytest.raises(UsageError, match="is there already"), new_file(str(path), overwrite=False) as file:
        path.write_text("of another process")
    assert (os.listdir(folder), path.read_text()) == (["out.csv"], "of another process")
    with pytest.raises(StorageError, match="cannot be written"), new_file(str(path), overwrite=True):
        raise OSError(28, "No space left on device")
    assert path.read_text() == "of another process"


def test_links_modes_and_pipes(tmp_path: Path) -> None:
    path, link, pipe = tmp_path / "out.csv", tmp_path / "link.csv", tmp_path / "pipe"
    path.write_text("before")
    path.chmod(0o640)
    link.symlink_to(path)
    with new_file(str(link), overwrite=True) as file:
        file.write(b"after")
    assert (link.is_symlink(), path.read_bytes(), path.stat().st_mode & 0o777) == (True, b"after", 0o640)

    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with new_file(str(pipe), overwrite=False) as file:
        file.write(b"through")
    reader.join()
    assert (got, pipe.is_fifo()) == ([b"through"], True)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "'=1", "''=1", "'", "'x", "x=1", "", "\r"])
def test_text_comes_back(text: str) -> None:
    cell = cell_text(text, Kind.TEXT)

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert unguarded(cell)[0] == text


@pytest.mark.parametrize("value", [-1, -0.5, float("-inf"), -(2**70), [-1], True])
def test_numbers_are_left_alone(value: Value) -> None:
    assert not cell_text(value, kind_of(value)).startswith("'")


def test_memory_does_not_grow_with_the_runs(two: Path) -> None:
    code = """
import io, sys, tracemalloc
from gittrack.exchange.writers import write_runs
from gittrack.model import MetricSummary, Run

def runs(number):
    for n in range(number):
        yield Run(f"{n:032x}", "n", "e", "finished", 1e9, params={"text": "x" * 1000, "n": n},
                  metrics={"m": MetricSummary(n, None, n, None, n, None, 1)})

class Nowhere(io.RawIOBase):
    def writable(self): return True
    def write(self, data): return len(data)

for form in ("csv", "jsonl", "parquet"):
    write_runs(Nowhere(), form, runs(10))
    tracemalloc.start()
    write_runs(Nowhere(), form, runs(10_000))
    print(form, tracemalloc.get_traced_memory()[1] < 8_000_000)
    tracemalloc.stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "csv True\njsonl True\nparquet True\n"
