"""`gittrack best`: the best run by a metric, the best few, or the best of each group."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from gittrack.cli.columns import formatter
from gittrack.cli.grouping import group_fields, short_cell
from gittrack.cli.judging import (
    counting,
    direction_in,
    is_number,
    metric_field,
    metric_name,
    statuses_option,
    summary_option,
)
from gittrack.cli.pager import show_lines, write_lines
from gittrack.cli.render import fit, harmless_json, screen, visible
from gittrack.cli.report import array_lines, formatted, laid_out
from gittrack.cli.selection import SelectingCommand, Selection, selecting
from gittrack.cli.source import color_option, complete_any_metric, json_option, label, open_runs, say, tell_problems
from gittrack.cli.wording import left_out, short_number
from gittrack.errors import GittrackError, UsageError
from gittrack.judge.direction import Direction
from gittrack.query.terms import Order, Source, both
from gittrack.query.values import value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.columns import Named
    from gittrack.cli.listing import Shape
    from gittrack.cli.render import Screen
    from gittrack.judge.leaders import Leaders
    from gittrack.model import Run
    from gittrack.query.terms import Condition, Field
    from gittrack.read.cells import Cell
    from gittrack.read.search import Hit

    Found: TypeAlias = dict[tuple[Cell, ...], Leaders[Hit]]  # by the values of a group

_TIED: Final = 5  # runs, of as many groups, that are named for being as good as the last one shown
EPILOG = """\b
Examples:
  gittrack best acc                               the run with the greatest acc, its params and commit
  gittrack reproduce $(gittrack best acc -q)      run it again
  gittrack best loss --summary min -n 5           the five that came lowest at any step
  gittrack best reward --max main..feature        among the runs of what feature adds to main
  gittrack best acc -n 3 --format '{id} {lr} {acc:.3f}'
  gittrack best acc --per branch                  the best of each branch
  gittrack best acc --per params.model,params.lr --where "start_time > '7 days ago'"

