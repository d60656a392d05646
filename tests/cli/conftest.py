"""Runs that the recorder made, and a terminal to look at them."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Git, RunPython

GRID = """
    import gittrack

    for number, rate in enumerate((0.1, 0.01, 0.001)):
        with gittrack.start_run(
            f"grid-{number}",
            experiment="rates" if number else "first",
            params={"lr": rate, "model": {"width": 64}, "layers": [1, 2]},
            tags={"stage": "trial"},
        ) as run:
            for step in range(5):
                run.log_metric("loss", 1 / (step + 1 + number), step)
            run.log_metric("accuracy", 0.123456789)
            run.log_text("hello", "notes/hello.txt")
"""


@pytest.fixture
def hub(repo: Path, git: Git) -> Path:
    """An empty bare repository that is the remote `origin` of the repository."""
    path = repo.parent / "hub.git"
    git("init", "-q", "--bare", str(path))
    git("remote", "add", "origin", "../hub.git", cwd=repo)
    return path


@pytest.fixture
def recorded(repo: Path, run_python: RunPython) -> Path:
    """The repository with three finished runs, grid-0 (experiment first), grid-1 and grid-2 (rates)."""
    result = run_python(GRID)
    assert result.code == 0, result.err
    return repo


class Terminal:
    """`terminal("log", width=60) -> (exit code, text)` runs gittrack on a pseudo-terminal."""

    def __call__(
        self, *args: str, width: int = 100, env: Mapping[str, str | None] | None = None, typed: str = ""
    ) -> tuple[int, str]:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        merged = {**os.environ, "GIT_PAGER": "cat", **(env or {})}
        process = subprocess.Popen(
            [sys.executable, "-m", "gittrack", *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={name: value for name, value in merged.items() if value is not None},
            start_new_session=True,
        )
        os.close(slave)
        with os.fdopen(master, "r+b", buffering=0) as end:
            end.write(typed.encode())
            text = _read_all(end.fileno())
        return process.wait(), text.decode().replace("\r\n", "\n")


def _read_all(descriptor: int) -> bytes:
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # how Linux tells that the other side is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks)


@pytest.fixture
def terminal() -> Terminal:
    """Run the command line on a terminal: `terminal(*args, width=, env=, typed=) -> (code, text)`."""
    return Terminal()
