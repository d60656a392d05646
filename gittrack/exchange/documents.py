"""A run as `gittrack export` and `gittrack log --jsonl` write it, as a run that could be recorded again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.capture.points import as_metric
from gittrack.capture.redact import redact_arguments, redact_mapping, redact_tag, redact_text, redact_url
from gittrack.codec.document import run_from_document
from gittrack.codec.paths import RECORD, is_id
from gittrack.codec.record import record_from_plain, record_to_plain
from gittrack.errors import GittrackError
from gittrack.exchange.cells import attribute_of
from gittrack.exchange.drafts import Draft
from gittrack.model import CRASHED, IMPORTED_FROM, RUNNING, Point, Record, Start
from gittrack.values import check_key, check_run_name, check_text, plain_params, plain_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.exchange.tables import Line
    from gittrack.model import MetricSummary, Run

_NUMBERS = ("last", "min", "max")
LOST_HISTORY = (
    "the histories of the metrics are not in the file that this run was imported from: "
    "the last, least and greatest values are here"
)


def is_document(row: Mapping[str, object]) -> bool:
    """Whether a row of JSON Lines is a whole run."""
    run_id = row.get("id")
    return (
        isinstance(run_id, str) and is_id(run_id) and {"name", "experiment", "start", "metrics", "code"} <= row.keys()
    )


def draft_of_document(line: Line, source: str) -> Draft:
    """Return the run that a line holds; its artifacts, output and histories are in no such file.

    Raises GittrackError, with the place, for what is none.
    """
    try:
        run = run_from_document(_with_numbers(line.row))
        record = _record(run, source)
        record_from_plain(record_to_plain(record), RECORD)  # whatever the file says, it can be read back
        return Draft(line.where, record, {name: _points(run, m) for name, m in run.metrics.items()})
    except GittrackError as error:
        raise GittrackError(f"{line.where}: {error}") from None


def _with_numbers(row: Mapping[str, object]) -> dict[str, object]:
    """The row with NaN and infinities, for which JSON has text, as numbers in the summaries of metrics."""
    metrics = row["metrics"]
    if not isinstance(metrics, Mapping):
        return dict(row)
    return {**row, "metrics": {name: _summary(value) for name, value in metrics.items()}}


def _summary(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    numbers = {key: as_metric(value[key]) for key in _NUMBERS if isinstance(value.get(key), str)}
    return {**value, **{key: number for key, number in numbers.items() if number is not None}}


def _record(run: Run, source: str) -> Record:
    for name in run.metrics:
        check_key("metric", name)
    for name, value in (("parent", run.parent), ("parent", run.reproduces), ("code.commit", run.code.commit)):
        if value is not None:
            attribute_of(name, value)
    tags = plain_tags(run.tags)
    return Record(
        start=_start(run),
        status=CRASHED if run.status == RUNNING else run.status,
        end=run.start if run.end is None else run.end,
        error=None if run.error is None else redact_text(check_text("the error", run.error, lines=True)),
        description=redact_text(check_text("the description", run.description, lines=True)) or None,
        deleted=run.deleted or None,
        params=redact_mapping(plain_params(run.params)),
        tags={IMPORTED_FROM: source} | dict(redact_tag(key, value) for key, value in tags.items()),
        inputs=run.inputs,
        notes=tuple(replace(n, text=redact_text(check_text("a note", n.text, lines=True))) for n in run.notes),
        warnings=_warnings(run),
    )


def _start(run: Run) -> Start:
    return Start(
        id=run.id,
        name=redact_text(check_run_name(run.name)),
        time=run.start,
        experiment=redact_text(check_text("an experiment's name", run.experiment, limit=250)),
        parent=run.parent,
        author=run.author,
        host=run.host,
        user=run.user,
        command=tuple(redact_arguments(run.command)),
        launch=run.launch,
        reproduces=run.reproduces,
        code=run.code if run.code.remote is None else replace(run.code, remote=redact_url(run.code.remote)),
        environment=run.environment,
    )


def _warnings(run: Run) -> tuple[str, ...]:
    told = list(run.warnings)
    if any(summary.count > 1 for summary in run.metrics.values()) and LOST_HISTORY not in told:
        told.append(LOST_HISTORY)
    if run.artifacts:
        told.append(f"the artifacts, {len(run.artifacts)} in all, are not in the file that this run was imported from")
    return tuple(told)


def _points(run: Run, summary: MetricSummary) -> Sequence[Point]:
    """Points that give the summary again, but for its count: the least and the greatest value, then the last."""
    ends = ((summary.min_step, summary.min), (summary.max_step, summary.max))
    last = (summary.step, summary.last)
    before = sorted({end for end in ends if end != last and end[1] == end[1]}, key=lambda end: (end[0] or 0, end[1]))
    seconds = max(0.0, (run.end or run.start) - run.start)
    return [Point(step, 0.0, value) for step, value in before] + [Point(*last[:1], seconds, last[1])]
