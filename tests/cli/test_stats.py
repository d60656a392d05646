"""`gittrack stats`: means over seeds, and how sure they are."""

from __future__ import annotations

import csv
import json
import statistics
from typing import TYPE_CHECKING

import pytest

from gittrack.cli.grouping import rank
from gittrack.judge.student import within

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gittrack, RunPython

VALUES = {0.1: [0.71, 0.74, 0.72], 0.01: [0.91, 0.94, float("nan"), 0.95], 10: [0.5]}
RUNS = f"""
    import gittrack

    nan = float("nan")
    for rate, values in {VALUES}.items():
        for seed, value in enumerate(values):
            with gittrack.start_run(params={{"lr": rate, "seed": seed}}, tags={{"set": "a" if seed else "b"}}) as run:
                run.log_metric("acc", 1.0, 0)
                run.log_metric("acc", value, 1)
    with gittrack.start_run("other", params={{"lr": "auto"}}) as run:
        run.log_metric("loss", 3)
    try:
        with gittrack.start_run("broken", params={{"lr": 10}}) as run:
            run.log_metric("acc", 0.7)
            raise SystemExit(1)
    except SystemExit:
        pass
"""


@pytest.fixture
def seeds(repo: Path, run_python: RunPython) -> Path:
    """Runs of three learning rates with several seeds each, one that logs something else, and one that failed."""
    result = run_python(RUNS)
    assert result.code == 0, result.err
    return repo


def test_a_line_for_each_group(seeds: Path, gittrack: Gittrack) -> None:
    result = gittrack("stats", "acc", "--group-by", "params.lr")

    assert (result.code, result.err) == (0, ""), seeds
    heading, *rows = result.out.splitlines()
    assert heading.split() == "metric params.lr n mean ± 95% std min max median nan".split()
    assert [row.split()[:3] for row in rows] == [["acc", "0.01", "3"], ["acc", "0.1", "3"], ["acc", "10", "1"]]
    assert rows[0].split()[-1] == "1", "one NaN"
    assert rows[2].split()[3:] == ["0.5", "0.5", "0.5", "0.5"], "one value has no spread"


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_figures(seeds: Path, gittrack: Gittrack, confidence: float) -> None:
    words = ["--group-by", "params.lr", "--json", "--confidence", str(confidence)]
    found = json.loads(gittrack("stats", "acc", *words).out)

    first, second, last = found
    values = [0.91, 0.94, 0.95]
    mean, std = statistics.fmean(values), statistics.stdev(values)
    half = within(confidence, 2) * std / 3**0.5
    assert first["group"] == {"params.lr": 0.01}, seeds
    assert (first["n"], first["nan"], first["missing"]) == (3, 1, 0)
    assert (first["min"], first["max"], first["median"]) == (0.91, 0.95, 0.94)
    assert first["mean"] == pytest.approx(mean)
    assert first["std"] == pytest.approx(std)
    assert (first["low"], first["high"]) == (pytest.approx(mean - half), pytest.approx(mean + half))
    assert second["group"] == {"params.lr": 0.1}
    assert (last["n"], last["std"], last["low"]) == (1, None, None)


def test_without_metrics_and_groups_it_is_all_of_them(seeds: Path, gittrack: Gittrack) -> None:
    found = {entry["metric"]: entry for entry in json.loads(gittrack("stats", "--json").out)}
    assert list(found) == ["acc", "loss"], seeds
    assert (found["acc"]["n"], found["acc"]["nan"], found["acc"]["missing"]) == (7, 1, 1)
    assert (found["loss"]["mean"], found["loss"]["group"]) == (3.0, {})


def test_what_counts(seeds: Path, gittrack: Gittrack) -> None:
    def means(*words: str) -> list[float]:
        return [entry["mean"] for entry in json.loads(gittrack("stats", "acc", "--json", *words).out)]

    assert means("-w", "params.lr = 10") == [0.5], seeds
    assert means("-w", "params.lr = 10", "--all-statuses") == [pytest.approx(0.6)]
    assert means("--status", "failed") == [0.7]
    assert means("-w", "params.lr = 10", "--summary", "max") == [1.0]


