"""The segments of a run's journal as one record and its metric histories."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gittrack.codec.document import unpack
from gittrack.codec.fields import Fields
from gittrack.codec.record import read_input, start_from_plain
from gittrack.codec.series import HEADER, read_number
from gittrack.codec.times import milliseconds
from gittrack.errors import DamagedRecord, InvalidValue
from gittrack.model import FAILED, FINISHED, STATUSES, Artifact, Author, Note, Number, Record, Start, Value
from gittrack.names import name_for
from gittrack.replay import SummaryBuilder
from gittrack.values import INT_BITS, PathSet, check_artifact_path, check_key, merge_params

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gittrack.record.folder import Segment

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST = 1e11  # seconds, three thousand years: also a time since 1970 that ISO 8601 still writes


@dataclass(slots=True)
class Assembly:
    """What some segments tell: a record without its `journal` names' meaning lost, and histories as TSV."""

    record: Record
    series: Mapping[str, bytes]
    packages: tuple[str, ...]
    ended: bool


@dataclass(slots=True)
class _State:
    start: Start | None = None
    packages: tuple[str, ...] = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    record: Record = field(default_factory=Record)
    worker_status: str | None = None
    worker_error: str | None = None
    warnings: list[str] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    paths: PathSet = field(default_factory=PathSet)
    points: dict[bytes, list[bytes]] = field(default_factory=dict)
    builders: dict[bytes, SummaryBuilder] = field(default_factory=dict)


def assemble(run_id: str, segments: Iterable[Segment]) -> Assembly:
    """Fold the lines of `segments` into one record; a line that cannot be understood becomes a warning."""
    state = _State()
    events: list[tuple[float, int, dict[str, object]]] = []
    names: list[str] = []
    shared, begun = False, False
    touched, opened, zero = 0.0, 0.0, 0.0
    for segment in segments:
        shared = shared or (bool(names) and "after" not in segment.opening)
        names.append(segment.name)
        touched = max(touched, segment.touched)
        opened = min(opened, segment.wall) if opened else segment.wall
        begun = begun or segment.owner
        zero = max(zero, segment.start)
        state.warnings.extend(segment.problems)
        _take(state, segment, events)
    events.sort(key=lambda event: event[:2])
    for _, _, event in events:
        try:
            _apply(state, event)
        except (DamagedRecord, ValueError, TypeError) as error:
            state.warnings.append(f"a journal event could not be read: {error}"[:300])
    if state.start is None and begun:
        state.start = Start(run_id, name_for(run_id), milliseconds(opened))
        state.warnings.append("the start of this run was damaged")
    if shared:
        _sort_points(state)
    record = replace(
        state.record,
        start=state.start,
        params=state.params,
        artifacts=tuple(state.artifacts.values()),
        warnings=tuple(state.warnings),
        journal=tuple(names),
        end=state.record.end if state.record.status else milliseconds(_last_heard(state, events, touched, zero)),
    )
    ended = state.record.status is not None
    if ended and record.status == FINISHED and state.worker_status:
        record = replace(record, status=state.worker_status, error=record.error or state.worker_error)
    series = {name.decode(): HEADER + b"\n".join(lines) + b"\n" for name, lines in state.points.items()}
    metrics = {name.decode(): builder.summary() for name, builder in state.builders.items()}
    return Assembly(replace(record, metrics=metrics), series, state.packages, ended)


def _last_heard(
    state: _State, events: list[tuple[float, int, dict[str, object]]], touched: float, zero: float
) -> float:
    """When something was written last: the file's time, or, where a clock went back behind it, the last line's."""
    latest = max(zero, events[-1][0] if events else 0.0)
    if touched >= latest:
        return touched
    return max(latest, *(zero + float(lines[-1].split(b"\t")[1]) for lines in state.points.values()), latest)


def _take(state: _State, segment: Segment, events: list[tuple[float, int, dict[str, object]]]) -> None:
    points, builders = state.points, state.builders
    latest = 0.0
    for payload in segment.lines:
        if payload[:2] == b"m\t":
            try:
                _, name, rest = payload.split(b"\t", 2)
                step, seconds, value = rest.split(b"\t")
                number = float(value) if b"." in value else _number(value)
                whole = int(step) if step else None
                _check_seconds(seconds)
                if name not in points:
                    check_key("metric", name.decode())
                    points[name], builders[name] = [], SummaryBuilder()
            except (ValueError, InvalidValue):
                state.warnings.append("a journal line is no point")
                continue
            points[name].append(rest)
            builders[name].add(whole, number)
            continue
        try:
            event = unpack(payload)
        except DamagedRecord:
            event = None
        if isinstance(event, dict):
            at = event.get("at")
            # What one process said later is later, whatever its clock did.
            latest = max(latest, at) if isinstance(at, (int, float)) and at < _LONGEST else latest
            events.append((latest, len(events), event))
        else:
            state.warnings.append("a journal line is no event")


