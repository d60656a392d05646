"""A recorded command on another commit: in a worktree of its own, as a run of its own."""

from __future__ import annotations

import os
import posixpath
import signal
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError
from gittrack.reproduce.again import Options, prepared, reproduce
from gittrack.reproduce.plan import Plan, check_run, command_of, is_inside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.catalog import Catalog
    from gittrack.model import Run

_INTERRUPTED: Final = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def can_be_rerun(run: Run) -> bool:
    """Tell whether there is a command of a run that can be done again."""
    try:
        check_run(run)
        command_of(run, ())
    except GittrackError:
        return False
    return True


def rerun(catalog: Catalog, run: Run, commit: str, metric: str) -> Run:
    """Run the command of `run` on the code of `commit` and return the new run, which tells that it reproduces that one.

    What it reads is as it is at that commit, and else as it is in the user's working tree now. Raises GittrackError
    when it cannot be started there, or recorded nothing; KeyboardInterrupt when somebody interrupted it.
    """
    links = (posixpath.normpath(posixpath.join(run.code.directory, item.path)) for item in run.inputs)
    plan = Plan(
        # The data that is held against what the run read would be that of another commit.
        run=replace(run, inputs=()),
        commit=commit,
        command=command_of(run, ()),
        directory=run.code.directory,
        links=tuple(path for path in links if is_inside(path)),
    )
    options = Options(metrics=(metric,))
    place = prepared(catalog, plan, options)
    try:
        with _surroundings_kept():
            outcome = reproduce(catalog, plan, place, options)
    finally:
        place.remove()
    if outcome.exit_code in _INTERRUPTED:
        raise KeyboardInterrupt
    if outcome.run is None:
        raise GittrackError(outcome.problems[0])
    return outcome.run


@contextmanager
def _surroundings_kept() -> Iterator[None]:
    """Come back to the directory and the environment of before."""
    here, before = os.getcwd(), dict(os.environ)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
