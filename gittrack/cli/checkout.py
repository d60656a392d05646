"""`gittrack checkout` and `gittrack branch`: the code of a run, beside the user's own working tree."""

from __future__ import annotations

import os
import shlex

import click

from gittrack.cli.render import visible
from gittrack.cli.source import label, open_runs, run_argument, say, tell_problems
from gittrack.errors import GittrackError

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
    for item in run.code.left_out:
        say(f"not in it: {item.path} ({item.why})")
    say(f"remove it with: git worktree remove {shlex.quote(os.path.relpath(place))}")


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
