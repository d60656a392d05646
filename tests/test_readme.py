"""Everything that the README shows is run here, in the order in which it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.conftest import Git, Gittrack, RunPython

README: Final = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCK: Final = re.compile(r"<!-- (transcript|python) -->\n```\w+\n(.*?)```", re.DOTALL)
MARKED: Final = re.findall(r"```(?:console|python)\n", README)

TRAIN: Final = """
import argparse
import json

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
lr = parser.parse_args().lr

loss = 1.0
for epoch in range(1, 4):
    loss *= 1 - lr
    print(f"epoch {epoch}: loss {loss:.3f}")
json.dump({"loss": loss}, open("metrics.json", "w"))
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gittrack` and `python` on PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"gittrack": [sys.executable, "-m", "gittrack"], "python": [sys.executable]}.items():
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def project(tmp_path: Path, git: Git, programs: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository that the README takes for granted, with `gittrack` and `python` on PATH."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "train.py").write_text(TRAIN)
    (folder / "train.sh").write_text("echo weights > model.bin; echo '{\"loss\": 0.1}' > metrics.json\n")
    (folder / "params.yaml").write_text("optimizer: adam\ndepth: 3\n")
    (folder / ".gitignore").write_text("metrics.json\nmodel.bin\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "Train")
    return folder


def normal(text: str) -> str:
    """Without what differs each time: ids and commits, ages, the spaces of a table."""
    text = re.sub(r"\b[0-9a-f]{7,40}\b", "ID", text)
    text = re.sub(r"run ID [a-z]+-[a-z]+ ", "run ID NAME ", text)
    text = re.sub(r"as ID [a-z]+-[a-z]+\b", "as ID NAME", text)
    text = re.sub(r"again in \S+/project", "again in PLACE", text)
    text = re.sub(r" +\d+s ", " AGE ", text)
    text = re.sub(r"\b\d+(\.\d+)?s\b", "DURATION", text)
    return re.sub(r"[ \t]+", " ", text).strip()


def transcript(block: str) -> list[tuple[str, str]]:
    """(command, what it printed) for each `$` line."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    return [(part.partition("\n")[0], part.partition("\n")[2]) for part in parts]


@pytest.mark.usefixtures("project")
def test_the_readme_tells_what_happens(run_python: RunPython) -> None:
    blocks = BLOCK.findall(README)
    # That of two clones is run by tests/share/test_walkthrough.py.
    assert len(blocks) == len(MARKED) - 1 >= 6, "a block of the README is not marked to be run"
    scripts = [text for kind, text in blocks if kind == "python"]
    told: list[tuple[str, str]] = []
    found: list[tuple[str, str]] = []
    printed = ""
    for kind, text in blocks:
        if kind == "python":
            # Each goes on where the ones before ended, so they are run together, at the place of the last.
            if text == scripts[-1]:
                done = run_python("\n".join(scripts), cwd=Path.cwd())
                assert (done.code, done.err) == (0, "")
                printed = done.out
            continue
        for command, output in transcript(text):
            done_ = subprocess.run(["sh", "-c", command + " 2>&1"], stdout=subprocess.PIPE, text=True, check=False)
            assert done_.returncode == 0, done_.stdout
            told.append((command, normal(output)))
            found.append((command, normal(done_.stdout)))
    assert found == told
    assert printed == "first 0.1 0.01\n"


def test_the_two_commands_stand_there() -> None:
    commands = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert len(commands) == 2
    assert "gittrack demo" in commands[0]
    assert "pytest" in commands[1]


SHARING: Final = (Path(__file__).parent.parent / "docs" / "sharing.md").read_text(encoding="utf-8")
PLAIN_MERGE: Final = "".join(re.findall(r"^    (git .*\n)", SHARING, re.MULTILINE))


def test_plain_git_merges_two_clones_as_the_page_says(repo: Path, git: Git, gittrack: Gittrack, programs: None) -> None:
    git("init", "-q", "--bare", "../hub.git")
    git("remote", "add", "origin", "../hub.git")
    assert gittrack("run", "-q", "--name", "one", "--", "true").code == 0
    git("push", "-q", "origin", "main", "gittrack/runs")
    git("clone", "-q", "-b", "main", "../hub.git", "../other")
    assert gittrack("run", "-q", "--name", "two", "--", "true", cwd="../other").code == 0
    git("push", "-q", "origin", "gittrack/runs", cwd="../other")
    assert gittrack("run", "-q", "--name", "three", "--", "true").code == 0
    done = subprocess.run(["sh", "-ec", PLAIN_MERGE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[1] for line in gittrack("log", "--oneline").out.splitlines()] == ["three", "two", "one"]
    git("fetch", "-q", "origin", "gittrack/runs:gittrack/runs", cwd="../other")
    assert len(gittrack("log", "--oneline", cwd="../other").out.splitlines()) == 3


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parent.parent
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert len(links) > 4
    assert [link for link in links if not (root / link).exists()] == []
