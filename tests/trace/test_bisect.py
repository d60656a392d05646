"""`gittrack bisect` finds the first bad commit of real histories, from recorded and new runs, and disturbs none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, Result
    from tests.trace.conftest import Commit, Record


def asked(result: Result) -> dict[str, object]:
    """What --json says; what the commands printed comes before it."""
    found = json.loads(result.out[result.out.index("{\n") :])
    assert isinstance(found, dict)
    return found


def steps(result: Result) -> list[tuple[str, str, int]]:
    found = asked(result)["steps"]
    assert isinstance(found, list)
    return [(step["commit"], step["verdict"], step["made"]) for step in found]


@pytest.fixture
def line(code: Path, commit: Commit, record: Record) -> list[str]:
    """Nine commits that log 1.0, 0.99 … 0.95 and then 0.5, 0.49, 0.48; the first and the last one have runs."""
    commits = [commit(1.0)]
    record("good")
    commits += [commit(1 - number / 100) for number in range(1, 6)]
    commits += [commit(0.5 - number / 100) for number in range(3)]
    record("bad")
    return commits


def test_the_commands_of_recorded_runs_are_run_where_there_are_none(
    code: Path, line: list[str], git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    (code / "value").write_text("mine")
    (code / "untracked").write_text("x")
    looks = ("status", "--porcelain=v2", "--branch"), ("for-each-ref", "refs/bisect", "refs/heads/main")
    before = [git(*words) for words in looks]
    own = tmp_path / "own"
    own.mkdir()

    found = gittrack("bisect", "acc", "--threshold", "0.9", "good", "main", "--json", env={"TMPDIR": str(own)})

    told = asked(found)
    assert (found.code, told["found"], told["first_bad"]) == (0, True, line[6]), found.err
    assert told["good"] == line[0]
    assert [step[1:] for step in steps(found)] == [("good", 1), ("bad", 1), ("good", 1)]
    assert steps(found)[-1][0] == line[5]
    assert [git(*words) for words in looks] == before
    assert (os.listdir(own), git("worktree", "list").count("\n")) == ([], 1)
    run = json.loads(gittrack("show", "latest", "--json").out)
    assert (run["code"]["commit"], run["code"]["dirty"], run["metrics"]["acc"]["last"]) == (line[5], False, 0.95)

    # What was made is recorded: nothing is run a second time.
    again = gittrack("bisect", "acc", "--threshold", "0.9", "good", "bad")
    assert again.code == 0
    assert "running" not in again.err
    shown = again.out.splitlines()
    assert shown[0] == f"{line[6]} is the first bad commit"
    assert shown[1] == f"commit {line[6]}"
    assert " value | 2 +-" in again.out
    assert f"{line[6][:7]} bad: acc 0.5, 1 run (recorded): " in again.out
    assert f"{line[5][:7]} good: acc 0.95, 1 run (recorded): " in again.out


def test_a_dry_run_goes_as_far_as_recorded_runs_lead(
    line: list[str], git: Git, gittrack: Gittrack, record: Record
) -> None:
    git("checkout", "-q", line[3])
    record("middle")
    git("checkout", "-q", "main")
    before = gittrack("log", "--jsonl").out

    result = gittrack("bisect", "acc", "--threshold", "0.9", line[0], "main", "--dry-run", "--json")

    told = asked(result)
    assert (result.code, told["found"], steps(result)) == (1, False, [(line[3], "good", 0)])
    assert told["suspects"] == line[4:]
    following = told["next"]
    assert isinstance(following, dict)
    assert (following["commit"], following["command"]) == (line[5], ["python3", "train.py"])
    assert gittrack("log", "--jsonl").out == before
    words = gittrack("bisect", "acc", "--threshold", "0.9", line[0], "main", "--dry-run").out
    assert words.startswith(f"next would be {line[5][:12]}, by the command of ")


def test_a_commit_that_cannot_be_run_is_skipped(code: Path, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    first = commit(1)
    record("good")
    broken = [commit(f"no number {number}") for number in range(2)]
    last = commit(0.1)
    record("bad")

    result = gittrack("bisect", "acc", "--threshold", "0.9", first, "HEAD", "--json")

    assert (result.code, asked(result)["suspects"]) == (1, [*broken, last])
    assert sorted(steps(result)[:2]) == sorted((each, "skipped", 0) for each in broken[:2])
    assert "run " in result.err
    assert "failed" in result.err
    again = gittrack("bisect", "acc", "--threshold", "0.9", first, "HEAD")
    assert (again.code, "running" in again.err) == (1, False), "what failed is not run again"
    assert again.out.startswith("the first bad commit is one of 3; those between could not be run:\n")
    assert "to try again: gittrack rm" in again.err


def test_merges_and_a_rebase(code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    start = commit(1)
    git("checkout", "-qb", "topic")
    (code / "other").write_text("1")
    git("add", "-A")
    git("commit", "-qm", "Other")
    worse = commit(0.5)
    record("worse")
    commit(0.4)
    git("checkout", "-q", "main")
    for number in range(3):
        (code / "main").write_text(str(number))
        git("add", "-A")
        git("commit", "-qm", f"Main {number}")
    record("good")
    git("merge", "-q", "--no-edit", "topic")
    record("bad")

    result = gittrack("bisect", "acc", "--max", "--threshold", "0.9", start, "main", "--json")
    assert (result.code, asked(result)["first_bad"]) == (0, worse), result.err

    # The branch anew on top of main: the same change is found in its new commit, which has other files.
    git("rebase", "-q", "main~1", "topic")
    result = gittrack("bisect", "acc", "--max", "--threshold", "0.9", "main~1", "topic", "--json")
    found = str(asked(result)["first_bad"])
    assert (result.code, found != worse) == (0, True), result.err
    assert git("log", "-1", "--format=%s", found) == "Value 0.5\n"


def test_a_metric_that_varies(code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    """The same code logs 0.2, 0.95, 0.95, 0.2, … in turn: one run lies, the median of three does not."""
    counter = code.parent / "counter"
    counter.write_text("0")
    flaky = f"""\
