"""`gittrack log` asks: filters, orders, ranges, paths, columns, groups and forms, as processes in a real repository."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, RunPython

SCRIPT = """
import sys
import gittrack

for word in sys.argv[1:]:
    name, model, acc = word.split(":")
    with gittrack.start_run(name, params={"model": {"kind": model}, "lr": 0.1}, tags={"of": name}) as run:
        run.log_metric("acc", float(acc), 1)
        run.log_metric("val/acc", float(acc) / 2, 1)
"""


@pytest.fixture
def history(repo: Path, git: Git, run_python: RunPython) -> Path:
    """Two runs on main, one on a branch of it, one on uncommitted changes there."""

    def commit(text: str, *words: str) -> None:
        (repo / "model.py").write_text(text)
        git("add", "model.py", cwd=repo)
        git("commit", "-qm", text, cwd=repo)
        assert run_python(SCRIPT, *words).code == 0

    (repo / "notes.txt").write_text("notes\n")
    git("add", "notes.txt", cwd=repo)
    commit("one", "first:tree:0.5", "second:forest:0.75")
    git("switch", "-qc", "feature", cwd=repo)
    commit("two", "third:tree:0.9")
    (repo / "notes.txt").write_text("other\n")
    assert run_python(SCRIPT, "dirty:|<tree>:nan").code == 0
    git("checkout", "-q", "notes.txt", cwd=repo)
    return repo


def raw_csv(repo: Path) -> str:
    """As the bytes are: text mode makes a line feed of a carriage return."""
    command = [sys.executable, "-m", "gittrack", "log", "--csv"]
    return subprocess.run(command, cwd=repo, capture_output=True, check=True).stdout.decode()


def names(gittrack: Gittrack, *args: str) -> list[str]:
    result = gittrack("log", "--format", "{name}", *args)
    assert result.code == 0, result.err
    return result.out.split()


def test_filters_and_orders(history: Path, gittrack: Gittrack) -> None:
    assert names(gittrack, "--where", "metrics.acc > 0.6") == ["third", "second"], history
    assert names(gittrack, "-w", "metrics.acc > 0.6", "-w", "params.model.kind = 'tree'") == ["third"]
    assert names(gittrack, "--where", "metrics.val/acc * 2 >= 0.75", "--sort", "metrics.acc") == ["second", "third"]
    assert names(gittrack, "--sort", "-metrics.acc") == ["third", "second", "first", "dirty"]
    assert names(gittrack, "--sort", "params.model.kind", "--sort", "-name", "-n", "2") == ["second", "third"]
    assert names(gittrack, "--where", "dirty", "--author", "ADA") == ["dirty"]
    assert names(gittrack, "--author", "nobody") == []
    assert names(gittrack, "--since", "1 hour ago", "--until", "now", "-1") == ["dirty"]
    assert names(gittrack, "--until", "yesterday") == []


def test_a_filter_that_cannot_be_meant_points_at_the_column(history: Path, gittrack: Gittrack) -> None:
    result = gittrack("log", "--where", "metrics.acc > and")
    assert (result.code, result.out) == (2, ""), history
    assert result.err == (
        "gittrack: error: at column 15: expected a name or a value, found 'and'\n"
        "  metrics.acc > and\n"
        "                ^\n"
    )


def test_a_key_that_no_run_has_is_told(history: Path, gittrack: Gittrack) -> None:
    result = gittrack("log", "--where", "metrics.ac > 0.1")
    expected = "gittrack: no run matches: no run has metrics.ac; did you mean acc?\n"
    assert (result.code, result.out, result.err) == (0, "", expected), history
    assert gittrack("log", "--where", "metrics.acc > 1").err == "gittrack: no run matches\n"


def test_revision_ranges(history: Path, git: Git, gittrack: Gittrack) -> None:
    assert names(gittrack, "main..feature") == ["dirty", "third"]
    assert names(gittrack, "main") == ["second", "first"]
    assert names(gittrack, "feature", "--where", "metrics.acc >= 0.75") == ["third", "second"]
    assert names(gittrack, "feature", "^main", "-n1") == ["dirty"]
    for words in (["brave"], ["main..brave"]):
        result = gittrack("log", *words)
        assert (result.code, result.out) == (2, "")
        assert "is no revision of the code" in result.err
    git("commit", "--amend", "-qm", "Two, amended", cwd=history)
    assert names(gittrack, "main..feature") == ["dirty", "third"], "the same tree; the old commit is on no branch"
    (history / "notes.txt").write_text("other\n")
    git("commit", "-qam", "Other notes", cwd=history)
    assert names(gittrack, "feature~1..feature") == ["dirty"], "what was run uncommitted is committed"


def test_recorded_rewrites_are_followed(history: Path, git: Git, gittrack: Gittrack) -> None:
    old = git("rev-parse", "HEAD", cwd=history).strip()
    (history / "model.py").write_text("two and a half")
    git("commit", "-qam", "x", "--amend", cwd=history)
    assert names(gittrack, "main..feature") == []
    new = git("rev-parse", "HEAD", cwd=history).strip()
    assert gittrack("hook", "post-rewrite", "amend", input=f"{old} {new}\n", cwd=history).code == 0
    assert names(gittrack, "main..feature") == ["dirty", "third"]


def test_a_commit_with_the_tree_of_another_one_takes_no_runs_from_it(
    history: Path, git: Git, gittrack: Gittrack
) -> None:
    git("switch", "-qc", "empty", "main", cwd=history)
    git("commit", "-q", "--allow-empty", "-m", "Change nothing", cwd=history)
    assert names(gittrack, "main..empty") == []


def test_what_is_only_alike_is_not_in_a_range(repo: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> None:
    """A revert has the tree of another commit, a merge that takes nothing that of its first parent."""
    for name, text in (("one", "1"), ("two", "2")):
        (repo / "model.py").write_text(text)
        git("add", "model.py", cwd=repo)
        git("commit", "-qm", name, cwd=repo)
        assert run_python(SCRIPT, f"{name}:tree:1").code == 0
    git("branch", "feature", cwd=repo)
    git("revert", "--no-edit", "HEAD", cwd=repo)
    assert run_python(SCRIPT, "reverted:tree:1").code == 0
    assert names(gittrack, "HEAD~1..HEAD") == ["reverted"]
    assert names(gittrack, "feature..main") == ["reverted"]
    git("switch", "-q", "feature", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "side", cwd=repo)
    git("switch", "-q", "main", cwd=repo)
    git("merge", "-q", "-s", "ours", "--no-edit", "feature", cwd=repo)
    assert names(gittrack, "HEAD~1..HEAD") == []


def test_a_path_is_held_against_the_run_before_whatever_is_asked_for(
    history: Path, git: Git, gittrack: Gittrack
) -> None:
    assert names(gittrack, "--where", "metrics.acc = 0.75", "--", "model.py") == [], history
    assert names(gittrack, "main..feature", "--", "notes.txt") == ["dirty"]
    assert names(gittrack, "main..feature", "--", ".") == ["dirty", "third"]


def test_a_branch_at_a_snapshot_takes_no_run_away(history: Path, git: Git, gittrack: Gittrack) -> None:
    git("commit", "--amend", "-qm", "Two, amended", cwd=history)
    assert names(gittrack, "feature") == ["dirty", "third", "second", "first"]
    assert gittrack("branch", "dirty", "try-again").code == 0
    assert names(gittrack, "feature") == ["dirty", "third", "second", "first"]
    assert "found by the same tree" in gittrack("show", "third").out


def test_paths(history: Path, gittrack: Gittrack) -> None:
    assert names(gittrack, "--", "model.py") == ["third", "first"]
    assert names(gittrack, "--", "notes.txt") == ["dirty", "first"]
    assert names(gittrack, "-n", "1", "--", "model.py", "notes.txt") == ["dirty"]
    assert names(gittrack, "--", "nothing.py") == []
    (history / "below").mkdir()
    result = gittrack("log", "--format", "{name}", "--", "../model.py", cwd=history / "below")
    assert result.out.split() == ["third", "first"]
    outside = gittrack("log", "--", "../../x")
    assert (outside.code, "is not in this working tree" in outside.err) == (2, True)


def test_columns_and_forms(history: Path, gittrack: Gittrack) -> None:
    columns = "name,metrics.acc.max,params.model.kind,code.branch"
    table = gittrack("log", "--columns", columns, "--sort", "-metrics.acc").out.splitlines()
    assert [line.split() for line in table[:2]] == [columns.split(","), ["third", "0.9", "tree", "feature"]], history
    rows = list(csv.DictReader(io.StringIO(gittrack("log", "--csv").out)))
    assert [row["name"] for row in rows] == ["dirty", "third", "second", "first"]
    assert (rows[1]["metrics.acc"], rows[1]["params.model.kind"], rows[1]["tags.of"]) == ("0.9", "tree", "third")
    assert rows[0]["metrics.acc"] == "nan"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", rows[1]["start_time"])
    some = gittrack("log", "--csv", "--columns", "name,metrics.acc", "-n", "2").out
    assert some == "name,metrics.acc\ndirty,nan\nthird,0.9\n"
    marked = gittrack("log", "--md", "--columns", "name,params.model.kind,metrics.acc", "-n", "1").out
    assert (
        marked == "| name | params.model.kind | metrics.acc |\n| --- | --- | ---: |\n| dirty | \\|&lt;tree> | nan |\n"
    )


def test_formats(history: Path, gittrack: Gittrack) -> None:
    template = "{name:>8}|{metrics.acc:.3f}|{tags.none}|{{}}"
    assert gittrack("log", "--where", "name = 'third'", "--format", template).out == "   third|0.900||{}\n", history
    wrong = {
        "{accu}": "did you mean metrics.acc?",
        "{name": "expected '}'",
        "{name!r}": "a width and digits",
        "{}": "at column 1",
    }
    for template, said in wrong.items():
        result = gittrack("log", "--format", template)
        assert (result.code, result.out) == (2, ""), template
        assert said in result.err


def test_formats_of_odd_values(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    code = r"""
import gittrack

