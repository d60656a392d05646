"""Runs written in the form that was asked for, a few at a time: however many there are, they need little memory."""

from __future__ import annotations

import re
import time
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.cli.listing import columns_of, named_shapes, one_line_each, shapes
from gittrack.cli.render import harmless_json, more_rows, render, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gittrack.cli.columns import Formatter, Named
    from gittrack.cli.listing import Shape
    from gittrack.cli.render import Screen
    from gittrack.model import Run

SAMPLE: Final = 2000  # runs that decide which columns a table has, and how wide they are
_BATCH: Final = 256


class Table(NamedTuple):
    """The lines of a table as they come, and the columns that had no room in it."""

    lines: Iterator[str]
    hidden: list[str]


def table(runs: Iterable[Run], page: Screen, columns: Sequence[Named] = ()) -> Table:
    """Lay out runs in the columns that are named or else in those that tell them apart."""
    if columns:
        return laid_out(runs, page, lambda sample: named_shapes(columns, sample, page.ink))
    return laid_out(runs, page, lambda sample: shapes(sample, page.ink, time.time()))


def laid_out(runs: Iterable[Run], page: Screen, shaped: Callable[[Sequence[Run]], Sequence[Shape]]) -> Table:
    """Lay out runs in the columns that `shaped` makes for the first of them; without a run there is no heading."""
    coming = iter(runs)
    sample = list(islice(coming, SAMPLE))
    if not sample:
        return Table(iter(()), [])
    found = shaped(sample)
    above = render(columns_of(found, sample), page.width, page.ink)
    rest = (more_rows(columns_of(found, batch), above, page.ink) for batch in _batches(coming))
    return Table(chain(above.lines, chain.from_iterable(rest)), above.hidden)


def one_lines(runs: Iterable[Run], page: Screen) -> Iterator[str]:
    """Yield a line for each run."""
    for batch in _batches(iter(runs), SAMPLE):
        yield from one_line_each(batch, page)


def markdown(runs: Iterable[Run], page: Screen, columns: Sequence[Named] = ()) -> Iterator[str]:
    """Yield the lines of a table in Markdown, as a pull request shows it."""
    coming = iter(runs)
    sample = list(islice(coming, SAMPLE))
    plain = page.ink._replace(on=False)
    found = named_shapes(columns, sample, plain) if columns else shapes(sample, plain, time.time())
    yield _marked(shape.title for shape in found)
    yield _marked("---:" if shape.right else "---" for shape in found)
    for run in chain(sample, coming):
        yield _marked(shape.cell(run) for shape in found)


def csv_lines(
    runs: Callable[[], Iterable[Run]], columns: Sequence[Named] = (), *, harmless: bool = False
) -> Iterator[str]:
    """Yield the lines of CSV (RFC 4180, with line feeds), every digit of every number in it.

    With `harmless` what a terminal would obey is written out. Without columns there are all that `runs()`, which is
    asked twice then, has anything in.
    """
    import csv
    from io import StringIO

    from gittrack.cli.columns import all_columns

    wanted = columns or all_columns(runs())
    cell = visible if harmless else str
    buffer = StringIO()
    # With this ending a lone carriage return is quoted as well.
    writer = csv.writer(buffer, lineterminator="\r\n")
    for row in chain([[column.name for column in wanted]], ([c.exact(run) for c in wanted] for run in runs())):
        writer.writerow(map(cell, row))
        yield buffer.getvalue().removesuffix("\r\n")
        buffer.seek(0)
        buffer.truncate()


def json_lines(runs: Iterable[Run]) -> Iterator[str]:
    """Yield one run a line, as JSON."""
    from gittrack.codec.document import json_text, run_document

    return (harmless_json(json_text(run_document(run))) for run in runs)


def json_array(runs: Iterable[Run]) -> Iterator[str]:
    """Yield the lines of a JSON array, one run a line."""
    return array_lines(json_lines(runs))


def array_lines(documents: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a JSON array of documents, one a line."""
    first = next(documents, None)
    if first is None:
        yield "[]"
        return
    yield "["
    before = first
    for line in documents:
        yield f"{before},"
        before = line
    yield before
    yield "]"


def formatted(runs: Iterable[Run], template: Formatter) -> Iterator[str]:
    """Yield each run by a template."""
    return (template.line(run) for run in runs)


def in_markdown(text: str) -> str:
    """Return `text` so that Markdown shows it as it is: no table, tag, link, picture or code begins in it."""
    return re.sub(r"[\\|\[\]`]", r"\\\g<0>", text).replace("<", "&lt;")


def _marked(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(in_markdown, cells))} |"


def _batches(runs: Iterator[Run], size: int = _BATCH) -> Iterator[list[Run]]:
    while batch := list(islice(runs, size)):
        yield batch
