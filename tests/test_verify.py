"""Every key of a record with a value of every wrong type: the check says so, whatever else is in the record."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import yaml

from gittrack.verify import read_records

if TYPE_CHECKING:
    from gittrack.model import Value

ID = "3f" * 16
LATER = "later/00000001-0123456789abcdef.yaml"
TIME = "2026-01-31T09:30:00.125Z"
SHA256 = "ab" * 32
START: dict[str, Value] = {
    "id": ID,
    "name": "otter",
    "experiment": "default",
    "parent": "4f" * 16,
    "start": TIME,
    "author": {"name": "Ada", "email": "ada@example.com"},
    "host": "here",
    "user": "ada",
    "command": ["python", "train.py"],
    "code": {
        "commit": "c" * 40,
        "branch": "main",
        "dirty": False,
        "remote": "https://example.com/x",
        "entry": "train.py",
        "directory": ".",
    },
    "environment": {
        "python": "3.12",
        "implementation": "CPython",
        "platform": "Linux",
        "machine": "x86_64",
        "cpu": "fast",
        "cpu_count": 2,
        "gpus": ["big"],
        "variables": {"CUDA_VISIBLE_DEVICES": "0"},
    },
}
BODY: dict[str, Value] = {
    "status": "finished",
    "end": TIME,
    "error": "none",
    "description": "text",
    "deleted": False,
    "params": {"lr": 0.1},
    "metrics": {"loss": {"last": 0.5, "step": 1, "min": 0.5, "min_step": 1, "max": 0.5, "max_step": 1, "count": 1}},
    "tags": {"stage": "dev"},
    "inputs": [{"name": "a", "path": "a", "kind": "file", "size": 1, "sha256": SHA256, "files": 1}],
    "artifacts": [{"path": "a", "size": 1, "sha256": SHA256, "large": True}],
    "notes": [{"time": TIME, "text": "x", "by": {"name": "Ada", "email": "ada@example.com"}}],
    "output": True,
    "warnings": ["x"],
    "journal": ["x"],
}
RECORD = START | BODY
LATER_RECORD = BODY | {
    "time": TIME,
    "by": {"name": "Ada", "email": "ada@example.com"},
    "name": "beaver",
    "experiment": "other",
    "part": START,
}
OF_EACH_TYPE: tuple[Value, ...] = (7, -0.5, "words", "", True, False, ["a"], [], [1], {"a": "b"}, {1: 2}, {})
Path = tuple["str | int", ...]


def paths(value: object, at: Path = ()) -> list[Path]:
    """Where each value of a record is, mappings and lists themselves too; of a param only the params."""
    here = [at] if at else []
    if at == ("params",):
        return here
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return here + [path for key, item in inner for path in paths(item, (*at, key))]


class Plain(yaml.SafeDumper):
    """Without aliases, which a record must not have."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def dumped(value: object) -> bytes:
    return yaml.dump(value, Dumper=Plain, sort_keys=False).encode()


def changed(record: dict[str, Value], path: Path, value: Value) -> dict[str, Value]:
    result = copy.deepcopy(record)
    place: object = result
    for key in path[:-1]:
        place = place[key]  # type: ignore[index]
    place[path[-1]] = value  # type: ignore[index]
    return result


def value_at(record: dict[str, Value], path: Path) -> Value:
    place: object = record
    for key in path:
        place = place[key]  # type: ignore[index]
    return place  # type: ignore[return-value]


def is_allowed(path: Path, there: object, value: object) -> bool:
    """What the format page lets stand in that place, as far as types go; unknown keys are passed over."""
    if isinstance(there, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if type(there) is not type(value):
        return False
    if isinstance(there, str):
        return path[-1] not in ("id", "start", "end", "time", "status", "commit")
    if isinstance(there, list):
        return value == [] or (value == ["a"] and isinstance(there[0], str))
    return not isinstance(there, dict) or _is_allowed_mapping(path, value)


def _is_allowed_mapping(path: Path, value: object) -> bool:
    if value == {}:
        return path[0] not in ("metrics", "inputs", "artifacts", "notes") or len(path) != 2  # these need their keys
    return path[-1] in ("code", "environment") or (path[-1] in ("params", "tags", "variables") and value != {1: 2})


@pytest.mark.parametrize(("name", "record"), [("run.yaml", RECORD), (LATER, LATER_RECORD)], ids=["first", "later"])
def test_a_value_of_the_wrong_type_is_found(name: str, record: dict[str, Value]) -> None:
    first = {} if name == "run.yaml" else {"run.yaml": dumped(RECORD)}
    assert not read_records(ID, first | {name: dumped(record)}).unreadable
    missed = []
    for path in paths(record):
        there = value_at(record, path)
        for value in OF_EACH_TYPE:
            data = dumped(changed(record, path, value))
            refused = bool(read_records(ID, first | {name: data}).unreadable)
            if refused == is_allowed(path, there, value):
                missed.append((path, value, "refused" if refused else "taken"))

    assert missed == []
