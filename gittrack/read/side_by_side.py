"""Any number of runs beside each other: a row for each thing that is known, and whether it is the same for all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, Union

from gittrack.model import Input
from gittrack.query.terms import Field, Source, Type
from gittrack.query.values import value_of
from gittrack.read.difference import (
    ABSENT,
    Absent,
    facts_of,
    leaves_of,
    packages_by_name,
    same_input,
    surroundings_of,
)
from gittrack.values import same_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gittrack.judge.direction import Direction
    from gittrack.model import Code, Run, Value

Cell: TypeAlias = Union["Value", Input, Absent]


class Kind(Enum):
    """What a row is about; the parts of a page, in their order."""

    RUN = "run"
    CODE = "code"
    PARAMS = "params"
    METRICS = "metrics"
    TAGS = "tags"
    ENVIRONMENT = "environment"
    PACKAGES = "packages"
    INPUTS = "inputs"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing, with a cell for each run.

    `direction` tells which values of a metric are the better ones, None where that is not known; `best` the places of
    the best ones, none where all are as good.
    """

    kind: Kind
    name: str
    cells: tuple[Cell, ...]
    differs: bool
    direction: Direction | None = None
    best: frozenset[int] = frozenset()


def rows_of(
    runs: Sequence[Run], packages: Sequence[Sequence[str]], direction: Callable[[str], Direction | None], summary: str
) -> list[Row]:
    """Return every row of `runs`, each with the requirement lines in `packages`.

    Of a metric the value that `summary` names counts: last, min or max. A run whose packages were not recorded makes no
    difference of them.
    """
    return [
        *_rows(Kind.RUN, [_told(run) for run in runs]),
        *_rows(Kind.CODE, [_code(run.code) for run in runs]),
        *_rows(Kind.PARAMS, [leaves_of(run.params) for run in runs]),
        *(_judged(row, direction(row.name)) for row in _rows(Kind.METRICS, [_metrics(run, summary) for run in runs])),
        *_rows(Kind.TAGS, [run.tags for run in runs]),
        *_rows(Kind.ENVIRONMENT, [surroundings_of(run.environment) for run in runs]),
        *_packages(packages),
        *_rows(Kind.INPUTS, [{item.name: item for item in run.inputs} for run in runs]),
    ]


def _told(run: Run) -> Mapping[str, Cell]:
    duration = {} if run.duration is None else {"duration": run.duration}
    return {"name": run.name, **facts_of(run), **duration}


def _code(code: Code) -> Mapping[str, Cell]:
    """The commit, which has a star where what ran was something else, and what ran."""
    star = "*" if code.dirty else ""
    commit = {} if code.commit is None else {"commit": f"{code.commit}{star}"}
    return commit if code.tree is None else {**commit, "tree": code.tree}


def _metrics(run: Run, summary: str) -> Mapping[str, Cell]:
    return {name: value_of(run, Field(Source.METRIC, name, Type.NUMBER, summary)) for name in run.metrics}


def _rows(kind: Kind, runs: Sequence[Mapping[str, Cell]]) -> Iterator[Row]:
    for name in dict.fromkeys(name for facts in runs for name in facts):
        cells = tuple(facts.get(name, ABSENT) for facts in runs)
        yield Row(kind, name, cells, not all(_same(cells[0], cell) for cell in cells[1:]))


def _packages(packages: Sequence[Sequence[str]]) -> Iterator[Row]:
    found = [packages_by_name(lines) for lines in packages]
    for row in _rows(Kind.PACKAGES, found):
        told = [cell for cell, lines in zip(row.cells, packages, strict=True) if lines]
        yield Row(row.kind, row.name, row.cells, any(cell != told[0] for cell in told))


def _same(one: Cell, other: Cell) -> bool:
    if isinstance(one, Absent) or isinstance(other, Absent):
        return one is other
    if isinstance(one, Input) or isinstance(other, Input):
        return isinstance(one, Input) and isinstance(other, Input) and same_input(one, other)
    return same_value(one, other)


def _judged(row: Row, direction: Direction | None) -> Row:
    """Mark the best values, unless all are as good."""
    if direction is None:
        return row
    numbers = [cell for cell in row.cells if isinstance(cell, (int, float))]
    best = direction.best(numbers)
    places = frozenset(place for place, cell in enumerate(row.cells) if best is not None and cell == best)
    marked = places if len(places) < len(numbers) else frozenset[int]()
    return Row(row.kind, row.name, row.cells, row.differs, direction, marked)
