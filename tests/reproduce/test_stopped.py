"""A reproduction that somebody stops is none, even where the recorded run was stopped as well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.reproduce.runs import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack

WAITS = """
import gittrack, os, sys

with gittrack.start_run():
    gittrack.log_metric("loss", 1.0, 0)
    print("ready", flush=True)
    sys.stdin.read()
"""


def stopped(folder: Path, *words: str) -> tuple[int, str]:
    """Run gittrack and send it SIGTERM when its command is ready; its exit code, and all it printed."""
    command = [sys.executable, "-m", "gittrack", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        before = list(iter(lambda: next(lines), "ready\n"))
        os.kill(process.pid, signal.SIGTERM)
        rest = process.stdout.read()
    return process.returncode, "".join([*before, rest])


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_signal_to_gittrack_itself(script: Path, python: str, git: Git, gittrack: Gittrack, wrapped: bool) -> None:
    write(script, train_py=WAITS)
    git("commit", "-qam", "Wait", cwd=script)
    if wrapped:
        code, told = stopped(script, "run", "-q", "--", python, "train.py")
    else:
        with subprocess.Popen(
            [python, "train.py"], cwd=script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.terminate()
        code, told = process.returncode, ""
    assert code != 0, told
    code, told = stopped(script, "reproduce", "latest")
    assert (code, "not reproduced: " in told) == (1, True), told
    assert "it was sent a signal to stop before its end" in told
    assert "it ended" not in told, "both were killed"
    assert git("worktree", "list", cwd=script).count("\n") == 1
    assert gittrack("show").code == 0
