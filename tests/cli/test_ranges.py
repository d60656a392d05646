"""Ranges and paths choose runs for comparisons, statistics and plots as they do for the log."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

SCRIPT = """
import sys
import gittrack

for word in sys.argv[1:]:
    name, acc = word.split(":")
    with gittrack.start_run(name, params={"lr": float(acc) / 10}) as run:
        run.log_metric("acc", float(acc))
        run.log_metric("odd..name", 1)
"""


@pytest.fixture
def topic(repo: Path, git: Git, run_python: RunPython) -> Path:
    """Two runs on main; two more on topic, of which the second changes model.py; and a run of a name with two dots."""

    def commit(path: str, text: str, *words: str) -> None:
        (repo / path).write_text(text)
        git("add", path, cwd=repo)
        git("commit", "-qm", path, cwd=repo)
        assert run_python(SCRIPT, *words).code == 0

    commit("model.py", "one", "one:0.1", "a..b:0.2")
    git("switch", "-qc", "topic", cwd=repo)
    commit("notes.txt", "notes", "three:0.3")
    commit("model.py", "two", "four:0.4")
    return repo


def test_a_comparison_of_what_a_branch_adds(topic: Path, gittrack: Gittrack) -> None:
    def names(*words: str) -> list[str]:
        result = gittrack("compare", *words, "--json")
        assert result.code == 0, result.err
        return [run["name"] for run in json.loads(result.out)["runs"]]

    assert names("main..topic") == ["four", "three"], topic
    assert names("HEAD~3..", "^main") == ["four", "three"]
    assert names("one", "a..b") == ["one", "a..b"], "a run may be called so"
    assert names("HEAD~2..", "--where", "acc > 0.2", "--sort", "acc") == ["three", "four"]
    both = gittrack("compare", "one", "main..topic")
    assert (both.code, "runs were named" in both.err) == (2, True)
    wrong = gittrack("compare", "main..nowhere")
    assert (wrong.code, "is no revision of the code" in wrong.err) == (2, True)


def test_paths(topic: Path, gittrack: Gittrack) -> None:
    compared = json.loads(gittrack("compare", "-5", "--json", "--", "model.py").out)
    counted = json.loads(gittrack("stats", "acc", "--json", "--", "model.py").out)
    listed = gittrack("log", "--format", "{name}", "--", "model.py").out.split()

    assert [run["name"] for run in compared["runs"]] == listed, topic
    assert [entry["n"] for entry in counted] == [len(listed)]
    assert set(listed) < {"one", "a..b", "three", "four"}


def test_statistics_over_a_range(topic: Path, gittrack: Gittrack) -> None:
    found = json.loads(gittrack("stats", "acc", "main..topic", "--json").out)
    odd = json.loads(gittrack("stats", "odd..name", "--json").out)

    assert [(entry["metric"], entry["n"], entry["max"]) for entry in found] == [("acc", 2, 0.4)], topic
    assert [(entry["metric"], entry["n"]) for entry in odd] == [("odd..name", 4)]


def test_a_plot_of_a_range(topic: Path, gittrack: Gittrack) -> None:
    found = json.loads(gittrack("plot", "acc", "main..topic", "--json").out)
    both = gittrack("plot", "acc", "one", "main..topic")

    assert [one["name"] for one in found["series"]] == ["four", "three"], topic
    assert (both.code, "not both" in both.err) == (2, True)


def test_the_best_in_a_format(topic: Path, gittrack: Gittrack) -> None:
    assert gittrack("best", "acc", "--format", "{name} {lr} {acc:.3f}").out == "four 0.04 0.400\n", topic
    some = gittrack("best", "acc", "-n", "2", "--min", "main..topic", "--format", "{name}")
    assert some.out.splitlines() == ["three", "four"]
    per = gittrack("best", "acc", "--per", "branch", "--format", "{code.branch}={name}")
    assert sorted(per.out.splitlines()) == ["main=a..b", "topic=four"]
    both = gittrack("best", "acc", "-q", "--format", "{name}")
    assert (both.code, "--quiet, --json and --format exclude each other" in both.err) == (2, True)
    wrong = gittrack("best", "acc", "--format", "{name")
    assert (wrong.code, "expected '}'" in wrong.err) == (2, True)
