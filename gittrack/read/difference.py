"""What differs between two runs: pure, and nothing but what differs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from gittrack.values import flatten, same_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gittrack.model import Environment, Input, MetricSummary, Number, Run, Value

T = TypeVar("T")
_EDITABLE: Final = "-e "


class Absent(Enum):
    """What stands where one of the two runs has nothing; None is a value of its own."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """Something that is another in the second run, or that only one of the two has."""

    name: str
    before: T | Absent
    after: T | Absent


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs but the code; of the packages the requirement lines."""

    facts: tuple[Change[Value], ...] = ()
    params: tuple[Change[Value], ...] = ()
    metrics: tuple[Change[MetricSummary], ...] = ()
    tags: tuple[Change[str], ...] = ()
    environment: tuple[Change[Value], ...] = ()
    packages: tuple[Change[str], ...] = ()
    inputs: tuple[Change[Input], ...] = ()

    @property
    def anything(self) -> bool:
        """Whether there is any difference."""
        parts = (self.facts, self.params, self.metrics, self.tags, self.environment, self.packages, self.inputs)
        return any(parts)


def compare_runs(before: Run, after: Run, packages: tuple[Sequence[str], Sequence[str]]) -> Difference:
    """Return what differs between two runs with these packages, the requirement lines of each."""
    return Difference(
        facts=_changes(facts_of(before), facts_of(after), same_value),
        params=_changes(leaves_of(before.params), leaves_of(after.params), same_value),
        metrics=_changes(before.metrics, after.metrics, _same_metric),
        tags=_changes(before.tags, after.tags),
        environment=compare_environments(before.environment, after.environment),
        packages=compare_packages(*packages),
        inputs=compare_inputs(before.inputs, after.inputs),
    )


def compare_environments(before: Environment, after: Environment) -> tuple[Change[Value], ...]:
    """Return what differs between two environments, packages aside."""
    return _changes(surroundings_of(before), surroundings_of(after), same_value)


def compare_packages(before: Sequence[str], after: Sequence[str]) -> tuple[Change[str], ...]:
    """Return the packages that were added, removed, or are there in another version, by name.

    Nothing where one of the two has none: then they were not recorded, which is no difference of the packages.
    """
    return _changes(packages_by_name(before), packages_by_name(after)) if before and after else ()


def compare_inputs(before: Iterable[Input], after: Iterable[Input]) -> tuple[Change[Input], ...]:
    """Return the inputs that differ in content or in where they were read, by name."""
    return _changes({item.name: item for item in before}, {item.name: item for item in after}, same_input)


def gap(before: Number, after: Number) -> Number | None:
    """Return how far `after` is from `before`; None where that is no number, or more than a float can hold."""
    try:
        found = after - before
    except OverflowError:
        return None
    return None if found != found else found


def _changes(
    before: Mapping[str, T], after: Mapping[str, T], same: Callable[[T, T], bool] = lambda a, b: a == b
) -> tuple[Change[T], ...]:
    """What differs, in the order of the first run, then of the second."""
    found = []
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if isinstance(old, Absent) or isinstance(new, Absent) or not same(old, new):
            found.append(Change(name, old, new))
    return tuple(found)


def facts_of(run: Run) -> dict[str, Value]:
    """Return what a run tells of itself, without what it has not."""
    author = f"{run.author.name} <{run.author.email}>" if run.author else None
    facts: dict[str, Value] = {
        "status": run.status,
        "experiment": run.experiment,
        "description": run.description or None,
        "author": author,
        "host": run.host or None,
        "user": run.user or None,
        "command": list(run.command) or None,
        "entry": run.code.entry,
        "directory": run.code.directory,
        "branch": run.code.branch,
        "remote": run.code.remote,
    }
    return _present(facts)


def surroundings_of(env: Environment) -> dict[str, Value]:
    """Return what is known of an environment, packages aside."""
    facts: dict[str, Value] = {
        "python": env.python,
        "implementation": env.implementation,
        "platform": env.platform or None,
        "machine": env.machine or None,
        "cpu": env.cpu,
        "cpu_count": env.cpu_count,
        "gpus": list(env.gpus) or None,
        "cuda": env.cuda,
        "driver": env.driver,
        **{f"variables.{name}": value for name, value in env.variables.items()},
        **{f"locks.{path}": oid for path, oid in env.locks.items()},
    }
    return _present(facts)


def _present(facts: Mapping[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in facts.items() if value is not None}


def leaves_of(params: Mapping[str, Value]) -> dict[str, Value]:
    """Return each leaf by its dotted name; where two have one name ('a.b' and b below a) the second gets a number."""
    seen: Counter[str] = Counter()
    leaves = {}
    for name, value in flatten(params):
        seen[name] += 1
        leaves[name if seen[name] == 1 else f"{name} ({seen[name]})"] = value
    return leaves


def _same_metric(a: MetricSummary, b: MetricSummary) -> bool:
    pairs = ((a.last, b.last), (a.min, b.min), (a.max, b.max))
    return all(same_value(one, other) for one, other in pairs)


def same_input(a: Input, b: Input) -> bool:
    """Tell whether two inputs have the same content, and were read at the same place."""
    return (a.kind, a.sha256, a.size, a.path) == (b.kind, b.sha256, b.size, b.path)


def packages_by_name(packages: Iterable[str]) -> dict[str, str]:
    """Return requirement lines by the name of the package; one that lies in a folder has the name of that."""
    found: dict[str, str] = {}
    for line in packages:
        name = _package(line)
        found[line if name in found else name] = line
    return found


def _package(line: str) -> str:
    if line.startswith(_EDITABLE):
        return line.partition("#")[0].rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return line.partition("==")[0].partition(" @ ")[0]
