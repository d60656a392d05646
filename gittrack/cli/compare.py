"""`gittrack compare`: what differs among any number of runs, with the best of each metric marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.judging import directions, metric_name, summary_option
from gittrack.cli.pager import show_page
from gittrack.cli.render import fit, screen
from gittrack.cli.selection import SelectingCommand, Selection, selecting, with_ranges
from gittrack.cli.sheet import Form, form_options
from gittrack.cli.source import (
    color_option,
    complete_any_metric,
    complete_run,
    is_run,
    open_runs,
    print_json,
    say,
    tell_problems,
)
from gittrack.cli.wording import left_out
from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.render import Screen
    from gittrack.model import Run
    from gittrack.read.side_by_side import Row

DEFAULT_COUNT: Final = 50
EPILOG = f"""\b
Examples:
  gittrack compare brave-otter 3fa2 latest               what differs among three runs
  gittrack compare -5                                    among the last five
  gittrack compare --where "params.model = 'tree'" --sort -metrics.acc -n 4
  gittrack compare main..topic -- src/model.py           what topic tried there
  gittrack compare latest~1 latest --all                 also what is the same
  gittrack compare --experiment lr --min train/x --md    train/x is better when less; a Markdown table

\b
A star marks the best value of a metric. Less is better, or more, as --min and --max say, and otherwise as a word of
the name does: loss, error, rmse, mae, perplexity, time, … or acc, accuracy, auc, f1, precision, …; where the name says
nothing, or both, nothing is marked. docs/gate.md has all the words.

Without runs by name, the newest {DEFAULT_COUNT} of those that are chosen are compared, or -n. Runs that have no room
beside each other stand below each other. 'gittrack diff' shows two runs with the differences of their code.
"""


@click.command("compare", cls=SelectingCommand, epilog=EPILOG)
@click.argument("specs", metavar="[RUN|A..B]...", nargs=-1, shell_complete=complete_run)
@selecting(revisions=False)
@click.option("--all", "everything", is_flag=True, help="Show also what is the same for all of them.")
@click.option(
    "--min",
    "least",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_any_metric,
    help="Of this metric less is better; repeatable.",
)
@click.option(
    "--max",
    "most",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_any_metric,
    help="Of this metric more is better; repeatable.",
)
@summary_option
@form_options
@color_option
def command(
    *,
    specs: tuple[str, ...],
    selection: Selection,
    everything: bool,
    least: tuple[str, ...],
    most: tuple[str, ...],
    summary: str,
    form: Form,
    color: str,
) -> None:
    """Show what differs among runs, the best value of each metric marked."""
    from gittrack.compare import side_by_side

    catalog = open_runs()
    selection, specs = with_ranges(selection, specs, lambda word: is_run(catalog, word))
    runs = _chosen(catalog, specs, selection)
    tell_problems(catalog)
    least, most = (tuple(metric_name(catalog, name) for name in names) for names in (least, most))
    _check_names(runs, (*least, *most))
    found = side_by_side(catalog, runs, directions(least, most), summary)
    rows = found if everything else [row for row in found if row.differs]
    if form in (Form.JSON, Form.CSV):
        _for_programs(runs, rows, form)
    elif not rows:
        click.echo("Nothing differs, the code aside." if any(not r.code.tree for r in runs) else "Nothing differs.")
    else:
        _for_people(catalog, runs, rows, screen(color), markdown=form is Form.MARKDOWN)


def _chosen(catalog: Catalog, specs: Sequence[str], selection: Selection) -> list[Run]:
    """The runs that were named, or else those that the options mean; GittrackError for less than two."""
    if specs:
        if selection != Selection():
            raise UsageError("runs were named, so options that choose others have no place beside them")
        runs = list({run.id: run for run in map(catalog.find, specs)}.values())
    elif selection == Selection():
        raise UsageError("name the runs to compare, or choose them, as with -5 or --where \"params.model = 'tree'\"")
    else:
        runs = _selected(catalog, selection)
    if len(runs) < 2:
        unknown = None if specs else catalog.unknown_key(selection.query(catalog))
        raise GittrackError(
            f"a comparison needs two runs, and {'this is only 1' if runs else 'none was found'}"
            f"{f': {unknown}' if unknown else ''}"
        )
    return runs


def _selected(catalog: Catalog, selection: Selection) -> list[Run]:
    count = DEFAULT_COUNT if selection.count is None else selection.count
    hits = catalog.hits(selection.query(catalog, limit=count + 1))
    if len(hits) > count and selection.count is None:
        say(f"only the first {count} runs are compared; -n takes more")
    return list(catalog.documents(hits[:count]))


def _check_names(runs: Sequence[Run], names: Sequence[str]) -> None:
    from gittrack.cli.lazy import unknown

    known = list(dict.fromkeys(name for run in runs for name in run.metrics))
    for name in names:
        if name not in known:
            raise UsageError(unknown("none of the runs has a metric", name, known))


def _for_programs(runs: Sequence[Run], rows: Sequence[Row], form: Form) -> None:
    from gittrack.cli.pager import write_utf8
    from gittrack.cli.side_by_side import csv_of, document_of

    if form is Form.JSON:
        print_json(document_of(runs, rows))
    else:
        write_utf8(csv_of(runs, rows))


def _for_people(catalog: Catalog, runs: Sequence[Run], rows: Sequence[Row], page: Screen, *, markdown: bool) -> None:
    from gittrack.cli.side_by_side import legend, lines_of, markdown_of, page_of

    remarks: list[str] = []
    if markdown:
        lines = markdown_of(runs, rows)
    else:
        found = page_of(runs, lines_of(rows), page)
        lines = [*found.lines, *filter(None, [legend(rows)])]
        if found.hidden:
            remarks.append(left_out(found.hidden))
    if page.terminal:
        lines += [page.ink.quiet(fit(f"({remark})", page.width or 80)) for remark in remarks]
    show_page("".join(f"{line}\n" for line in lines), catalog.project)
