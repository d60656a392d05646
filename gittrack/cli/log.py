"""`gittrack log`: the runs of the repository, newest first."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import click

from gittrack.cli.pager import show_lines, write_lines
from gittrack.cli.render import fit, harmless_json, screen, visible
from gittrack.cli.selection import SelectingCommand, Selection, selecting
from gittrack.cli.source import color_option, json_option, open_runs, say, tell_problems
from gittrack.cli.wording import counted, left_out
from gittrack.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.columns import Named
    from gittrack.cli.render import Screen
    from gittrack.model import Run
    from gittrack.query.terms import Field, Query
    from gittrack.read.cells import Cell
    from gittrack.read.search import Hit

DEFAULT_COUNT = 20
EPILOG = f"""\b
Examples:
  gittrack log                                       the newest {DEFAULT_COUNT} runs
  gittrack log --where "metrics.acc > 0.9" --sort -metrics.acc -n 10
  gittrack log main..feature --since '2 weeks ago'   made with commits of feature that main has not
  gittrack log -- src/model.py                       where that file differs from the run before
  gittrack log --group-by params.model --columns name,params.lr,metrics.acc.max
  gittrack log --format '{{id}} {{metrics.acc:.3f}}'    one line a run, for scripts
  gittrack log --graph main topic                    the graph of the commits, with their runs
  gittrack log --follow                              a table that follows what is running
  gittrack log --notes                               results in plain git log: git log --notes=gittrack
  gittrack log --json | jq '.[].metrics.loss.last'

\b
A FILTER compares metrics.NAME (also .min, .max, .step, .count), params.NAME, tags.NAME, inputs.name, status, name,
experiment, start_time, duration, author, code.branch, code.commit, code.dirty … with = != < <= > >=, LIKE, ILIKE,
IN (…), BETWEEN, IS NULL, IS NAN, joined by AND, OR, NOT and brackets; a name with odd characters in `back quotes`.
MLflow's filters work. A run without the value is neither equal nor unequal. See docs/queries.md.

