"""`gittrack log`: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gittrack.cli.render import Ink, Screen
from gittrack.cli.report import table
from gittrack.model import Run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, RunPython

KEYS = """id name experiment status start end author host command code params metrics tags inputs
    artifacts""".split()
PIPE = Screen(terminal=False, width=None, ink=Ink(on=False))


def test_the_table_shows_what_differs(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    (recorded / "new.txt").write_text("untracked\n", encoding="utf-8")
    commit = git("rev-parse", "HEAD")[:7]

    result = gittrack("log")

    assert (result.code, result.err) == (0, "")
    heading, *rows = result.out.splitlines()
    assert heading.split() == "id age name status experiment commit branch lr loss accuracy".split()
    cells = [row.split() for row in rows]
    assert [row[2:] for row in cells] == [
        ["grid-2", "finished", "rates", commit, "main", "0.001", "0.142857", "0.123457"],
        ["grid-1", "finished", "rates", commit, "main", "0.01", "0.166667", "0.123457"],
        ["grid-0", "finished", "first", commit, "main", "0.1", "0.2", "0.123457"],
    ]
    assert all(re.fullmatch("[0-9a-f]{8}", row[0]) and re.fullmatch(r"\d+[sm]", row[1]) for row in cells)


def test_filters_and_limits(recorded: Path, gittrack: Gittrack) -> None:
    def names(*args: str) -> list[str]:
        result = gittrack("log", *args, "--jsonl")
        assert result.code == 0, result.err
        return [json.loads(line)["name"] for line in result.out.splitlines()]

    assert names() == ["grid-2", "grid-1", "grid-0"], recorded
    assert names("-2") == names("-n", "2") == names("--max-count=2") == ["grid-2", "grid-1"]
    assert names("--experiment", "first") == ["grid-0"]
    assert names("--status", "failed") == names("-0") == []
    nothing = gittrack("log", "--status", "failed")
    assert (nothing.code, nothing.out, nothing.err) == (0, "", "gittrack: no run matches\n")


def test_one_line_a_run(recorded: Path, gittrack: Gittrack) -> None:
    lines = gittrack("log", "--oneline").out.splitlines()

    assert len(lines) == 3, recorded
    assert re.fullmatch(r"[0-9a-f]{8} grid-2 finished  loss=0\.142857  accuracy=0\.123457", lines[0])


def test_json_has_the_promised_keys(recorded: Path, gittrack: Gittrack) -> None:
    runs = json.loads(gittrack("log", "--json").out)

    assert [run["name"] for run in runs] == ["grid-2", "grid-1", "grid-0"], recorded
    run = runs[0]
    assert set(KEYS) <= set(run)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", run["start"])
    assert {"commit", "branch", "dirty"} <= set(run["code"])
    assert {"last", "step", "min", "max", "count"} <= set(run["metrics"]["loss"])
    assert run["metrics"]["accuracy"]["last"] == 0.123456789
    assert run["params"] == {"lr": 0.001, "model": {"width": 64}, "layers": [1, 2]}


def test_without_runs_it_says_how_to_record_one(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("log")

    assert (result.code, result.out) == (0, ""), repo
    assert "gittrack run -- python train.py" in result.err
    assert gittrack("log", "--json").out == "[]\n"
    assert gittrack("log", "--jsonl").out == ""


def test_twenty_by_default(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    result = run_python("""
        import gittrack

        for number in range(22):
            gittrack.start_run(f"n{number}").end()
    """)
    assert result.code == 0, result.err

    shown = gittrack("log")

    assert len(shown.out.splitlines()) == 21, repo
    assert shown.err == "gittrack: there are older runs: --all lists them\n"
    assert len(gittrack("log", "--all").out.splitlines()) == 23
    assert len(json.loads(gittrack("log", "--json").out)) == 22
    assert gittrack("log", "-3").err == ""


def test_hostile_names_are_written_out(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    result = run_python(r"""
        import gittrack

        with gittrack.start_run("plain", params={"note": "a\x1b]0;owned\x07\nb\u202e"}):
            pass
    """)
    assert result.code == 0, result.err

    for args in (["log"], ["show"], ["log", "--json"], ["show", "--json"]):
        shown = gittrack(*args)
        assert shown.code == 0, shown.err
        assert not set(shown.out) & set("\x1b\x07\u202e"), args
    assert r"a\x1b]0;owned\x07\nb\u202e" in gittrack("log").out, repo


def test_a_reader_that_goes_away_is_no_traceback(recorded: Path) -> None:
    command = f"{sys.executable} -m gittrack log --json; echo $? >&2"
    # The writer finds the pipe closed: 'true' never reads.
    done = subprocess.run(["sh", "-c", f"({command}) | true"], capture_output=True, check=True, text=True, cwd=recorded)

    assert done.stderr in ("141\n", "0\n")


def test_a_terminal_gets_colour_and_its_width(recorded: Path, terminal: Terminal) -> None:
    code, text = terminal("log", width=60)

    assert (code, recorded.name) == (0, "repo")
    assert "\x1b[32mfinished\x1b[m" in text
    plain = re.sub(r"\x1b\[\d*m", "", text)
    assert max(map(len, plain.splitlines())) <= 60
    assert "left out for lack of room" in plain
    assert "\x1b" not in terminal("log", env={"NO_COLOR": "1"})[1]
    assert "\x1b" not in terminal("log", env={"TERM": "dumb"})[1]
    assert "\x1b" not in terminal("log", "--color=never")[1]


def test_a_pipe_gets_colour_only_when_told(recorded: Path, gittrack: Gittrack) -> None:
    assert "\x1b" not in gittrack("log").out, recorded
    assert "\x1b[32m" in gittrack("log", "--color=always").out
    assert "\x1b[32m" in gittrack("log", env={"FORCE_COLOR": "1"}).out


@pytest.mark.parametrize("status", ["done", "FINISHED"])
def test_an_unknown_status_is_a_usage_error(repo: Path, gittrack: Gittrack, status: str) -> None:
    result = gittrack("log", "--status", status)

    assert (result.code, result.out) == (2, ""), repo
    assert result.err.startswith("gittrack: error: invalid value for '--status'")
    assert result.err.endswith("try 'gittrack log --help'\n")


def _run(number: int, **params: object) -> Run:
    return Run(f"{number:032x}", f"r{number}", "default", "finished", 1e9 + number, params=params)  # type: ignore[arg-type]


def test_params_that_are_equal_have_no_column() -> None:
    nan = float("nan")
    runs = [
        _run(1, same=1, nan=nan, lr=0.1, flag=True, only=1, long="x" * 30, seed=1),
        _run(2, same=1.0, nan=float("nan"), lr=0.1, flag=1, long="y" * 30, seed=2),
        _run(3, same=1, nan=nan, lr=0.2, flag=True, long="y" * 30, seed=3),
    ]

    heading = next(table(runs, PIPE).lines).split()

    assert heading[:4] == ["id", "age", "name", "status"]
    assert heading[4:] == ["seed", "lr", "flag", "only", "long"]
    assert next(table(runs[:1], PIPE).lines).split()[4:] == "same nan lr flag only seed long".split()


@pytest.mark.parametrize("form", [(), ("--oneline",), ("--columns", "name"), ("--graph",)])
def test_no_run_was_asked_for(form: tuple[str, ...], repo: Path, gittrack: Gittrack) -> None:
    assert gittrack("run", "-q", "--", "true").code == 0
    done = gittrack("log", "-n", "0", *form)
    assert (done.code, done.out) == (0, "")
