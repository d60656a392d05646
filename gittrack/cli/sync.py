"""`gittrack sync`: pull, then push."""

from __future__ import annotations

import click

from gittrack.cli.source import json_option
from gittrack.cli.transfer import (
    exchange,
    find,
    open_committed,
    remote_argument,
    remote_options,
    sending_options,
)

EPILOG = """\b
Examples:
  gittrack sync                     afterwards both sides have the same runs
  gittrack sync --no-code           the runs alone

See gittrack pull and gittrack push, which it does one after the other.
"""


@click.command("sync", epilog=EPILOG)
@remote_argument
@remote_options
@sending_options
@json_option
def command(*, remote: str | None, no_code: bool, no_snapshots: bool, no_lfs: bool, as_json: bool) -> None:
    """Take in the runs that a remote has, and send it those that are here."""
    project = open_committed()
    there = find(project, remote, code=not no_code, snapshots=not no_snapshots)
    from gittrack.share.cargo import usual_cargo
    from gittrack.share.send import sync

    goes = usual_cargo(project, lfs=not no_lfs, inbox=False)
    exchange(project, there, lambda shown: sync(project, there, shown, goes), as_json=as_json)
