"""Opening a run: a new one with all that is captured by itself, a running one to join, an ended one to resume."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from gittrack.capture.arguments import entry_in
from gittrack.capture.environment import capture_environment, host, user
from gittrack.capture.redact import redact_arguments, redact_text
from gittrack.codec.paths import check_id
from gittrack.codec.record import start_to_plain
from gittrack.codec.times import milliseconds
from gittrack.errors import GittrackError, RunNotFound, StorageError
from gittrack.model import DEFAULT_EXPERIMENT, Author, Code, Environment, Launch, Start, Value
from gittrack.names import name_for
from gittrack.record.auto_push import show_while_running
from gittrack.record.clock import joined_clock, new_clock
from gittrack.record.code import capture_code, utf8
from gittrack.record.folder import is_live, opening_of_owner
from gittrack.record.journal import Journal, opening_of
from gittrack.record.run import ActiveRun
from gittrack.record.telling import warn
from gittrack.values import check_run_name, check_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.project import Project

NAME_LIMIT = 250


def begin(
    project: Project,
    name: str | None,
    experiment: str | None,
    parent: str | None,
    *,
    run_id: str | None = None,
    command: Sequence[str] | None = None,
    launch: Launch | None = None,
    reproduces: str | None = None,
) -> ActiveRun:
    """Start a new run in `project`; `command` is what runs, by default this very process."""
    run_id = run_id or os.urandom(16).hex()
    start, problems = _captured(project, run_id, name=name, experiment=experiment, parent=parent, command=command)
    start = replace(start, launch=launch or Launch(), reproduces=reproduces)
    run = ActiveRun(project, start, _begun(project, start, start.time, start.time, problems), owner=True)
    with contextlib.suppress(GittrackError, OSError):  # what is wrong with the setting, gittrack doctor tells
        show_while_running(project, run_id)
    return run


def _begun(project: Project, start: Start, zero: float, not_before: float, problems: Sequence[str]) -> Journal:
    """A journal with its first lines written, its clock from `not_before` on; StorageError when the disk refuses."""
    # Loaded now, not after days of training, when the installed version may be another one. And dataclasses
    # are made by exec, which in an atexit handler makes Python forget that SIGINT ended the process.
    import gittrack.record.publish  # noqa: F401

    opening = opening_of(start.id, owner=True, start=zero)
    journal = Journal(project.journal_of(start.id), opening, new_clock(not_before))
    try:
        journal.open()
    except OSError as error:
        raise StorageError(
            f"no run can be recorded: {journal.directory} cannot be written ({error.strerror or error})"
        ) from None
    journal.event("start", start=start_to_plain(start), packages=list(start.environment.packages))
    for problem in problems:
        warn(problem)
        journal.event("warning", text=problem)
    return journal


def join_journal(project: Project, run_id: str, name: str | None, experiment: str | None) -> ActiveRun | None:
    """Return a run that another process owns and that is running, None when it is not running."""
    directory = project.journal_of(run_id)
    if not is_live(directory):
        return None
    owner = opening_of_owner(directory)
    if owner is None:
        return None
    project.redact_as_configured()
    time_of_start, opening = owner
    start = Start(run_id, name or name_for(run_id), time_of_start, experiment or DEFAULT_EXPERIMENT)
    journal = Journal(directory, opening_of(run_id, owner=False), joined_clock(opening, host()))
    run = ActiveRun(project, start, journal, owner=False, params=partial(_running_params, project, run_id))
    if name or experiment:
        run.adopt(name, experiment)
    return run


def resume(project: Project, run_id: str, name: str | None, experiment: str | None, *, may_be_new: bool) -> ActiveRun:
    """Go on with a run that is committed, or whose process is gone; with `may_be_new` begin an unknown one."""
    from gittrack.record.publish import committed, publish
    from gittrack.replay import fold

    check_id(run_id)
    if os.path.isdir(project.journal_of(run_id)):
        with contextlib.suppress(FileNotFoundError):  # another process committed it at the same time
            publish(project, run_id)
    records = committed(project, run_id)
    if not records:
        if may_be_new:
            return begin(project, name, experiment, None, run_id=run_id)
        raise RunNotFound(f"run {run_id} is not in this repository; 'gittrack log' lists what is")
    known = fold(records)
    start, problems = _captured(
        project, run_id, name=name or known.name, experiment=experiment or known.experiment, parent=known.parent
    )
    journal = _begun(project, start, known.start, known.end or known.start, problems)
    # Its times go on counting from when it first started.
    run = ActiveRun(project, replace(start, time=known.start), journal, owner=True, params=lambda: known.params)
    if name or experiment:
        run.adopt(name, experiment)
    return run


def _running_params(project: Project, run_id: str) -> Mapping[str, Value]:
    from gittrack.record.recover import running

    record = running(project, run_id)
    return {} if record is None else record.params


def _captured(
    project: Project,
    run_id: str,
    *,
    name: str | None,
    experiment: str | None,
    parent: str | None,
    command: Sequence[str] | None = None,
) -> tuple[Start, tuple[str, ...]]:
    """What is known at the start, and a sentence for each thing that could not be kept."""
    project.check_runs_ref()
    project.redact_as_configured()
    experiment = experiment or project.settings.get("gittrack.experiment") or DEFAULT_EXPERIMENT
    argv = list(command) if command is not None else this_command()
    captured = capture_code(project, argv)
    start = Start(
        id=check_id(run_id),
        name=redact_text(check_run_name(name)) if name else name_for(run_id),
        time=milliseconds(time.time()),
        experiment=redact_text(check_text("an experiment's name", experiment, limit=NAME_LIMIT)),
        parent=None if parent is None else check_id(parent),
        author=Author(project.author.name, project.author.email),
        host=host(),
        user=user(),
        command=tuple(utf8(word) for word in redact_arguments(argv)),
        code=_with_entry_in_tree(project, captured.code),
        environment=replace(_environment(project, command), locks=captured.locks),
    )
    return start, captured.problems


def _with_entry_in_tree(project: Project, code: Code) -> Code:
    top = project.repo.worktree
    if top is None or code.entry is None:
        return code
    return replace(code, entry=entry_in(top, code.directory, code.entry))


def _environment(project: Project, command: Sequence[str] | None) -> Environment:
    chosen = project.settings.get_all("gittrack.environment")
    if command is None:
        return capture_environment(chosen=chosen)
    from gittrack.capture.interpreter import environment_of  # it starts processes; a training script needs none

    return environment_of(command, chosen=chosen)


def this_command() -> list[str]:
    """Return the command line of this process as it was typed; [] in a notebook, whose own says nothing."""
    if "ipykernel" in sys.modules:
        notebook = os.environ.get("JPY_SESSION_NAME")
        return [notebook] if notebook else []
    return list(getattr(sys, "orig_argv", None) or sys.argv)
