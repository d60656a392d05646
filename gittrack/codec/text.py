"""Plain mappings as YAML text and back: block style for a person, flow style for what is one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from gittrack.errors import DamagedRecord

if TYPE_CHECKING:
    from yaml import SafeDumper as _Dumper
    from yaml import SafeLoader as _Loader
else:  # the ones in C, ten times as fast, where PyYAML was built with them
    _Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    _Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _OneLine(dict[str, object]):
    """A mapping that is written on one line."""


class _RecordDumper(_Dumper):
    """Writes lists of scalars and marked mappings on one line."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values twice: an alias in a record would only confuse a reader."""
        return True


def _write_one_line(dumper: yaml.SafeDumper, data: _OneLine) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)


def _write_list(dumper: yaml.SafeDumper, data: list[object]) -> yaml.Node:
    flat = not any(isinstance(item, (dict, list)) for item in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)


_RecordDumper.add_representer(_OneLine, _write_one_line)
_RecordDumper.add_representer(list, _write_list)

_WIDE = 2**16
SIZE_LIMIT = 64 << 20
DEPTH_LIMIT = 150
_BRACKETS = 500
# Base 60 takes a time that grows with the square of the digits.
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_LONG_SEXAGESIMAL = re.compile(rb"(?::[0-5]?[0-9]){100}")
# What PyYAML's constructors let out where an explicit tag does not fit its text: `!!int ''`, `!!bool x`.
_NO_VALUE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
# What might be an alias, or the start of something nested a thousand times; a text may hold the same.
_ODD = re.compile(rb"(?:^|[\s\[{,])\*[^\s]|(?:[-?][ \t]+){4}|^[ \t]{100}", re.MULTILINE)


def to_yaml(plain: dict[str, object]) -> bytes:
    """Return `plain` as YAML in UTF-8, keys in the given order, each metric on a line of its own."""
    shown = dict(plain)
    metrics = shown.get("metrics")
    if isinstance(metrics, dict):
        shown["metrics"] = {name: _OneLine(summary) for name, summary in metrics.items()}
    text = yaml.dump(
        shown,
        Dumper=_RecordDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_WIDE,
    )
    return text.encode()


def from_yaml(data: bytes, name: str) -> object:
    """Return what the YAML file `name` holds; DamagedRecord when it is no YAML of plain values."""
    if len(data) > SIZE_LIMIT:
        raise DamagedRecord(f"{name} has {len(data)} bytes; a record has at most {SIZE_LIMIT}")
    try:
        if _is_suspicious(data):
            _check_events(data, name)
        return yaml.load(data, Loader=_Loader)  # noqa: S506 - a safe loader, the C one where there is one
    except DamagedRecord:
        raise
    except (yaml.YAMLError, *_NO_VALUE) as error:
        problem = getattr(error, "problem", None) or error
        raise DamagedRecord(f"{name} is not valid YAML: {problem}") from None


def _is_suspicious(data: bytes) -> bool:
    """Whether the loader might choke on it: cheap, and true for some that are harmless."""
    brackets = data.count(b"[") + data.count(b"{")
    return brackets > _BRACKETS or any(odd.search(data) is not None for odd in (_ODD, _LONG_SEXAGESIMAL))


def _is_endless(text: str) -> bool:
    return len(text) > 200 and _SEXAGESIMAL.fullmatch(text) is not None


def _check_events(data: bytes, name: str) -> None:
    """Refuse aliases, a few of which stand for more than any memory holds, and depths that end the C loader's stack."""
    depth = 0
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise DamagedRecord(f"{name} holds a YAML alias, which a record never does")
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _is_endless(event.value):
            raise DamagedRecord(f"{name} holds a number in base 60 of {len(event.value)} characters")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise DamagedRecord(f"{name} is nested more than {DEPTH_LIMIT} levels deep")
