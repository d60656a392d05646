"""`gittrack stats`: mean, spread and confidence interval of metrics over groups of runs."""

from __future__ import annotations

from dataclasses import replace
from math import isnan
from typing import TYPE_CHECKING, Final, TypeAlias

import click

from gittrack.cli.grouping import exact_cell, group_fields, rank, short_cell
from gittrack.cli.judging import are_metrics, counting, metric_field, metric_names, statuses_option, summary_option
from gittrack.cli.pager import show_page, write_lines, write_utf8
from gittrack.cli.render import Column, fit, harmless_json, render, screen, visible
from gittrack.cli.report import array_lines
from gittrack.cli.selection import SelectingCommand, Selection, selecting, with_ranges
from gittrack.cli.sheet import Form, csv_text, escaped, form_options, markdown_lines
from gittrack.cli.source import color_option, complete_any_metric, open_runs, tell_problems
from gittrack.cli.wording import left_out, short_number
from gittrack.codec.document import json_text
from gittrack.errors import GittrackError, UsageError
from gittrack.query.terms import Order, Query, both

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.columns import Named
    from gittrack.cli.render import Screen
    from gittrack.judge.sample import Sample
    from gittrack.read.cells import Cell

    _Key: TypeAlias = tuple[str, tuple[Cell, ...]]  # a metric, and the values of a group

MOST: Final = 50  # metrics that nobody asked for by name
EPILOG = f"""\b
Examples:
  gittrack stats acc --group-by params.lr             over seeds, for each learning rate
  gittrack stats acc loss --group-by params.model,code.branch --where "start_time > '7 days ago'"
  gittrack stats loss --summary min --confidence 0.99 the least loss of each run
  gittrack stats acc main..topic -g params.lr         over the runs of what topic adds to main
  gittrack stats --experiment lr --md                 every metric; a Markdown table

\b
std is that of a sample (n - 1). The interval around the mean is t · std / √n with Student's t for n - 1 degrees of
freedom: the mean of many such series of runs lies within it as often as --confidence says, if the values of one
group are spread normally. A run that ended with NaN is counted in the column nan, and takes part in nothing else.

Only finished runs count unless --status or --all-statuses is given, and no run that does another one again, unless
--where speaks of reproduces. Without METRIC it is all metrics, of which there
may be at most {MOST}.
"""


@click.command("stats", cls=SelectingCommand, epilog=EPILOG)
@click.argument("metrics", metavar="[METRIC[,METRIC...]|A..B]...", nargs=-1, shell_complete=complete_any_metric)
@selecting(sort=False, revisions=False)
@click.option("-g", "--group-by", "groups", multiple=True, metavar="FIELD,...", help="A line for each value of these.")
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    metavar="P",
    help="How sure the interval is; 0.95 unless given.",
)
@summary_option
@statuses_option
@form_options
@color_option
def command(
    *,
    metrics: tuple[str, ...],
    selection: Selection,
    groups: tuple[str, ...],
    confidence: float,
    summary: str,
    all_statuses: bool,
    form: Form,
    color: str,
) -> None:
    """Show n, mean, confidence interval, std, min, max and median of metrics, over seeds or other groups of runs."""
    if not confidence < 1:
        raise UsageError("--confidence is a number between 0 and 1, such as 0.95")
    catalog = open_runs()
    selection, metrics = with_ranges(selection, metrics, lambda word: are_metrics(catalog, word))
    fields = group_fields(groups, catalog.bare)
    query = selection.query(catalog, limit=selection.count)
    wanted = metric_names(catalog, metrics) or _all_metrics(catalog)
    query = replace(query, where=both(query.where, counting(query.where, all_statuses=all_statuses)))
    found = _sampled(catalog, query, fields, wanted, summary)
    tell_problems(catalog)
    if not found:
        raise GittrackError(_nothing(catalog, wanted, selection, all_statuses=all_statuses))
    names = [field.name for field in fields]
    if form is Form.JSON:
        documents = (_document(names, key, sample, confidence) for key, sample in found)
        write_lines(array_lines(harmless_json(json_text(document)) for document in documents))
    elif form is Form.CSV:
        _print_csv(names, found, confidence)
    else:
        _print_table(catalog, fields, found, confidence, screen(color), markdown=form is Form.MARKDOWN)


def _all_metrics(catalog: Catalog) -> list[str]:
    names = catalog.metric_names()
    if len(names) > MOST:
        shown = ", ".join(map(visible, names[:5]))
        raise UsageError(f"there are {len(names)} metrics; name those that are wanted, such as {shown}")
    return names


