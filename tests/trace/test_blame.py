"""`gittrack blame` tells which commit moved a metric, by how much, and what changed there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.conftest import Git, Gittrack
    from tests.trace.conftest import Commit, Record


def blamed(gittrack: Gittrack, *words: str) -> dict[str, Any]:
    """What --json says."""
    result = gittrack("blame", "acc", *words, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert isinstance(found, dict)
    return found


def test_code_params_data_and_environment(
    code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("config", "gittrack.environment", "MODE")
    monkeypatch.setenv("MODE", "fast")
    (code / ".gitignore").write_text("metrics.json\n*.csv\n")
    (code / "data.csv").write_text("1")
    (code / "params.json").write_text('{"lr": 0.1}')
    commit(0.9)
    options = ("--input", "data.csv", "--params", "params.json")
    record("first", *options)
    commits = [commit(0.8, "Only code \x1b[31m")]
    record("code", *options)
    (code / "params.json").write_text('{"lr": 0.5}')
    commits.append(commit(0.5, "Code and params"))
    record("params", *options)
    (code / "data.csv").write_text("2")
    commits.append(commit(0.9, "Code and data"))
    record("data", *options)
    monkeypatch.setenv("MODE", "slow")
    commits.append(commit(0.7, "Code and environment"))
    record("environment", *options)
    (code / "value").write_text("7")
    record("dirty", *options)
    git("checkout", "-q", "value")

    found = blamed(gittrack)

    told = {move["commit"]: (move["causes"], round(move["change"], 6), move["verdict"]) for move in found["moves"]}
    assert told == {
        commits[0]: (["code"], -0.1, "worse"),
        commits[1]: (["code", "params"], -0.3, "worse"),
        commits[2]: (["code", "data"], 0.4, "better"),
        commits[3]: (["code", "environment"], -0.2, "worse"),
    }
    assert [round(move["change"], 6) for move in found["moves"]] == [0.4, -0.3, -0.2, -0.1]
    assert (found["runs"], found["dirty_runs_left_out"]) == (5, 1)
    by_commit = {move["commit"]: move for move in found["moves"]}
    assert by_commit[commits[1]]["params"] == [{"name": "lr", "before": 0.1, "after": 0.5}]
    assert [file["path"] for file in by_commit[commits[1]]["code"]] == ["params.json", "value"]
    assert [change["name"] for change in by_commit[commits[2]]["data"]] == ["data.csv"]

    assert by_commit[commits[3]]["environment"] == [{"name": "variables.MODE", "before": "fast", "after": "slow"}]

    shown = gittrack("blame", "acc", "-n", "3")
    lines = shown.out.splitlines()
    assert lines[0].split() == "commit change from to runs what changed subject".split()
    assert lines[1].split()[:8] == f"{commits[2][:7]} +0.4 0.5 0.9 1, 1 better code,".split()
    assert "    params: lr 0.1 → 0.5" in lines
    assert shown.err == (
        "gittrack: 1 smaller move more: -n shows them\ngittrack: 1 run on uncommitted changes left out\n"
    )
    assert "Only code \\x1b[31m" in gittrack("blame", "acc").out
    assert [move["verdict"] for move in blamed(gittrack, "--min", "-n", "1")["moves"]] == ["worse"]


def test_noise_is_not_blamed(code: Path, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    counter = code.parent / "counter"
    counter.write_text("0")
    (code / "train.py").write_text(f"""\
