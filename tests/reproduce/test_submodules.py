"""Submodules come from what is cloned here; nobody else is asked for them, and no hook is run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.reproduce.test_script import by_shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

READS = "cat outer/outer.txt outer/in_ner/inner.txt"


def library(folder: Path, git: Git) -> Path:
    """A repository with one file that tells whose it is."""
    git("init", "-q", str(folder))
    (folder / f"{folder.name}.txt").write_text(f"from {folder.name}\n")
    git("add", "-A", cwd=folder)
    git("commit", "-qm", folder.name, cwd=folder)
    return folder


@pytest.fixture
def nested(script: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a submodule in a submodule, and a run that reads both."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    inner, outer = library(tmp_path / "inner", git), library(tmp_path / "outer", git)
    git("submodule", "--quiet", "add", str(inner), "in_ner", cwd=outer)
    git("commit", "-qm", "Inner", cwd=outer)
    git("submodule", "--quiet", "add", str(outer), "outer", cwd=script)
    git("submodule", "--quiet", "update", "--init", "--recursive", cwd=script)
    git("commit", "-qm", "Outer", cwd=script)
    return script


def test_they_are_taken_from_their_clones_here(nested: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    assert gittrack("run", "-q", "--", *READS.split()).code == 0
    (tmp_path / "inner").rename(tmp_path / "away")
    (tmp_path / "outer").rename(tmp_path / "gone")
    again = gittrack("reproduce", "latest")
    assert (again.code, again.out.splitlines()[:2]) == (0, ["from outer", "from inner"]), again.err
    done = by_shell(gittrack("reproduce", "latest", "--dry-run").out, tmp_path)
    assert (done.code, done.out) == (0, "from outer\nfrom inner\n"), done.err
    place = tmp_path / "place"
    assert gittrack("checkout", "latest", str(place)).code == 0
    assert git("status", "--porcelain", cwd=place) == ""
    assert git("config", "remote.origin.url", cwd=place / "outer").strip() == str(tmp_path / "outer")


def test_nothing_is_fetched_from_where_the_code_says(
    nested: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    assert gittrack("run", "-q", "--", "ls", "outer").code == 0
    clone = tmp_path / "clone"
    git("clone", "-q", str(nested), str(clone))
    git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", "refs/gittrack/*:refs/gittrack/*", cwd=clone)
    result = gittrack("reproduce", "latest", cwd=clone)
    assert "outer.txt" not in result.out
    assert "submodules that are not cloned here are not in it: outer; run: git submodule update --init\n" in result.err
    place = tmp_path / "place"
    checked = gittrack("checkout", "latest", str(place), cwd=clone)
    assert (checked.code, list((place / "outer").iterdir())) == (0, [])
    assert "not in it: outer;" in checked.err
    done = by_shell(gittrack("reproduce", "latest", "--dry-run", cwd=clone).out, tmp_path)
    assert (done.code, done.out) == (0, ""), done.err
    git("submodule", "--quiet", "update", "--init", cwd=clone)
    found = gittrack("reproduce", "latest~1", cwd=clone)
    assert "outer.txt" in found.out
    assert "not in it: outer/in_ner;" in found.err


def test_a_name_that_leads_elsewhere_names_no_clone(nested: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    git("clone", "-q", "--bare", str(tmp_path / "outer"), str(nested / ".git/other"))
    modules = nested / ".gitmodules"
    modules.write_text(modules.read_text().replace('"outer"', '"../other"'))
    git("commit", "-qam", "Hostile", cwd=nested)
    assert gittrack("run", "-q", "--", "true").code == 0
    told = json.loads(gittrack("reproduce", "latest", "--dry-run", "--json").out)["script"]
    assert "# submodule outer is not cloned here" in told


def test_the_script_runs_no_hook_and_names_what_is_not_here(
    script: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    hook = script / ".git/hooks/post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    with (script / ".gitignore").open("a") as file:
        file.write("folder\n")
    (script / "folder").mkdir()
    (script / "folder/one.csv").write_text("1\n")
    assert gittrack("run", "-q", "--input", "folder", "--", "ls", "folder/").code == 0
    text = gittrack("reproduce", "latest", "--dry-run").out
    done = by_shell(text, tmp_path)
    assert (done.code, done.out) == (0, "one.csv\n"), done.err
    assert not (tmp_path / "hooked").exists()
    (script / "folder/one.csv").unlink()
    (script / "folder").rmdir()
    (tmp_path / "own").rmdir()
    missing = by_shell(text, tmp_path)
    assert (missing.code, missing.out) == (1, "")
    assert "input folder is not here\n" in missing.err
