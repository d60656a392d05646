"""A table of texts as CSV for a program, or as Markdown for a pull request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.cli.render import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# GitHub makes links of names after @ and of numbers after #, and HTML of what looks so.
_SIGNS: Final = str.maketrans(
    {sign: f"\\{sign}" for sign in "\\`*_[]|~"} | {sign: f"&#{ord(sign)};" for sign in "&<@#"}
)


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
