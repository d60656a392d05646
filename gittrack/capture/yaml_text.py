"""YAML as people write it by hand: dates stay text, 1e-5 is a number, and no document grows beyond what it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import yaml

from gittrack.errors import InvalidValue
from gittrack.values import VALUES_LIMIT

DEPTH_LIMIT: Final = 100
_BRACKETS: Final = 100
# An alias, or what may be nested a thousand times without a bracket.
_ODD: Final = re.compile(r"(?:^|[\s\[{,])\*[^\s]|(?:[-?][ \t]+){4}|^[ \t]{100}|(?::[0-5]?[0-9]){100}", re.MULTILINE)
_SEXAGESIMAL: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
# What PyYAML's constructors let out where an explicit tag does not fit its text: `!!int ''`, `!!bool x`.
_NO_VALUE: Final = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def load_yaml(text: str, path: str) -> object:
    """Return what a YAML file holds; InvalidValue says what is wrong with it, and where."""
    try:
        if text.count("[") + text.count("{") > _BRACKETS or _ODD.search(text):
            _check_events(text, path)
        return yaml.load(text, _loader())  # noqa: S506 - a child of the safe loader
    except InvalidValue:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise InvalidValue(f"{path}{line}: this is no YAML ({error.problem or error.context})") from None
    except _NO_VALUE as error:
        raise InvalidValue(f"{path}: this YAML cannot be read ({' '.join(str(error).split())})") from None


@dataclass(slots=True)
class _Extent:
    """How many values stand in a document, each alias counted as all that it stands for."""

    path: str
    sizes: dict[str, int] = field(default_factory=dict)
    open: list[tuple[str | None, int]] = field(default_factory=list)
    count: int = 0

    def take(self, event: yaml.Event) -> None:
        """Count one event."""
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in self.open):
                raise InvalidValue(f"{self.path} refers to itself and cannot be written down")
            self.count += self.sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open.append((event.anchor, self.count))
            self.count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self.open.pop()
            self._name(anchor, self.count - before)
        elif isinstance(event, yaml.ScalarEvent):
            self.count += 1
            self._name(event.anchor, 1)
            if len(event.value) > 200 and event.implicit[0] and _SEXAGESIMAL.fullmatch(event.value):
                raise InvalidValue(f"{self.path}: a number in base 60 has {len(event.value)} characters")
        if len(self.open) > DEPTH_LIMIT:
            raise InvalidValue(f"{self.path} is nested too deeply to be read")
        if self.count > VALUES_LIMIT and self.sizes:
            raise InvalidValue(f"{self.path}: its aliases stand for more than {VALUES_LIMIT:,} values")

    def _name(self, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.sizes[anchor] = size


def _check_events(text: str, path: str) -> None:
    """Refuse what would end the stack of the loader in C, or fill any memory through aliases of aliases."""
    extent = _Extent(path)
    for event in yaml.parse(text, Loader=_base()):
        extent.take(event)


def _base() -> type[yaml.SafeLoader]:
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@lru_cache(maxsize=1)
def _loader() -> type[yaml.SafeLoader]:
    """The safe loader with two rules of YAML 1.2: 1e-5 is a number, and a date stays as it was written."""

    class Loader(_base()):  # type: ignore[misc]
        pass

    tag = "tag:yaml.org,2002:"
    kept = {
        first: [(t, rule) for t, rule in rules if t != f"{tag}timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.yaml_implicit_resolvers = kept
    Loader.add_implicit_resolver(
        f"{tag}float", re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
    )
    return Loader
