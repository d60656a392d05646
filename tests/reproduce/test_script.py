"""The script of `gittrack reproduce --dry-run` is run by a plain shell, and does what gittrack would have done."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING

import pytest

from gittrack.reproduce.script import comment, word
from tests.conftest import run
from tests.reproduce.runs import record, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, Result

HARMFUL = [chr(code) for code in (*range(10), *range(11, 32), 127, 0x9B, 0x202E, 0x2028)]
TELLS = """
import os, pathlib, sys

print(sys.argv[1:], os.environ["OMP_NUM_THREADS"], pathlib.Path("lib/lib.txt").read_text().strip())
print(pathlib.Path("../data.csv").read_text().strip(), pathlib.Path("../extra/notes.txt").read_text().strip())
"""


def by_shell(text: str, folder: Path) -> Result:
    """Run a script by sh, with an own folder for temporary files, where nothing must be left."""
    place = folder / "own"
    place.mkdir()
    done = run(["sh", "-c", text], env={"TMPDIR": str(place)})
    assert os.listdir(place) == []
    return done


def test_the_script_and_the_reproduction_print_the_same(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    git("init", "-q", str(library))
    (library / "lib.txt").write_text("from the library\n")
    git("add", "lib.txt", cwd=library)
    git("commit", "-qm", "Library", cwd=library)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    (script / "sub").mkdir()
    write(script / "sub", train_py=TELLS)
    git("submodule", "--quiet", "add", str(library), "sub/lib", cwd=script)
    (script / ".gitignore").write_text("data.csv\nextra\n__pycache__\n")
    git("add", "-A", cwd=script)
    git("commit", "-qm", "Tell", cwd=script)
    (script / "data.csv").write_text("1,2\n")
    (script / "extra").mkdir()
    (script / "extra/notes.txt").write_text("noted\n")
    words = ["it's", "two\nlines\n", "\x1b[31mred\x1b[0m", "a\\033b", "$HOME `id`", "", "ünï\u202e", "-n"]
    recorded = gittrack(
        *("run", "-q", "--input", "../data.csv", "--", python, "train.py", *words),
        env={"OMP_NUM_THREADS": "3"},
        cwd=script / "sub",
    )
    assert recorded.code == 0, recorded.err

    again = gittrack("reproduce", "latest", "--link", "extra")
    assert again.code == 0, again.err
    dry = gittrack("reproduce", "latest~1", "--link", "extra", "--dry-run")
    assert (dry.code, [letter for letter in HARMFUL if letter in dry.out]) == (0, [])
    by_hand = by_shell(dry.out, tmp_path)
    assert (by_hand.code, by_hand.out) == (0, again.out.partition("reproduced: ")[0]), by_hand.err
    assert repr(words) in by_hand.out
    assert git("worktree", "list", cwd=script).count("\n") == 1
    told = json.loads(gittrack("reproduce", "latest~1", "--link", "extra", "-n", "--json").out)
    assert (told["script"], told["command"], told["directory"]) == (dry.out, [python, "train.py", *words], "sub")


def test_a_script_that_records(script: Path, python: str, gittrack: Gittrack, tmp_path: Path) -> None:
    (script / "data.csv").write_text("ignored by git\n")
    assert gittrack("run", "-q", "--input", "data.csv", "--", python, "train.py").code == 0
    text = gittrack("reproduce", "latest", "--dry-run").out
    (script / "helper.py").unlink()
    done = by_shell(text, tmp_path)
    assert (done.code, done.out) == (0, "trained\n"), done.err
    (script / "data.csv").write_text("other data\n")
    (tmp_path / "own").rmdir()
    refused = by_shell(text, tmp_path)
    assert (refused.code, refused.out) == (1, "")
    assert "an input is not what the run read" in refused.err
    (tmp_path / "own").rmdir()
    renewed = by_shell(gittrack("reproduce", "latest~1", "--dry-run", "--new-data").out, tmp_path)
    assert (renewed.code, renewed.out) == (0, "trained\n"), renewed.err


def test_it_stands_on_its_own_under_the_variables_of_a_hook(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    record(script, python)
    text = gittrack("reproduce", "latest", "--dry-run").out
    other = tmp_path / "other"
    git("init", "-q", str(other))
    place = tmp_path / "place"
    place.mkdir()
    env = {"TMPDIR": str(place), "GIT_DIR": str(other / ".git"), "GIT_INDEX_FILE": str(script / ".git/index")}
    before = (script / ".git/index").read_bytes()
    done = run(["sh", "-c", text], env=env)
    assert (done.code, done.out) == (0, "trained\n"), done.err
    assert (script / ".git/index").read_bytes() == before


def test_a_fresh_environment_takes_the_place_of_an_interpreter_wherever_it_was(
    script: Path, python: str, gittrack: Gittrack
) -> None:
    assert os.path.isabs(python)
    record(script, python)
    text = gittrack("reproduce", "latest", "--env", "--dry-run").out
    assert text.endswith('\n"$place/env/bin/python" train.py\n')
    assert python not in text


def test_a_program_that_git_does_not_hold_is_taken_from_the_own_tree(
    script: Path, gittrack: Gittrack, tmp_path: Path
) -> None:
    (script / ".gitignore").write_text(".gitignore\ntools\n")
    (script / "tools").mkdir()
    tool = script / "tools/say"
    tool.write_text("#!/bin/sh\necho said $1\n")
    tool.chmod(0o755)
    assert gittrack("run", "-q", "--", "tools/say", "this").code == 0
    again = gittrack("reproduce", "latest")
    assert (again.code, again.out.splitlines()[0]) == (0, "said this"), again.err
    by_hand = by_shell(gittrack("reproduce", "latest~1", "--dry-run").out, tmp_path)
    assert (by_hand.code, by_hand.out) == (0, "said this\n"), by_hand.err


@pytest.mark.parametrize(
    "text", ["", "plain", "it's", "a\nb\n", "\n", "\x1b]0;x\x07", "é\u202e\x9b", "\\n%s\x01%d", "'\r'"]
)
def test_a_word_is_the_same_word_to_a_shell(text: str) -> None:
    written = word(text)
    assert not any(letter in written for letter in HARMFUL)
    assert run(["sh", "-c", f"printf '%s.' {written}"]).out == f"{text}."
    assert text.isprintable() == (written == shlex.quote(text)) or "\n" in text


def test_a_comment_stays_one() -> None:
    assert comment("name\nrm -rf ~\x1b[0m é") == "name?rm -rf ~?[0m é"


def test_line_ends_that_the_checkout_changes(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    (script / ".gitignore").write_text("")
    (script / "data.csv").write_bytes(b"1\n2\n")
    git("add", "-A", cwd=script)
    git("commit", "-qm", "Data", cwd=script)
    git("config", "core.autocrlf", "true", cwd=script)
    code = 'print(open("data.csv", "rb").read())'
    assert gittrack("run", "-q", "--input", "data.csv", "--", python, "-c", code).code == 0
    first = json.loads(gittrack("show", "--json").out)
    text = gittrack("reproduce", "latest", "--dry-run").out
    again = gittrack("reproduce", "latest")
    assert (again.code, again.out.splitlines()[0]) == (0, repr(b"1\n2\n")), again.err
    assert json.loads(gittrack("show", "--json").out)["code"]["tree"] == first["code"]["tree"]
    done = by_shell(text, tmp_path)
    assert (done.code, done.out) == (0, f"{again.out.splitlines()[0]}\n"), done.err
    (tmp_path / "own").rmdir()
    other = by_shell(text.replace(first["inputs"][0]["sha256"], "0" * 64), tmp_path)
    assert (other.code, "an input is not what the run read" in other.err) == (1, True)
