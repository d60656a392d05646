"""`gittrack push`: runs, and the code that they were made with, to a remote."""

from __future__ import annotations

import click

from gittrack.cli.transfer import exchange, find, remote_options, withheld

EPILOG = """\b
Examples:
  gittrack push                     to the usual remote
  gittrack push backup              to another one
  gittrack push --no-snapshots      keep uncommitted changes here

Nothing on the remote is ever overwritten: where others pushed meanwhile, theirs is taken in first, as gittrack pull
does. What travels: the branch of the runs, the pins of the commits that they were made with, and the snapshots of
uncommitted changes, which 'git config gittrack.pushSnapshots false' keeps here. The usual remote is the one that
'git config gittrack.remote' names, else that of the current branch, else origin, else the only one. A remote without
any branch gets the current one first, or a host would make the runs its default branch.
"""


@click.command("push", epilog=EPILOG)
@remote_options
def command(remote: str | None, no_code: bool, no_snapshots: bool) -> None:
    """Send runs to a remote, on top of what others sent."""
    project, there = find(remote, code=not no_code, snapshots=not no_snapshots)
    from gittrack.share.send import push

    exchange(lambda shown: push(project, there, shown, withheld=withheld(project)), there)
