"""The files of one run on the branch, read and folded; whatever is wrong with them becomes a reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.codec.paths import RECORD
from gittrack.errors import DamagedRecord, GittrackError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.model import Record, Run

_RECORD_PATH = re.compile(r"runs/([0-9a-f]{2})/(\1[0-9a-f]{30})/(run\.yaml|later/\d{1,15}-[0-9a-f]{16}\.yaml)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the records of one run tell: its state and the journal segments in it, and what is damaged.

    A run whose later record is damaged is there without it; without a good run.yaml there is no run.
    """

    run: Run | None
    segments: tuple[str, ...] = ()
    problem: str | None = None


def record_at(path: str) -> tuple[str, str] | None:
    """Return (run id, path below the run's folder) when `path` is that of a record, None otherwise."""
    match = _RECORD_PATH.fullmatch(path)
    return (match[2], match[3]) if match else None


def read_records(run_id: str, files: Iterable[tuple[str, bytes | None]]) -> Reading:
    """Fold the records of a run; `files` are (path below its folder, content or None when it is missing)."""
    records: list[Record] = []
    problems: list[str] = []
    for name, data in files:
        try:
            records.append(_record(run_id, name, data))
        except Exception as error:  # noqa: BLE001 - whatever was fetched, it must not hide the other runs
            problems.append(_sentence(name, error))
    if not any(record.start for record in records):
        problems = problems or [f"{RECORD} is missing"]
        return Reading(None, problem="; ".join(problems))
    from gittrack.replay import fold

    try:
        run = fold(records)
    except Exception as error:  # noqa: BLE001 - as above
        return Reading(None, problem=_sentence("its records", error))
    segments = tuple(name for record in records for name in record.journal)
    return Reading(run, segments, "; ".join(problems) or None)


def _record(run_id: str, name: str, data: bytes | None) -> Record:
    from gittrack.codec.own_yaml import read_yaml
    from gittrack.codec.record import record_from_plain

    if data is None:
        raise DamagedRecord(f"{name} is missing from the repository; run 'git fsck'")
    record = record_from_plain(read_yaml(data, name), name)
    if record.start is not None and record.start.id != run_id:
        raise DamagedRecord(f"{name} is that of run {record.start.id[:8]}")
    return record


def _sentence(name: str, error: Exception) -> str:
    return str(error) if isinstance(error, GittrackError) else f"{name}: {type(error).__name__}: {error}"[:300]
