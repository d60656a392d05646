"""`gittrack tag`: tags of a run, set and removed at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gittrack.cli.lazy import unknown
from gittrack.cli.render import visible
from gittrack.cli.source import json_option, label, open_runs, print_json, run_argument, tell_problems
from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from gittrack.model import Run

EPILOG = """\b
Examples:
  gittrack tag latest stage=final reviewer=ada   set tags
  gittrack tag brave-otter -d stage              remove one
  gittrack tag 3fa2                              list them
"""


@click.command("tag", epilog=EPILOG)
@run_argument
@click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("-d", "--delete", "removed", metavar="KEY", multiple=True, help="Remove the tag KEY; repeatable.")
@json_option
def command(spec: str, pairs: tuple[str, ...], removed: tuple[str, ...], as_json: bool) -> None:
    """Set tags of a run, remove some with -d, or list them."""
    tags: dict[str, str | None] = dict(map(_pair, pairs))
    catalog = open_runs()
    run = catalog.find(spec)
    tell_problems(catalog)
    if not tags and not removed:
        _print(run, as_json=as_json)
        return
    for key in removed:
        if key not in run.tags:
            raise GittrackError(unknown(f"run {label(run)} has no tag", key, list(run.tags)))
        tags[key] = None
    from gittrack.record.later import set_tags

    set_tags(catalog.project, run.id, tags)
    words = " ".join(f"-{key}" if value is None else f"{key}={value}" for key, value in tags.items())
    click.echo(f"tagged {label(run)}: {visible(words)}")


def _pair(word: str) -> tuple[str, str | None]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UsageError(f"{word!r:.80} is not KEY=VALUE, such as stage=final")
    return key, value


def _print(run: Run, *, as_json: bool) -> None:
    if as_json:
        print_json(dict(run.tags))
        return
    for key, value in run.tags.items():
        click.echo(f"{visible(key)}={visible(value)}")
