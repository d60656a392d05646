"""`gittrack pull`: the runs of others, and the code that they were made with, from a remote."""

from __future__ import annotations

import click

from gittrack.cli.source import json_option
from gittrack.cli.transfer import exchange, find, open_committed, remote_argument, remote_options

EPILOG = """\b
Examples:
  gittrack pull                     from the usual remote, see gittrack push
  gittrack pull ../other            from a repository next to this one

What is fetched is checked before it is used: names, modes, sizes and records. A run that is not as the format allows is
left out, and told; the others arrive. Runs of both sides are united, so there is nothing to resolve. Your branches,
index and files are not touched.
"""


@click.command("pull", epilog=EPILOG)
@remote_argument
@remote_options
@json_option
def command(*, remote: str | None, no_code: bool, no_snapshots: bool, as_json: bool) -> None:
    """Take in the runs that a remote has."""
    project = open_committed()
    there = find(project, remote, code=not no_code, snapshots=not no_snapshots)
    from gittrack.share.send import pull

    exchange(project, there, lambda shown: pull(project, there, shown), as_json=as_json)
