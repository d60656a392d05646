"""search_runs: filters and orders by MLflow's names, and frames that keep the types that were logged."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pytest

import gittrack
from gittrack.errors import GittrackError, UsageError
from gittrack.exchange.table import ATTRIBUTES, table_of
from gittrack.model import MetricSummary, Run, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.conftest import RunPython

RUNS = """
    import gittrack

    for name, lr, acc in (("a", 0.1, 0.5), ("b", 1, 0.75), ("c", "auto", 0.25)):
        with gittrack.start_run(name, experiment=f"of-{name}", params={"lr": lr, "net": {"width": 64}}) as run:
            run.log_metric("acc", acc)
            if name != "b":
                run.log_params({"layers": [1, 2], "seed": 2**60 + 1, "amp": name == "a"})
                run.set_tag("stage", "trial")
"""


@pytest.fixture
def three(repo: Path, run_python: RunPython) -> Path:
    done = run_python(RUNS)
    assert done.code == 0, done.err
    return repo


def names(**asked: object) -> list[str]:
    return [run.name for run in gittrack.search_runs(**asked)]  # type: ignore[call-overload]


def test_filters_and_orders(three: Path) -> None:
    assert names(filter_string="metrics.acc > 0.3 and tags.stage = 'trial'") == ["a"]
    assert names(order_by="metrics.acc DESC") == ["b", "a", "c"]
    assert names(order_by=["tags.stage", "metrics.acc ASC"], max_results=2) == ["c", "a"]
    assert names(filter_string="params.net.width = 64", experiment="of-b") == ["b"]
    assert names(experiment_names=["of-a", "of-c"], status="finished") == ["c", "a"]
    assert names(experiment_names=[]) == []
    assert names(filter_string=" ") == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"filter_string": "metrics.acc >"}, "at column"),
        ({"order_by": "acc DESC"}, "unknown name 'acc'"),
        ({"output_format": "numpy"}, "output_format is 'list', 'pandas' or 'polars', not 'numpy'"),
        ({"experiment": "a", "experiment_names": ["b"]}, "give one of the two"),
        ({"experiment_names": "a"}, "give one of the two"),
        ({"max_results": -1}, "a number of runs cannot be -1"),
        ({"status": "done"}, "'done' is not a status"),
    ],
)
def test_what_cannot_be_meant(three: Path, asked: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        names(**asked)


def test_pandas_keeps_types(three: Path) -> None:
    frame = gittrack.search_runs(output_format="pandas", order_by="attributes.name")

    assert list(frame.columns)[: len(ATTRIBUTES)] == list(ATTRIBUTES)
    rest = [
        "metrics.acc",
        "params.lr",
        "params.net.width",
        "params.layers",
        "params.seed",
        "params.amp",
        "tags.stage",
    ]
    assert list(frame.columns)[len(ATTRIBUTES) :] == rest
    assert list(frame["name"]) == ["a", "b", "c"]
    assert list(frame["params.lr"]) == [0.1, 1, "auto"]
    assert type(frame["params.lr"][1]) is int
    assert frame["params.seed"].dtype == "Int64"
    assert frame["params.seed"][0] == 2**60 + 1, "a float would not hold it"
    assert frame["params.seed"].isna().tolist() == [False, True, False]
    assert frame["params.net.width"].dtype == "int64"
    assert frame["params.amp"].dtype == "boolean"
    assert frame["code.dirty"].dtype == "bool"
    assert frame["params.layers"][0] == [1, 2]
    assert frame["metrics.acc"].dtype == "float64"
    assert frame["metrics.acc"].idxmax() == 1
    assert frame["start_time"].dt.tz is not None
    started = gittrack.search_runs(filter_string="attributes.name = 'a'")[0].start
    assert frame["start_time"][0] == pd.Timestamp(started)


def test_polars_keeps_types(three: Path) -> None:
    frame = gittrack.search_runs(output_format="polars", order_by="attributes.name")

    assert frame["params.lr"].to_list() == ["0.1", "1", "auto"], "a column has one type there"
    assert frame.schema["params.seed"] == pl.Int64
    assert frame["params.seed"].to_list() == [2**60 + 1, None, 2**60 + 1]
    assert frame.schema["params.amp"] == pl.Boolean
    assert frame["params.layers"].to_list() == ["[1, 2]", None, "[1, 2]"]
    assert frame["metrics.acc"].to_list() == [0.5, 0.75, 0.25]
    assert frame.schema["end_time"] == pl.Datetime("ms", "UTC")
    started = gittrack.search_runs(filter_string="attributes.name = 'a'")[0].start
    assert frame["start_time"][0] == started


def make_frame(kind: str, runs: Iterable[Run]) -> pd.DataFrame | pl.DataFrame:
    from gittrack.exchange.frames import pandas_frame, polars_frame

    makers: dict[str, Callable[[], Callable[[Iterable[Run]], pd.DataFrame | pl.DataFrame]]] = {
        "pandas": pandas_frame,
        "polars": polars_frame,
    }
    return makers[kind]()(runs)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_values_at_the_edges(kind: str) -> None:
    params: tuple[dict[str, Value], ...] = ({"x": 2**53 + 1, "y": 2**70, "z": 1}, {"x": 0.5, "y": 1, "z": 2.5})
    runs = [
        Run(
            f"{n:032x}",
            "edge",
            "e",
            "running",
            1e9,
            params=p,
            metrics={"n": MetricSummary(n, None, n, None, n, None, 1)},
        )
        for n, p in enumerate(params)
    ]
    frame = make_frame(kind, runs)

    wide = [2**53 + 1, 0.5] if kind == "pandas" else [str(2**53 + 1), "0.5"]
    assert list(frame["params.x"]) == wide, "neither type holds both"
    assert [int(value) for value in frame["params.y"]] == [2**70, 1]
    assert list(frame["params.z"]) == [1.0, 2.5]
    assert list(frame["metrics.n"]) == [0, 1]
    assert frame["end_time"].is_null().all() if isinstance(frame, pl.DataFrame) else frame["end_time"].isna().all()
    empty = make_frame(kind, [])
    assert (len(empty), list(empty.columns)) == (0, list(ATTRIBUTES))


def test_a_table_lets_go_of_what_it_gave() -> None:
    table = table_of([Run("0" * 32, "n", "e", "finished", 0.0)])

    assert [values for name, _, values in table.take() if name == "name"] == [["n"]]
    assert [values for name, _, values in table.take() if name == "name"] == [[None]]


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_missing_package_is_named(three: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    with pytest.raises(GittrackError, match=rf"needs {kind}; install it with: pip install 'gittrack\[{kind}\]'"):
        names(output_format=kind)


def test_times_far_away() -> None:
    year_9999 = datetime(9999, 12, 31, tzinfo=timezone.utc)
    frame = make_frame("pandas", [Run("0" * 32, "n", "e", "finished", year_9999.timestamp())])

    assert frame["start_time"][0] == year_9999
