"""What has to be done to run a recorded run again: pure, and the same thing as a shell script for a person."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.capture.redact import REDACTED
from gittrack.errors import GittrackError
from gittrack.model import RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.model import Run

_RUN: Final = "run"


@dataclass(frozen=True, slots=True)
class Plan:
    """A run to be done again: from `commit`, in `directory` of its tree, by `command`.

    `packages` are the requirement lines of a fresh environment, None for the Python that is here.
    """

    run: Run
    commit: str
    command: tuple[str, ...]
    directory: str
    packages: tuple[str, ...] | None = None
    links: tuple[str, ...] = ()


def check_run(run: Run) -> None:
    """Raise GittrackError for a run of which there is nothing to be done again."""
    if run.status == RUNNING:
        raise GittrackError(f"run {run.id[:8]} is still running; reproduce it when it has ended")
    if run.parent is not None and run.launch.ordinal == 0 and not run.launch.wrapped:
        raise GittrackError(
            f"run {run.id[:8]} was started by run {run.parent[:8]}; reproduce that one: "
            f"gittrack reproduce {run.parent[:8]}"
        )


def command_of(run: Run, given: Sequence[str]) -> tuple[str, ...]:
    """Return the command that is given, else the recorded one; GittrackError where that was not kept whole."""
    if given:
        return tuple(given)
    hint = f"give it: gittrack reproduce {run.id[:8]} -- COMMAND"
    if not run.command:
        raise GittrackError(f"run {run.id[:8]} was recorded without a command, as from a notebook; {hint}")
    if any(REDACTED in word for word in run.command):
        raise GittrackError(f"the command of run {run.id[:8]} held a secret, which was not kept; {hint}")
    return run.command


def script(plan: Plan, repository: str) -> Iterator[str]:
    """Yield the lines of the shell script that does the same with git alone."""
    yield "#!/bin/sh"
    yield f"# Runs {plan.run.id[:8]} {shlex.quote(plan.run.name)} again."
    yield "set -eu"
    yield "place=$(mktemp -d)"
    git = f"git -C {shlex.quote(repository)}"
    yield "trap " + shlex.quote(f'{git} worktree remove --force "$place/code"; rm -rf "$place"') + " EXIT"
    yield f'{git} worktree add --detach "$place/code" {plan.commit}'
    yield f'cd "$place/code"/{shlex.quote(plan.directory)}'
    for item in plan.run.inputs:
        yield f"# input {shlex.quote(item.path)}: {item.kind}, {item.size} bytes, sha256 {item.sha256}"
        if not item.path.startswith("/"):
            path, own = shlex.quote(item.path), shlex.quote(f"{repository}/{plan.directory}/{item.path}")
            yield f'test -e {path} || {{ mkdir -p "$(dirname {path})" && ln -s {own} {path}; }}'
        if item.kind == "file":
            yield f"echo {shlex.quote(f'{item.sha256}  {item.path}')} | sha256sum --check"
    if plan.packages is not None:
        yield 'python3 -m venv "$place/env"'
        yield "printf '%s\\n' \\"
        yield from (f"  {shlex.quote(line)} \\" for line in plan.packages)
        yield '  >"$place/requirements.txt"'
        yield '"$place/env/bin/pip" install --no-deps -r "$place/requirements.txt"'
        yield 'PATH="$place/env/bin:$PATH"'
    yield shlex.join(plan.command)
