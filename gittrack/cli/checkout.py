"""`gittrack checkout` and `gittrack branch`: the code of a run, beside the user's own working tree."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from gittrack.cli.render import visible
from gittrack.cli.source import label, open_runs, run_argument, say, tell_problems
from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from gittrack.model import Run

CHECKOUT_EPILOG = """\b
Examples:
  gittrack checkout latest                 into ../REPOSITORY-3fa2c1d0
  gittrack checkout brave-otter ../otter   into a folder of your choice

\b
It is a linked worktree of git at the very files of the run, uncommitted changes and untracked files included.
Your own working tree, index and branch stay as they are. Remove it with: git worktree remove FOLDER
"""

BRANCH_EPILOG = """\b
Examples:
  gittrack branch latest try-again         then: git switch try-again
  gittrack branch brave-otter otter
"""


@click.command("checkout", epilog=CHECKOUT_EPILOG)
@run_argument
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path())
def checkout(spec: str, folder: str | None) -> None:
    """Check the code of a run out into a new folder, a linked worktree."""
    from gittrack.git.worktrees import add_worktree
    from gittrack.read.source import source_of

    catalog = open_runs()
    run = catalog.find(spec)
    tell_problems(catalog)
    commit = source_of(catalog.project, run)
    repo = catalog.project.repo
    place = os.path.abspath(folder or f"{repo.worktree or repo.common_dir}-{run.id[:8]}")
    if os.path.lexists(place) and not (os.path.isdir(place) and not os.listdir(place)):
        raise GittrackError(f"{place} exists already; name another folder: gittrack checkout {run.id[:8]} DIR")
    problem = add_worktree(repo, place, commit)
    click.echo(f"checked out {label(run)} into {visible(place)}")
    if problem:
        say(problem)
    _tell_left_out(run)
    _tell_data(run, repo.worktree, place)
    say(f"remove it with: git worktree remove {shlex.quote(os.path.relpath(place))}")


def _tell_left_out(run: Run) -> None:
    from gittrack.read.source import not_kept

    for item in not_kept(run.code):
        say(f"not in it: {item.path} ({item.why})")


def _tell_data(run: Run, top: str | None, place: str) -> None:
    """Name the data of the run that is not in the folder, and how it gets there."""
    for item in run.inputs:
        there = os.path.normpath(os.path.join(place, run.code.directory, item.path))
        if os.path.lexists(there):
            continue
        ours = os.path.normpath(os.path.join(top or "", run.code.directory, item.path))
        linked = f", or: ln -s {shlex.quote(ours)} {shlex.quote(there)}" if os.path.exists(ours) else ""
        say(f"input {item.path} is not in it: 'gittrack reproduce {run.id[:8]}' links it{linked}")


@click.command("branch", epilog=BRANCH_EPILOG)
@run_argument
@click.argument("name", metavar="NAME")
def branch(spec: str, name: str) -> None:
    """Make a branch at the code of a run, uncommitted changes included."""
    from gittrack.git.worktrees import add_branch
    from gittrack.read.source import source_of

    catalog = open_runs()
    run = catalog.find(spec)
    tell_problems(catalog)
    add_branch(catalog.project.repo, name, source_of(catalog.project, run))
    click.echo(f"branch {visible(name)} is at the code of {label(run)}")
    _tell_left_out(run)
