"""`gittrack log`: the runs of the repository, newest first."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import click

from gittrack.cli.listing import one_line_each, table
from gittrack.cli.pager import show_page, write_utf8
from gittrack.cli.render import Screen, fit, harmless_json, screen
from gittrack.cli.source import (
    color_option,
    complete_experiment,
    json_option,
    open_runs,
    print_json,
    say,
    tell_problems,
)
from gittrack.cli.wording import counted
from gittrack.model import STATUSES

if TYPE_CHECKING:
    from gittrack.catalog import Catalog
    from gittrack.model import Run

DEFAULT_COUNT = 20
EPILOG = f"""\b
Examples:
  gittrack log                            the newest {DEFAULT_COUNT} runs
  gittrack log -5 --status failed         the last five that failed
  gittrack log --experiment lr --oneline  one line a run
  gittrack log --json | jq '.[].metrics.loss.last'

The params shown are those that differ among the listed runs; metrics are the values logged last. What does
not fit the terminal is left out; a pipe gets all of it. --json and --jsonl list every run unless -n is given.
"""


class LogCommand(click.Command):
    """Takes `-5` for `-n 5`, as git log does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Rewrite `-5` before click reads it as an option."""
        before = ["", *args]
        return super().parse_args(
            ctx,
            [
                word if last in ("-n", "--max-count") else re.sub(r"^-(\d+)$", r"-n\1", word)
                for last, word in zip(before, args, strict=False)
            ],
        )


@click.command("log", cls=LogCommand, epilog=EPILOG)
@click.option(
    "-n", "--max-count", "count", metavar="N", type=click.IntRange(min=0), help="List at most N runs; also -N."
)
@click.option("--all", "everything", is_flag=True, help="List all runs.")
@click.option("--oneline", is_flag=True, help="One line a run: id, name, status, metrics.")
@click.option("--experiment", metavar="NAME", shell_complete=complete_experiment, help="Only runs of this experiment.")
@click.option("--status", type=click.Choice(STATUSES), help="Only runs of this status.")
@click.option("--deleted", is_flag=True, help="Also list runs marked as deleted.")
@json_option
@click.option("--jsonl", is_flag=True, help="Print JSON, one run a line.")
@color_option
def command(
    count: int | None,
    everything: bool,
    oneline: bool,
    experiment: str | None,
    status: str | None,
    deleted: bool,
    as_json: bool,
    jsonl: bool,
    color: str,
) -> None:
    """List runs, newest first, running ones included."""
    chosen = count is not None
    if count is None and not (everything or as_json or jsonl):
        count = DEFAULT_COUNT
    catalog = open_runs()
    wanted = None if everything or count is None else count
    # One more than wanted tells whether there are more.
    found = catalog.runs(
        limit=None if wanted is None else wanted + 1,
        experiment=experiment,
        status=status,
        include_deleted=deleted,
    )
    runs = found[:wanted]
    tell_problems(catalog)
    if as_json or jsonl:
        _print_documents(runs, as_lines=jsonl)
    elif not found:
        _tell_empty(catalog, filtered=bool(experiment or status))
    elif runs:
        page = screen(color)
        lines, remarks = (one_line_each(runs, page), []) if oneline else _table(runs, page)
        if len(found) > len(runs) and not chosen:
            remarks.append("there are older runs: --all lists them")
        _print(lines, remarks, page, catalog)


def _table(runs: list[Run], page: Screen) -> tuple[list[str], list[str]]:
    rendered = table(runs, page, time.time())
    hidden = rendered.hidden
    if not hidden:
        return rendered.lines, []
    listed = ", ".join(hidden[:6]) + (", …" if len(hidden) > 6 else "")
    return rendered.lines, [f"{counted(len(hidden), 'column')} left out for lack of room: {listed}"]


def _print(lines: list[str], remarks: list[str], page: Screen, catalog: Catalog) -> None:
    """Remarks stand below the table on a terminal, and out of a pipe's way otherwise."""
    if page.terminal:
        width = page.width or 80
        lines = [*lines, *(page.ink.quiet(fit(f"({remark})", width)) for remark in remarks)]
    show_page("".join(f"{line}\n" for line in lines), catalog.project)
    if not page.terminal:
        for remark in remarks:
            say(remark)


def _print_documents(runs: list[Run], *, as_lines: bool) -> None:
    from gittrack.codec.document import json_text, run_document

    documents = (harmless_json(json_text(run_document(run))) for run in runs)
    if as_lines:
        write_utf8("".join(f"{document}\n" for document in documents))
    elif not runs:
        print_json([])
    else:
        write_utf8("[\n" + ",\n".join(documents) + "\n]\n")


def _tell_empty(catalog: Catalog, *, filtered: bool) -> None:
    if filtered and catalog.runs(limit=1):
        say("no run matches")
    elif catalog.project.lost_tip() is not None:
        say("the branch of the runs is gone, and they are still here: 'gittrack doctor --fix' brings it back")
    else:
        say("no runs here yet; record the first one with: gittrack run -- python train.py")
