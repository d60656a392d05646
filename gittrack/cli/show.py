"""`gittrack show`: all about one run, the history of a metric, or what the command printed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from gittrack.cli.judging import metric_name
from gittrack.cli.lazy import unknown
from gittrack.cli.pager import show_page
from gittrack.cli.render import Column, render, screen, visible_lines
from gittrack.cli.source import (
    color_option,
    complete_metric,
    complete_run,
    json_option,
    label,
    open_runs,
    print_json,
    say,
    tell_problems,
)
from gittrack.cli.wording import short_number
from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from gittrack.catalog import Catalog
    from gittrack.model import Point, Run

EPILOG = """\b
Examples:
  gittrack show                          the newest run
  gittrack show brave-otter              by name; or by id: gittrack show 3fa2
  gittrack show latest~1 --metric loss   every value that was logged
  gittrack show 3fa2 --output            what the command printed
  gittrack show latest --json | jq .params

A pipe gets the history of --metric as tab-separated values with every digit.
"""


@click.command("show", epilog=EPILOG)
@click.argument("spec", metavar="[RUN]", default="latest", shell_complete=complete_run)
@click.option("--metric", metavar="NAME", shell_complete=complete_metric, help="Show the history of this metric.")
@click.option("--output", is_flag=True, help="Show all that the command printed.")
@json_option
@color_option
def command(spec: str, metric: str | None, output: bool, as_json: bool, color: str) -> None:
    """Show one run, the newest by default."""
    if output and (metric is not None or as_json):
        raise UsageError("--output cannot be combined with --metric or --json")
    catalog = open_runs(elsewhere=True)
    run = catalog.find(spec)
    tell_problems(catalog)
    if metric is not None:
        _show_history(catalog, run, metric, color, as_json=as_json)
    elif output:
        _show_output(catalog, run)
    elif as_json:
        print_json(_document(catalog, run))
    else:
        from gittrack.cli.page import run_page

        lines = run_page(catalog, run, screen(color))
        show_page("".join(f"{line}\n" for line in lines), catalog.project)


def _document(catalog: Catalog, run: Run) -> dict[str, object]:
    from dataclasses import asdict

    from gittrack.codec.document import run_document
    from gittrack.codec.times import write_time
    from gittrack.read.whereabouts import whereabouts

    document = run_document(run) | {"whereabouts": asdict(whereabouts(catalog.project, run))}
    if (found := catalog.elsewhere.get(run.id)) is not None:
        document["elsewhere"] = {"seen": write_time(found.seen), "remote": found.remote or None}
    if run.inputs:
        from gittrack.read.inputs import input_state

        document["inputs"] = [asdict(i) | {"now": input_state(catalog.project, run, i)} for i in run.inputs]
    return document


def _show_history(catalog: Catalog, run: Run, metric: str, color: str, *, as_json: bool) -> None:
    metric = metric_name(catalog, metric)
    if metric not in run.metrics:
        raise GittrackError(unknown(f"run {label(run)} has no metric", metric, list(run.metrics)))
    points = catalog.history(run, metric)
    if as_json:
        print_json([point._asdict() for point in points], indent=None)
    elif sys.stdout.isatty():
        page = screen(color)
        lines = render(_history_columns(points), page.width, page.ink).lines
        show_page("".join(f"{line}\n" for line in lines), catalog.project)
    else:
        from gittrack.codec.series import write_series

        sys.stdout.write(write_series(points).decode())


def _history_columns(points: list[Point]) -> list[Column]:
    return [
        Column("step", ["" if point.step is None else str(point.step) for point in points], 3, right=True),
        Column("seconds", [f"{point.seconds:.3f}" for point in points], 1, right=True),
        Column("value", [short_number(point.value) for point in points], 2, right=True),
    ]


def _show_output(catalog: Catalog, run: Run) -> None:
    text = catalog.output(run).decode("utf-8", "replace")
    if not text:
        say(f"nothing that run {label(run)} printed was kept; 'gittrack run -- COMMAND' keeps it")
    show_page("".join(f"{line}\n" for line in visible_lines(text)), catalog.project)
