"""Of all the runs that a command starts the one that stands for the recorded run is known, not guessed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PATIENCE
from tests.reproduce.runs import record, verdict, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gittrack

CHILD_FIRST = """
import subprocess, sys
import gittrack

if "child" in sys.argv:
    with gittrack.start_run("child"):
        gittrack.log_metric("who", 2)
else:
    subprocess.run([sys.executable, "train.py", "child"], check=True)
    with gittrack.start_run("parent"):
        gittrack.log_metric("who", 1)
"""
FORKS = """
import os
import gittrack

def log(name, value):
    with gittrack.start_run(name):
        gittrack.log_metric("who", value)

log("before", 0)
go, let_go = os.pipe()
child = os.fork()
if child == 0:
    os.close(let_go)
    os.read(go, 1)  # both are the second run of their process, and the parent's comes first
    log("child", 2)
    os._exit(0)
log("parent", 1)
os.close(let_go)
os.waitpid(child, 0)
"""
MEETS = """
import os, sys
import gittrack

with gittrack.start_run("meets"):
    gittrack.log_metric("who", 1)
    if "MEET_IN" in os.environ:
        with open(os.environ["MEET_IN"], "w") as there:
            there.write("here")
        with open(os.environ["MEET_OUT"]) as there:
            there.read(4)
"""


def metrics(told: dict[str, object]) -> list[tuple[object, object]]:
    found = told["metrics"]
    assert isinstance(found, list)
    return [(metric["word"], metric["reproduced"]) for metric in found]


@pytest.mark.parametrize(("name", "value"), [("parent", 1), ("child", 2)])
def test_a_child_that_starts_its_run_first(
    script: Path, python: str, gittrack: Gittrack, name: str, value: int
) -> None:
    write(script, train_py=CHILD_FIRST)
    record(script, python)
    result = gittrack("reproduce", name, "--json")
    told = verdict(result)
    assert (result.code, metrics(told)) == (0, [("identical", value)]), result.err
    # Only the one that was asked for says that it is the same again, and the names mean what they meant.
    runs = json.loads(gittrack("log", "--json").out)
    assert [run["id"] for run in runs if run["reproduces"]] == [told["reproduction"]]
    assert sorted(run["name"] for run in runs if run["name"] in ("parent", "child")) == ["child", "parent"]
    assert gittrack("show", name).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize(("name", "value"), [("before", 0), ("parent", 1), ("child", 2)])
def test_a_forked_worker_is_told_from_its_parent(
    script: Path, python: str, gittrack: Gittrack, name: str, value: int
) -> None:
    write(script, train_py=FORKS)
    record(script, python)
    result = gittrack("reproduce", name, "--json")
    assert (result.code, metrics(verdict(result))) == (0, [("identical", value)]), result.err


def test_two_at_the_same_time_keep_to_their_own(script: Path, python: str, gittrack: Gittrack, tmp_path: Path) -> None:
    write(script, train_py=MEETS)
    record(script, python)
    run_id = json.loads(gittrack("show", "--json").out)["id"]
    pipes = [tmp_path / "one", tmp_path / "other"]
    for pipe in pipes:
        os.mkfifo(pipe)
    held = [os.open(pipe, os.O_RDWR) for pipe in pipes]  # so that nobody waits for the other end
    # Each waits in its run for the other: neither ends before both have started.
    both = [
        subprocess.Popen(
            [python, "-m", "gittrack", "reproduce", run_id, "--json"],
            env={**os.environ, "MEET_IN": str(a), "MEET_OUT": str(b)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for a, b in (pipes, [*reversed(pipes)])
    ]
    told = []
    try:
        for process in both:
            out, err = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, err
            told.append(json.loads(out)["reproduction"])
    finally:
        for process in both:
            process.kill()
            process.wait()
        for pipe_end in held:
            os.close(pipe_end)
    assert len({run_id, *told}) == 3
    runs = json.loads(gittrack("log", "--json").out)
    assert sorted(run["id"] for run in runs if run["reproduces"] == run_id) == sorted(told)


def test_in_a_shell_script_the_first_that_starts_a_run_counts(script: Path, python: str, gittrack: Gittrack) -> None:
    write(script, train_py=CHILD_FIRST)
    record(script, python, "child")
    (script / "train.sh").write_text(f"'{python}' train.py child\n'{python}' train.py child\n")
    result = gittrack("reproduce", "latest", "--link", "train.sh", "--json", "--", "sh", "train.sh")
    assert (result.code, verdict(result)["reproduced"]) == (0, True), result.err
    runs = json.loads(gittrack("log", "--json").out)
    assert [bool(run["reproduces"]) for run in runs] == [False, True, False]


def test_a_second_run_of_a_wrapped_program(script: Path, python: str, gittrack: Gittrack) -> None:
    write(
        script,
        train_py="""
        import gittrack

        for number in range(3):
            with gittrack.start_run(f"number-{number}"):
                gittrack.log_metric("number", number)
        """,
    )
    assert gittrack("run", "-q", "--", python, "train.py").code == 0
    for number in range(3):
        result = gittrack("reproduce", f"number-{number}", "--json")
        assert (result.code, metrics(verdict(result))) == (0, [("identical", number)]), result.err


def test_a_program_that_goes_on_with_a_run_leaves_the_recorded_one_alone(
    script: Path, python: str, gittrack: Gittrack
) -> None:
    write(
        script,
        train_py="""
        import sys
        import gittrack

        with gittrack.start_run(run_id=sys.argv[1] if sys.argv[1:] else None):
            gittrack.log_metric("loss", 1)
        """,
    )
    record(script, python)
    first = json.loads(gittrack("show", "--json").out)
    result = gittrack("reproduce", first["id"], "--json", "--", python, "train.py", first["id"])
    assert (result.code, verdict(result)["reproduced"]) == (0, True), result.err
    assert json.loads(gittrack("show", first["id"], "--json").out) == first


def test_a_command_that_starts_fewer_runs_is_not_judged_by_another(
    script: Path, python: str, gittrack: Gittrack
) -> None:
    write(script, train_py=CHILD_FIRST)
    record(script, python)
    result = gittrack("reproduce", "parent", "--", "true")
    assert (result.code, "not reproduced" in result.out) == (1, True)
    assert "no run to judge: the command itself started none" in result.err


def test_a_wrapped_program_that_names_its_run_does_not_take_the_name(
    script: Path, python: str, gittrack: Gittrack
) -> None:
    write(script, train_py='import gittrack\nwith gittrack.start_run("mine"): gittrack.log_metric("loss", 1)\n')
    assert gittrack("run", "--", python, "train.py").err.endswith(" mine finished\n")
    result = gittrack("reproduce", "mine", "--json")
    assert result.code == 0, result.err
    told = verdict(result)
    new = json.loads(gittrack("show", str(told["reproduction"]), "--json").out)
    assert (new["name"] == "mine", new["reproduces"]) == (False, told["run"])
    short = str(told["run"])[:8]
    heading, newest, first = gittrack("log").out.splitlines()
    assert ("reproduces" in heading, short in newest.split(), first.split()[0]) == (True, True, short)
    assert f"reproduces {short}" in gittrack("log", "--oneline").out.splitlines()[0]
    assert f"Reproduces: {told['run']}" in gittrack("show", str(told["reproduction"])).out
