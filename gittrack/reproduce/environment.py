"""The Python environment of a run made anew from its recorded packages, or held against the one that is here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from gittrack.capture.interpreter import environment_of
from gittrack.capture.redact import REDACTED
from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gittrack.model import Environment

# What is set for libraries and changes results; what names a job, a device or a place is that of this machine.
SETTINGS: Final = (
    "CUBLAS_WORKSPACE_CONFIG",
    "JAX_ENABLE_X64",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
    "TF_DETERMINISTIC_OPS",
    "TOKENIZERS_PARALLELISM",
    "XLA_FLAGS",
)
_PYTHON: Final = re.compile(r"(?:python|pypy)[0-9.]*t?(?:\.exe)?", re.IGNORECASE)
_BIN: Final = "Scripts" if sys.platform == "win32" else "bin"


def settings_of(environment: Environment) -> dict[str, str]:
    """Return the recorded variables that change results."""
    recorded = environment.variables
    return {name: recorded[name] for name in SETTINGS if REDACTED not in recorded.get(name, REDACTED)}


def differences(command: Sequence[str], recorded: Environment, packages: Iterable[str]) -> list[str]:
    """Return a line for each thing in which the environment of `command` here is not the recorded one."""
    here = environment_of(command)
    lines = []
    if recorded.python and here.python and recorded.python != here.python:
        lines.append(f"Python {here.python} (recorded: {recorded.python})")
    before, now = _by_name(packages), _by_name(here.packages)
    differing = [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]
    if before:
        lines += [f"{now.get(name, f'no {name}')} (recorded: {before.get(name, 'none')})" for name in differing]
    return lines


def make_environment(folder: str, python: str | None, packages: Sequence[str]) -> str:
    """Make a fresh environment in `folder` with exactly `packages`; return the folder of its programs.

    uv does it where it is installed, else venv and pip. Raises GittrackError with the last line of what went wrong.
    """
    requirements = os.path.join(os.path.dirname(folder), "requirements.txt")
    with open(requirements, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in packages)
    uv = shutil.which("uv")
    programs = os.path.join(folder, _BIN)
    interpreter = os.path.join(programs, "python")
    if uv:
        version = ("--python", python) if python else ()
        _run([uv, "venv", "--quiet", *version, folder])
        _run([uv, "pip", "install", "--quiet", "--no-deps", "--python", interpreter, "-r", requirements])
    else:
        _run([_interpreter(python), "-m", "venv", folder])
        _run([interpreter, "-m", "pip", "install", "--quiet", "--no-deps", "-r", requirements])
    return programs


def with_interpreter(command: Sequence[str], programs: str) -> tuple[str, ...]:
    """Return `command` with its Python, wherever that was, replaced by the one in `programs`."""
    return (os.path.join(programs, "python"), *command[1:]) if is_python(command[0]) else tuple(command)


def is_python(program: str) -> bool:
    """Tell whether the first word of a command names a Python, wherever that is."""
    return _PYTHON.fullmatch(os.path.basename(program)) is not None


def on_path(programs: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that make an environment the active one."""
    path = environ.get("PATH", "")
    return {"PATH": f"{programs}{os.pathsep}{path}" if path else programs, "VIRTUAL_ENV": os.path.dirname(programs)}


def _interpreter(version: str | None) -> str:
    """The Python of that version that is installed here; GittrackError when there is none."""
    if version is None or version.split(".")[:2] == [str(number) for number in sys.version_info[:2]]:
        return sys.executable
    found = shutil.which(f"python{'.'.join(version.split('.')[:2])}")
    if found is None:
        raise GittrackError(f"Python {version} is not installed here; install it, or uv, which fetches it")
    return found


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise GittrackError(f"the environment could not be made: {command[0]}: {error.strerror or error}") from None
    if done.returncode:
        lines = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise GittrackError(f"the environment could not be made: {lines[-1].strip() if lines else command[0]}")


def _by_name(packages: Iterable[str]) -> dict[str, str]:
    return {re.split(r"==| @ ", line)[0]: line for line in packages}
