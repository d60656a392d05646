"""Hands long output to a pager as git does: only on a terminal, and one that is quit early is no error."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gittrack.project import Project

# As git sets them: quit when one screen is enough, keep colours, leave the screen as it is.
DEFAULTS: Final = {"LESS": "FRX", "LV": "-c"}
_FEW: Final = 100  # lines
_NOT_STARTED: Final = (126, 127)
_YES: Final = ("true", "yes", "on", "1")
_NO: Final = ("false", "no", "off", "0")


def show_page(text: str, project: Project | None = None) -> None:
    """Print `text`, through a pager where standard output is a terminal."""
    command = pager_command(project) if sys.stdout.isatty() else ""
    if not command or not _paged(command, lambda: (text.encode("utf-8", "backslashreplace"),)):
        sys.stdout.write(text)
        sys.stdout.flush()


def show_stream(chunks: Callable[[], Iterable[bytes]], project: Project, like: str) -> None:
    """Print what `chunks()` gives, as it comes and byte for byte, through the pager that `git LIKE` would use."""
    command = pager_command(project, like) if sys.stdout.isatty() else ""
    if command and _paged(command, chunks):
        return
    sys.stdout.flush()
    for chunk in chunks():
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def show_lines(lines: Iterable[str], project: Project, like: str) -> None:
    """Print lines as they come, as `show_stream` does; a few of them as a whole page."""
    coming = iter(lines)
    first = list(islice(coming, _FEW))
    if len(first) < _FEW:
        show_page("".join(f"{line}\n" for line in first), project)
        return
    encoding = sys.stdout.encoding or "utf-8"
    encoded = (f"{line}\n".encode(encoding, "backslashreplace") for line in chain(first, coming))
    show_stream(lambda: encoded, project, like)


def write_lines(lines: Iterable[str]) -> None:
    """Print what programs read, line by line, in UTF-8 whatever the locale says."""
    for line in lines:
        write_utf8(f"{line}\n")


def write_utf8(text: str) -> None:
    """Print `text` in UTF-8 whatever the locale says: JSON has no other encoding."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
    else:
        sys.stdout.write(text)


def pager_command(project: Project | None, like: str = "") -> str:
    """Return the pager by git's rules, '' for none: GIT_PAGER, core.pager, PAGER, less.

    With the name of a git command its own setting, such as pager.diff, comes before core.pager, or says that there
    is none.
    """
    command = os.environ.get("GIT_PAGER")
    if command is None and project is not None:
        command = _configured(project, like)
    if command is None:
        command = os.environ.get("PAGER")
    if command is None:
        import shutil

        command = "less" if shutil.which("less") else ""
    return "" if command.strip() in ("", "cat") else command


def _configured(project: Project, like: str) -> str | None:
    try:
        own = project.settings.get(f"pager.{like}") if like else None
        if own is None or own.lower() in _YES:
            return project.settings.get("core.pager")
    except GittrackError:  # what was asked for is in hand: show it
        return None
    return "" if own.lower() in _NO else own


def _paged(command: str, chunks: Callable[[], Iterable[bytes]]) -> bool:
    """Run the pager to its end; False when it could not be started."""
    env = {**DEFAULTS, **os.environ}
    sys.stdout.flush()
    try:
        # The user's own setting, a shell command by git's rules: 'less -S', 'delta --dark'.
        pager = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=env)  # noqa: S602
    except OSError:
        return False
    # ^C is the pager's own to answer; it was started before and still hears it.
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _feed(pager, chunks())
    finally:
        pager.wait()
        signal.signal(signal.SIGINT, previous)
    return pager.returncode not in _NOT_STARTED


def _feed(pager: subprocess.Popen[bytes], chunks: Iterable[bytes]) -> None:
    assert pager.stdin is not None
    # One that is quit early leaves a broken pipe: at a write, or at the last one, which closing does.
    with suppress(BrokenPipeError), pager.stdin as pipe:
        for chunk in chunks:
            pipe.write(chunk)
