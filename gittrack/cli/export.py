"""`gittrack export`: runs, or every point of their metrics, as a file for other programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, BinaryIO

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import harmless_json, visible
from gittrack.cli.selection import SelectingCommand, Selection, selecting
from gittrack.cli.source import open_runs, say, tell_problems
from gittrack.cli.wording import counted
from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.model import Point, Run
    from gittrack.read.search import Hit

STDOUT = "-"
_ENDINGS = {"parquet": "parquet", "pq": "parquet", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"}
EPILOG = """\b
Examples:
  gittrack export runs.csv                                  all runs, one row each
  gittrack export best.parquet --where 'metrics.acc > 0.9'  some of them, with their types
  gittrack export --what points loss.csv --experiment lr    every value that was logged
  gittrack export --format jsonl | jq .metrics.loss.last    what `gittrack log --jsonl` prints

Columns are named as in filters: run_id, name, status, start_time, metrics.acc, params.model.depth, tags.stage.
A file appears when it is whole. In CSV, text that a spreadsheet would compute (= + - @ in front) gets an
apostrophe before it, which `gittrack import` takes away.
"""


@click.command("export", cls=SelectingCommand, epilog=EPILOG)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path())
@selecting(revisions=False)
@click.option("-o", "--output", metavar="FILE", type=click.Path(), help="Write FILE: another way to name it.")
@click.option(
    "--format", "form", type=click.Choice(["parquet", "csv", "jsonl"]), help="By default what FILE ends in; csv for -."
)
@click.option(
    "--what",
    type=click.Choice(["runs", "points"]),
    default="runs",
    help="One row a run (runs), or one a value of a metric (points).",
)
@click.option("--force", is_flag=True, help="Replace FILE where it is there.")
def command(
    *, selection: Selection, file: str | None, output: str | None, form: str | None, what: str, force: bool
) -> None:
    """Write runs to FILE, or to standard output."""
    from gittrack.exchange.writers import check_format

    if file is not None and output is not None:
        raise UsageError("FILE and --output name the same thing; give one of them")
    file = file or output or STDOUT
    form = form or _format_of(file)
    if form == "parquet" and file == STDOUT:
        raise UsageError("Parquet needs a FILE, such as runs.parquet; standard output takes csv and jsonl")
    check_format(form)
    catalog = open_runs()
    hits = catalog.hits(selection.query(catalog, limit=selection.count))
    tell_problems(catalog)
    if file == STDOUT:
        sys.stdout.flush()
        _write(sys.stdout.buffer, form, what, catalog, hits, shown=_shown(form))
        sys.stdout.buffer.flush()
        return
    from gittrack.exchange.outfile import new_file

    with new_file(file, overwrite=force) as target:
        done = _write(target, form, what, catalog, hits, shown=harmless_json if form == "jsonl" else str)
    click.echo(f"{done} in {visible(file)}")


def _write(
    target: BinaryIO, form: str, what: str, catalog: Catalog, hits: Sequence[Hit], *, shown: Callable[[str], str]
) -> str:
    """Write what is asked for and return how much it was, in words."""
    from gittrack.exchange.writers import write_points, write_runs

    with Counter("exporting runs") as counter:
        # A line that is redrawn has no place among the rows on a terminal.
        told = _silent if target is sys.stdout.buffer and sys.stdout.isatty() else counter
        tally = _Tally(catalog.documents(hits), len(hits), told)
        if what == "runs":
            write_runs(target, form, tally.runs(), shown=shown)
            return counted(tally.count, "run")
        write_points(target, form, _series(catalog, tally), shown=shown)
    return f"{counted(tally.points, 'point')} of {counted(tally.count, 'run')}"


def _silent(_: int, __: int) -> None:
    """Tell nobody how far the work is."""


class _Tally:
    """Runs as they pass by, counted."""

    def __init__(self, runs: Iterable[Run], total: int, counter: Callable[[int, int], None]) -> None:
        self.count = self.points = 0
        self._runs, self._total, self._counter = runs, total, counter

    def runs(self) -> Iterator[Run]:
        for run in self._runs:
            yield run
            self.count += 1
            self._counter(self.count, self._total)


def _series(catalog: Catalog, tally: _Tally) -> Iterator[tuple[Run, str, Sequence[Point]]]:
    """Every history; one that cannot be read is told of and hides no other."""
    with catalog.histories() as read:
        for run in tally.runs():
            for metric in run.metrics:
                try:
                    points = read(run, metric)
                except GittrackError as error:
                    say(f"warning: {error}")
                    continue
                tally.points += len(points)
                yield run, metric, points


def _format_of(file: str) -> str:
    if file == STDOUT:
        return "csv"
    form = _ENDINGS.get(file.rpartition(".")[2].lower())
    if form is None:
        raise UsageError(f"{file!r:.200} does not end in .parquet, .csv or .jsonl; say which with --format")
    return form


def _shown(form: str) -> Callable[[str], str]:
    """What makes text fit for standard output: control characters are for a program, not for a terminal."""
    if form == "jsonl":
        return harmless_json
    return visible if sys.stdout.isatty() else str
