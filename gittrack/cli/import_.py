"""`gittrack import`: a sheet of old results becomes runs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import Column as Printed
from gittrack.cli.render import Screen, fit, render, screen, visible
from gittrack.cli.source import color_option
from gittrack.cli.wording import counted
from gittrack.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.exchange.importing import Plan
    from gittrack.exchange.mapping import Column

_LONGEST = 40
EPILOG = """\b
Examples:
  gittrack import results.xlsx --dry-run                   what would become of each column and row
  gittrack import results.csv --param fold --metric 'val loss'
  gittrack import old.csv --attribute start_time=Datum --ignore 'Unnamed: 0'
  gittrack import runs.jsonl --yes                         what `gittrack export` wrote elsewhere

One row becomes one run. Columns named params.NAME, metrics.NAME, tags.NAME, and name, experiment, status, start_time,
end_time, duration, author, description, commit and the like are what they say; for others a guess is shown before
anything is written. Reads .csv, .tsv, .jsonl, .parquet, .xlsx, .xls and .ods; every row is checked before the first is
written. A row that was imported before is not imported again. See docs/exchange.md.
"""


@click.command("import", epilog=EPILOG)
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--param", "params", metavar="COLUMN,...", multiple=True, help="These columns are params.")
@click.option("--metric", "metrics", metavar="COLUMN,...", multiple=True, help="These columns are metrics.")
@click.option("--tag", "tags", metavar="COLUMN,...", multiple=True, help="These columns are tags.")
@click.option("--ignore", "ignored", metavar="COLUMN,...", multiple=True, help="Leave these columns out.")
@click.option(
    "--attribute", "attributes", metavar="NAME=COLUMN", multiple=True, help="This column is start_time, author, …"
)
@click.option("--experiment", metavar="NAME", help="The experiment of rows that name none.")
@click.option("--sheet", metavar="NAME", help="The sheet of a spreadsheet; by default its first.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would become of what.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@color_option
def command(
    *,
    file: str,
    params: tuple[str, ...],
    metrics: tuple[str, ...],
    tags: tuple[str, ...],
    ignored: tuple[str, ...],
    attributes: tuple[str, ...],
    experiment: str | None,
    sheet: str | None,
    dry_run: bool,
    yes: bool,
    color: str,
) -> None:
    """Make runs of the rows of a table, all of them in one commit."""
    from gittrack.exchange.importing import carry_out, plan_import
    from gittrack.exchange.mapping import Wishes
    from gittrack.project import open_project

    wishes = Wishes(
        _names(params), _names(metrics), _names(tags), _names(ignored), dict(_attribute(word) for word in attributes)
    )
    project = open_project()
    with Counter("reading rows") as counter:
        plan = plan_import(project, file, wishes, now=time.time(), sheet=sheet, experiment=experiment, progress=counter)
    _show(plan, screen(color))
    if dry_run:
        click.echo(f"{_standing(plan)}; nothing was written")
        return
    asks = bool(plan.new) and not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if asks and not click.confirm(f"{_standing(plan)}. Import?", err=True):
        click.echo("nothing was written")
        return
    with Counter("importing runs") as counter:
        done = carry_out(project, plan, counter)
    click.echo(f"imported {counted(done, 'run')} from {visible(plan.source)}{_left(plan, done)}")


def _names(words: Sequence[str]) -> tuple[str, ...]:
    """The columns that an option names, separated by commas."""
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())


def _attribute(word: str) -> tuple[str, str]:
    name, equals, column = word.partition("=")
    if not equals or not name or not column:
        raise UsageError(f"{word!r:.80} is not NAME=COLUMN, such as start_time=Datum")
    return name, column


def _standing(plan: Plan) -> str:
    return f"{counted(len(plan.drafts), 'row')}, {counted(len(plan.new), 'new run')}{_left(plan, len(plan.new))}"


def _left(plan: Plan, done: int) -> str:
    """What is not imported, and why."""
    purged = len(plan.standing.purged)
    here = len(plan.drafts) - done - purged
    told = f"; {here} {'was' if here == 1 else 'were'} here already" if here else ""
    return told + (f"; {counted(purged, 'run')} stayed away, purged for good" if purged else "")


def _show(plan: Plan, page: Screen) -> None:
    """Print what each column becomes, with its first value."""
    if not plan.columns:
        return
    first: dict[str, object] = {}
    for line in plan.lines:
        for name, value in line.row.items():
            first.setdefault(name, value)
    rendered = render(
        [
            Printed("column", [_short(column.name) for column in plan.columns], 100, least=12),
            Printed("becomes", [_short(_becomes(column)) for column in plan.columns], 99, least=12),
            Printed("by", [column.why for column in plan.columns], 98, least=8, paint=page.ink.quiet),
            Printed("first value", [_cell(first, column) for column in plan.columns], 97, least=8),
        ],
        page.width,
        page.ink,
    )
    click.echo("\n".join(rendered.lines))


def _becomes(column: Column) -> str:
    return "nothing" if column.role.value == "nothing" else f"{column.role.value} {column.target}".rstrip()


def _cell(first: Mapping[str, object], column: Column) -> str:
    from gittrack.capture.redact import redact_tag
    from gittrack.exchange.tables import as_text

    return _short(str(redact_tag(column.target or column.name, str(as_text(first[column.name])))[1]))


def _short(text: str) -> str:
    return fit(visible(text.replace("\n", " ")), _LONGEST)
