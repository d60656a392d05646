"""Which Python a recorded command runs, and its packages: gittrack itself may live in another environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.capture.environment import IMPLEMENTATIONS, capture_environment
from gittrack.capture.packages import installed_packages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.model import Environment

PATIENCE = 10.0
_PYTHON = re.compile(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?", re.IGNORECASE)
# The first folder on its path is the current one: that holds the user's code, not packages, and a json.py in it
# must neither be run by the question nor get a __pycache__ beside it.
_QUESTION = (
    "import sys; del sys.path[0]; path = sys.path[:]; import json; "
    "print(json.dumps([sys.version.split()[0], sys.implementation.name, path]))"
)


def environment_of(command: Sequence[str], *, chosen: Iterable[str] = ()) -> Environment:
    """Return the environment of `command`: the machine, and the Python that it runs or would find on PATH.

    `chosen` as in capture_environment. When that Python does not answer, no version and no packages are told rather
    than those of another one.
    """
    here = capture_environment(chosen=chosen)
    python = _python_of(command)
    if python is None or _same(python, sys.executable):
        return here
    answer = _ask(python)
    if answer is None:
        return replace(here, python=None, implementation=None, packages=())
    version, name, path = answer
    return replace(
        here, python=version, implementation=IMPLEMENTATIONS.get(name, name), packages=installed_packages(path)
    )


def is_interpreter(program: str) -> bool:
    """Tell whether a command that begins with `program` is a Python itself, and not a script that starts one."""
    path = shutil.which(program)
    if path is None or not _PYTHON.fullmatch(os.path.basename(path)):
        return False
    try:
        with open(path, "rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False


def _python_of(command: Sequence[str]) -> str | None:
    program = shutil.which(command[0]) if command else None
    if program is not None:
        if _PYTHON.fullmatch(os.path.basename(program)):
            return program
        found = _from_first_line(program)
        if found is not None:
            return found
    return shutil.which("python") or shutil.which("python3")


def _from_first_line(program: str) -> str | None:
    """The interpreter of a script such as torchrun: pip writes its path into the first line."""
    try:
        with open(program, "rb") as file:
            line = file.readline(1024)
    except OSError:
        return None
    words = line[2:].decode("utf-8", "replace").split() if line.startswith(b"#!") else []
    if len(words) > 1 and os.path.basename(words[0]) == "env":
        words = words[1:]
    if not words or not _PYTHON.fullmatch(os.path.basename(words[0])):
        return None
    return shutil.which(words[0])


def _same(one: str, other: str) -> bool:
    # The folder tells: two virtual environments may link to one and the same binary.
    folders = {os.path.dirname(os.path.abspath(path)) for path in (one, other)}
    return len(folders) == 1 and os.path.realpath(one) == os.path.realpath(other)


def _ask(python: str) -> tuple[str, str, list[str]] | None:
    try:
        done = subprocess.run(
            [python, "-c", _QUESTION], capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=True
        )
        version, name, path = json.loads(done.stdout)
        return str(version), str(name), [str(folder) for folder in path]
    except (OSError, ValueError, TypeError, subprocess.SubprocessError):
        return None