params = {"huge": 10**4000, "esc": "\x1b]0;x\x07", "cr": "a\rb", "a:b": 1, "c,d": None, "e`f": True}
with gittrack.start_run("odd", params=params):
    gittrack.log_metric("val:loss", 0.5)
"""
    assert run_python(code).code == 0
    assert gittrack("log", "--format", "{name}\t{params.esc}").out == "odd\t\\x1b]0;x\\x07\n", repo
    assert len(gittrack("log", "--format", "{params.huge:.3f}").out) > 4000
    assert gittrack("log", "--format", "{status:-<12}|").out == "finished----|\n"
    for template in ("{metrics.val:loss}", "{id:99999999999}", "{id:9999}"):
        result = gittrack("log", "--format", template)
        assert (result.code, result.out) == (2, ""), template
        assert "a width and digits may follow" in result.err
    (row,) = csv.DictReader(io.StringIO(raw_csv(repo), newline=""))
    assert (row["params.cr"], row["params.`c,d`"], row["params.`e``f`"]) == ("a\rb", "null", "true")
    some = gittrack("log", "--csv", "--columns", "params.`e``f`,params.`c,d`,params.a:b").out
    assert some.splitlines()[1] == "true,null,1"


def test_csv_on_a_terminal_is_harmless(repo: Path, terminal: Terminal, run_python: RunPython) -> None:
    assert run_python('import gittrack\ngittrack.start_run("x", params={"a": "\\x1b[31m"}).end()').code == 0
    _, shown = terminal("log", "--csv", "--columns", "params.a")
    assert "\x1b[31m" not in shown, repo
    assert "\\x1b[31m" in shown


def test_names_that_no_run_has_are_told_in_every_form(history: Path, gittrack: Gittrack) -> None:
    said = "gittrack: warning: no run has metrics.ac; did you mean acc?\n"
    for words in ("--sort -metrics.ac", "--columns name,metrics.ac", "--sort metrics.ac --csv", "--group-by tags.of"):
        result = gittrack("log", *words.split())
        assert (result.code, result.err) == (0, "" if "tags" in words else said), history


def test_deleted_runs_are_not_no_runs(history: Path, gittrack: Gittrack) -> None:
    assert gittrack("rm", "first", "second", "third", "dirty").code == 0
    assert gittrack("log").err == "gittrack: all runs here are marked as deleted: --deleted lists them\n", history
    assert names(gittrack, "--deleted", "--where", "metrics.acc > 0.6") == ["third", "second"]


def test_one_run_with_many_params_is_listed_at_once(repo: Path, terminal: Terminal, run_python: RunPython) -> None:
    """A column that is left out cost a look at all the others, and a param a look at all params."""
    assert run_python("import gittrack\ngittrack.start_run(params={f'k{i}': i for i in range(10_000)}).end()").code == 0
    before = os.times()
    assert "left out for lack of room" in terminal("log")[1], repo
    after = os.times()
    assert after.children_user - before.children_user < 10


def test_groups(history: Path, gittrack: Gittrack) -> None:
    out = gittrack("log", "--group-by", "params.model.kind", "--columns", "name", "--where", "not dirty").out
    expected = (
        "params.model.kind = tree (2 runs)\nname\nthird\nfirst\n\nparams.model.kind = forest (1 run)\nname\nsecond\n"
    )
    assert out == expected, history
    groups = json.loads(gittrack("log", "--group-by", "code.branch", "--json").out)
    assert [(group["group"], len(group["runs"])) for group in groups] == [
        ({"code.branch": "feature"}, 2),
        ({"code.branch": "main"}, 2),
    ]


def test_forms_exclude_each_other(history: Path, gittrack: Gittrack) -> None:
    for words in (
        ["--csv", "--json"],
        ["--md", "--oneline"],
        ["--columns", "id", "--jsonl"],
        ["--group-by", "id", "--csv"],
    ):
        result = gittrack("log", *words)
        assert (result.code, result.out) == (2, ""), (history, words)


def test_running_runs_are_chosen_and_sorted_with_the_others(
    history: Path, gittrack: Gittrack, run_python: RunPython
) -> None:
    code = """
