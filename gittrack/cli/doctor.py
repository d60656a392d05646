"""`gittrack doctor`: what is wrong around the runs, and with --fix the mending of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gittrack.cli.render import visible
from gittrack.cli.source import json_option, print_json
from gittrack.errors import EXIT_EXPECTED

if TYPE_CHECKING:
    from gittrack.doctor.ailment import Ailment

EPILOG = """\b
Examples:
  gittrack doctor          tell what is wrong, and what would be done about it
  gittrack doctor --fix    do it

Locks and unfinished files of processes that were killed, journals that nobody commits, the index, a branch that
cannot be read or that was altered by hand, permissions, the disk, hooks, git and its settings. A lock counts as left
behind when it is ten minutes old (a pack or an object: an hour), no process here has it open and, on a network
file system, gittrack.staleAfter has passed. Without --fix nothing is changed. With it nothing is deleted: what is
in the way is moved below .git/gittrack/quarantine/, and a journal is committed. The exit code is 1 while something
needs attention.
"""


@click.command("doctor", epilog=EPILOG)
@click.option("--fix", is_flag=True, help="Mend what can be mended.")
@json_option
@click.pass_context
def command(context: click.Context, fix: bool, as_json: bool) -> None:
    """Find what is wrong with the surroundings of the runs."""
    from gittrack.doctor.examine import examine, mend
    from gittrack.project import open_project

    project = open_project()
    found = examine(project)
    done = [what for _, what, _ in mend(project, found)] if fix else []
    # What is left is looked for, not concluded: a fix may have found things changed.
    left = examine(project) if done else found
    if as_json:
        print_json({"found": [_plain(a) for a in found], "done": done, "left": [_plain(a) for a in left]})
    else:
        _print(found, done, left, fix=fix)
    if any(ailment.urgent for ailment in left):
        context.exit(EXIT_EXPECTED)


def _plain(ailment: Ailment) -> dict[str, object]:
    return {
        "kind": ailment.kind,
        "problem": ailment.sentence,
        "remedy": ailment.remedy or None,
        "urgent": ailment.urgent,
        "fixable": ailment.fix is not None,
    }


def _print(found: list[Ailment], done: list[str], left: list[Ailment], *, fix: bool) -> None:
    for what in done:
        click.echo(f"done: {visible(what)}")
    for ailment in left:
        click.echo(("" if ailment.urgent else "note: ") + visible(ailment.sentence))
        if ailment.remedy:
            click.echo(f"  {'--fix would' if ailment.fix and not fix else 'remedy'}: {visible(ailment.remedy)}")
    if not any(ailment.urgent for ailment in left):
        click.echo("nothing needs attention" if not done or not found else "nothing needs attention any more")
