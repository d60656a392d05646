"""`gittrack best`: the best run, the best few, the best of each group."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

GRID = """
    import gittrack

    VALUES = {"tree": [0.7, 0.9, float("nan")], "net": [0.9, 0.8, 0.6]}
    for model, values in VALUES.items():
        for seed, value in enumerate(values):
            with gittrack.start_run(
                f"{model}-{seed}", experiment=f"seed{seed}", params={"model": model, "seed": seed}, tags={"a": model}
            ) as run:
                run.log_metric("acc", 1 - value, 0)
                run.log_metric("acc", value, 1)
                run.log_metric("reach", seed)
    try:
        with gittrack.start_run("broken") as run:
            run.log_metric("acc", 0.99)
            raise SystemExit(1)
    except SystemExit:
        pass
    with gittrack.start_run("huge") as run:
        run.log_metric("infinite", float("-inf"))
        run.log_metric("big", 10**30)
"""


@pytest.fixture
def grid(repo: Path, run_python: RunPython) -> Path:
    """Three runs of a tree and three of a net; tree-1 and net-0 reach an acc of 0.9, a run that failed 0.99."""
    result = run_python(GRID)
    assert result.code == 0, result.err
    return repo


def names(gittrack: Gittrack, *words: str) -> list[str]:
    result = gittrack("best", *words, "--json")
    assert result.code == 0, result.err
    return [entry["run"]["name"] for group in json.loads(result.out) for entry in group["best"]]


def test_the_best_run_with_its_params_and_its_commit(grid: Path, git: Git, gittrack: Gittrack) -> None:
    result = gittrack("best", "acc")

    commit = git("rev-parse", "HEAD", cwd=grid)[:7]
    assert result.code == 0
    heading, row = result.out.splitlines()
    assert heading.split() == "id age name status commit branch model seed acc".split()
    cells = row.split()
    assert cells[2:] == ["net-0", "finished", commit, "main", "net", "0", "0.9"]
    # net-0 is newer than tree-1, which is as good.
    assert result.err.startswith("gittrack: as good in acc as ")
    assert "net-0: " in result.err
    assert "tree-1" in result.err


def test_direction_summary_and_number(grid: Path, gittrack: Gittrack) -> None:
    assert names(gittrack, "acc") == ["net-0"], grid
    assert names(gittrack, "acc", "--min") == ["net-2"]
    assert names(gittrack, "acc", "-n", "4") == ["net-0", "tree-1", "net-1", "tree-0"]
    assert names(gittrack, "acc", "-50") == ["net-0", "tree-1", "net-1", "tree-0", "net-2"], "NaN is never the best"
    assert names(gittrack, "acc", "--summary", "min", "--min", "-2") == ["net-0", "tree-1"]
    assert names(gittrack, "reach", "--max", "-1", "--where", "params.model = 'tree'") == ["tree-2"]
    assert names(gittrack, "acc", "--all-statuses") == names(gittrack, "acc", "--status", "failed") == ["broken"]
    assert names(gittrack, "infinite", "--min") == names(gittrack, "big", "--max") == ["huge"]


def test_the_best_of_each_group(grid: Path, gittrack: Gittrack) -> None:
    found = json.loads(gittrack("best", "acc", "--per", "params.model", "-2", "--json").out)

    assert [group["group"] for group in found] == [{"params.model": "net"}, {"params.model": "tree"}], grid
    assert [[entry["run"]["name"] for entry in group["best"]] for group in found] == [
        ["net-0", "net-1"],
        ["tree-1", "tree-0"],
    ]
    assert [[entry["value"] for entry in group["best"]] for group in found] == [[0.9, 0.8], [0.9, 0.7]]
    heading, *rows = gittrack("best", "acc", "--per", "tags.a,experiment").out.splitlines()
    assert heading.split()[:3] == ["a", "experiment", "id"]
    assert [row.split()[:2] for row in rows] == [
        ["net", "seed0"],
        ["tree", "seed1"],
        ["net", "seed1"],
        ["tree", "seed0"],
        ["net", "seed2"],
    ]
    assert names(gittrack, "acc", "--per", "branch") == ["net-0"]


def test_ties_within_groups_are_told(grid: Path, gittrack: Gittrack) -> None:
    found = json.loads(gittrack("best", "reach", "--max", "--per", "experiment", "--json").out)
    assert [(group["group"]["experiment"], len(group["tied"])) for group in found] == [
        ("seed2", 1),
        ("seed1", 1),
        ("seed0", 1),
    ], grid
    assert gittrack("best", "reach", "--max", "--per", "experiment").err.count("as good in reach as") == 3
    assert gittrack("best", "acc", "-2").err == ""


def test_ids_alone_for_scripts(grid: Path, gittrack: Gittrack) -> None:
    result = gittrack("best", "acc", "-q", "-3")

    ids = result.out.split()
    assert [json.loads(gittrack("show", run, "--json").out)["name"] for run in ids] == ["net-0", "tree-1", "net-1"], (
        grid
    )
    assert all(len(run) == 32 for run in ids)


def test_a_revision_range(grid: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> None:
    git("checkout", "-qb", "feature", cwd=grid)
    (grid / "train.py").write_text("better\n", encoding="utf-8")
    git("commit", "-qam", "Do it better", cwd=grid)
    assert run_python("import gittrack\nwith gittrack.start_run('new') as run: run.log_metric('acc', 0.1)").code == 0

    assert names(gittrack, "acc", "main..feature") == ["new"]
    assert names(gittrack, "acc", "main") == ["net-0"]
    assert names(gittrack, "acc", "--per", "branch") == ["net-0", "new"]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["reach"], 2, "the name 'reach' does not say whether less or more is better; add --min or --max"),
        (["acc", "--min", "--max"], 2, "--min and --max exclude each other"),
        (["ac", "--max"], 1, "no run has metrics.ac; did you mean acc?"),
        (["acc", "-n", "0"], 2, "-n is 1 or more"),
        (["acc", "-q", "--json"], 2, "--quiet, --json and --format exclude each other"),
        (["acc", "--per", "age"], 2, "runs cannot be grouped by 'age'"),
        (["acc", "--per", "inputs.name"], 2, "runs cannot be grouped by 'inputs.name'"),
        (["acc", "--per", "modell"], 2, "unknown name 'modell'"),
        (["acc", "-w", "name = 'tree-2'"], 1, "no finished run that was chosen has a number as acc"),
        (["acc", "-w", "name = 'broken'"], 1, "--all-statuses counts those that did not finish"),
        (["acc", "nowhere.."], 2, "is no revision of the code"),
    ],
)
def test_what_has_no_answer(grid: Path, gittrack: Gittrack, words: list[str], code: int, sentence: str) -> None:
    result = gittrack("best", *words)
    assert (result.code, result.out) == (code, ""), grid
    assert sentence in result.err


def test_a_reproduction_counts_only_where_it_is_asked_for(repo: Path, git: Git, gittrack: Gittrack) -> None:
    (repo / ".gitignore").write_text("metrics.json\n")
    git("add", ".gitignore")
    git("commit", "-qm", "Ignore")
    code = "import json; json.dump({'acc': 0.5}, open('metrics.json', 'w'))"
    run = gittrack("run", "--name", "one", "--metrics", "metrics.json", "--", "python3", "-c", code)
    assert run.code == 0, run.err
    assert gittrack("reproduce", "one").code == 0
    best = gittrack("best", "acc", "--json")
    assert (json.loads(best.out)[0]["best"][0]["run"]["name"], json.loads(best.out)[0]["tied"]) == ("one", []), repo
    (sample,) = json.loads(gittrack("stats", "acc", "--json").out)
    assert sample["n"] == 1
    again = gittrack("best", "acc", "--json", "--where", "reproduces IS NOT NULL")
    assert json.loads(again.out)[0]["best"][0]["run"]["name"] != "one"
