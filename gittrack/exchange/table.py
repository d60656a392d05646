"""A run as one row, and runs as columns under the names that MLflow users know: pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gittrack.exchange.kinds import Cell, Kind, kind_of, together
from gittrack.values import flatten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.model import Run

# What a run is, whether or not a run has it; after these come metrics, params and tags.
ATTRIBUTES: Final = {
    "run_id": Kind.TEXT,
    "name": Kind.TEXT,
    "experiment": Kind.TEXT,
    "status": Kind.TEXT,
    "start_time": Kind.TIME,
    "end_time": Kind.TIME,
    "duration": Kind.NUMBER,
    "author": Kind.TEXT,
    "author.email": Kind.TEXT,
    "parent": Kind.TEXT,
    "description": Kind.TEXT,
    "code.commit": Kind.TEXT,
    "code.branch": Kind.TEXT,
    "code.dirty": Kind.FLAG,
    "deleted": Kind.FLAG,
}
METRICS: Final = "metrics."
PARAMS: Final = "params."
TAGS: Final = "tags."
_GROUPS: Final = (METRICS, PARAMS, TAGS)


def row_of(run: Run) -> dict[str, Cell]:
    """Return the row of a run: its attributes, the last value of each metric, each leaf of its params, its tags."""
    duration = run.duration
    row: dict[str, Cell] = {
        "run_id": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "start_time": run.start,
        "end_time": run.end,
        "duration": None if duration is None else round(duration, 3),
        "author": run.author.name if run.author else None,
        "author.email": run.author.email if run.author else None,
        "parent": run.parent,
        "description": run.description or None,
        "code.commit": run.code.commit,
        "code.branch": run.code.branch,
        "code.dirty": run.code.dirty,
        "deleted": run.deleted,
    }
    row.update((METRICS + name, summary.last) for name, summary in run.metrics.items())
    for name, value in flatten(run.params):
        row.setdefault(PARAMS + name, value)  # {"a.b": 1, "a": {"b": 2}}: the first, as a query finds it
    row.update((TAGS + name, value) for name, value in run.tags.items())
    return row


class Shape:
    """The columns of a table, and the kind of each, learnt row by row."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = dict(ATTRIBUTES)

    def see(self, row: dict[str, Cell]) -> None:
        """Learn from one row."""
        kinds = self.kinds
        for name, value in row.items():
            if name not in ATTRIBUTES:
                kinds[name] = together(kinds.get(name, Kind.EMPTY), kind_of(value))

    @property
    def columns(self) -> dict[str, Kind]:
        """The columns in their order: attributes, then metrics, params and tags as they were met first."""
        return dict(ATTRIBUTES) | {
            name: kind for group in _GROUPS for name, kind in self.kinds.items() if name.startswith(group)
        }


@dataclass(slots=True)
class Table:
    """Runs as columns, each a list with a value for every run, None where it has none."""

    shape: Shape = field(default_factory=Shape)
    rows: int = 0
    _values: dict[str, list[Cell]] = field(default_factory=dict)

    def add(self, row: dict[str, Cell]) -> None:
        """Add one row."""
        self.shape.see(row)
        for name, value in row.items():
            values = self._values.setdefault(name, [])
            values.extend([None] * (self.rows - len(values)))
            values.append(value)
        self.rows += 1

    def take(self) -> Iterator[tuple[str, Kind, list[Cell]]]:
        """Yield each column with its kind and values, and let go of it: a frame is made without a second copy."""
        for name, kind in self.shape.columns.items():
            values = self._values.pop(name, [])
            values.extend([None] * (self.rows - len(values)))
            yield name, kind, values


def table_of(runs: Iterable[Run]) -> Table:
    """Return the table of `runs`, one row a run."""
    table = Table()
    for run in runs:
        table.add(row_of(run))
    return table