def _check_seconds(text: bytes) -> None:
    if not abs(float(text)) < _LONGEST:
        raise ValueError("no run lasts so long")


def _number(text: bytes) -> Number:
    number = read_number(text.decode())
    if isinstance(number, int) and number.bit_length() > INT_BITS:
        raise ValueError("no record can hold it")
    return number


def _sort_points(state: _State) -> None:
    """Points of several processes come in the order of their times."""
    for name, lines in state.points.items():
        ordered = sorted(lines, key=lambda line: float(line.split(b"\t")[1]))
        if ordered != lines:
            state.points[name] = ordered
            builder = state.builders[name] = SummaryBuilder()
            for line in ordered:
                step, _, value = line.split(b"\t")
                builder.add(int(step) if step else None, read_number(value.decode()))


def _apply(state: _State, event: dict[str, object]) -> None:
    fields = Fields(event, "journal")
    kind = fields.need_text("e")
    handler = _HANDLERS.get(kind)
    if handler is None:
        raise DamagedRecord(f"unknown event {kind!r:.40}")
    handler(state, fields)


def _on_start(state: _State, fields: Fields) -> None:
    state.start = start_from_plain(fields.part("start"))
    state.packages = fields.texts("packages")


def _on_params(state: _State, fields: Fields) -> None:
    state.params = merge_params(state.params, fields.values("params"))


def _on_tags(state: _State, fields: Fields) -> None:
    state.record = replace(state.record, tags={**state.record.tags, **fields.optional_texts("tags")})


def _on_set(state: _State, fields: Fields) -> None:
    record, description = state.record, fields.text("description")
    state.record = replace(
        record,
        name=fields.text("name") or record.name,
        experiment=fields.text("experiment") or record.experiment,
        description=record.description if description is None else description,
    )


def _on_note(state: _State, fields: Fields) -> None:
    by = fields.part("by")
    author = Author(by.need_text("name"), by.text("email") or "") if by.items() else None
    note = Note(fields.need_text("text"), fields.time("time") or 0.0, author)
    state.record = replace(state.record, notes=(*state.record.notes, note))


def _on_deleted(state: _State, fields: Fields) -> None:
    state.record = replace(state.record, deleted=fields.truth("deleted"))


def _on_artifact(state: _State, fields: Fields) -> None:
    path = check_artifact_path(fields.need_text("path"))
    sha256 = fields.need_text("sha256")
    if not _SHA256.fullmatch(sha256):
        raise DamagedRecord(f"{sha256!r:.80} is not a SHA-256")
    while state.paths.clash(path):
        # Two processes named them so; a branch cannot hold a file and a folder of one name.
        first, slash, rest = path.partition("/")
        moved = f"{first}~{slash}{rest}"
        state.warnings.append(f"artifact {path!r} is kept as {moved!r}: a file and a folder had one name")
        path = moved
    state.paths.add(path)
    state.artifacts.pop(path, None)
    state.artifacts[path] = Artifact(path, fields.need_whole("size"), sha256, bool(fields.truth("large")))


def _on_input(state: _State, fields: Fields) -> None:
    item = read_input(fields)
    others = tuple(i for i in state.record.inputs if i.name != item.name)
    state.record = replace(state.record, inputs=(*others, item))


def _on_end(state: _State, fields: Fields) -> None:
    status = fields.need_text("status")
    if status not in STATUSES:
        raise DamagedRecord(f"{status!r:.40} is not a status")
    state.record = replace(state.record, status=status, end=fields.time("end"), error=fields.text("error"))


def _on_close(state: _State, fields: Fields) -> None:
    status = fields.text("status")
    if status == FAILED:  # one that was terminated did its work: a pool ends its workers so
        state.worker_status, state.worker_error = status, fields.text("error")


def _on_warning(state: _State, fields: Fields) -> None:
    state.warnings.append(fields.need_text("text"))


_HANDLERS: dict[str, Callable[[_State, Fields], None]] = {
    "start": _on_start,
    "params": _on_params,
    "tags": _on_tags,
    "set": _on_set,
    "note": _on_note,
    "deleted": _on_deleted,
    "artifact": _on_artifact,
    "input": _on_input,
    "end": _on_end,
    "close": _on_close,
    "warning": _on_warning,
}
