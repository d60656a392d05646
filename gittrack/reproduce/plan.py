"""What has to be done to run a recorded run again; pure."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.capture.command import find_entry, reads_its_code
from gittrack.capture.redact import REDACTED
from gittrack.errors import GittrackError
from gittrack.model import RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Run


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to be done again: from `commit`, in `directory` of its tree, by `command`.

    `given` tells that the command is not the recorded one. `packages` are the requirement lines of a fresh
    environment, None for the Python that is here. With `new_data` the inputs are what they are now.
    """

    run: Run
    commit: str
    command: tuple[str, ...]
    directory: str
    given: bool = False
    packages: tuple[str, ...] | None = None
    links: tuple[str, ...] = ()
    new_data: bool = False


def check_run(run: Run) -> None:
    """Raise GittrackError for a run of which there is nothing to be done again."""
    if run.status == RUNNING:
        raise GittrackError(f"run {run.id[:8]} is still running; reproduce it when it has ended")
    if run.parent is not None and run.launch.ordinal == 0 and not run.launch.wrapped:
        raise GittrackError(
            f"run {run.id[:8]} was started by run {run.parent[:8]}; reproduce that one: "
            f"gittrack reproduce {run.parent[:8]}"
        )
    if not is_inside(run.code.directory):
        raise GittrackError(f"the directory {run.code.directory!r:.200} of run {run.id[:8]} is not in its code")


def is_inside(path: str) -> bool:
    """Tell whether a recorded path, relative to the top of the code, stays in there."""
    return not posixpath.isabs(path) and posixpath.normpath(path).split("/")[0] != ".."


def may_be_laid(path: str) -> bool:
    """Tell whether data may be laid at a path, relative to the top of the code: in there, and no part of git's own."""
    parts = posixpath.normpath(path).split("/")
    return is_inside(path) and parts != ["."] and ".git" not in map(str.lower, parts)


def command_of(run: Run, given: Sequence[str]) -> tuple[str, ...]:
    """Return the command that is given, else the recorded one; GittrackError where the code that ran was not kept."""
    if given:
        return tuple(given)
    problem = _problem(run)
    if problem:
        raise GittrackError(f"{problem}; give a command: gittrack reproduce {run.id[:8]} -- COMMAND")
    return run.command


def _problem(run: Run) -> str:
    command = run.command
    if not command or (len(command) == 1 and command[0].endswith(".ipynb")):
        return f"run {run.id[:8]} was recorded without a command, as from a notebook"
    if any(REDACTED in word for word in command):
        return f"the command of run {run.id[:8]} held a secret, which was not kept"
    if reads_its_code(command):
        return f"run {run.id[:8]} read its code from standard input, a terminal or a pipe, and that was not kept"
    if run.launch.worker and any(word.startswith("from multiprocessing.") for word in command):
        return f"run {run.id[:8]} was started by a worker of multiprocessing, and the command before it is not known"
    return ""


def code_in_tree(plan: Plan) -> tuple[str, ...]:
    """Return the command with a script of the working tree that was named by its absolute path told as its entry.

    There it would be run as it is today, and in another clone it is not.
    """
    entry = plan.run.code.entry
    if plan.given or entry is None or posixpath.isabs(entry):
        return plan.command
    inside = f"/{posixpath.normpath(posixpath.join(plan.directory, entry))}"
    word = find_entry(plan.command, lambda word: word.endswith(inside)).name
    if word is None or not posixpath.isabs(word) or not word.endswith(inside):
        return plan.command
    at = plan.command.index(word)
    # A program without a slash would be looked for on PATH.
    told = entry if at or "/" in entry else f"./{entry}"
    return (*plan.command[:at], told, *plan.command[at + 1 :])


def around_own(requirement: str, own: str | None) -> tuple[str, str] | None:
    """What stands before and behind the working tree `own` in an editable requirement; None where that is elsewhere."""
    if own is None or not requirement.startswith("-e "):
        return None
    found = re.search(rf"(?:(?<=\s)|(?<=//)){re.escape(own)}(?=[/#]|$)", requirement)
    return (requirement[: found.start()], requirement[found.end() :]) if found else None
