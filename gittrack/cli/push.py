"""`gittrack push`: runs, and the code that they were made with, to a remote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.selection import Selection, selecting
from gittrack.cli.source import complete_run, json_option, open_runs, tell_problems
from gittrack.cli.transfer import exchange, find, open_committed, remote_options, sending_options
from gittrack.errors import GittrackError, RunNotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Run
    from gittrack.project import Project

EPILOG = """\b
Examples:
  gittrack push                     everything, to the usual remote
  gittrack push backup              to another one
  gittrack push 3fa2 latest         two runs alone
  gittrack push backup -- best      the run 'best' alone, whatever remotes there are
  gittrack push --where "metrics.acc > 0.9"
  gittrack push --no-snapshots      keep uncommitted changes here
  gittrack push --inbox             where many machines would beat each other

Nothing on the remote is ever overwritten: where others pushed meanwhile, theirs is taken in first, as gittrack pull
does. What travels: the branch of the runs, the pins of the commits that they were made with, and the snapshots of
uncommitted changes, which 'git config gittrack.pushSnapshots false' keeps here. The usual remote is the one that
'git config gittrack.remote' names, else that of the current branch, else origin, else the only one. A remote without
any branch gets the current one first, or a host would make the runs its default branch.

Where runs are named or chosen, they and their pins alone are put on top of what the remote has, and nothing is taken
in. The first word is a remote where one has that name or it looks like a URL or path, else a run; behind '--' there
are runs only.

An inbox is a branch gittrack/inbox/NAME that this clone alone pushes to, so nobody is ever faster. Whoever pulls or
syncs takes it in, and a sync deletes it once what it held has arrived. 'git config gittrack.inbox true' makes it usual.

Contents of large artifacts go by git-lfs, where that is installed; --no-lfs, or 'git config gittrack.pushLfs false',
keeps them here.
"""
_RUNS: Final = "gittrack.runs"


class _PushCommand(click.Command):
    """Takes the words behind '--' as runs, whatever they look like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take them out before click reads the rest."""
        if "--" in args:
            place = args.index("--")
            ctx.meta[_RUNS] = tuple(args[place + 1 :])
            args = args[:place]
        return super().parse_args(ctx, args)


@click.command("push", cls=_PushCommand, epilog=EPILOG)
@click.argument("words", metavar="[REMOTE] [RUN...]", nargs=-1, shell_complete=complete_run)
@selecting(sort=False, revisions=False)
@remote_options
@sending_options
@click.option("--inbox/--no-inbox", default=None, help="Push to refs of this clone alone, which others fold in.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only what is wrong.")
@json_option
def command(
    *,
    words: tuple[str, ...],
    selection: Selection,
    no_code: bool,
    no_snapshots: bool,
    no_lfs: bool,
    inbox: bool | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Send runs to a remote, on top of what others sent."""
    project = open_committed()
    remote, specs = _told_apart(project, words)
    there = find(project, remote, code=not no_code, snapshots=not no_snapshots)
    from gittrack.share.cargo import usual_cargo
    from gittrack.share.send import push, push_chosen

    if not specs and selection == Selection():
        goes = usual_cargo(project, lfs=not no_lfs, inbox=inbox)
        exchange(project, there, lambda shown: push(project, there, shown, goes), as_json=as_json, quiet=quiet)
        return
    if inbox:
        raise UsageError("an inbox takes everything that is here; leave out --inbox, or what chooses runs")
    runs = _chosen(project, specs, selection)
    goes = usual_cargo(project, lfs=not no_lfs, inbox=False)
    exchange(project, there, lambda shown: push_chosen(project, there, runs, shown, goes), as_json=as_json, quiet=quiet)


def _told_apart(project: Project, words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The remote and the runs that were named; UsageError for a folder here that is the name of a run too."""
    from gittrack.share.remote import is_remote, known_remotes

    behind: tuple[str, ...] = click.get_current_context().meta.get(_RUNS, ())
    if not words or not is_remote(project, words[0]):
        return None, (*words, *behind)
    word = words[0]
    if word not in known_remotes(project) and not {*word} & {*"/:"} and _is_run(word):
        raise UsageError(
            f"{word!r:.100} is a folder and a run; write './{word}' for the one, '-- {word}' for the other"
        )
    return word, (*words[1:], *behind)


def _is_run(word: str) -> bool:
    try:
        return bool(_named((word,)))
    except GittrackError:
        return False


def _chosen(project: Project, specs: tuple[str, ...], selection: Selection) -> Sequence[Run]:
    """The runs that were named, or else those that the options mean; GittrackError where there is none."""
    if specs and selection != Selection():
        raise UsageError("runs were named, so options that choose others have no place beside them")
    try:
        runs = _named(specs) if specs else _selected(selection)
    except RunNotFound as error:
        from gittrack.share.remote import known_remotes

        known = ", ".join(known_remotes(project)) or "none"
        raise UsageError(f"{error}; no remote is called so either (there is {known})") from None
    return runs


def _named(specs: tuple[str, ...]) -> Sequence[Run]:
    catalog = open_runs()
    runs = {run.id: run for run in map(catalog.find, specs)}
    tell_problems(catalog)
    return list(runs.values())


def _selected(selection: Selection) -> Sequence[Run]:
    catalog = open_runs()
    query = selection.query(catalog, limit=selection.count)
    runs = [run for run in catalog.search(query) if run.end is not None]
    tell_problems(catalog)
    if not runs:
        unknown = catalog.unknown_key(query)
        raise GittrackError(f"no run that has ended meets that{f': {unknown}' if unknown else ''}; nothing was sent")
    return runs
