"""`gittrack show`: a page for a person, histories, output, JSON."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, RunPython


def test_the_page_tells_it_all(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    result = gittrack("show")

    assert (result.code, result.err) == (0, ""), recorded
    page = result.out
    run_id = page.splitlines()[0].removeprefix("run ")
    commit = git("rev-parse", "HEAD").strip()
    assert page.splitlines()[1] == "grid-2  finished"
    for line in (
        "Experiment: rates",
        "Author:     Ada Example <ada@example.com>",
        f"Commit:     {commit} on main",
        "  lr           0.001",
        "  model.width  64",
        "  layers       [1, 2]",
        "  stage  trial",
        "  notes/hello.txt   5 B",
        f"git show gittrack/runs:runs/{run_id[:2]}/{run_id}/run.yaml",
    ):
        assert line in page.splitlines()
    assert re.search(r"^Started:    \S+ \S+ \+0000 \(.+\)$", page, re.MULTILINE)
    assert re.search(r"^  loss +0.142857 +4 +0.142857 +4 +0.333333 +0 +5$", page, re.MULTILINE)
    assert git("show", f"gittrack/runs:runs/{run_id[:2]}/{run_id}/run.yaml").startswith(f"id: {run_id}")


def test_a_run_is_found_by_name_prefix_and_place(recorded: Path, gittrack: Gittrack) -> None:
    run_id = json.loads(gittrack("show", "grid-1", "--json").out)["id"]

    for spec in ("latest~1", run_id, run_id[:8]):
        assert json.loads(gittrack("show", spec, "--json").out)["id"] == run_id, recorded
    unknown = gittrack("show", "grid-9")
    assert (unknown.code, unknown.out) == (1, "")
    assert "did you mean" in unknown.err


def test_the_history_of_a_metric(recorded: Path, gittrack: Gittrack, terminal: Terminal) -> None:
    lines = gittrack("show", "grid-0", "--metric", "loss").out.splitlines()
    points = json.loads(gittrack("show", "grid-0", "--metric", "loss", "--json").out)

    assert lines[0] == "step\tseconds\tvalue", recorded
    assert [line.split("\t")[::2] for line in lines[1:]] == [[str(n), repr(1 / (n + 1))] for n in range(5)]
    assert [(p["step"], p["value"]) for p in points] == [(n, 1 / (n + 1)) for n in range(5)]
    assert set(points[0]) == {"step", "seconds", "value"}
    wrong = gittrack("show", "grid-0", "--metric", "los")
    assert (wrong.code, wrong.out) == (1, "")
    assert wrong.err.endswith("has no metric 'los'; did you mean 'loss'?\n")
    code, text = terminal("show", "grid-0", "--metric", "loss", "--color=never")
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()] == ["step", "0", "1", "2", "3", "4"]


def test_the_output_of_a_command(repo: Path, gittrack: Gittrack) -> None:
    code = r"for n in range(15): print(f'line {n}\x1b[31m')"
    assert gittrack("run", "--quiet", "--", sys.executable, "-c", code).code == 0

    page, whole = gittrack("show").out, gittrack("show", "--output").out

    assert "Output (15 lines, the last 10; all: gittrack show " in page, repo
    assert "  line 14" in page.splitlines()
    assert "  line 4" not in page.splitlines()
    assert whole.splitlines() == [f"line {n}" for n in range(15)]
    assert gittrack("show", "--output", "--json").code == 2


def test_an_error_and_a_note_are_on_the_page(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    failed = run_python("""
        import gittrack

        with gittrack.start_run("bad"):
            raise ValueError("no convergence")
    """)
    assert failed.code == 1
    assert gittrack("note", "bad", "first\nsecond").code == 0

    page = gittrack("show", "bad").out.splitlines()

    assert "bad  failed" in page, repo
    assert "  ValueError: no convergence" in page
    assert "    second" in page


def test_a_terminal_sees_the_course_of_a_metric(recorded: Path, terminal: Terminal) -> None:
    code, text = terminal("show", "grid-0", "--color=never")

    assert code == 0, recorded
    assert "█▃▂▁▁" in text


def test_without_runs(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("show")

    assert (result.code, result.out) == (1, ""), repo
    assert result.err.startswith("gittrack: error: ")


def test_a_traceback_is_shown_once(repo: Path, gittrack: Gittrack, terminal: Terminal) -> None:
    (repo / "train.py").write_text("for i in range(12): print('epoch', i, flush=True)\nraise ValueError('x' * 200)\n")
    assert gittrack("run", "--", sys.executable, "train.py").code == 1

    page = gittrack("show").out
    narrow = terminal("show", width=60)[1]

    assert page.count("ValueError: xxx") == page.count("Traceback (most") == 1, repo
    assert page.index("exit code 1") < page.index("ValueError: xxx") < page.index("epoch 9")
    assert re.search(
        r"^Output \(16 lines, the last 10 before the error; all: gittrack show \w+ --output\)$", page, re.MULTILINE
    )
    assert "x" * 200 in narrow, "the error is whole"
    assert gittrack("show", "--output").out.count("ValueError: xxx") == 1


def test_an_output_that_is_all_error_is_not_shown_again(repo: Path, gittrack: Gittrack) -> None:
    assert gittrack("run", "--", "sh", "-c", "echo broken >&2; echo >&2; exit 3").code == 3

    page = gittrack("show").out

    assert page.count("broken") == 1 + page.count("echo broken"), repo
    assert "\nOutput" not in page


def test_a_name_of_two_runs_means_neither(recorded: Path, gittrack: Gittrack) -> None:
    ids = [json.loads(gittrack("show", name, "--json").out)["id"][:8] for name in ("grid-0", "grid-2")]
    assert gittrack("rename", "grid-2", "grid-0").code == 0

    for words in (["show"], ["diff"], ["plot", "loss"], ["compare", "latest"], ["tag"], ["rm"]):
        result = gittrack(*words, "grid-0", *(["a=b"] if words == ["tag"] else []))
        assert (result.code, result.out) == (1, ""), recorded
        assert "'grid-0' means several runs: " in result.err
        assert all(f"{run_id} grid-0" in result.err for run_id in ids)
        assert "give the id of one" in result.err
