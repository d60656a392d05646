"""`gittrack compare`: many runs beside each other."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, RunPython

SEEDS = """
    import gittrack

    for seed in range(6):
        with gittrack.start_run(
            f"seed-{seed}",
            params={"seed": seed, "width": 64, "data": f"/data/of/everybody/part-{seed}.csv"},
        ) as run:
            run.log_metric("acc", float("nan") if seed == 5 else 0.5 + seed / 10)
            run.log_metric("loss", 1.0 - seed / 10)
            run.log_metric("same", 7)
            run.log_metric("reach", seed)
"""


@pytest.fixture
def seeds(repo: Path, run_python: RunPython) -> Path:
    """Six runs, seed-0 to seed-5, whose acc goes up, and whose loss goes down."""
    result = run_python(SEEDS)
    assert result.code == 0, result.err
    return repo


def lines(text: str) -> dict[str, list[str]]:
    """The cells of each line by its name, a star together with its number."""
    rows = (re.split(r"\s{2,}", line.strip()) for line in text.splitlines())
    return {name: cells for name, *cells in rows}


def test_what_differs_and_the_best_of_it(seeds: Path, gittrack: Gittrack) -> None:
    result = gittrack("compare", "seed-1", "seed-3", "seed-5", "seed-1")

    assert (result.code, result.err) == (0, ""), seeds
    found = lines(result.out)
    assert found["name"] == ["seed-1", "seed-3", "seed-5"]
    assert found["seed"] == ["1", "3", "5"]
    assert found["data"] == [f"/data/of/everybody/part-{seed}.csv" for seed in (1, 3, 5)]
    assert found["acc"] == ["0.6", "0.8 *", "nan"]
    assert found["loss"] == ["0.9", "0.7", "0.5 *"]
    assert found["reach"] == ["1", "3", "5"]
    assert "width" not in found
    assert "same" not in found
    assert result.out.splitlines()[-1] == "* best: acc max, loss min"


def test_options_choose_runs_and_directions(seeds: Path, gittrack: Gittrack) -> None:
    found = lines(gittrack("compare", "--where", "params.seed < 3", "--max", "reach", "--min", "acc").out)
    assert found["name"] == ["seed-2", "seed-1", "seed-0"], seeds
    assert found["reach"] == ["2 *", "1", "0"]
    assert found["acc"] == ["0.7", "0.6", "0.5 *"]
    assert lines(gittrack("compare", "-2", "--sort", "params.seed").out)["name"] == ["seed-0", "seed-1"]
    every = lines(gittrack("compare", "-2", "--all").out)
    assert every["width"] == ["64", "64"]
    assert every["same"] == ["7", "7"]
    assert "python" in every


def test_the_code_that_ran(repo: Path, git: Git, gittrack: Gittrack) -> None:
    def record(name: str) -> None:
        assert gittrack("run", "-q", "--name", name, "--", "true").code == 0

    record("clean")
    (repo / "train.py").write_text("changed\n", encoding="utf-8")
    record("dirty")
    git("commit", "-qam", "Change it", cwd=repo)
    record("committed")
    first, second = (git("rev-parse", revision, cwd=repo)[:7] for revision in ("HEAD~", "HEAD"))

    found = lines(gittrack("compare", "clean", "dirty", "committed").out)

    assert found["commit"] == [first, f"{first}*", second]
    assert found["tree"][1] == found["tree"][2] != found["tree"][0]


def test_forms_for_programs(seeds: Path, gittrack: Gittrack) -> None:
    document = json.loads(gittrack("compare", "seed-0", "seed-5", "--json").out)
    ids = [run["id"] for run in document["runs"]]
    rows = {row["name"]: row for row in document["rows"]}
    assert rows["acc"]["values"] == {ids[0]: 0.5, ids[1]: "NaN"}, seeds
    assert (rows["loss"]["best"], rows["loss"]["direction"]) == ([ids[1]], "min")
    assert (rows["reach"]["best"], rows["reach"]["direction"]) == ([], None)

    table = list(csv.reader(gittrack("compare", "seed-0", "seed-5", "--csv").out.splitlines()))
    assert table[0] == ["kind", "name", *ids]
    assert ["params", "data", "/data/of/everybody/part-0.csv", "/data/of/everybody/part-5.csv"] in table
    assert ["metrics", "acc", "0.5", "nan"] in table

    marked = gittrack("compare", "seed-0", "seed-4", "--md").out.splitlines()
    assert marked[0] == f"|  |  | {ids[0][:8]} | {marked[0].split(' | ')[-1]}"
    assert marked[1] == "| --- | --- | --- | --- |"
    assert "| metrics | acc | 0.5 | **0.9** |" in marked
    assert "| metrics | loss | 1 | **0.6** |" in marked


def test_a_terminal_is_never_too_narrow(seeds: Path, terminal: Terminal) -> None:
    code, text = terminal("compare", "-6", width=200, env={"NO_COLOR": "1"})
    assert code == 0, seeds
    assert lines(text)["seed"] == ["5", "4", "3", "2", "1", "0"]

    code, text = terminal("compare", "-6", width=50, env={"NO_COLOR": "1"})
    assert code == 0
    assert max(map(len, text.splitlines())) <= 50
    heading, *rows = text.splitlines()
    assert heading.split()[:3] == ["id", "name", "seed"]
    assert [row.split()[1] for row in rows[:6]] == [f"seed-{number}" for number in (5, 4, 3, 2, 1, 0)]
    assert "0.5 *" in rows[0]
    assert "left out for lack of room" in text

    assert "\x1b[1mparams\x1b[m" in terminal("compare", "-2", width=200)[1]


def test_numbers_that_six_digits_do_not_tell_apart(repo: Path, run_python: RunPython, gittrack: Gittrack) -> None:
    result = run_python("""
        import gittrack

        for value, param in ((0.12345678, 1), (0.12345679, "1")):
            with gittrack.start_run(params={"p": param}) as run:
                run.log_metric("acc", value)
    """)
    assert result.code == 0, result.err

    found = lines(gittrack("compare", "-2").out)

    assert found["acc"] == ["0.12345679 *", "0.12345678"], repo
    assert found["p"] == ["'1'", "1"]


def test_hostile_text_is_harmless(repo: Path, run_python: RunPython, gittrack: Gittrack) -> None:
    result = run_python(r"""
        import gittrack

        for number in range(2):
            with gittrack.start_run(params={"note": f"a\x1b]0;owned\x07|<b>`@ada`{number}"}):
                pass
    """)
    assert result.code == 0, result.err

    for form in ("--all", "--md", "--json"):
        assert not set(gittrack("compare", "-2", form).out) & set("\x1b\x07"), repo
    assert r"a\\x1b\]0;owned\\x07\|&#60;b>\`&#64;ada\`0" in gittrack("compare", "-2", "--md").out


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["seed-1"], 1, "a comparison needs two runs, and this is only 1"),
        (["--where", "params.nothing = 1"], 1, "and none was found: no run has params.nothing"),
        ([], 2, "name the runs to compare"),
        (["seed-1", "seed-2", "-n", "3"], 2, "runs were named"),
        (["-2", "--min", "acc", "--max", "acc"], 2, "--min and --max were both given for 'acc'"),
        (["-2", "--min", "lost"], 2, "none of the runs has a metric 'lost'; did you mean 'loss'?"),
        (["-2", "--md", "--csv"], 2, "exclude each other"),
        (["seed-9", "seed-1"], 1, "no run answers to 'seed-9'"),
    ],
)
def test_what_cannot_be_compared(seeds: Path, gittrack: Gittrack, words: list[str], code: int, sentence: str) -> None:
    result = gittrack("compare", *words)
    assert (result.code, result.out) == (code, ""), seeds
    assert sentence in result.err
