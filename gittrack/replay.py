"""Pure folds: the records of a run become its state, whatever order they arrived in."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.errors import DamagedRecord, ParamConflict
from gittrack.model import CRASHED, RUNNING, MetricSummary, Number, Record, Run, Value
from gittrack.values import merge_params

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def fold(records: Iterable[Record]) -> Run:
    """Return the state that `records` of one run tell; their order of arrival does not matter.

    Raises DamagedRecord when none of them, or more than one, says how the run started.
    """
    ordered = sorted(records, key=lambda record: (record.lamport, record.digest))
    starts = [record.start for record in ordered if record.start is not None]
    if len(starts) != 1:
        raise DamagedRecord(f"a run has {len(starts)} records of its start; exactly one is allowed")
    start = starts[0]
    run = Run(
        id=start.id,
        name=start.name,
        experiment=start.experiment,
        status=RUNNING,
        start=start.time,
        parent=start.parent,
        author=start.author,
        host=start.host,
        user=start.user,
        command=start.command,
        launch=start.launch,
        reproduces=start.reproduces,
        code=start.code,
        environment=start.environment,
    )
    for record in ordered:
        run = _apply(run, record)
    return run


def with_record(run: Run, record: Record) -> Run:
    """Return `run` with what a record tells that is later than all its own; a start in it begins a part."""
    return _apply(run, replace(record, start=None, part=record.start or record.part))


def _apply(run: Run, record: Record) -> Run:
    tags = {**run.tags, **record.tags}
    params, warnings = _params(run.params, record.params)
    return replace(
        run,
        status=record.status or run.status,
        end=run.end if record.status is None else record.end,
        error=run.error if record.status is None else record.error,
        name=record.name or run.name,
        experiment=record.experiment or run.experiment,
        description=run.description if record.description is None else record.description,
        deleted=run.deleted if record.deleted is None else record.deleted,
        params=params,
        tags={key: value for key, value in tags.items() if value is not None},
        metrics=merge_metrics(run.metrics, record.metrics),
        inputs=tuple({i.name: i for i in (*run.inputs, *record.inputs)}.values()),
        artifacts=tuple({a.path: a for a in (*run.artifacts, *record.artifacts)}.values()),
        notes=run.notes + record.notes,
        output=run.output + record.output,
        parts=run.parts if record.part is None else (*run.parts, record.part),
        warnings=run.warnings + record.warnings + warnings,
        purged=tuple(dict.fromkeys(run.purged + record.purged)),
    )


def _params(present: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """Both together; where two processes logged different values the first stays and a warning says so."""
    try:
        return merge_params(present, new), ()
    except ParamConflict:
        pass
    result, warnings = dict(present), []
    for key, value in new.items():
        try:
            result = merge_params(result, {key: value})
        except ParamConflict as conflict:
            warnings.append(str(conflict).partition(";")[0])
    return result, tuple(warnings)


def merge_metrics(present: Mapping[str, MetricSummary], new: Mapping[str, MetricSummary]) -> dict[str, MetricSummary]:
    """Return the summaries of a run and of a later part of it as one; the later part's last value counts."""
    result = dict(present)
    for name, later in new.items():
        earlier = result.get(name)
        if earlier is None:
            result[name] = later
            continue
        low = later if _less(later.min, earlier.min) else earlier
        high = later if _less(-later.max, -earlier.max) else earlier
        result[name] = MetricSummary(
            last=later.last,
            step=later.step,
            min=low.min,
            min_step=low.min_step,
            max=high.max,
            max_step=high.max_step,
            count=earlier.count + later.count,
            files=earlier.files + later.files,
        )
    return result


def _less(a: Number, b: Number) -> bool:
    """A < b, where anything is better than NaN."""
    # Not by math.isnan, which refuses an integer that no float can hold.
    return a == a if b != b else a < b


@dataclass(slots=True)
class SummaryBuilder:
    """Folds the points of one metric, one after another, into a MetricSummary."""

    count: int = 0
    last: Number = math.nan
    step: int | None = None
    min: Number = math.nan
    min_step: int | None = None
    max: Number = math.nan
    max_step: int | None = None

    def add(self, step: int | None, value: Number) -> None:
        """Take the next point in the order in which it was logged."""
        self.last, self.step = value, step
        if self.count == 0:
            self.min = self.max = value
            self.min_step = self.max_step = step
        elif not (self.min <= value <= self.max):
            if value < self.min or (self.min != self.min and value == value):
                self.min, self.min_step = value, step
            if value > self.max or (self.max != self.max and value == value):
                self.max, self.max_step = value, step
        self.count += 1

    def summary(self, files: tuple[str, ...] = ()) -> MetricSummary:
        """Return what was folded; at least one point must have been added."""
        return MetricSummary(self.last, self.step, self.min, self.min_step, self.max, self.max_step, self.count, files)


def settle(record: Record, status: str = CRASHED) -> Record:
    """Return `record` with an end: a run whose process vanished ends as crashed when it was last heard of."""
    if record.status is not None:
        return record
    return replace(record, status=status, end=record.end)
