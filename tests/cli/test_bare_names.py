"""A field that is named without saying what it is: the metric or the param of that name, where only one of them is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gittrack, RunPython

RUNS = """
    import gittrack

    for name, rate, loss in (("slow", 0.1, 0.9), ("fast", 0.5, 0.2), ("wild", 0.9, 0.5)):
        params = {"lr": rate, "model": {"depth": 3}, "both": 1, "duration": "long"}
        with gittrack.start_run(name, params=params) as run:
            run.log_metric("loss", 1.0)
            run.log_metric("loss", loss)
            run.log_metric("val/loss", loss + 1)
            run.log_metric("both", loss)
            run.log_metric("a,b", loss)
"""


@pytest.fixture
def three(repo: Path, run_python: RunPython) -> Path:
    """Three runs with a metric loss, a param lr, and a metric and a param called both."""
    result = run_python(RUNS)
    assert result.code == 0, result.err
    return repo


def listed(gittrack: Gittrack, *words: str) -> list[str]:
    result = gittrack("log", "--format", "{name}", *words)
    assert (result.code, result.err) == (0, "")
    return result.out.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--sort", "loss"), "fast wild slow"),
        (("--sort", "-loss"), "slow wild fast"),
        (("--sort", "loss DESC"), "slow wild fast"),
        (("--sort", "-val/loss"), "slow wild fast"),
        (("--sort", "loss.max", "--sort", "lr"), "slow fast wild"),
        (("--sort", "loss - lr"), "wild fast slow"),
        (("--where", "loss < 0.6 and lr > 0.6"), "wild"),
        (("--where", "model.depth = 3", "--sort", "lr"), "slow fast wild"),
    ],
)
def test_log_sorts_and_chooses_by_bare_names(
    three: Path, gittrack: Gittrack, words: tuple[str, ...], names: str
) -> None:
    assert listed(gittrack, *words) == names.split(), three


def test_columns_groups_and_formats_take_bare_names(three: Path, gittrack: Gittrack) -> None:
    csv = gittrack("log", "--csv", "--columns", "name,lr,loss.min", "--sort", "lr")
    table = gittrack("log", "--columns", "lr,loss", "--sort", "lr")
    groups = gittrack("log", "--group-by", "lr", "--json", "--sort", "lr")
    lines = gittrack("log", "--format", "{lr:.2f} {loss}", "--sort", "lr")

    assert csv.out.splitlines()[:2] == ["name,lr,loss.min", "slow,0.1,0.9"], three
    assert table.out.split()[:4] == ["lr", "loss", "0.1", "0.9"]
    assert [entry["group"] for entry in json.loads(groups.out)] == [{"lr": 0.1}, {"lr": 0.5}, {"lr": 0.9}]
    assert lines.out.splitlines()[0] == "0.10 0.9"


def test_a_built_in_field_comes_first(three: Path, gittrack: Gittrack) -> None:
    result = gittrack("log", "--csv", "--columns", "duration,params.duration")

    assert all(float(line.split(",")[0]) < 100 for line in result.out.splitlines()[1:]), three
    assert result.out.splitlines()[1].split(",")[1] == "long"


@pytest.mark.parametrize("words", [("--sort", "both"), ("--columns", "both"), ("--where", "both > 0")])
def test_a_metric_and_a_param_of_one_name_have_to_be_told_apart(
    three: Path, gittrack: Gittrack, words: tuple[str, ...]
) -> None:
    result = gittrack("log", *words)

    assert (result.code, result.out) == (2, ""), three
    assert "'both' is a metric and a param; write metrics.both or params.both" in result.err


def test_what_is_neither_is_told_as_before(three: Path, gittrack: Gittrack) -> None:
    result = gittrack("log", "--sort", "reach")

    assert result.code == 2, three
    assert "unknown name 'reach'; a metric is metrics.reach, a param params.reach" in result.err


def test_judging_commands_group_by_bare_names(three: Path, gittrack: Gittrack) -> None:
    best = gittrack("best", "loss", "--per", "lr", "--json")
    stats = gittrack("stats", "loss", "--group-by", "lr", "--json")
    exported = gittrack("export", "--where", "lr > 0.4", "--sort", "-loss")

    assert [entry["group"] for entry in json.loads(best.out)] == [{"lr": rate} for rate in (0.5, 0.9, 0.1)], three
    assert [entry["group"]["lr"] for entry in json.loads(stats.out)] == [0.1, 0.5, 0.9]
    assert [line.split(",")[1] for line in exported.out.splitlines()[1:]] == ["wild", "fast"]


def test_a_metric_may_be_named_as_in_a_filter(three: Path, gittrack: Gittrack) -> None:
    best = gittrack("best", "metrics.loss", "-q")
    stats = gittrack("stats", "metrics.loss,metrics.val/loss", "a,b", "--json")
    plot = gittrack("plot", "metrics.loss", "fast", "--json")
    scatter = gittrack("plot", "loss", "--scatter", "params.lr", "--json")
    history = gittrack("show", "fast", "--metric", "metrics.loss")
    compare = gittrack("compare", "fast", "slow", "--max", "metrics.loss")
    gate = gittrack("gate", "--metric", "metrics.loss", "--baseline", "HEAD")

    fast = json.loads(gittrack("show", "fast", "--json").out)["id"]
    assert best.out.strip() == fast, three
    assert [entry["metric"] for entry in json.loads(stats.out)] == ["loss", "val/loss", "a,b"]
    assert [one["metric"] for one in json.loads(plot.out)["series"]] == ["loss"]
    assert json.loads(scatter.out)["param"] == "lr"
    assert len(history.out.splitlines()) == 3
    assert "* best: loss max" in compare.out
    assert "none of HEAD..HEAD has loss" in gate.err


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("--sort", "losss"), "metrics.loss"),
        (("--columns", "name,wrm_up"), "params.warm_up"),
        (("--where", "stage = 'dev'"), "tags.stage"),
        (("--where", "statu = 'failed'"), "status"),
    ],
)
def test_a_typo_is_told_what_was_meant(
    words: tuple[str, ...], near: str, three: Path, gittrack: Gittrack, run_python: RunPython
) -> None:
    code = "import gittrack\nwith gittrack.start_run('x', params={'warm_up': 1}, tags={'stage': 'dev'}): pass"
    assert run_python(code).code == 0, three
    done = gittrack("log", *words)
    assert (done.code, done.out) == (2, "")
    assert f"did you mean {near}?" in done.err


@pytest.mark.parametrize("words", [("loss", "both"), ("loss,both",), ("loss,", "both")])
def test_metrics_are_listed_with_commas_and_with_spaces(
    three: Path, gittrack: Gittrack, words: tuple[str, ...]
) -> None:
    stats = gittrack("stats", *words, "--json")
    plot = gittrack("plot", *words, "fast", "slow", "--json")

    assert [entry["metric"] for entry in json.loads(stats.out)] == ["loss", "both"], three
    series = [(one["metric"], one["name"]) for one in json.loads(plot.out)["series"]]
    assert series == [(metric, name) for metric in ("loss", "both") for name in ("fast", "slow")]


def test_a_run_called_like_a_metric_is_the_run(three: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    assert run_python('import gittrack\nwith gittrack.start_run("both") as r: r.log_metric("loss", 3)').code == 0

    plot = gittrack("plot", "loss", "both", "--json")

    assert [(one["metric"], one["name"]) for one in json.loads(plot.out)["series"]] == [("loss", "both")], three
