"""Starts a command, and says what is wrong when it cannot be started, as a shell would."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from collections.abc import Mapping


class CommandNotFound(GittrackError):
    """There is no such command; the exit code is the shell's."""

    exit_code = 127


class CommandNotExecutable(GittrackError):
    """The command exists and cannot be run; the exit code is the shell's."""

    exit_code = 126


def check_command(name: str) -> None:
    """Raise CommandNotFound when there is no command `name`, before anything is done for it."""
    if shutil.which(name) is None and not os.path.exists(name):
        raise _cannot_start(name, None, FileNotFoundError())


def start_process(argv: list[str], env: Mapping[str, str] | None, output: int, errors: int) -> subprocess.Popen[bytes]:
    """Start a command with every descriptor that we inherited ourselves, such as /dev/fd/63.

    Raises CommandNotFound or CommandNotExecutable.
    """
    try:
        return subprocess.Popen(argv, stdout=output, stderr=errors, env=env, close_fds=False)
    except OSError as error:
        path = shutil.which(argv[0], path=None if env is None else env.get("PATH"))
        if error.errno == errno.ENOEXEC and path and os.path.isfile("/bin/sh"):
            # A script without a `#!` line, which a shell would run by itself too.
            return subprocess.Popen(
                ["/bin/sh", path, *argv[1:]], stdout=output, stderr=errors, env=env, close_fds=False
            )
        raise _cannot_start(argv[0], path, error) from error


def _cannot_start(name: str, path: str | None, error: OSError) -> GittrackError:
    reason = (error.strerror or str(error)).lower()
    if isinstance(error, FileNotFoundError) and path:
        return CommandNotExecutable(f"{name}: the interpreter in its first line was not found; correct that line.")
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        here = os.path.isfile(name) and os.path.dirname(name) == ""
        hint = f"write ./{name}, or put its interpreter before it" if here else "check its name and PATH"
        return CommandNotFound(f"{name}: command not found; {hint}.")
    if isinstance(error, PermissionError) and os.path.isfile(name):
        return CommandNotExecutable(
            f"{name}: permission denied; make it executable (chmod +x), or put its interpreter before it."
        )
    return CommandNotExecutable(f"{name}: cannot be run ({reason}); check the file and its permissions.")
