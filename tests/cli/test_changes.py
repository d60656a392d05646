"""`gittrack tag`, `note`, `rename`, `rm`, `restore`: what is said of a run afterwards."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack


def read(gittrack: Gittrack, spec: str) -> dict[str, object]:
    result = gittrack("show", spec, "--json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert isinstance(found, dict)
    return found


def test_tags_are_set_removed_and_listed(recorded: Path, gittrack: Gittrack) -> None:
    done = gittrack("tag", "grid-0", "stage=final", "why=a=b")
    assert (done.code, done.err) == (0, ""), recorded
    assert done.out.endswith(" grid-0: stage=final why=a=b\n")
    assert gittrack("tag", "grid-0", "-d", "stage", "who=ada").code == 0

    assert read(gittrack, "grid-0")["tags"] == {"why": "a=b", "who": "ada"}
    assert sorted(gittrack("tag", "grid-0").out.splitlines()) == ["who=ada", "why=a=b"]
    assert json.loads(gittrack("tag", "grid-0", "--json").out) == {"why": "a=b", "who": "ada"}
    assert read(gittrack, "grid-1")["tags"] == {"stage": "trial"}


def test_tags_that_cannot_be_meant(recorded: Path, gittrack: Gittrack) -> None:
    no_value = gittrack("tag", "grid-0", "stage")
    no_tag = gittrack("tag", "grid-0", "-d", "stag")

    assert (no_value.code, no_tag.code) == (2, 1), recorded
    assert "KEY=VALUE" in no_value.err
    assert no_tag.err.endswith("has no tag 'stag'; did you mean 'stage'?\n")
    assert read(gittrack, "grid-0")["tags"] == {"stage": "trial"}


def test_notes(recorded: Path, gittrack: Gittrack) -> None:
    assert gittrack("note", "grid-0", "the plateau is the warm-up").code == 0, recorded
    assert gittrack("note", "grid-0", "-m", "one", "-m", "two").code == 0
    empty, missing = gittrack("note", "grid-0", " "), gittrack("note", "grid-0")

    assert (empty.code, missing.code) == (1, 2)
    notes = read(gittrack, "grid-0")["notes"]
    assert isinstance(notes, list)
    assert [note["text"] for note in notes] == ["the plateau is the warm-up", "one\n\ntwo"]
    assert notes[0]["author"] == {"name": "Ada Example", "email": "ada@example.com"}


def test_a_note_from_the_editor(recorded: Path, gittrack: Gittrack, terminal: Terminal, tmp_path: Path) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, os\npath = sys.argv[1]\ntext = open(path).read()\n"
        "open(path, 'w').write('from the editor\\n' + text)\nos.utime(path, (2e9, 2e9))\n",
        encoding="utf-8",
    )

    code, text = terminal("note", "grid-0", env={"GIT_EDITOR": f"{sys.executable} {script}"})

    assert (code, recorded.name) == (0, "repo"), text
    notes = read(gittrack, "grid-0")["notes"]
    assert isinstance(notes, list)
    assert [note["text"] for note in notes] == ["from the editor"]
    assert terminal("note", "grid-0", env={"GIT_EDITOR": "true"})[0] == 1


def test_a_new_name(recorded: Path, gittrack: Gittrack) -> None:
    before = read(gittrack, "grid-0")["id"]

    assert gittrack("rename", "grid-0", "base line").code == 0, recorded
    assert read(gittrack, "base line")["id"] == before
    assert gittrack("rename", "grid-1", "two\nlines").code == 1
    assert gittrack("rename", "grid-1").code == 2


def test_deleted_runs_are_kept_and_come_back(recorded: Path, gittrack: Gittrack) -> None:
    def names(*args: str) -> list[str]:
        return [json.loads(line)["name"] for line in gittrack("log", "--jsonl", *args).out.splitlines()]

    done = gittrack("rm", "latest", "latest~1")

    assert done.code == 0, recorded
    assert [line.split()[0] for line in done.out.splitlines()] == ["deleted", "deleted"]
    assert "gittrack restore" in done.err
    assert names() == ["grid-0"]
    assert names("--deleted") == ["grid-2", "grid-1", "grid-0"]
    assert "(deleted" in gittrack("show", "grid-2").out
    again = gittrack("rm", "grid-2")
    assert (again.code, again.out) == (0, "")
    assert "already deleted" in again.err
    assert gittrack("restore", "grid-2").code == 0
    assert names() == ["grid-2", "grid-0"]


def test_one_unknown_run_and_none_is_deleted(recorded: Path, gittrack: Gittrack) -> None:
    assert gittrack("rm", "grid-0", "grid-x").code == 1, recorded
    assert len(gittrack("log", "--jsonl").out.splitlines()) == 3


def test_changing_a_run_leaves_the_repository_alone(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    def state() -> list[str]:
        index = (recorded / ".git" / "index").read_bytes().hex()
        return [index, git("status", "--porcelain"), git("rev-parse", "HEAD"), git("stash", "list")]

    before = state()
    for args in (["tag", "grid-0", "a=b"], ["note", "grid-0", "x"], ["rename", "grid-0", "y"], ["rm", "y"]):
        assert gittrack(*args).code == 0

    assert state() == before
    git("fsck", "--strict")
    assert sorted(os.listdir(recorded)) == [".git", "train.py"]