The params shown are those that differ among the listed runs; metrics are the values logged last. What does
not fit the terminal is left out; a pipe gets all of it. Forms for programs list every run unless -n is given.
"""


class _Form(NamedTuple):
    """In which form the runs are wanted."""

    json: bool
    jsonl: bool
    csv: bool
    markdown: bool
    oneline: bool
    template: str | None
    columns: tuple[str, ...]
    groups: tuple[str, ...]
    graph: bool = False
    notes: bool = False
    follow: bool = False

    @property
    def for_programs(self) -> bool:
        return self.json or self.jsonl or self.csv or self.template is not None

    def check(self) -> None:
        """UsageError for forms that exclude each other."""
        given = {
            "--json": self.json,
            "--jsonl": self.jsonl,
            "--csv": self.csv,
            "--md": self.markdown,
            "--oneline": self.oneline,
            "--format": self.template is not None,
            "--graph": self.graph,
            "--notes": self.notes,
            "--follow": self.follow,
        }
        chosen = [name for name, wanted in given.items() if wanted]
        if len(chosen) > 1:
            raise UsageError(f"{' and '.join(chosen)} exclude each other; give one of them")
        if self.columns and chosen and chosen[0] not in ("--csv", "--md", "--follow"):
            raise UsageError(f"--columns is for tables, --csv and --md, not for {chosen[0]}")
        if self.groups and chosen and chosen[0] not in ("--json", "--md", "--oneline"):
            raise UsageError(f"--group-by is for tables, --md and --json, not for {chosen[0]}")


@click.command("log", cls=SelectingCommand, epilog=EPILOG)
@selecting()
@click.option("--all", "everything", is_flag=True, help="List all runs.")
@click.option("--oneline", is_flag=True, help="One line a run: id, name, status, metrics.")
@click.option("--columns", multiple=True, metavar="FIELD,...", help="Show these fields: id,metrics.acc.max,params.lr.")
@click.option("--group-by", "groups", multiple=True, metavar="FIELD,...", help="List the runs of each value together.")
@click.option("--format", "template", metavar="TEXT", help="One line a run: '{id} {metrics.acc:.3f}'.")
@json_option
@click.option("--jsonl", is_flag=True, help="Print JSON, one run a line.")
@click.option("--csv", is_flag=True, help="Print CSV: every param, metric and tag, or --columns.")
@click.option("--md", "markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--graph", is_flag=True, help="Draw the graph of the commits, HEAD by default, with their runs.")
@click.option("--follow", is_flag=True, help="Go on: redraw the table, or print each run that starts or ends.")
@click.option("--notes", is_flag=True, help="Write the runs as git notes, for 'git log --notes=gittrack'.")
@color_option
def command(
    *,
    selection: Selection,
    everything: bool,
    oneline: bool,
    columns: tuple[str, ...],
    groups: tuple[str, ...],
    template: str | None,
    as_json: bool,
    jsonl: bool,
    csv: bool,
    markdown: bool,
    graph: bool,
    follow: bool,
    notes: bool,
    color: str,
) -> None:
    """List runs, newest first, running ones included."""
    form = _Form(as_json, jsonl, csv, markdown, oneline, template, columns, groups, graph, notes, follow)
    form.check()
    count = selection.count
    if graph or notes or follow:
        wanted = count if everything or count is not None or notes else DEFAULT_COUNT
        _on_the_history(form, selection, wanted, color)
        return
    if count is None and not (everything or form.for_programs):
        count = DEFAULT_COUNT
    # A program that counts runs would count one twice that another machine has ended since.
    catalog = open_runs(elsewhere=not form.for_programs)
    # One more than wanted tells whether there are more.
    query = selection.query(catalog, limit=None if count is None else count + 1)
    listed = _Listed(catalog, query, count)
    tell_problems(catalog)
    _tell_unknown(catalog, query, form, found=listed.found)
    if form.for_programs:
        _for_programs(listed, form)
    elif listed.found:
        _for_people(listed, form, screen(color), told=selection.count is not None)
    else:
        _tell_empty(catalog, query, narrowed=selection.narrows)


def _on_the_history(form: _Form, selection: Selection, count: int | None, color: str) -> None:
    catalog = open_runs()
    if form.follow:
        from gittrack.cli.follow import follow

        columns = _columns(form, catalog)
        catalog.close()
        follow(selection, count, columns, screen(color))
        return
    # Where the runs stand is a question of its own.
    query = replace(selection, revisions=()).query(catalog)
    tell_problems(catalog)
    if form.graph:
        from gittrack.cli.graph import show_graph

        done = show_graph(catalog, selection.revisions, query, count, screen(color))
    else:
        from gittrack.cli.notes import write_notes

        done = write_notes(catalog, selection.revisions, query, count)
    if not done:
        _tell_empty(catalog, query, narrowed=True)


class _Listed:
    """The runs to list: at most `wanted` of those that a query means."""

    def __init__(self, catalog: Catalog, query: Query, wanted: int | None) -> None:
        self.catalog = catalog
        self._hits = catalog.hits(query)
        self.found = bool(self._hits)
        self.has_more = wanted is not None and len(self._hits) > wanted
        self._shown = self._hits[:wanted]

    def __iter__(self) -> Iterator[Run]:
        return self.catalog.documents(self._shown)

    @property
    def ids(self) -> list[str]:
        """The ids of the runs."""
        return [hit.id for hit in self._shown]

    def cells(self, fields: Sequence[Field]) -> Iterator[tuple[Hit, tuple[Cell, ...]]]:
        """Yield what each has in some fields."""
        return self.catalog.cells(self._shown, fields)


def _for_programs(listed: _Listed, form: _Form) -> None:
    from gittrack.cli import report

    if form.groups:
        write_lines(_grouped_lines(listed, form))
    elif form.csv:
        write_lines(report.csv_lines(lambda: listed, _columns(form, listed.catalog), harmless=sys.stdout.isatty()))
    elif form.template is not None:
        from gittrack.cli.columns import formatter

        show_lines(
            report.formatted(listed, formatter(form.template, listed.catalog.bare)), listed.catalog.project, "log"
        )
    else:
        write_lines(report.json_array(listed) if form.json else report.json_lines(listed))


def _for_people(listed: _Listed, form: _Form, page: Screen, *, told: bool) -> None:
    lines: Iterable[str]
    remarks: list[str]
    lines, remarks = (
        (_sections(listed, form, page), []) if form.groups else _laid_out(listed.catalog, listed, form, page)
    )
    if listed.has_more and not told:
        remarks.append("there are older runs: --all lists them")
    if listed.catalog.elsewhere:
        from gittrack.cli.elsewhere import remarks as of_elsewhere

        remarks += of_elsewhere(listed.catalog, listed.ids)
    # Remarks stand below the table on a terminal, and out of a pipe's way otherwise.
    if page.terminal:
        width = page.width or 80
        lines = chain(lines, (page.ink.quiet(fit(f"({remark})", width)) for remark in remarks))
    show_lines(lines, listed.catalog.project, "log")
    if not page.terminal:
        for remark in remarks:
            say(remark)


def _laid_out(catalog: Catalog, runs: Iterable[Run], form: _Form, page: Screen) -> tuple[Iterator[str], list[str]]:
    from gittrack.cli import report

    if form.oneline:
        return report.one_lines(runs, page), []
    if form.markdown:
        return report.markdown(runs, page, _columns(form, catalog)), []
    found = report.table(runs, page, _columns(form, catalog))
    if not found.hidden:
        return found.lines, []
    return found.lines, [left_out(found.hidden)]


def _columns(form: _Form, catalog: Catalog) -> Sequence[Named]:
    if not form.columns:
        return ()
    from gittrack.cli.columns import named_list

    return named_list(form.columns, catalog.bare)


# Groups


def _groups(listed: _Listed, form: _Form) -> Iterator[tuple[dict[str, Cell], list[Hit]]]:
    """The values of each group, and its runs, in the order of the first run of each."""
    from gittrack.cli.grouping import exact_cell, group_fields

    fields = group_fields(form.groups, listed.catalog.bare)
    found: dict[tuple[str, ...], tuple[tuple[Cell, ...], list[Hit]]] = {}
    for hit, cells in listed.cells([named.field for named in fields if named.field]):
        found.setdefault(tuple(map(exact_cell, cells)), (cells, []))[1].append(hit)
    for cells, hits in found.values():
        yield {named.name: cell for named, cell in zip(fields, cells, strict=True)}, hits


def _grouped_lines(listed: _Listed, form: _Form) -> Iterator[str]:
    """The lines of a JSON array of groups."""
    from gittrack.cli import report
    from gittrack.codec.document import json_text

    between = "["
    for values, hits in _groups(listed, form):
        yield f'{between}{{"group": {harmless_json(json_text(values))}, "runs":'
        *lines, last = report.json_array(listed.catalog.documents(hits))
        yield from lines
        between = f"{last}}},\n"
    yield "[]" if between == "[" else f"{between[:-2]}]"


def _sections(listed: _Listed, form: _Form, page: Screen) -> Iterator[str]:
    from gittrack.cli.grouping import NONE, exact_cell
    from gittrack.cli.report import in_markdown

    for place, (values, hits) in enumerate(_groups(listed, form)):
        facts = ", ".join(f"{visible(name)} = {visible(exact_cell(cell)) or NONE}" for name, cell in values.items())
        title = f"{facts} ({counted(len(hits), 'run')})"
        if place:
            yield ""
        yield f"### {in_markdown(title)}\n" if form.markdown else page.ink.title(title)
        yield from _laid_out(listed.catalog, listed.catalog.documents(hits), form, page)[0]


# Output


def _tell_unknown(catalog: Catalog, query: Query, form: _Form, *, found: bool) -> None:
    """Warn of names that no run has: the answer would be taken for another. Where none is `found` the end says it."""
    from gittrack.query.values import fields_in

    asked = query.where is not None or query.order or form.columns or form.groups
    if not asked or not catalog.runs(1, include_deleted=True):
        return
    fields = [*fields_in(query.where if found else None, query.order)]
    if form.columns or form.groups:
        from gittrack.cli.columns import named_list

        fields += [named.field for named in named_list((*form.columns, *form.groups), catalog.bare) if named.field]
    unknown = catalog.unknown_field(fields)
    if unknown:
        say(f"warning: {unknown}")


def _tell_empty(catalog: Catalog, query: Query, *, narrowed: bool) -> None:
    if catalog.runs(limit=1, include_deleted=query.include_deleted):
        unknown = catalog.unknown_key(query) if narrowed else None
        say(f"no run matches{f': {unknown}' if unknown else ''}")
    elif catalog.runs(limit=1, include_deleted=True):
        say("all runs here are marked as deleted: --deleted lists them")
    elif catalog.project.lost_tip() is not None:
        say("the branch of the runs is gone, and they are still here: 'gittrack doctor --fix' brings it back")
    else:
        say("no runs here yet; record the first one with: gittrack run -- python train.py")