import json
path = {str(counter)!r}
number = int(open(path).read())
open(path, "w").write(str(number + 1))
json.dump({{"acc": float(open("value").read()) + number % 2 / 10}}, open("metrics.json", "w"))
""")
    commit(0.5)
    record("one")
    record("two")
    commit(0.52)
    record("three")
    worse = commit(0.2)
    record("four")

    found = blamed(gittrack)

    assert [move["commit"] for move in found["moves"]] == [worse]
    assert found["within_noise"] == 1
    assert "1 move no larger than the spread of runs of the same code and params" in gittrack("blame", "acc").err
    some = gittrack("blame", "acc", "HEAD~1")
    assert (some.code, some.out) == (0, "")
    assert "is not moved by more than the noise" in some.err


def test_runs_before_an_amend_count_only_where_there_are_no_others(
    code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack
) -> None:
    def amend(value: str) -> str:
        old = git("rev-parse", "HEAD").strip()
        (code / "value").write_text(value)
        git("commit", "-qa", "--amend", "--no-edit")
        new = git("rev-parse", "HEAD").strip()
        assert gittrack("hook", "post-rewrite", "amend", input=f"{old} {new}\n").code == 0
        return new

    commit(0.9)
    record("first")
    commit(0.5)
    ids = [record("second")]
    amend("0.2")
    ids.append(record("third"))
    last = amend("0.8")

    # Other files each: no spread of one group, in which the move would be noise.
    found = blamed(gittrack)
    sides = [(move["commit"], move["before"]["value"], move["after"]["value"]) for move in found["moves"]]
    assert sides == [(last, 0.9, 0.5), (last, 0.5, 0.2)]
    assert (found["within_noise"], found["replaced_runs_left_out"]) == (0, 0)

    own = record("own")
    found = blamed(gittrack)
    (move,) = found["moves"]
    assert (move["commit"], move["after"]["runs"], move["before"]["value"]) == (last, [own], 0.9)
    assert (found["runs"], found["replaced_runs_left_out"]) == (2, 2)
    assert "2 runs of commits that were rewritten into other files left out" in gittrack("blame", "acc").err

    # Files that come back are those of their run.
    back = commit(0.5)
    found = blamed(gittrack)
    assert {move["commit"]: move["after"]["runs"] for move in found["moves"]}[back] == ids[:1]


def test_a_rebase_onto_other_files(code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    record("first")
    git("checkout", "-qb", "feature")
    old = commit(0.5)
    record("before")
    git("checkout", "-q", "main")
    (code / "other").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "Other")
    git("rebase", "-q", "main", "feature")
    new = git("rev-parse", "HEAD").strip()
    assert gittrack("hook", "post-rewrite", "rebase", input=f"{old} {new}\n").code == 0

    (move,) = blamed(gittrack)["moves"]
    assert (move["commit"], move["after"]["value"]) == (new, 0.5)
    own = record("after")
    (move,) = blamed(gittrack)["moves"]
    assert (move["commit"], move["after"]["runs"]) == (new, [own])


def test_merged_branches_and_commits_between(
    code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack
) -> None:
    commit(0.9)
    record("first")
    git("checkout", "-qb", "topic")
    commit(0.8)
    inner = commit(0.4)
    record("on-topic")
    git("checkout", "-q", "main")
    (code / "other").write_text("x")
    git("add", "-A")
    git("commit", "-qm", "Other")
    git("merge", "-q", "--no-edit", "topic")
    merge = git("rev-parse", "HEAD").strip()
    record("merged")

    (move,) = blamed(gittrack)["moves"]
    assert (move["commit"], move["commits"], round(move["change"], 6)) == (merge, 2, -0.5)
    (move,) = blamed(gittrack, "--no-first-parent")["moves"]
    assert (move["commit"], move["commits"]) == (inner, 2)
    assert "one of 2 commits since" in gittrack("blame", "acc").out


def test_what_cannot_be_answered(code: Path, record: Record, gittrack: Gittrack) -> None:
    record("only")
    one = gittrack("blame", "acc")
    assert (one.code, one.err) == (0, "gittrack: 'acc' cannot be compared: there is one run\n")
    missing = gittrack("blame", "nothing")
    assert (missing.code, "has the metric 'nothing'" in missing.err) == (1, True)
    assert gittrack("blame", "acc", "--min", "--max").code == 2
    assert "is no revision" in gittrack("blame", "acc", "nowhere").err
