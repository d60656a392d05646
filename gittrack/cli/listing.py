"""Which columns a list of runs has: the params that differ first, then what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gittrack.cli.render import GAP, Column, Screen, fit, visible, width_of
from gittrack.cli.wording import short_age, short_number, short_value
from gittrack.query.values import params_of
from gittrack.values import flatten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gittrack.cli.columns import Named
    from gittrack.cli.render import Ink
    from gittrack.model import Run, Value

_MISSING = object()
_LONGEST_CELL = 60


class Shape(NamedTuple):
    """A column before there are cells in it: `cell` makes one of a run. `whole` cells are never cut."""

    title: str
    cell: Callable[[Run], str]
    weight: int
    right: bool = False
    least: int | None = None
    whole: bool = False
    paint: Callable[[str], str] | None = None

    def column(self, cells: Sequence[str]) -> Column:
        """Return the column with those cells."""
        least = max([4, *map(width_of, cells)]) if self.whole else self.least
        return Column(self.title, cells, self.weight, self.right, least, self.paint)


def columns_of(found: Sequence[Shape], runs: Sequence[Run]) -> list[Column]:
    """Return the columns of some runs, at least one."""
    rows = ([shape.cell(run) for shape in found] for run in runs)
    return [shape.column(cells) for shape, cells in zip(found, zip(*rows, strict=True), strict=True)]


def shapes(runs: Sequence[Run], ink: Ink, now: float, measured: Sequence[Shape] = ()) -> list[Shape]:
    """Return the columns for `runs`, at least one: what each has, the params that differ, the metrics or `measured`."""
    return [*_facts(runs, ink, now), *_params(runs), *(measured or _metrics(runs))]


def named_shapes(columns: Sequence[Named], runs: Sequence[Run], ink: Ink) -> list[Shape]:
    """Return the columns that were asked for by name, for `runs`."""
    found = []
    for place, column in enumerate(columns):
        values = [column.value(run) for run in runs]
        numbers = all(value is None or column.is_number(value) for value in values)
        found.append(
            Shape(
                visible(column.name),
                lambda run, column=column: fit(visible(column.short(run)), _LONGEST_CELL),  # type: ignore[misc]
                weight=1000 - place,
                right=numbers,
                least=None if numbers else 8,
                whole=numbers,
                paint={"id": ink.name, "status": ink.status}.get(column.name),
            )
        )
    return found


def one_line_each(runs: Sequence[Run], page: Screen) -> list[str]:
    """Return id, name, status and metrics of each run on one line."""
    names = [visible(run.name) for run in runs]
    longest = max(map(width_of, names))
    lines = []
    for run, name in zip(runs, names, strict=True):
        status = _status(run)
        metrics = "  ".join(f"{visible(key)}={short_number(m.last)}" for key, m in run.metrics.items())
        if run.reproduces:
            metrics = f"reproduces {_reproduces(run)}  {metrics}".rstrip()
        head = f"{run.id[:8]} {name}{' ' * (longest - width_of(name))} {status:<8}"
        if page.width is not None:
            metrics = fit(metrics, max(0, page.width - width_of(head) - len(GAP)))
        padded = f"{name}{' ' * (longest - width_of(name))} {page.ink.status(f'{status:<8}')}"
        lines.append(f"{page.ink.name(run.id[:8])} {padded}{GAP}{metrics}".rstrip())
    return lines


def brief(run: Run, ink: Ink, width: int | None = None) -> str:
    """Return short id, name, status and metrics of a run in at most `width` columns; '*' marks uncommitted changes."""
    head, name, status = f"{run.id[:8]}{'*' if run.code.dirty else ''}", visible(run.name), _status(run)
    metrics = "  ".join(f"{visible(key)}={short_number(metric.last)}" for key, metric in run.metrics.items())
    if width is not None:
        metrics = fit(metrics, max(0, width - width_of(f"{head} {name} {status}{GAP}")))
    return f"{ink.name(head)} {name} {ink.status(status)}{GAP}{metrics}".rstrip()


def _status(run: Run) -> str:
    return f"{run.status} (deleted)" if run.deleted else run.status


def _facts(runs: Sequence[Run], ink: Ink, now: float) -> list[Shape]:
    found = [
        Shape("id", lambda run: run.id[:8], 100, paint=ink.name),
        Shape("age", lambda run: short_age(run.start, now), 84, right=True, paint=ink.quiet),
        Shape("name", lambda run: visible(run.name), 99, least=12),
        Shape("status", _status, 98, paint=ink.status),
    ]
    if len({run.experiment for run in runs}) > 1:
        found.append(Shape("experiment", lambda run: visible(run.experiment), 82, least=8))
    if any(run.reproduces for run in runs):
        found.append(Shape("reproduces", _reproduces, 81, least=8))
    if any(run.code.commit for run in runs):
        found.append(Shape("commit", _commit, 83))
    if any(run.code.branch for run in runs):
        found.append(Shape("branch", lambda run: visible(run.code.branch or ""), 71, least=6))
    return found


def _reproduces(run: Run) -> str:
    return visible((run.reproduces or "")[:8])


def _commit(run: Run) -> str:
    return f"{visible(run.code.commit or '')[:7]}{'*' if run.code.dirty else ''}"


def _params(runs: Sequence[Run]) -> list[Shape]:
    flat = [dict(flatten(run.params)) for run in runs]
    names = dict.fromkeys(name for params in flat for name in params)
    if len(runs) > 1:
        names = dict.fromkeys(name for name in names if len(_kinds(flat, name)) > 1)
    ranked = sorted(names, key=lambda name: _rank(flat, name))
    return [_param(name, flat, 97 - 2 * place) for place, name in enumerate(ranked)]


def _kinds(flat: Sequence[Mapping[str, Value]], name: str) -> set[object]:
    return {_kind(params.get(name, _MISSING)) for params in flat}


def _kind(value: object) -> object:
    """What makes two values the same for a person: 1 is 1.0, NaN is NaN, true is not 1."""
    if isinstance(value, bool) or value != value:
        return repr(value)
    return repr(value) if isinstance(value, (list, dict)) else value


def _rank(flat: Sequence[Mapping[str, Value]], name: str) -> tuple[bool, int, int]:
    """Short values before long ones, what most runs have before the rest, then what differs most."""
    present = [short_value(params[name]) for params in flat if name in params]
    is_long = max(map(len, present)) > 20
    return is_long, -len(present), -len(_kinds(flat, name))


def _param(name: str, flat: Sequence[Mapping[str, Value]], weight: int) -> Shape:
    def cell(run: Run) -> str:
        params = params_of(run)
        return fit(visible(short_value(params[name])), _LONGEST_CELL) if name in params else ""

    # A heading may be cut, a number never: half a number is another number.
    numbers = all(_is_number(params[name]) for params in flat if name in params)
    return Shape(visible(name), cell, weight, right=numbers, least=None if numbers else 8, whole=numbers)


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _metrics(runs: Sequence[Run]) -> list[Shape]:
    counts: dict[str, int] = {}
    for run in runs:
        for name in run.metrics:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts, key=lambda name: -counts[name])
    return [_metric(name, 96 - 2 * place) for place, name in enumerate(ranked)]


def _metric(name: str, weight: int) -> Shape:
    def cell(run: Run) -> str:
        return short_number(run.metrics[name].last) if name in run.metrics else ""

    return Shape(visible(name), cell, weight, right=True, whole=True)
