"""The files of one run held against the format: pure, each thing that is wrong becomes a sentence."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.own_yaml import read_yaml
from gittrack.codec.paths import (
    METRICS,
    PACKAGES,
    RECORD,
    artifact_place,
    later_stem,
    parse_conflict,
    parse_later,
    pointer,
)
from gittrack.codec.record import record_from_plain
from gittrack.codec.series import HEADER, read_series
from gittrack.errors import DamagedRecord, GittrackError, InvalidValue
from gittrack.replay import SummaryBuilder, fold
from gittrack.values import check_artifact_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.model import Artifact, MetricSummary, Record, Run

FILE_MODE: Final = 0o100644
_LATER = r"later/\d{8,15}-[0-9a-f]{16}"
_RECORD_PATH = re.compile(rf"run\.yaml|{_LATER}\.yaml")
_COMPANION = re.compile(
    rf"({_LATER}/)?(?:metrics/[^/]+\.tsv|environment/packages\.txt|output\.log|artifacts/(.+))", re.DOTALL
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_COMPARED = ("count", "last", "step", "min", "min_step", "max", "max_step")
_CHUNK = 1 << 20


class Problem(NamedTuple):
    """What is wrong with a file, or with all of the run where `path` is ''; the path is below the run's folder."""

    path: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Expected:
    """A file that a record mentions: a metric's history, an artifact, or a text."""

    path: str
    summary: MetricSummary | None = None
    artifact: Artifact | None = None


@dataclass(slots=True)
class Verdict:
    """What the records of a run say: its state, the files that should be there, and what is wrong so far."""

    run: Run | None = None
    records: list[Record] = field(default_factory=list)
    expected: dict[str, Expected] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)  # prefixes whose record cannot tell what belongs to it
    problems: list[Problem] = field(default_factory=list)

    def mentions(self, path: str) -> bool:
        """Whether a record speaks of the file, or cannot be read and may do so."""
        match = _COMPANION.fullmatch(path)
        prefix = (match and match[1]) or ""
        # Packages are told of by no key: a start, or a part of a run, may have them.
        is_packages = path == prefix + PACKAGES and any(prefix == prefix_of(record) for record in self.records)
        return path in self.expected or prefix in self.unreadable or is_packages


def is_record(path: str) -> bool:
    """Whether the path below a run's folder is that of a record."""
    return _RECORD_PATH.fullmatch(path) is not None


def path_problem(path: str, mode: int) -> str | None:
    """What is wrong with the name or the mode of a file below a run's folder, None when it may be there."""
    if mode != FILE_MODE:
        return f"the mode is {mode:06o}; a file of a run has {FILE_MODE:06o}"
    if is_record(path):
        return None
    if (conflict := parse_conflict(path)) is not None:
        return f"some clone had these bytes at {conflict[1]}, where others had different ones; both are kept"
    match = _COMPANION.fullmatch(path)
    if match is None:
        return "no file of that name belongs to a run"
    try:
        own = match[2] or path.rpartition("/")[2]
        return None if check_artifact_path(own) == own else "it is not in plain form"
    except InvalidValue as error:
        return str(error)


def read_records(run_id: str, files: dict[str, bytes], unreadable: Iterable[str] = ()) -> Verdict:
    """Return what the records say; `files` has their contents by path, `unreadable` the paths of lost ones."""
    verdict = Verdict(unreadable=set(map(_prefix, unreadable)))
    for path, data in files.items():
        try:
            record = _record(run_id, path, data)
        except Exception as error:  # noqa: BLE001 - whatever was fetched, it must not hide the other runs
            verdict.problems.append(Problem(path, _sentence(error)))
            verdict.unreadable.add(_prefix(path))
            continue
        verdict.records.append(record)
        if path != RECORD and later_stem(record.lamport, data) + ".yaml" != path:
            verdict.problems.append(Problem(path, "the hash or the number in its name is not that of its content"))
        verdict.expected |= {expected.path: expected for expected in _mentioned(record)}
    if RECORD not in files and "" not in verdict.unreadable:
        verdict.problems.append(Problem(RECORD, "it is missing"))
        verdict.unreadable.add("")
    elif "" not in verdict.unreadable:
        _fold(verdict)
    return verdict


