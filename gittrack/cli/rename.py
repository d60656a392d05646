"""`gittrack rename`: another name for a run."""

from __future__ import annotations

import click

from gittrack.cli.render import visible
from gittrack.cli.source import label, open_runs, run_argument, tell_problems

EPILOG = """\b
Examples:
  gittrack rename latest baseline
  gittrack rename 3fa2 "wide, no dropout"
"""


@click.command("rename", epilog=EPILOG)
@run_argument
@click.argument("name")
def command(spec: str, name: str) -> None:
    """Give a run another name; its id stays."""
    catalog = open_runs()
    run = catalog.find(spec)
    tell_problems(catalog)
    from gittrack.record.later import rename

    rename(catalog.project, run.id, name)
    click.echo(f"renamed {label(run)} to {visible(name)}")