\b
Without --min and --max a word of the name says what is better: loss, error, rmse, time, … less; acc, accuracy, auc,
f1, … more (docs/gate.md has all of them). A run whose value is NaN is never the best. Only finished runs count unless
--status or --all-statuses is given, and no run that does another one again, unless --where speaks of reproduces.
Of runs that are equally good the newest comes first, and the others are named.
"""


@click.command("best", cls=SelectingCommand, epilog=EPILOG)
@click.argument("metric", shell_complete=complete_any_metric)
@selecting(sort=False)
@click.option("--min", "least", is_flag=True, help="Less is better.")
@click.option("--max", "most", is_flag=True, help="More is better.")
@click.option(
    "--per", multiple=True, metavar="FIELD,...", help="The best for each value: branch, experiment, params.lr."
)
@summary_option
@statuses_option
@click.option("--format", "template", metavar="TEXT", help="One line a run, as for gittrack log: '{id} {acc:.3f}'.")
@click.option("-q", "--quiet", is_flag=True, help="Print the ids alone, for scripts.")
@json_option
@color_option
def command(
    *,
    metric: str,
    selection: Selection,
    least: bool,
    most: bool,
    per: tuple[str, ...],
    summary: str,
    all_statuses: bool,
    template: str | None,
    quiet: bool,
    as_json: bool,
    color: str,
) -> None:
    """Show the best run by a metric, with its params and its commit."""
    if selection.count == 0:
        raise UsageError("-n is 1 or more")
    if quiet + as_json + (template is not None) > 1:
        raise UsageError("--quiet, --json and --format exclude each other; give one of them")
    catalog = open_runs()
    metric = metric_name(catalog, metric)
    field, fields = metric_field(metric, summary), group_fields(per, catalog.bare)
    direction = direction_in(catalog, metric, least=least, most=most)
    query = selection.query(catalog)
    status = counting(query.where, all_statuses=all_statuses)
    found = _best(catalog, selection, field, direction, fields, status)
    tell_problems(catalog)
    if not found:
        raise GittrackError(_nothing(catalog, selection, field, status))
    if as_json:
        write_lines(array_lines(_document(catalog, *each, field, fields) for each in found.items()))
    elif template is not None:
        lines = formatter(template, catalog.bare)
        show_lines(formatted(catalog.documents(_all_of(found)), lines), catalog.project, "log")
    elif quiet:
        click.echo("\n".join(hit.id for hit in _all_of(found)))
    else:
        _show(catalog, found, field, fields, screen(color))
    if not as_json:
        _tell_ties(catalog, found, metric)


def _best(
    catalog: Catalog,
    selection: Selection,
    field: Field,
    direction: Direction,
    fields: Sequence[Named],
    status: Condition | None,
) -> Found:
    from gittrack.judge.leaders import leaders

    count = selection.count or 1
    query = replace(query := selection.query(catalog), where=both(query.where, status))
    if not fields and field.part == "last":
        # The index has them in this order. A few more than are wanted tell whether others are as good.
        order = (Order(field, descending=direction is Direction.MAX),)
        query = replace(query, where=both(query.where, is_number(field)), order=order, limit=count + _TIED + 1)
    columns = [*(named.field for named in fields if named.field), field]
    return leaders(_valued(catalog.cells(catalog.hits(query), columns)), direction, count)


def _all_of(found: Found) -> list[Hit]:
    return [hit for leading in found.values() for hit in leading.best]


def _valued(rows: Iterable[tuple[Hit, tuple[Cell, ...]]]) -> Iterator[tuple[tuple[Cell, ...], Hit, int | float]]:
    for hit, (*group, value) in rows:
        if isinstance(value, (int, float)) and value == value:
            yield tuple(group), hit, value


def _nothing(catalog: Catalog, selection: Selection, field: Field, status: Condition | None) -> str:
    query = replace(selection.query(catalog), order=(Order(field),))
    if (unknown := catalog.unknown_key(query)) is not None:
        return unknown
    others = replace(query, where=both(query.where, is_number(field)), limit=1)
    kind = "finished run" if status else "run"
    hint = "; --all-statuses counts those that did not finish" if status and catalog.hits(others) else ""
    return f"no {kind} that was chosen has a number as {visible(field.key)}{hint}"


# Output


def _document(
    catalog: Catalog, values: tuple[Cell, ...], leading: Leaders[Hit], field: Field, fields: Sequence[Named]
) -> str:
    from gittrack.codec.document import json_text, run_document

    group = {"group": dict(zip((named.name for named in fields), values, strict=True))} if fields else {}
    runs = [{"value": value_of(run, field), "run": run_document(run)} for run in catalog.documents(leading.best)]
    return harmless_json(json_text({**group, "best": runs, "tied": [hit.id for hit in leading.tied]}))


def _show(catalog: Catalog, found: Found, field: Field, fields: Sequence[Named], page: Screen) -> None:
    hits = _all_of(found)
    groups = {hit.id: values for values, leading in found.items() for hit in leading.best}
    table = laid_out(catalog.documents(hits), page, lambda runs: _shapes(runs, groups, field, fields, page))
    remarks: list[str] = []
    if table.hidden and page.terminal:
        remarks = [page.ink.quiet(fit(f"({left_out(table.hidden)})", page.width or 80))]
    show_lines(chain(table.lines, remarks), catalog.project, "log")


def _shapes(
    runs: Sequence[Run], groups: dict[str, tuple[Cell, ...]], field: Field, fields: Sequence[Named], page: Screen
) -> list[Shape]:
    from gittrack.cli.listing import Shape, shapes

    def value(run: Run) -> str:
        found = value_of(run, field)
        assert isinstance(found, (int, float))
        return short_number(found)

    def of_group(place: int, named: Named) -> Shape:
        title = named.field.key if named.field and named.field.source is not Source.ATTRIBUTE else named.name
        return Shape(visible(title), lambda run: visible(short_cell(named, groups[run.id][place])), 1002)

    first = [of_group(place, named) for place, named in enumerate(fields)]
    title = visible(field.key if field.part == "last" else f"{field.key} {field.part}")
    taken = {shape.title for shape in first}
    measured = Shape(title, value, 1001, right=True, whole=True)
    told = [shape for shape in shapes(runs, page.ink, time.time(), [measured]) if shape.title not in taken]
    return [*first, *told]


def _tell_ties(catalog: Catalog, found: Found, metric: str) -> None:
    for leading in islice((leading for leading in found.values() if leading.tied), _TIED):
        more = "" if len(leading.tied) <= _TIED else ", …"
        last, *others = map(label, catalog.documents([leading.best[-1], *leading.tied[:_TIED]]))
        say(f"as good in {visible(metric)} as {last}: {', '.join(others)}{more}")
