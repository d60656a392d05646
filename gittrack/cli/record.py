"""`gittrack record`: log into a running run from a shell, or from any language."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from gittrack.cli.progress import Counter
from gittrack.errors import GittrackError, NoActiveRun, UsageError

if TYPE_CHECKING:
    from gittrack.record.run import ActiveRun

EPILOG = """\b
Examples, inside 'gittrack run -- sh train.sh':
  gittrack record param lr=0.1 optimizer=adam
  gittrack record metric loss=0.3 acc=0.91 --step 10
  gittrack record tag stage=final
  gittrack record artifact model.bin
  gittrack record input data/train.csv
  train | gittrack record metrics -        # lines such as {"step": 1, "loss": 0.3}

\b
The run is the one in GITTRACK_RUN_ID, which 'gittrack run' sets, or the one given by --run.
"""


@click.group("record", epilog=EPILOG)
@click.option("--run", "spec", metavar="RUN", help="The running run to log into, instead of GITTRACK_RUN_ID.")
@click.pass_context
def command(context: click.Context, spec: str | None) -> None:
    """Log params, metrics, tags, inputs and files into a running run."""
    context.obj = spec


def _joined(context: click.Context) -> ActiveRun:
    """The running run that is meant; NoActiveRun when there is none."""
    from gittrack.project import open_project
    from gittrack.record.active import REPOSITORY, RUN_ID
    from gittrack.record.begin import join_journal

    spec = context.obj
    run_id = os.environ.get(RUN_ID)
    project = open_project(None if spec else os.environ.get(REPOSITORY) or None)
    if spec:
        from gittrack.catalog import open_catalog

        run_id = open_catalog().find(spec).id
    if not run_id:
        raise NoActiveRun("no run to log into: call this inside 'gittrack run -- COMMAND', or give --run RUN")
    run = join_journal(project, run_id, None, None)
    if run is None:
        raise NoActiveRun(f"run {run_id[:8]} is not running; 'gittrack tag' and 'gittrack note' work on ended runs")
    return run


def _split(words: tuple[str, ...], what: str) -> list[tuple[str, str]]:
    pairs = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not {what}=VALUE, such as {what.lower()}=0.1")
        pairs.append((key, value))
    return pairs


def _number(name: str, text: str) -> int | float:
    from gittrack.codec.series import read_number

    try:
        return read_number(text)
    except ValueError:
        raise UsageError(f"metric {name!r} must be a number, not {text!r:.60}") from None


@command.command("param")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.pass_context
def param(context: click.Context, pairs: tuple[str, ...]) -> None:
    """Log params; numbers, true and false are kept as such, everything else as text."""
    from gittrack.capture.arguments import typed_value

    params = {key: typed_value(value) for key, value in _split(pairs, "NAME")}
    run = _joined(context)
    run.log_params(params)
    run.end()


@command.command("metric")
@click.argument("pairs", nargs=-1, required=True, metavar="NAME=NUMBER...")
@click.option("--step", type=int, help="The step that the values belong to.")
@click.pass_context
def metric(context: click.Context, pairs: tuple[str, ...], step: int | None) -> None:
    """Log one value of each metric."""
    values = {key: _number(key, value) for key, value in _split(pairs, "NAME")}
    run = _joined(context)
    run.log_metrics(values, step=step)
    run.end()


@command.command("tag")
@click.argument("pairs", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.pass_context
def tag(context: click.Context, pairs: tuple[str, ...]) -> None:
    """Set tags."""
    tags = dict(_split(pairs, "KEY"))
    run = _joined(context)
    run.set_tags(tags)
    run.end()


@command.command("artifact")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--to", "folder", metavar="FOLDER", help="The folder among the artifacts that they go into.")
@click.pass_context
def artifact(context: click.Context, paths: tuple[str, ...], folder: str | None) -> None:
    """Keep copies of files or folders, as they are now."""
    run = _joined(context)
    try:
        for path in paths:
            run.log_artifact(path, folder)
    finally:
        run.end()


@command.command("input")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.pass_context
def input_(context: click.Context, paths: tuple[str, ...]) -> None:
    """Record data that the run reads: its hash and size, not a copy."""
    run = _joined(context)
    try:
        with Counter("reading inputs", sizes=True) as counter:
            for path in paths:
                run.log_input(path, progress=counter)
    finally:
        run.end()


@command.command("metrics")
@click.argument("source", metavar="FILE", default="-")
@click.pass_context
def metrics(context: click.Context, source: str) -> None:
    """Log metrics from FILE, or line by line from a pipe ('-'): JSON objects with an optional "step"."""
    from gittrack.record.command import log_points

    if source != "-":
        from gittrack.capture.files import read_metrics

        points = read_metrics(source)
        run = _joined(context)
        log_points(run, points)
        run.end()
        return
    run = _joined(context)
    try:
        _follow(run)
    finally:
        run.end()


def _follow(run: ActiveRun) -> None:
    """Log each line as it comes; a line that is none is told and passed over."""
    import sys

    from gittrack.capture.files import parse_metric_line
    from gittrack.record.command import log_points

    bad = 0
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            log_points(run, parse_metric_line(line))
        except GittrackError as error:
            bad += 1
            click.echo(f"gittrack: warning: line {number}: {error}", err=True)
    if bad:
        raise GittrackError(f"{bad} lines could not be read as metrics; what the others hold in numbers is recorded")