def test_several_groups_and_what_has_none(seeds: Path, gittrack: Gittrack) -> None:
    heading, *rows = gittrack("stats", "loss", "acc", "-g", "tags.set,params.lr", "--csv").out.splitlines()
    table = list(csv.reader(rows))
    assert heading == "metric,tags.set,params.lr,n,nan,missing,mean,std,min,max,median,confidence,low,high", seeds
    assert [row[:4] for row in table] == [
        ["loss", "", "auto", "1"],
        ["acc", "a", "0.01", "2"],
        ["acc", "a", "0.1", "2"],
        ["acc", "b", "0.01", "1"],
        ["acc", "b", "0.1", "1"],
        ["acc", "b", "10", "1"],
    ]
    assert "(none)" in gittrack("stats", "loss", "--group-by", "tags.set").out
    marked = gittrack("stats", "acc", "--group-by", "tags.set", "--md").out.splitlines()
    assert marked[0].startswith("| metric | tags.set | n | mean |")
    assert marked[1].startswith("| --- | --- | ---: | ---: |")
    assert len(marked) == 4


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["ac"], 1, "no run has metrics.ac; did you mean acc?"),
        (["acc", "-w", "name = 'broken'"], 1, "no finished run that was chosen has acc; --all-statuses counts"),
        (["acc", "--confidence", "1"], 2, "--confidence"),
        (["acc", "--confidence", "nan"], 2, "--confidence"),
        (["acc", "--group-by", "inputs.name"], 2, "runs cannot be grouped by 'inputs.name'"),
        (["acc", "--md", "--csv"], 2, "exclude each other"),
    ],
)
def test_what_has_no_answer(seeds: Path, gittrack: Gittrack, words: list[str], code: int, sentence: str) -> None:
    result = gittrack("stats", *words)
    assert (result.code, result.out) == (code, ""), seeds
    assert sentence in result.err


def test_a_run_that_is_running(repo: Path, run_python: RunPython) -> None:
    result = run_python("""
        import json, subprocess, sys
        import gittrack

        def ask(*words):
            done = subprocess.run([sys.executable, "-m", "gittrack", *words], capture_output=True, text=True)
            return done.stdout or done.stderr

        with gittrack.start_run("done", params={"lr": 1}) as run:
            run.log_metric("acc", 0.5)
        with gittrack.start_run("under way", params={"lr": 2}) as run:
            run.log_metric("acc", 0.75)
            run.log_metric("new", 1)
            every = json.loads(ask("stats", "--all-statuses", "--json", "--group-by", "params.lr"))
            print([(entry["metric"], entry["group"]["params.lr"], entry["mean"]) for entry in every])
            print(len(json.loads(ask("stats", "acc", "--json"))))
            print(json.loads(ask("best", "acc", "--all-statuses", "--json"))[0]["best"][0]["run"]["name"])
            print(json.loads(ask("best", "acc", "--json"))[0]["best"][0]["run"]["name"])
    """)

    assert result.out.splitlines() == [
        "[('acc', 1, 0.5), ('acc', 2, 0.75), ('new', 2, 1.0)]",
        "1",
        "under way",
        "done",
    ], (result.err, repo)


def test_many_metrics_have_to_be_named(repo: Path, run_python: RunPython, gittrack: Gittrack) -> None:
    code = "import gittrack\nwith gittrack.start_run() as run:\n    for n in range(51): run.log_metric(f'm{n:02}', n)"
    assert run_python(code).code == 0, repo
    result = gittrack("stats")
    assert (result.code, result.out) == (2, "")
    assert "there are 51 metrics; name those that are wanted, such as m00, m01" in result.err
    assert gittrack("stats", "m07").code == 0


def test_groups_are_in_order() -> None:
    cells = ["b", None, 2, "a", float("nan"), True, 10, "10"]
    assert sorted(cells, key=rank)[1:] == [True, 2, 10, "10", "a", "b", None]