import subprocess, sys
import gittrack

with gittrack.start_run("live", params={"model": {"kind": "tree"}}) as run:
    run.log_metric("acc", 0.8)
    for words in (["--sort", "-metrics.acc"], ["--where", "metrics.acc > 0.7"], ["--where", "status = 'running'"],
                  ["main..feature"], ["-n", "1", "--sort", "metrics.acc"], ["--", "model.py"]):
        command = [sys.executable, "-m", "gittrack", "log", "--format", "{name}", *words]
        print(subprocess.check_output(command, text=True).split())
"""
    result = run_python(code)
    assert result.code == 0, result.err
    assert result.out.splitlines() == [
        "['third', 'live', 'second', 'first', 'dirty']",
        "['live', 'third', 'second']",
        "['live']",
        "['live', 'dirty', 'third']",
        "['first']",
        "['third', 'first']",
    ], history


def test_many_runs_are_a_table_whose_columns_the_first_decide(
    repo: Path, gittrack: Gittrack, run_python: RunPython
) -> None:
    code = """
import gittrack

for number in range(40):
    with gittrack.start_run(f"run-{number}", params={"seed": number}):
        gittrack.log_metric("loss", number * 1000001)
"""
    assert run_python(code).code == 0
    small = """
import sys
from gittrack.cli import report
from gittrack.cli.main import main

report.SAMPLE = 3
sys.exit(main(["log", "--all"]))
"""
    lines = run_python(small).out.splitlines()
    assert len(lines) == 41, repo
    assert [line.split()[2] for line in lines[1:]] == [f"run-{number}" for number in range(39, -1, -1)]
    assert [line.split()[-1] for line in lines[1:4]] == ["39000039", "38000038", "37000037"]
    whole = gittrack("log", "--all").out.splitlines()
    assert [line.split()[3:] for line in whole] == [line.split()[3:] for line in lines]
