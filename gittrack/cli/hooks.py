"""`gittrack hooks`: git's hooks installed, taken away, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gittrack.cli.render import visible
from gittrack.cli.source import json_option, print_json
from gittrack.errors import EXIT_EXPECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

    from gittrack.hooks.install import Outcome

EPILOG = """\b
Examples:
  gittrack hooks install                    the usual hooks, beside whatever is there
  gittrack hooks install post-commit        one of them
  gittrack hooks status                     how each stands
  gittrack hooks uninstall                  leave everything as it was before

No hook is needed: each only does by itself what a command does when asked. A hook that is there already is kept and
runs first. docs/hooks.md tells what each does, and how it goes with husky, lefthook, git-lfs and pre-commit.
"""
INSTALL_EPILOG = """\b
Examples:
  gittrack hooks install                          post-commit, post-rewrite, pre-push, post-merge, post-checkout
  gittrack hooks install prepare-commit-msg       only this one, which is not among the usual ones
  gittrack hooks install pre-receive              in a bare repository: check runs that are pushed to it
"""
UNINSTALL_EPILOG = """\b
Examples:
  gittrack hooks uninstall              all of them
  gittrack hooks uninstall pre-push     one
"""
STATUS_EPILOG = """\b
Examples:
  gittrack hooks status
  gittrack hooks status --json

installed: git runs it. chained: git runs it, and it what was there before. called: a hook of another's calls gittrack.
other: a hook of another's is there. none: there is none. not run: it is there, and git does not get to it. changed:
somebody edited it. broken: it finds no gittrack.
"""
FRAMEWORK_EPILOG = """\b
Examples:
  gittrack hooks framework post-commit

The hooks of gittrack's .pre-commit-hooks.yaml call it.
"""


@click.group("hooks", epilog=EPILOG)
def command() -> None:
    """Have git's events do by themselves what a command would."""


def _complete(_: click.Context, __: click.Parameter, start: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from gittrack.hooks.stub import SUMMARIES

    return [CompletionItem(name, help=text) for name, text in SUMMARIES.items() if name.startswith(start)]


@command.command("install", epilog=INSTALL_EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_complete)
@click.option("--shared", is_flag=True, help="Also into a folder of hooks that other repositories use too.")
@click.pass_context
def install_command(context: click.Context, names: tuple[str, ...], shared: bool) -> None:
    """Install hooks, beside those that are there.

    Without a name the usual ones: post-commit, post-rewrite, pre-push, post-merge and post-checkout.
    """
    from gittrack.hooks.install import install
    from gittrack.project import open_project

    _tell(context, install(open_project(), names, shared=shared))


@command.command("uninstall", epilog=UNINSTALL_EPILOG)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_complete)
@click.pass_context
def uninstall_command(context: click.Context, names: tuple[str, ...]) -> None:
    """Take hooks away, and put back what was there.

    Without a name all of them.
    """
    from gittrack.hooks.install import uninstall
    from gittrack.project import open_project

    outcomes = uninstall(open_project(), names)
    # Of those that nobody named, what was not there is not worth a line.
    _tell(context, [outcome for outcome in outcomes if names or not outcome.idle])


@command.command("status", epilog=STATUS_EPILOG)
@json_option
def status_command(as_json: bool) -> None:
    """Tell how each hook stands."""
    from dataclasses import asdict

    from gittrack.cli.render import Column, render, screen
    from gittrack.hooks.state import hook_states
    from gittrack.project import open_project

    states = hook_states(open_project())
    if as_json:
        print_json([asdict(state) for state in states])
        return
    shown = screen()
    columns = [
        Column("hook", [state.hook for state in states], 4),
        Column("state", [state.state for state in states], 3),
        Column("path", [visible(state.path) for state in states], 2),
        Column("note", [visible(state.note) for state in states], 1),
    ]
    if not any(state.note for state in states):
        del columns[3]
    for line in render(columns, None, shown.ink).lines:
        click.echo(line)


@command.command("framework", epilog=FRAMEWORK_EPILOG)
@click.argument("name")
@click.argument("arguments", nargs=-1)
@click.pass_context
def framework_command(context: click.Context, name: str, arguments: tuple[str, ...]) -> None:
    """Do what a hook does, called by pre-commit.

    NAME is the name of git's hook; the framework tells what git would in variables of the environment.
    """
    from gittrack.hooks.framework import run_hook

    context.exit(run_hook(name, arguments))


def _tell(context: click.Context, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        click.echo(visible(outcome.sentence), err=not outcome.done)
    if not outcomes:
        click.echo("no hook of gittrack's is installed")
    if not all(outcome.done for outcome in outcomes):
        context.exit(EXIT_EXPECTED)