def _fold(verdict: Verdict) -> None:
    try:
        verdict.run = fold(verdict.records)
    except Exception as error:  # noqa: BLE001 - as above
        verdict.problems.append(Problem("", f"its records cannot be folded: {_sentence(error)}"))
    segments = [name for record in verdict.records for name in record.journal]
    verdict.problems += [
        Problem("", f"the points of journal segment {name} are in two of its records")
        for name in sorted({name for name in segments if segments.count(name) > 1})
    ]


def _record(run_id: str, path: str, data: bytes) -> Record:
    record = record_from_plain(read_yaml(data, path), path)
    if record.start is not None and record.start.id != run_id:
        raise DamagedRecord(f"it is that of run {record.start.id[:8]}")
    return record


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, GittrackError) else f"{type(error).__name__}: {error}"[:300]


def prefix_of(record: Record) -> str:
    """Where the files of a record lie below the run's folder."""
    return "" if record.start is not None else f"later/{record.lamport:08d}-{record.digest}/"


def _prefix(path: str) -> str:
    return "" if parse_later(path.rpartition("/")[2]) is None else path.removesuffix(".yaml") + "/"


def _mentioned(record: Record) -> Iterator[Expected]:
    for summary in record.metrics.values():
        yield Expected(summary.files[0], summary=summary)
    for artifact in record.artifacts:
        yield Expected(artifact_place(artifact), artifact=artifact)
    for path in record.output:
        yield Expected(path)


def content_problem(path: str, data: bytes, expected: Expected | None) -> str | None:
    """What is wrong with the content of a file below the run's folder, None when it is as it should be."""
    if expected is not None and expected.summary is not None:
        return series_problem(data, expected.summary)
    if expected is not None and expected.artifact is not None:
        return artifact_problem(data, expected.artifact)
    if path.endswith(PACKAGES):
        return text_problem(data)
    if f"/{METRICS}/" in f"/{path}" and path.endswith(".tsv"):
        return series_problem(data, None)
    return None


def series_problem(data: bytes, summary: MetricSummary | None) -> str | None:
    """What is wrong with a metric's history, or how it differs from its summary."""
    builder = SummaryBuilder()
    try:
        for piece in _pieces(data):
            for point in read_series(piece):
                builder.add(point.step, point.value)
    except DamagedRecord as error:
        return str(error)
    if summary is None:
        return None
    if builder.count == 0:
        return f"it holds no value, and {summary.count} by the record"
    found = builder.summary()
    for name in _COMPARED:
        # Compared as they are written: a NaN equals itself, and the sign of a zero counts.
        here, there = repr(getattr(found, name)), repr(getattr(summary, name))
        if here != there:
            return f"'{name}' is {here}, and {there} by the record"
    return None


def _pieces(data: bytes) -> Iterator[bytes]:
    """A history as several shorter ones: its points in memory take twenty times its size."""
    if not data.startswith(HEADER) or len(data) < _CHUNK:
        yield data
        return
    position = len(HEADER)
    while position < len(data):
        end = data.find(b"\n", position + _CHUNK) + 1 or len(data)
        yield HEADER + data[position:end]
        position = end


def artifact_problem(data: bytes, artifact: Artifact) -> str | None:
    """How an artifact, or the pointer of a large one, differs from what the record says."""
    if not is_sha256(artifact.sha256):
        return f"{artifact.sha256!r:.80} in the record is not a SHA-256"
    if artifact.large:
        same = data == pointer(artifact.sha256, artifact.size)
        return None if same else "it is not the LFS pointer to what the record says"
    if len(data) != artifact.size:
        return f"it has {len(data)} bytes, and {artifact.size} by the record"
    return None if hashlib.sha256(data).hexdigest() == artifact.sha256 else "its SHA-256 is not that of the record"


def is_sha256(text: str) -> bool:
    """Whether `text` is a SHA-256 in hexadecimal, and so safe to make a path of."""
    return _SHA256.fullmatch(text) is not None


def text_problem(data: bytes) -> str | None:
    """What is wrong with a file of text."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return f"it is not UTF-8 at byte {error.start}"
    return None