import json
path = {str(counter)!r}
number = int(open(path).read())
open(path, "w").write(str(number + 1))
value = float(open("value").read())
json.dump({{"acc": value if number % 3 else 0.2}}, open("metrics.json", "w"))
"""
    (code / "train.py").write_text(flaky)
    first = commit(0.95)
    record("one")
    commits = [commit(0.95 + number / 1000) for number in range(4)] + [commit(0.1)]

    lied = gittrack("bisect", "acc", "--threshold", "0.9", first, "HEAD")
    assert lied.code == 1
    assert f"{first[:12]} was said to be good and is bad: acc is 0.2 there (run " in lied.err
    result = gittrack("bisect", "acc", "--threshold", "0.9", "--repeat", "3", first, "HEAD", "--json")
    assert (result.code, asked(result)["first_bad"]) == (0, commits[-1]), result.err
    told = asked(result)["steps"]
    assert isinstance(told, list)
    assert {len(step["runs"]) for step in told} == {3}


def test_paths_and_filters(code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    first = commit(1)
    record("good")
    for number in range(4):
        (code / "notes.txt").write_text(str(number))
        git("add", "-A")
        git("commit", "-qm", f"Note {number}")
    worse = commit(0.5)
    (code / "notes.txt").write_text("last")
    git("add", "-A")
    git("commit", "-qm", "Last note")
    record("misleading", "--tag", "odd=yes")

    result = gittrack("bisect", "acc", "--threshold", "0.9", first, "main", "--json", "--", "value")
    assert (result.code, asked(result)["first_bad"]) == (0, worse), result.err
    assert asked(result)["steps"] != []
    assert "1 commit between" in result.err
    nothing = gittrack("bisect", "acc", "--threshold", "0.9", first, "main", "--", "nothing-here")
    assert (nothing.code, "changes these paths" in nothing.err) == (1, True)
    without = gittrack("bisect", "acc", "--threshold", "0.9", first, "main", "-n", "--where", "tags.odd IS NOT NULL")
    assert (without.code, "next would be" in without.out) == (1, True), without.err


def test_the_least_value_of_a_run(code: Path, git: Git, commit: Commit, record: Record, gittrack: Gittrack) -> None:
    """Of each run the last value is good, and from the second commit on one before it was bad."""
    (code / "train.py").write_text("""\
import json
value = float(open("value").read())
json.dump([{"step": 0, "acc": value}, {"step": 1, "acc": 0.99}], open("metrics.json", "w"))
""")
    first = commit(0.95)
    record("one")
    second = commit(0.5)
    record("two")
    words = ("bisect", "acc", "--threshold", "0.9", first, second, "--json")
    assert "was said to be bad and is good" in gittrack(*words).err
    result = gittrack(*words, "--summary", "min")
    assert (result.code, asked(result)["first_bad"]) == (0, second), result.err


def test_it_ends_where_it_is_interrupted(code: Path, git: Git, commit: Commit, record: Record, tmp_path: Path) -> None:
    first = commit(1)
    record("good")
    started = tmp_path / "started"
    os.mkfifo(started)
    waiting = f"import signal\nopen({str(started)!r}, 'w').write('on')\nsignal.pause()\n"
    (code / "train.py").write_text(waiting)
    commit(0.9)
    git("checkout", "-q", first, "train.py")
    commit(0.1)
    record("bad")
    own = tmp_path / "own"
    own.mkdir()
    words = [sys.executable, "-m", "gittrack", "bisect", "acc", "--threshold", "0.95", first, "main"]
    with subprocess.Popen(words, start_new_session=True, env={**os.environ, "TMPDIR": str(own)}) as process:
        assert started.read_text() == "on"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 130
    assert (os.listdir(own), git("worktree", "list").count("\n")) == ([], 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("acc --threshold 0.9 main nowhere", "'nowhere' is no revision of the code, and no run"),
        ("acc --threshold 0.9 main main", "are the same one"),
        ("acc --threshold 0.9 main main~1", "does not lead to the bad one"),
        ("acc --threshold 0.99 --min main~1 main", "was said to be good and is bad: acc is 1.0 there"),
        ("odd --threshold 0.9 main~1 main", "no run has metrics.odd"),
        ("odd --max --threshold 0.9 main~1 main", "no finished run has the metric 'odd'"),
    ],
)
def test_what_cannot_be_meant(
    code: Path, commit: Commit, record: Record, gittrack: Gittrack, words: str, sentence: str
) -> None:
    record("one")
    commit(0.5)

    result = gittrack("bisect", *words.split())

    assert (result.code in (1, 2), result.out) == (True, "")
    assert sentence in result.err, result.err


def test_params_that_differ_between_good_and_bad_are_told(
    code: Path, commit: Commit, record: Record, gittrack: Gittrack
) -> None:
    first = commit(1)
    record("good")
    commit(0.1)
    assert gittrack("run", "-q", "--metrics", "metrics.json", "--", "python3", "train.py", "--lr", "0.1").code == 0

    result = gittrack("bisect", "acc", "--threshold", "0.9", first, "HEAD", "-n", "--json")
    same = gittrack("bisect", "acc", "--threshold", "0.9", first, "HEAD", "-n", "--where", "lr is null")

    warning = "warning: params differ between the runs of good and of bad commits, so it may not be the code: lr"
    assert warning in result.err, code
    assert asked(result)["params_that_differ"] == ["lr"]
    assert "params differ" not in same.err
