"""What a run has in a field: for columns, formats and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.query.terms import Field, Source
from gittrack.values import flatten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gittrack.model import Run, Value
    from gittrack.query.terms import Condition, Order

_ATTRIBUTES: Final[Mapping[str, Callable[[Run], Value]]] = {
    "id": lambda run: run.id,
    "name": lambda run: run.name,
    "experiment": lambda run: run.experiment,
    "status": lambda run: run.status,
    "start_time": lambda run: run.start,
    "end_time": lambda run: run.end,
    "duration": lambda run: run.duration,
    "author": lambda run: None if run.author is None else run.author.name,
    "author.email": lambda run: None if run.author is None else run.author.email,
    "host": lambda run: run.host or None,
    "user": lambda run: run.user or None,
    "parent": lambda run: run.parent,
    "reproduces": lambda run: run.reproduces,
    "description": lambda run: run.description or None,
    "deleted": lambda run: run.deleted,
    "code.commit": lambda run: run.code.commit,
    "code.branch": lambda run: run.code.branch,
    "code.dirty": lambda run: run.code.dirty,
    "code.tree": lambda run: run.code.tree,
}


def value_of(run: Run, field: Field) -> Value:
    """Return what `run` has in `field`, None where it has nothing; of several inputs, their texts joined by ', '."""
    if field.source is Source.ATTRIBUTE:
        return _ATTRIBUTES[field.key](run)
    if field.source is Source.TAG:
        return run.tags.get(field.key)
    if field.source is Source.INPUT:
        return ", ".join(str(getattr(item, field.part)) for item in run.inputs) or None
    if field.source is Source.METRIC:
        summary = run.metrics.get(field.key)
        return None if summary is None else getattr(summary, field.part)
    return params_of(run).get(field.key)


_last: list[tuple[Run, dict[str, Value]]] = []


def params_of(run: Run) -> dict[str, Value]:
    """Return the params of `run` by their dotted names; of two that have the same one, the first.

    The last answer is kept: a row of a table asks once for each of its columns.
    """
    if not _last or _last[0][0] is not run:
        found: dict[str, Value] = {}
        for key, value in flatten(run.params):
            found.setdefault(key, value)
        _last[:] = [(run, found)]
    return _last[0][1]


def fields_in(condition: Condition | None, orders: tuple[Order, ...] = ()) -> Iterator[Field]:
    """Yield the fields that a condition and orders ask for."""
    waiting: list[object] = [condition, *orders]
    while waiting:
        term = waiting.pop()
        if isinstance(term, Field):
            yield term
        for name in ("conditions", "condition", "left", "right", "operand", "field"):
            found = getattr(term, name, None)
            waiting += found if isinstance(found, tuple) else [found] if found is not None else []
