"""What a shell is told: commands, options, runs, metrics; never an error."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Gittrack, RunPython


def complete(gittrack: Gittrack, line: str, cwd: Path | None = None) -> list[str]:
    """What bash would offer for the last word of `line`."""
    words = line.split(" ")
    env = {"_GITTRACK_COMPLETE": "bash_complete", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    result = gittrack(env=env, cwd=cwd)
    assert result.err == ""
    return [word.partition(",")[2] for word in result.out.splitlines() if word]


def test_commands_and_options(gittrack: Gittrack) -> None:
    assert complete(gittrack, "gittrack re") == ["record", "reproduce", "rename", "restore"]
    assert complete(gittrack, "gittrack log --on") == ["--oneline"]
    assert "--version" in complete(gittrack, "gittrack --")
    assert complete(gittrack, "gittrack log --status f") == ["finished", "failed"]


def test_runs_experiments_and_metrics(recorded: Path, gittrack: Gittrack, tmp_path: Path) -> None:
    assert complete(gittrack, "gittrack show grid-") == ["grid-2", "grid-1", "grid-0"], recorded
    assert complete(gittrack, "gittrack show lat") == ["latest"]
    assert complete(gittrack, "gittrack rm grid-0 grid-1") == ["grid-1"]
    assert complete(gittrack, "gittrack log --experiment ") == ["rates", "first"]
    assert complete(gittrack, "gittrack show grid-0 --metric a") == ["accuracy"]
    assert complete(gittrack, "gittrack plot a") == ["accuracy"]
    assert complete(gittrack, "gittrack plot loss,a") == ["loss,accuracy"]
    assert complete(gittrack, "gittrack plot loss grid-") == ["grid-2", "grid-1", "grid-0"]
    for line in ("best", "stats loss", "gate --metric", "compare grid-0 --min"):
        assert complete(gittrack, f"gittrack {line} a") == ["accuracy"]
    assert complete(gittrack, f"gittrack -C {recorded} show grid-2", cwd=tmp_path) == ["grid-2"]


def test_names_that_a_shell_would_obey_are_left_out(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    result = run_python("""
        import gittrack

        for name in ("fine", "two words", "$(touch-me)", "back`tick"):
            gittrack.start_run(name).end()
    """)
    assert result.code == 0, result.err

    assert complete(gittrack, "gittrack show ") == ["latest", "fine"], repo


def test_no_repository_is_no_error(gittrack: Gittrack) -> None:
    assert complete(gittrack, "gittrack show x") == []
    assert complete(gittrack, "gittrack nonsense x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell: str, gittrack: Gittrack) -> None:
    result = gittrack("completion", shell)

    assert (result.code, result.err) == (0, "")
    assert f"_GITTRACK_COMPLETE={shell}_complete" in result.out
    assert " gittrack" in result.out
    assert " git-track" in result.out


@pytest.mark.may_skip  # a machine need not have bash
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_itself_completes(recorded: Path, gittrack: Gittrack, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("gittrack", "git-track"):
        (bin_folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m gittrack "$@"\n', encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    script = gittrack("completion", "bash").out + (
        'COMP_WORDS=(git-track show grid-1) COMP_CWORD=2\n_git_track_completion git-track\necho "${COMPREPLY[@]}"\n'
        "complete -p gittrack git-track >/dev/null && echo both\n"
    )

    done = subprocess.run(
        ["bash", "-c", f'PATH="{bin_folder}:$PATH"\n{script}'],
        capture_output=True,
        text=True,
        check=False,
        cwd=recorded,
    )

    assert (done.stdout, done.stderr) == ("grid-1\nboth\n", "")
