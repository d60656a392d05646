"""Which columns a list of runs has: the params that differ first, then what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.cli.render import GAP, Column, Rendered, Screen, fit, render, visible, width_of
from gittrack.cli.wording import short_age, short_number, short_value
from gittrack.values import flatten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.model import Run, Value

_MISSING = object()
_LONGEST_CELL = 60


def table(runs: Sequence[Run], page: Screen, now: float) -> Rendered:
    """Lay out `runs`, at least one, as a table."""
    return render([*_facts(runs, page, now), *_params(runs), *_metrics(runs)], page.width, page.ink)


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


def _status(run: Run) -> str:
    return f"{run.status} (deleted)" if run.deleted else run.status


def _facts(runs: Sequence[Run], page: Screen, now: float) -> list[Column]:
    ink = page.ink
    columns = [
        Column("id", [run.id[:8] for run in runs], 100, paint=ink.name),
        Column("age", [short_age(run.start, now) for run in runs], 84, right=True, paint=ink.quiet),
        Column("name", [visible(run.name) for run in runs], 99, least=12),
        Column("status", [_status(run) for run in runs], 98, paint=ink.status),
    ]
    if len({run.experiment for run in runs}) > 1:
        columns.append(Column("experiment", [visible(run.experiment) for run in runs], 82, least=8))
    if any(run.reproduces for run in runs):
        columns.append(Column("reproduces", [_reproduces(run) for run in runs], 81, least=8))
    if any(run.code.commit for run in runs):
        columns.append(Column("commit", [_commit(run) for run in runs], 83))
    if any(run.code.branch for run in runs):
        columns.append(Column("branch", [visible(run.code.branch or "") for run in runs], 71, least=6))
    return columns


def _reproduces(run: Run) -> str:
    return visible((run.reproduces or "")[:8])


def _commit(run: Run) -> str:
    return f"{visible(run.code.commit or '')[:7]}{'*' if run.code.dirty else ''}"


def _params(runs: Sequence[Run]) -> list[Column]:
    flat = [dict(flatten(run.params)) for run in runs]
    names = dict.fromkeys(name for params in flat for name in params)
    if len(runs) > 1:
        names = dict.fromkeys(name for name in names if len(_kinds(flat, name)) > 1)
    ranked = sorted(names, key=lambda name: _rank(flat, name))
    return [_values(name, flat, 97 - 2 * place) for place, name in enumerate(ranked)]


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


def _values(name: str, flat: Sequence[Mapping[str, Value]], weight: int) -> Column:
    cells = [fit(visible(short_value(params[name])), _LONGEST_CELL) if name in params else "" for params in flat]
    numbers = all(_is_number(params[name]) for params in flat if name in params)
    # A heading may be cut, a number never: half a number is another number.
    least = max([4, *map(width_of, cells)]) if numbers else 8
    return Column(visible(name), cells, weight, right=numbers, least=least)


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _metrics(runs: Sequence[Run]) -> list[Column]:
    counts: dict[str, int] = {}
    for run in runs:
        for name in run.metrics:
            counts[name] = counts.get(name, 0) + 1
    ranked = sorted(counts, key=lambda name: -counts[name])
    columns = []
    for place, name in enumerate(ranked):
        cells = [short_number(run.metrics[name].last) if name in run.metrics else "" for run in runs]
        least = max([4, *map(width_of, cells)])
        columns.append(Column(visible(name), cells, 96 - 2 * place, right=True, least=least))
    return columns
