"""What a plot says of runs that would be overlooked in it: those of one value, that failed, or that lie on another."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gittrack, RunPython

RUNS = """
    import gittrack

    for name, rate in (("first", 0.1), ("second", 0.5), ("third", 0.9)):
        with gittrack.start_run(name, params={"lr": rate}) as run:
            for step in range(20):
                run.log_metric("loss", float("nan") if step == 3 else 1 / (step + 1), step)
                if step == 0 or name != "second":
                    run.log_metric("other", 3 - step * rate, step)
            run.log_metric("acc", rate)
    try:
        with gittrack.start_run("broken") as run:
            run.log_metric("acc", 0.7, 5)
            run.log_metric("loss", 0.7, 5)
            raise ValueError
    except ValueError:
        pass
"""


@pytest.fixture
def four(repo: Path, run_python: RunPython) -> Path:
    """Three runs with the same loss, the second with one value of other, and one that failed."""
    result = run_python(RUNS)
    assert result.code == 0, result.err
    return repo


def ids(gittrack: Gittrack) -> dict[str, str]:
    return {run["name"]: run["id"][:8] for run in json.loads(gittrack("log", "--json").out)}


def legend(text: str) -> list[str]:
    return [re.sub(" +", " ", line) for line in text.splitlines() if re.match(r"[a-z] +[0-9a-f]{8} ", line)]


def test_curves_that_coincide_and_runs_that_failed(four: Path, gittrack: Gittrack) -> None:
    run = ids(gittrack)
    lines = legend(gittrack("plot", "loss").out)

    assert lines[0].startswith(f"a {run['broken']} broken (failed) "), four
    assert lines[1].startswith(f"b {run['third']} third (3 coincide) ")
    assert lines[2].startswith(f"c {run['second']} second (same as {run['third']}) ")
    assert lines[3].startswith(f"d {run['first']} first (same as {run['third']}) ")
    assert "(" not in "".join(legend(gittrack("plot", "other").out)), "they part"


def test_a_file_tells_where_they_coincide(four: Path, gittrack: Gittrack) -> None:
    run = ids(gittrack)
    assert gittrack("plot", "loss", "-o", "one.html").code == 0
    assert gittrack("plot", "loss", "other", "-o", "two.html").code == 0

    keys = [re.findall(r'aria-pressed="true">([^<]+)<', (four / name).read_text()) for name in ("one.html", "two.html")]
    assert keys[0][1] == f"{run['third']} third (3 coincide)"
    assert keys[1][:2] == [f"{run['broken']} broken (failed)", f"{run['third']} third (loss: 3 coincide)"]


def test_runs_of_one_value_each_stand_beside_each_other(four: Path, gittrack: Gittrack) -> None:
    run = ids(gittrack)
    result = gittrack("plot", "acc")

    assert (result.code, result.err) == (0, ""), four
    lines = result.out.splitlines()
    assert lines[:2] == ["acc", "over run"]
    assert result.out.count("●") == 4
    assert re.search("^ +first +second +third +broken$", result.out, re.MULTILINE)
    assert [line.split() for line in lines[-5:]] == [
        ["run", "acc"],
        [run["first"], "first", "0.1"],
        [run["second"], "second", "0.5"],
        [run["third"], "third", "0.9"],
        [run["broken"], "broken", "(failed)", "0.7"],
    ]
    assert gittrack("plot", "acc", "--x", "time").out.splitlines()[1] == "over time"
    assert gittrack("plot", "acc", "-o", "acc.html").code == 0
    data = (four / "acc.html").read_text()
    assert data.count('class="dot"') == 4
    assert f'"label":"{run["first"]} first"' in data
    assert '"texts":[["acc","0.1"]]' in data


def test_one_value_among_curves_can_be_seen(four: Path, gittrack: Gittrack) -> None:
    coloured = gittrack("plot", "other", "--color", "always").out
    assert coloured.count("●") == 1, four
    assert "●" not in gittrack("plot", "loss", "first", "--color", "always").out


def test_export_names_its_file_in_either_way(four: Path, gittrack: Gittrack) -> None:
    for words in (("a.csv",), ("-o", "b.csv"), ("--output", "c.csv")):
        assert gittrack("export", *words).out == f"4 runs in {words[-1]}\n"
    assert (four / "a.csv").read_bytes() == (four / "b.csv").read_bytes() == (four / "c.csv").read_bytes()
    both = gittrack("export", "a.csv", "-o", "d.csv")
    assert (both.code, "give one of them" in both.err, (four / "d.csv").exists()) == (2, True, False)
