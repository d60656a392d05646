"""`gittrack init`: a repository that is ready for runs, and a report of how it stands."""

from __future__ import annotations

import os
import sys

import click

from gittrack.errors import GittrackError, RepositoryError, StorageError
from gittrack.project import Project, open_project

EPILOG = """\b
Examples:
  gittrack init            look at this repository, or offer to make one
  gittrack init --yes      make one without asking

Nothing needs to be set up in a repository: no hook, no file, no setting. Run it as often as you like.
"""


@click.command("init", epilog=EPILOG)
@click.option("-y", "--yes", is_flag=True, help="Make a git repository where there is none, without asking.")
def command(yes: bool) -> None:
    """Check that runs can be recorded here, and make a git repository where there is none."""
    project = _found()
    made = project is None
    if project is None:
        project = _made(ask=not yes)
    if not os.access(project.repo.common_dir, os.W_OK):
        raise StorageError(f"{project.repo.common_dir} cannot be written, so no run can be recorded here")
    author = project.author
    _report("repository", project.repo.worktree or project.repo.common_dir)
    _report("runs", _where(project))
    _report("author", f"{author.name} <{author.email}>")
    click.echo(f"Ready; {'nothing else' if made else 'nothing'} had to be changed. Record a run of any program:")
    click.echo("  gittrack run -- python train.py")


def _found() -> Project | None:
    try:
        return open_project()
    except RepositoryError as error:
        if not str(error).startswith("no git repository"):
            raise
        return None


def _made(*, ask: bool) -> Project:
    place = os.getcwd()
    if ask:
        if not sys.stdin.isatty():
            raise RepositoryError(f"no git repository here or above {place}; 'gittrack init --yes' makes one")
        if not click.confirm(f"There is no git repository here. Make one in {place}?", err=True):
            raise GittrackError("nothing was done; runs need a git repository")
    from gittrack.git.process import run_git

    run_git(["init", "--quiet"], cwd=place)
    click.echo(f"Made a git repository in {place}")
    return open_project()


def _where(project: Project) -> str:
    from gittrack.git.refs import read_ref

    branch = project.runs_ref.removeprefix("refs/heads/")
    there = read_ref(project.repo, project.runs_ref) is not None
    return f"branch {branch}" if there else f"branch {branch}, which the first run makes"


def _report(what: str, how: str) -> None:
    from gittrack.cli.render import visible

    click.echo(f"{what + ':':<12}{visible(how)}")
