"""What a file of a run said before it was changed and what it says now, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from gittrack.codec.own_yaml import read_yaml
from gittrack.codec.paths import METRICS
from gittrack.codec.record import record_from_plain
from gittrack.codec.series import read_series
from gittrack.values import flatten, full_value
from gittrack.verify import is_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gittrack.model import Point, Record, Value

_SHOWN: Final = 3
_LONGEST: Final = 60


def difference(path: str, old: bytes | None, new: bytes | None) -> str:
    """Return how a file, by its path below the run's folder, differs; '' where there is nothing to compare."""
    if old is None or new is None:
        return ""
    try:
        found = _of_record(path, old, new) if is_record(path) else _of_file(path, old, new)
    except Exception:  # noqa: BLE001 - what was altered may be anything
        found = []
    if not found:
        return f"{len(old)} bytes became {len(new)}"
    return "; ".join(found[:_SHOWN]) + ("; …" if len(found) > _SHOWN else "")


def _of_file(path: str, old: bytes, new: bytes) -> list[str]:
    *_, folder, name = ["", *path.split("/")]
    if folder != METRICS or not name.endswith(".tsv"):
        return []
    return [_of_series(unquote(name.removesuffix(".tsv")), read_series(old), read_series(new))]


def _of_series(name: str, old: list[Point], new: list[Point]) -> str:
    for before, after in zip(old, new, strict=False):
        if repr((before.step, before.value)) != repr((after.step, after.value)):
            where = "" if before.step is None else f" at step {before.step}"
            return f"{name}{where} was {before.value!r} and is {after.value!r}"
    if len(old) != len(new):
        return f"{name} had {len(old)} values and has {len(new)}"
    return f"the times of {name} differ"


def _of_record(path: str, old: bytes, new: bytes) -> list[str]:
    before, after = (dict(_facts(record_from_plain(read_yaml(data, path), path))) for data in (old, new))
    return [
        f"{name} was {_shown(before, name)} and is {_shown(after, name)}"
        for name in dict.fromkeys([*before, *after])
        if repr(before.get(name)) != repr(after.get(name))
    ]


def _facts(record: Record) -> Iterator[tuple[str, Value]]:
    """What a person would change, by the name that a filter knows it by."""
    for name, summary in record.metrics.items():
        yield f"metrics.{name}", summary.last
        yield f"metrics.{name}.min", summary.min
        yield f"metrics.{name}.max", summary.max
    for name, value in flatten(record.params):
        yield f"params.{name}", value
    for name, text in record.tags.items():
        yield f"tags.{name}", text
    yield "status", record.status
    yield "deleted", record.deleted
    yield "name", record.start.name if record.start else record.name
    if record.start is not None:
        yield "code.commit", record.start.code.commit
        yield "author", f"{record.start.author.name} <{record.start.author.email}>" if record.start.author else None
        yield "command", list(record.start.command)


def _shown(facts: Mapping[str, Value], name: str) -> str:
    if facts.get(name) is None:
        return "nothing"
    text = full_value(facts[name])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
