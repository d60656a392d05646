"""`gittrack best`: the best run by a metric, the best few, or the best of each group."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from gittrack.cli.grouping import group_fields, short_cell
from gittrack.cli.judging import direction_of, finished, metric_field, statuses_option, summary_option
from gittrack.cli.pager import show_page
from gittrack.cli.render import fit, render, screen, visible
from gittrack.cli.selection import SelectingCommand, Selection, selecting
from gittrack.cli.source import color_option, json_option, label, open_runs, print_json, say, tell_problems
from gittrack.cli.wording import counted, short_number
from gittrack.errors import GittrackError, UsageError
from gittrack.judge.direction import Direction
from gittrack.query.terms import Not, NotANumber, Order, Source, both
from gittrack.query.values import value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.columns import Named
    from gittrack.cli.listing import Shape
    from gittrack.cli.render import Screen
    from gittrack.model import Run
    from gittrack.query.terms import Condition, Field
    from gittrack.read.cells import Cell
    from gittrack.read.search import Hit

_TIED: Final = 5  # runs that are named for being as good as the last one shown
EPILOG = """\b
Examples:
  gittrack best acc                               the run with the greatest acc, its params and commit
  gittrack reproduce $(gittrack best acc -q)      run it again
  gittrack best loss --summary min -n 5           the five that came lowest at any step
  gittrack best reward --max main..feature        among the runs of what feature adds to main
  gittrack best acc --per branch                  the best of each branch
  gittrack best acc --per params.model,params.lr --where "start_time > '7 days ago'"

\b
Without --min and --max a word of the name says what is better: loss, error, rmse, time, … less; acc, accuracy, auc,
f1, … more (docs/gate.md has all of them). A run whose value is NaN is never the best. Only finished runs count unless
--status or --all-statuses is given. Of runs that are equally good the newest comes first, and the others are named.
"""


class Best(NamedTuple):
    """The best runs of a group, and others that are as good as the last one of them."""

    group: tuple[Cell, ...]
    runs: list[Run]
    tied: list[Run]


@click.command("best", cls=SelectingCommand, epilog=EPILOG)
@click.argument("metric")
@selecting(sort=False)
@click.option("--min", "least", is_flag=True, help="Less is better.")
@click.option("--max", "most", is_flag=True, help="More is better.")
@click.option(
    "--per", multiple=True, metavar="FIELD,...", help="The best for each value: branch, experiment, params.lr."
)
@summary_option
@statuses_option
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
    quiet: bool,
    as_json: bool,
    color: str,
) -> None:
    """Show the best run by a metric, with its params and its commit."""
    direction = direction_of(metric, least=least, most=most)
    field, fields = metric_field(metric, summary), group_fields(per)
    if selection.count == 0 or (quiet and as_json):
        raise UsageError("-n is 1 or more" if selection.count == 0 else "--quiet and --json exclude each other")
    catalog = open_runs()
    status = finished(selection, all_statuses=all_statuses)
    found = _best(catalog, selection, field, direction, fields, status)
    tell_problems(catalog)
    if not found:
        raise GittrackError(_nothing(catalog, selection, field, status))
    if as_json:
        print_json([_document(best, field, fields) for best in found])
    elif quiet:
        click.echo("\n".join(run.id for best in found for run in best.runs))
    else:
        _show(catalog, found, field, fields, screen(color))
    if not as_json:
        _tell_ties(found, metric)


def _best(
    catalog: Catalog,
    selection: Selection,
    field: Field,
    direction: Direction,
    fields: Sequence[Named],
    status: Condition | None,
) -> list[Best]:
    from gittrack.judge.leaders import leaders

    count = selection.count or 1
    # Without groups the first ones are enough, and a few more tell whether others are as good.
    query = selection.query(catalog, limit=None if fields else count + _TIED + 1)
    order = (Order(field, descending=direction is Direction.MAX),)
    query = replace(query, where=both(query.where, status, Not(NotANumber(field))), order=order)
    hits = catalog.hits(query)
    columns = [*(named.field for named in fields if named.field), field]
    groups = leaders(_ranked(catalog.cells(hits, columns)), count)
    return [
        Best(group, list(catalog.documents(leading.best)), list(catalog.documents(leading.tied)))
        for group, leading in groups.items()
    ]


def _ranked(rows: Iterable[tuple[Hit, tuple[Cell, ...]]]) -> Iterator[tuple[tuple[Cell, ...], Hit, int | float]]:
    for hit, (*group, value) in rows:
        if isinstance(value, (int, float)):
            yield tuple(group), hit, value


def _nothing(catalog: Catalog, selection: Selection, field: Field, status: Condition | None) -> str:
    query = replace(selection.query(catalog), order=(Order(field),))
    if (unknown := catalog.unknown_key(query)) is not None:
        return unknown
    others = replace(query, where=both(query.where, Not(NotANumber(field))), limit=1)
    kind = "finished run" if status else "run"
    hint = "; --all-statuses counts those that did not finish" if status and catalog.hits(others) else ""
    return f"no {kind} that was chosen has a number as {visible(field.key)}{hint}"


# Output


def _document(best: Best, field: Field, fields: Sequence[Named]) -> dict[str, object]:
    from gittrack.codec.document import run_document

    group = {"group": dict(zip((named.name for named in fields), best.group, strict=True))} if fields else {}
    runs = [{"value": value_of(run, field), "run": run_document(run)} for run in best.runs]
    return {**group, "best": runs, "tied": [run.id for run in best.tied]}


def _show(catalog: Catalog, found: Sequence[Best], field: Field, fields: Sequence[Named], page: Screen) -> None:
    runs = [run for best in found for run in best.runs]
    groups = {run.id: best.group for best in found for run in best.runs}
    table = render([shape.column(runs) for shape in _shapes(runs, groups, field, fields, page)], page.width, page.ink)
    lines = table.lines
    if table.hidden and page.terminal:
        names = ", ".join(table.hidden[:6]) + (", …" if len(table.hidden) > 6 else "")
        remark = f"({counted(len(table.hidden), 'column')} left out for lack of room: {names})"
        lines = [*lines, page.ink.quiet(fit(remark, page.width or 80))]
    show_page("".join(f"{line}\n" for line in lines), catalog.project)


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


def _tell_ties(found: Sequence[Best], metric: str) -> None:
    for best in found:
        if best.tied:
            more = "" if len(best.tied) <= _TIED else ", …"
            names = ", ".join(label(run) for run in best.tied[:_TIED])
            say(f"as good in {visible(metric)} as {label(best.runs[-1])}: {names}{more}")
