"""The fields by which runs are grouped, and the values of a group as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.cli.columns import named_list, short_text
from gittrack.errors import UsageError
from gittrack.query.terms import Source
from gittrack.values import full_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.cli.columns import Named
    from gittrack.query.fields import Bare
    from gittrack.read.cells import Cell

NONE = "(none)"


def group_fields(texts: Sequence[str], bare: Bare) -> list[Named]:
    """Return the fields of lists with commas, `bare` as for a filter; UsageError for one that makes no groups."""
    fields = named_list(texts, bare)
    for named in fields:
        if named.field is None or named.field.source is Source.INPUT:
            raise UsageError(f"runs cannot be grouped by {named.name!r:.80}; group by a param, tag, branch or the like")
    return fields


def rank(cell: Cell) -> tuple[int, float | str]:
    """Return what groups are sorted by: numbers, then text, then what is missing."""
    if cell is None:
        return 2, ""
    return (1, cell) if isinstance(cell, str) else (0, cell if cell == cell else float("-inf"))


def short_cell(named: Named, cell: Cell) -> str:
    """Return the value of a group for a table."""
    return NONE if cell is None or named.field is None else short_text(named.field, cell)


def exact_cell(cell: Cell) -> str:
    """Return the value of a group with every digit, '' for none."""
    return "" if cell is None else cell if isinstance(cell, str) else full_value(cell)
