"""What lies around a reproduction, variables, data and odd commands, does not lead it astray."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.command import reads_its_code
from tests.conftest import run
from tests.reproduce.runs import record, verdict, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

COUNTS = """
import json

json.dump({"rows": len(open("data.csv").readlines())}, open("metrics.json", "w"))
"""


@pytest.mark.parametrize("wrapped", [False, True])
def test_variables_that_locate_a_repository_are_not_the_commands(
    script: Path, python: str, git: Git, gittrack: Gittrack, wrapped: bool
) -> None:
    words = ("run", "-q", "--") if wrapped else None
    if words:
        assert gittrack(*words, python, "train.py").code == 0
    else:
        record(script, python)
    first = json.loads(gittrack("show", "--json").out)
    (script / "helper.py").write_text("def scale(x): return 3 * x\n")
    (script / "later.py").write_text("")
    index = script / ".git/index"
    before = index.read_bytes()
    env = {"GIT_DIR": str(script / ".git"), "GIT_WORK_TREE": str(script), "GIT_INDEX_FILE": str(index)}
    result = gittrack("reproduce", "latest", "--json", env=env)
    assert result.code == 0, result.err
    new = json.loads(gittrack("show", "--json").out)
    assert new["id"] == verdict(result)["reproduction"]
    assert (new["code"]["tree"], new["code"]["snapshot"]) == (first["code"]["tree"], first["code"]["snapshot"])
    assert index.read_bytes() == before
    seen = gittrack("reproduce", "latest", "--", "git", "rev-parse", "--show-toplevel", env=env)
    assert seen.out.splitlines()[0] != str(script)


def test_old_code_on_new_data(script: Path, python: str, git: Git, gittrack: Gittrack) -> None:
    write(script, train_py=COUNTS)
    (script / "data.csv").write_text("1\n")
    wrapped = ("run", "-q", "--input", "data.csv", "--metrics", "metrics.json", "--")
    assert gittrack(*wrapped, python, "train.py").code == 0
    run_id = json.loads(gittrack("show", "--json").out)["id"]
    (script / "data.csv").write_text("1\n2\n")

    assert "--new-data takes what is there" in gittrack("reproduce", run_id).err
    result = gittrack("reproduce", run_id, "--new-data", "--json")
    metric = verdict(result)["metrics"][0]  # type: ignore[index]
    assert (result.code, metric["recorded"], metric["reproduced"], metric["word"]) == (1, 1, 2, "different")
    assert "new data: data.csv has sha256 " in result.err
    (script / "data.csv").write_text("2\n")
    assert gittrack("reproduce", run_id, "--new-data").code == 0
    (script / "data.csv").unlink()
    assert "input 'data.csv' is not here" in gittrack("reproduce", run_id, "--new-data").err


def test_new_data_in_the_place_of_what_the_code_holds(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    write(script, train_py=COUNTS)
    (script / ".gitignore").write_text("metrics.json\n")
    (script / "data.csv").write_text("1\n")
    git("add", "-A", cwd=script)
    git("commit", "-qm", "Count", cwd=script)
    assert gittrack("run", "-q", "--input", "data.csv", "--metrics", "metrics.json", "--", python, "train.py").code == 0
    (script / "data.csv").write_text("1\n2\n")
    assert gittrack("reproduce", "latest").code == 0, "without it the data is the kept one"
    result = gittrack("reproduce", "latest", "--new-data", "--json")
    told = verdict(result)
    assert told["metrics"][0]["reproduced"] == 2  # type: ignore[index]
    new = json.loads(gittrack("show", str(told["reproduction"]), "--json").out)
    # What ran is what was recorded: the data itself, no link to it.
    assert git("show", f"{new['code']['snapshot']}:data.csv", cwd=script) == "1\n2\n"
    assert (script / "data.csv").read_text() == "1\n2\n"


def test_a_recorded_directory_that_leads_out_is_refused(
    script: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    assert gittrack("run", "-q", "--", "true").code == 0
    place = tmp_path / "runs"
    git("worktree", "add", "-q", str(place), "gittrack/runs", cwd=script)
    (record_file,) = place.glob("runs/*/*/run.yaml")
    text = record_file.read_text()
    record_file.write_text(text.replace("  directory: .\n", "  directory: ../..\n"))
    git("commit", "-qam", "Hostile", cwd=place)
    for words in ((), ("--dry-run",), ("--dry-run", "--json")):
        result = gittrack("reproduce", "latest", *words)
        assert (result.code, result.out) == (1, "")
        assert "the directory '../..' of run" in result.err


def test_code_that_was_not_kept(script: Path, python: str, gittrack: Gittrack) -> None:
    code = "import gittrack\nwith gittrack.start_run(): gittrack.log_metric('loss', 1)\n"
    assert run([python, "-"], input=code, cwd=script).code == 0
    from_input = gittrack("reproduce", "latest")
    assert (from_input.code, from_input.err.count("\n")) == (1, 1)
    assert "read its code from standard input, a terminal or a pipe" in from_input.err
    assert from_input.err.endswith("-- COMMAND\n")
    assert gittrack("reproduce", "latest", "-n").code == 1
    assert run([python, "-c", code], cwd=script).code == 0
    assert gittrack("reproduce", "latest").code == 0, "the code is the command"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python", True),
        ("python3 -u -", True),
        ("python -i", True),
        ("python -X dev -W error", True),
        ("python /dev/stdin", True),
        ("python /dev/fd/63 --lr 3", True),
        ("python -c print(1)", False),
        ("python -uc print(1) -", False),
        ("python -m train", False),
        ("python train.py -", False),
        ("python --version", False),
        ("python -V", False),
        ("bash", True),
        ("sh -s x", True),
        ("bash -x", True),
        ("bash /dev/fd/63", True),
        ("bash -ec ls", False),
        ("sh train.sh", False),
        ("bash --version", False),
        ("node -", False),
        ("", False),
    ],
)
def test_which_commands_read_their_code(command: str, expected: bool) -> None:
    assert reads_its_code(command.split()) is expected


def test_a_script_that_was_recorded_by_its_absolute_path_is_the_kept_one(
    script: Path, python: str, gittrack: Gittrack, tmp_path: Path
) -> None:
    assert run([python, str(script / "train.py")], cwd=script).code == 0
    (script / "train.py").write_text("raise SystemExit('today')\n")
    result = gittrack("reproduce", "latest")
    assert result.code == 0, result.err
    assert "today" not in result.err
    assert "it is run as it is now" not in result.err
    outside = tmp_path / "outside.py"
    outside.write_text("print('outside')\n")
    assert gittrack("run", "-q", "--", python, str(outside)).code == 0
    told = gittrack("reproduce", "latest")
    assert (told.code, f"not in the code that was kept: {outside}; it is run as it is now" in told.err) == (0, True)


@pytest.mark.parametrize("through", ["", "way"])
def test_a_script_by_its_absolute_path_is_found_in_another_clone(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path, through: str
) -> None:
    (script / "sub").mkdir()
    (script / "sub/train.py").write_text("import sys; print('kept', len(sys.argv))\n")
    git("add", "-A", cwd=script)
    git("commit", "-qm", "Sub", cwd=script)
    way = tmp_path / "way"
    way.symlink_to(script)
    named = str((way if through else script) / "sub/train.py")
    other = str(tmp_path / "sub/train.py")
    assert gittrack("run", "-q", "--", python, named, other, cwd=script / "sub").code == 0
    assert json.loads(gittrack("show", "--json").out)["code"]["entry"] == "train.py"
    (script / "sub/train.py").write_text("raise SystemExit('today')\n")
    here = gittrack("reproduce", "latest")
    assert (here.code, here.out.splitlines()[0]) == (0, "kept 2"), here.err
    clone = tmp_path / "clone"
    git("clone", "-q", str(script), str(clone))
    git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", cwd=clone)
    (script / "sub/train.py").unlink()
    there = gittrack("reproduce", "latest~1", cwd=clone)
    assert (there.code, there.out.splitlines()[0]) == (0, "kept 2"), there.err
    command = json.loads(gittrack("show", "--json", cwd=clone).out)["command"]
    assert command[1:] == ["train.py", other]


def test_a_program_of_the_tree_by_its_absolute_path(script: Path, git: Git, gittrack: Gittrack) -> None:
    tool = script / "say.sh"
    tool.write_text("#!/bin/sh\necho kept\n")
    tool.chmod(0o755)
    assert gittrack("run", "-q", "--", str(tool)).code == 0
    tool.unlink()
    result = gittrack("reproduce", "latest")
    assert (result.code, result.out.splitlines()[0]) == (0, "kept"), result.err
