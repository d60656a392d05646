"""Packages that only some need: loaded when they are asked for, and named with their command when they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from gittrack.errors import GittrackError


def load(module: str, extra: str, purpose: str) -> Any:  # noqa: ANN401 - a module, whose types its stubs would tell
    """Return `module`; GittrackError, with the command that installs it, where it is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise GittrackError(f"{purpose} needs {module}; install it with: pip install 'gittrack[{extra}]'") from None