def _sampled(
    catalog: Catalog, query: Query, fields: Sequence[Named], metrics: Sequence[str], summary: str
) -> list[tuple[_Key, Sample]]:
    """The samples that hold anything, by metric and group."""
    from gittrack.judge.sample import grouped

    columns = [*(field.field for field in fields if field.field), *(metric_field(name, summary) for name in metrics)]
    rows = (
        (row[: len(fields)], [value for value in row[len(fields) :] if not isinstance(value, str)])
        for _, row in catalog.cells(catalog.hits(query), columns)
    )
    found = grouped(rows, metrics)
    order = {name: place for place, name in enumerate(metrics)}
    full = [(key, sample) for key, sample in found.items() if sample.n or sample.nan]
    return sorted(full, key=lambda pair: (order[pair[0][0]], tuple(map(rank, pair[0][1]))))


def _nothing(catalog: Catalog, metrics: Sequence[str], selection: Selection, *, all_statuses: bool) -> str:
    for name in metrics:
        if (unknown := catalog.unknown_key(Query(order=(Order(metric_field(name, "last")),)))) is not None:
            return unknown
    status = "" if all_statuses or selection.status else " finished"
    listed = f" has {' or '.join(map(visible, metrics))}" if metrics else " has metrics"
    return f"no{status} run that was chosen{listed}{'; --all-statuses counts the others' if status else ''}"


# Output


def _document(names: Sequence[str], key: _Key, sample: Sample, confidence: float) -> dict[str, object]:
    metric, group = key
    half, mean = sample.half_width(confidence), sample.mean
    return {
        "metric": metric,
        "group": dict(zip(names, group, strict=True)),
        "n": sample.n,
        "nan": sample.nan,
        "missing": sample.missing,
        "mean": _known(mean),
        "std": _known(sample.std),
        "min": _known(sample.min),
        "max": _known(sample.max),
        "median": _known(sample.median),
        "confidence": confidence,
        "low": _known(mean - half),
        "high": _known(mean + half),
    }


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _print_csv(names: Sequence[str], found: Sequence[tuple[_Key, Sample]], confidence: float) -> None:
    documents = [_document(names, key, sample, confidence) for key, sample in found]
    numbers = [name for name in documents[0] if name not in ("metric", "group")]
    body = [
        [key[0], *map(exact_cell, key[1]), *("" if d[name] is None else str(d[name]) for name in numbers)]
        for (key, _), d in zip(found, documents, strict=True)
    ]
    write_utf8(csv_text([["metric", *names, *numbers], *body]))


def _print_table(
    catalog: Catalog,
    fields: Sequence[Named],
    found: Sequence[tuple[_Key, Sample]],
    confidence: float,
    page: Screen,
    *,
    markdown: bool,
) -> None:
    columns = [Column("metric", [visible(metric) for (metric, _), _ in found], 100, least=12)]
    for place, field in enumerate(fields):
        cells = [visible(short_cell(field, group[place])) for (_, group), _ in found]
        columns.append(Column(visible(field.name), cells, 99, least=12))
    columns += _numbers([sample for _, sample in found], confidence)
    if markdown:
        rows = [[escaped(column.cells[row]) for column in columns] for row in range(len(found))]
        lines = markdown_lines(
            [escaped(column.title) for column in columns], rows, [column.right for column in columns]
        )
    else:
        table = render(columns, page.width, page.ink)
        remark = [page.ink.quiet(fit(f"({left_out(table.hidden)})", page.width or 80))] if table.hidden else []
        lines = [*table.lines, *remark]
    show_page("".join(f"{line}\n" for line in lines), catalog.project)


def _numbers(samples: Sequence[Sample], confidence: float) -> Iterator[Column]:
    yield Column("n", [str(sample.n) for sample in samples], 98, right=True)
    yield _column("mean", [sample.mean for sample in samples], 97)
    yield _column(f"± {confidence * 100:g}%", [sample.half_width(confidence) for sample in samples], 96)
    yield _column("std", [sample.std for sample in samples], 94)
    yield _column("min", [sample.min for sample in samples], 92)
    yield _column("max", [sample.max for sample in samples], 93)
    yield _column("median", [sample.median for sample in samples], 91)
    if any(sample.nan for sample in samples):
        yield Column("nan", [str(sample.nan) if sample.nan else "" for sample in samples], 95, right=True)


def _column(title: str, values: Sequence[float], weight: int) -> Column:
    return Column(title, ["" if isnan(value) else short_number(value) for value in values], weight, right=True)
