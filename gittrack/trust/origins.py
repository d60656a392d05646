"""Which commits added the files of each run, and which changed or removed any: one walk over the whole history."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.paths import CONFLICTS, LATER, PURGED, RECORD, REWRITES, RUNS, is_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.git.unfeigned import Change, Step

_KEPT: Final = (f"{RUNS}/", f"{PURGED}/", f"{REWRITES}/")


@dataclass(slots=True)
class Origin:
    """The commits that added the records of a run: `run.yaml`, and each later one by its path below the run's folder.

    In two clones the same file may have been added by two commits.
    """

    first: list[str] = field(default_factory=list)
    later: list[tuple[str, str]] = field(default_factory=list)  # (path, commit)

    @property
    def commits(self) -> list[str]:
        """All of them, each once."""
        return list(dict.fromkeys([*self.first, *(commit for _, commit in self.later)]))


class Event(NamedTuple):
    """A commit that changed or removed a path that was committed before."""

    commit: str
    author: str
    change: Change


class Stray(NamedTuple):
    """A file of a run that another commit added than that of the record it belongs to."""

    run: str
    path: str
    commit: str
    author: str


@dataclass(slots=True)
class History:
    """What the walk found, and over how many commits it went."""

    origins: dict[str, Origin] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)  # newest first
    strays: list[Stray] = field(default_factory=list)
    commits: int = 0


def run_of(path: str) -> tuple[str, str]:
    """Return the id of the run that a path belongs to, '' for none, and the path below the run's folder."""
    parts = path.split("/", 3)
    return (parts[2], parts[3]) if len(parts) == 4 and parts[0] == RUNS and is_id(parts[2]) else ("", path)


def trace(steps: Iterable[Step]) -> History:
    """Return the history that `steps` tell, newest first."""
    history = History()
    for step in steps:
        history.commits += 1
        _take(history, step)
    return history


def _take(history: History, step: Step) -> None:
    added = []
    for change in step.changes:
        if change.status == "A":
            added.append(change.path)
        elif change.path.startswith(_KEPT):
            history.events.append(Event(step.commit, step.author, change))
    if len(step.parents) > 1:
        # What one of the parents had is no news.
        added = [path for path, times in Counter(added).items() if times == len(step.parents)]
    _attribute(history, step, [run_of(path) for path in added])


def _attribute(history: History, step: Step, added: list[tuple[str, str]]) -> None:
    records = {(run, path) for run, path in added if run and _is_record(path)}
    for run, path in records:
        origin = history.origins.setdefault(run, Origin())
        if path == RECORD:
            origin.first.append(step.commit)
        else:
            origin.later.append((path, step.commit))
    history.strays += [
        Stray(run, path, step.commit, step.author)
        for run, path in added
        if run and not path.startswith(f"{CONFLICTS}/") and (run, _record_of(path)) not in records
    ]


def _is_record(path: str) -> bool:
    return _record_of(path) == path


def _record_of(path: str) -> str:
    """The record that a file of a run belongs to: `run.yaml`, or the later one whose folder it is in."""
    parts = path.split("/", 2)
    if parts[0] != LATER or len(parts) < 2:
        return RECORD
    return f"{LATER}/{parts[1].removesuffix('.yaml')}.yaml"
