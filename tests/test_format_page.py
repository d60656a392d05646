"""docs/format.md is enough: a second reader, of `git` and PyYAML alone, gets out what was logged."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
import yaml

import gittrack

if TYPE_CHECKING:
    from tests.conftest import Git, Gittrack

PAGE = Path(__file__).parent.parent / "docs" / "format.md"


class Reader:
    """Reads the branch by the page; shares no line with gittrack."""

    def __init__(self, git: Git, branch: str = "gittrack/runs") -> None:
        self.git = git
        self.branch = branch
        names = git("ls-tree", "-r", "-z", "--name-only", branch).split("\0")
        self.paths = [name for name in names if name]
        form = self.load("format.yaml")
        assert form == {"format": "gittrack", "version": 1}

    def load(self, path: str) -> dict[str, object]:
        value = yaml.safe_load(self.git("show", f"{self.branch}:{path}"))
        assert isinstance(value, dict)
        return value

    def ids(self) -> list[str]:
        return [path.split("/")[2] for path in self.paths if path.endswith("/run.yaml")]

    def records(self, run_id: str) -> list[tuple[str, dict[str, object]]]:
        """(prefix of its files, record), in the order of the fold."""
        folder = f"runs/{run_id[:2]}/{run_id}/"
        later = [p for p in self.paths if p.startswith(folder + "later/") and p.endswith(".yaml")]

        def key(path: str) -> tuple[int, str]:
            lamport, _, digest = path.rpartition("/")[2].removesuffix(".yaml").partition("-")
            return int(lamport), digest

        found = [(folder, self.load(folder + "run.yaml"))]
        return found + [(p.removesuffix(".yaml") + "/", self.load(p)) for p in sorted(later, key=key)]

    def run(self, run_id: str) -> dict[str, object]:
        state: dict[str, object] = {"deleted": False, "tags": {}, "params": {}, "notes": []}
        for _, record in self.records(run_id):
            for key in ("status", "end", "error", "name", "experiment", "description", "deleted", "id", "start"):
                if key in record:
                    state[key] = record[key]
            tags: dict[str, str | None] = {**state["tags"], **record.get("tags", {})}  # type: ignore[dict-item]
            state["tags"] = {k: v for k, v in tags.items() if v is not None}
            state["params"] = {**record.get("params", {}), **state["params"]}  # type: ignore[dict-item]
            state["notes"] += [note["text"] for note in record.get("notes", [])]  # type: ignore[operator,attr-defined]
        return state

    def history(self, run_id: str, metric: str) -> list[tuple[str, float, float]]:
        points = []
        for prefix, record in self.records(run_id):
            summary = record.get("metrics", {}).get(metric)  # type: ignore[attr-defined]
            if summary is None:
                continue
            files = [p for p in self.paths if p.startswith(prefix + "metrics/")]
            mine = [p for p in files if unquote(p.rpartition("/")[2].removesuffix(".tsv")) == metric]
            if "file" in summary:
                mine = [f"{prefix}metrics/{summary['file']}.tsv"]
            lines = self.git("show", f"{self.branch}:{mine[0]}").split("\n")
            assert lines[0] == "step\tseconds\tvalue"
            for line in lines[1:-1]:
                step, seconds, value = line.split("\t")
                points.append((step, float(seconds), float(value)))
        return points


def bits(value: float) -> bytes:
    return struct.pack(">d", value)


def test_a_second_reader_reads_everything(repo: Path, git: Git, gittrack_cli: Gittrack) -> None:
    params = {"lr": 1e-5, "deep": {"a": [1, 2.5, None, True]}, "odd": "yes", "zero": -0.0, "inf": math.inf}
    with gittrack.start_run("first", experiment="page", params=params, tags={"a": "1", "b": "2"}) as run:
        run.log_metric("train/loss", 0.1, 1)
        run.log_metric("Acc", 0.1 + 0.2, 1)
        run.log_metric("acc", math.nan)
        run.log_metric("x" * 250, 7, -3)
    with gittrack.start_run(run_id=run.id) as again:
        again.log_metric("train/loss", 1 / 3, 2)
        again.log_text("hello\n", "notes/a.txt")
    assert gittrack_cli("tag", "first", "c=3").code == 0
    assert gittrack_cli("tag", "first", "-d", "a").code == 0
    assert gittrack_cli("note", "first", "looks odd").code == 0
    assert gittrack_cli("rename", "first", "second").code == 0
    assert gittrack_cli("rm", "second").code == 0

    reader = Reader(git)
    assert reader.ids() == [run.id]
    state = reader.run(run.id)
    assert repr(state["params"]) == repr(params)
    assert state["tags"] == {"b": "2", "c": "3"}
    assert (state["name"], state["experiment"], state["status"], state["deleted"]) == (
        "second",
        "page",
        "finished",
        True,
    )
    assert state["notes"] == ["looks odd"]
    history = reader.history(run.id, "train/loss")
    assert [(step, bits(value)) for step, _, value in history] == [("1", bits(0.1)), ("2", bits(1 / 3))]
    assert bits(reader.history(run.id, "Acc")[0][2]) == bits(0.1 + 0.2)
    assert math.isnan(reader.history(run.id, "acc")[0][2])
    assert [(step, value) for step, _, value in reader.history(run.id, "x" * 250)] == [("-3", 7.0)]
    prefix = reader.records(run.id)[1][0]
    assert git("show", f"gittrack/runs:{prefix}artifacts/notes/a.txt") == "hello\n"


@pytest.fixture
def gittrack_cli(gittrack: Gittrack) -> Gittrack:
    """The command line, under a name that leaves `gittrack` to the package."""
    return gittrack


def test_every_key_that_is_written_stands_on_the_page(repo: Path, git: Git, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("x")
    with gittrack.start_run(description="d", params={"a": 1}, tags={"t": "v"}) as run:
        run.log_metric("m", 1.0, 1)
        run.log_text("x", "a.txt")
        run.log_input(tmp_path / "data")
    (_, record), *_ = Reader(git).records(run.id)
    page = PAGE.read_text(encoding="utf-8")
    keys = set(record)
    for part in ("code", "environment"):
        keys |= set(record[part])  # type: ignore[call-overload]
    keys |= set(record["metrics"]["m"])  # type: ignore[index]
    missing = [key for key in keys if f"`{key}`" not in page]
    assert missing == []
