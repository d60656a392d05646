"""A run as one JSON object: what `--json` prints and what the index keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gittrack.codec.fields import Fields
from gittrack.codec.record import (
    launch_to_plain,
    read_code,
    read_environment,
    read_input,
    read_launch,
    read_summary,
    start_from_plain,
    start_to_plain,
)
from gittrack.codec.times import write_time
from gittrack.errors import DamagedRecord
from gittrack.model import (
    Artifact,
    Author,
    Note,
    Run,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.model import Code, Environment, Input, LeftOut

_MAP = "\x00map"


def run_document(run: Run) -> dict[str, object]:
    """Return `run` as a JSON object; times are ISO 8601 in UTC with milliseconds.

    Not yet strict JSON: json_text writes NaN and infinities as text.
    """
    env = run.environment
    environment = _shallow(env) | {"locks": dict(env.locks), "variables": dict(env.variables)}
    del environment["packages"]
    return {
        "id": run.id,
        "name": run.name,
        "experiment": run.experiment,
        "status": run.status,
        "start": write_time(run.start),
        "end": None if run.end is None else write_time(run.end),
        "duration": None if run.duration is None else round(run.duration, 3),
        "author": run.author and _shallow(run.author),
        "host": run.host,
        "user": run.user,
        "command": list(run.command),
        "launch": launch_to_plain(run.launch),
        "reproduces": run.reproduces,
        "code": _shallow(run.code) | {"left_out": tuple(_shallow(item) for item in run.code.left_out)},
        "environment": environment,
        "params": dict(run.params),
        "metrics": {
            name: {
                "last": m.last,
                "step": m.step,
                "min": m.min,
                "min_step": m.min_step,
                "max": m.max,
                "max_step": m.max_step,
                "count": m.count,
                "files": list(m.files),
            }
            for name, m in run.metrics.items()
        },
        "tags": dict(run.tags),
        "inputs": [_shallow(item) for item in run.inputs],
        "artifacts": [_shallow(item) for item in run.artifacts],
        "notes": [
            {"time": write_time(n.time), "text": n.text, "author": n.author and _shallow(n.author)} for n in run.notes
        ],
        "parent": run.parent,
        "description": run.description,
        "output": list(run.output),
        "error": run.error,
        "warnings": list(run.warnings),
        "purged": list(run.purged),
        "parts": [start_to_plain(part) for part in run.parts],
        "deleted": run.deleted,
    }


def _shallow(item: Author | Code | Environment | Input | Artifact | LeftOut) -> dict[str, object]:
    """The fields by their names; dataclasses.asdict, which copies each value too, took a quarter of the time."""
    return {name: getattr(item, name) for name in item.__slots__}


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return `value` as strict JSON: NaN and infinities as text, every key as text."""
    return json.dumps(_strict(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _strict(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if value != value else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {_key(k): _strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(v) for v in value]
    return value


def _key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def pack(value: object) -> str:
    """Return plain values as text that `unpack` gives back exactly: float bits and keys of any type."""
    return _ENCODER.encode(value if _is_json(value) else _typed(value))


# Made once: json.dumps would make one for each call.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_TEXT: Final = frozenset({str})
_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def _is_json(value: object) -> bool:
    """Whether JSON has `value` as it is: all keys of its mappings are text, and none is the mark."""
    if isinstance(value, dict):
        if _MAP in value or not _TEXT.issuperset(map(type, value)):
            return False
        items: Iterable[object] = value.values()
    elif isinstance(value, (list, tuple)):
        items = value
    else:
        return True
    return _SCALARS.issuperset(map(type, items)) or all(map(_is_json, items))


def _typed(value: object) -> object:
    """Mappings with keys that JSON would turn into text become a marked list of pairs."""
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and _MAP not in value:
            return {key: _typed(item) for key, item in value.items()}
        return {_MAP: [[key, _typed(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [_typed(item) for item in value]
    return value


def unpack(text: str | bytes) -> object:
    """Return what `pack` was given; DamagedRecord for text that it cannot have written."""
    try:
        # Decoded here: json.loads guesses the encoding of bytes, and lets halves of UTF-16 pairs through.
        read = text.decode() if isinstance(text, bytes) else text
        value: object = json.loads(read, object_hook=_untyped) if _MAP_TEXT in read else json.loads(read)
        if "\\ud" in read or "\\uD" in read:
            pack(value).encode()  # half of a UTF-16 pair, which nothing could write down
    except (ValueError, RecursionError, TypeError):
        raise DamagedRecord("a line of JSON is damaged") from None
    return value


_MAP_TEXT = json.dumps(_MAP)[1:-1]


def _untyped(value: dict[str, object]) -> object:
    pairs = value.get(_MAP)
    if pairs is None or not isinstance(pairs, list):
        return value
    return {key: item for key, item in pairs}  # noqa: C416 - dict(pairs) would take any pair of iterables


def run_from_document(data: object) -> Run:
    """Return the run that run_document was given; DamagedRecord when `data` is none."""
    fields = Fields(data, "run")
    start = fields.time("start")
    if start is None:
        raise DamagedRecord("run: 'start' is missing")
    return Run(
        id=fields.need_text("id"),
        name=fields.need_text("name"),
        experiment=fields.need_text("experiment"),
        status=fields.need_text("status"),
        start=start,
        end=fields.time("end"),
        parent=fields.text("parent"),
        description=fields.text("description") or "",
        author=_author(fields),
        host=fields.text("host") or "",
        user=fields.text("user") or "",
        command=fields.texts("command"),
        launch=read_launch(fields.part("launch")),
        reproduces=fields.text("reproduces"),
        code=read_code(fields.part("code")),
        environment=read_environment(fields.part("environment")),
        params=fields.values("params"),
        metrics=fields.named("metrics", lambda _, item: read_summary(item, item.texts("files"))),
        tags={k: v or "" for k, v in fields.optional_texts("tags").items()},
        inputs=tuple(read_input(item) for item in fields.parts("inputs")),
        artifacts=tuple(
            Artifact(
                a.need_text("path"),
                a.need_whole("size"),
                a.need_text("sha256"),
                bool(a.truth("large")),
                a.text("prefix") or "",
                a.text("file") or "",
            )
            for a in fields.parts("artifacts")
        ),
        notes=tuple(Note(n.need_text("text"), n.time("time") or 0.0, _author(n)) for n in fields.parts("notes")),
        output=fields.texts("output"),
        warnings=fields.texts("warnings"),
        purged=fields.oids("purged"),
        parts=tuple(start_from_plain(part) for part in fields.parts("parts")),
        error=fields.text("error"),
        deleted=bool(fields.truth("deleted")),
    )


def _author(fields: Fields) -> Author | None:
    part = fields.part("author")
    return Author(part.need_text("name"), part.text("email") or "") if part.items() else None
