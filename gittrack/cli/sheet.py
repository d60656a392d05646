"""A table of texts as CSV for a program, or as Markdown for a pull request."""

from __future__ import annotations

import functools
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

import click

from gittrack.cli.render import visible
from gittrack.cli.source import json_option
from gittrack.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_F = TypeVar("_F", bound="Callable[..., object]")


class Form(Enum):
    """In which form a table is wanted."""

    TABLE = ""
    JSON = "--json"
    CSV = "--csv"
    MARKDOWN = "--md"


# GitHub makes links of names after @ and of numbers after #, and HTML of what looks so.
_SIGNS: Final = str.maketrans(
    {sign: f"\\{sign}" for sign in "\\`*_[]|~"} | {sign: f"&#{ord(sign)};" for sign in "&<@#"}
)


def form_options(command: _F) -> _F:
    """Add the options --json, --csv and --md; the command gets the one that was given as `form`."""

    @functools.wraps(command)
    def wrapper(*args: object, as_json: bool, csv: bool, markdown: bool, **options: object) -> object:
        given = {Form.JSON: as_json, Form.CSV: csv, Form.MARKDOWN: markdown}
        chosen = [form for form, wanted in given.items() if wanted]
        if len(chosen) > 1:
            raise UsageError("--json, --csv and --md exclude each other; give one of them")
        return command(*args, form=chosen[0] if chosen else Form.TABLE, **options)

    result: Callable[..., object] = wrapper
    for option in (
        click.option("--md", "markdown", is_flag=True, help="Print a Markdown table."),
        click.option("--csv", is_flag=True, help="Print CSV, with every digit."),
        json_option,
    ):
        result = option(result)
    return result  # type: ignore[return-value]


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows, the heading first, as CSV (RFC 4180, with line feeds)."""
    import csv
    from io import StringIO

    buffer = StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def markdown_lines(heading: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[bool]) -> list[str]:
    """Return the lines of a Markdown table; cells are escaped, those of columns that are `right` stand to the right."""
    rule = ["---:" if is_right else "---" for is_right in right]
    return [_marked(cells) for cells in (heading, rule, *rows)]


def escaped(text: str) -> str:
    """Return text, made harmless, as Markdown shows it as it is, in a cell of a table as well."""
    return visible(text).translate(_SIGNS)


def _marked(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
