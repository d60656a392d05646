"""What came from another repository and what did not, and who is told of it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.git.transport import Progress


class Refused(NamedTuple):
    """Something of the other side that is left out: a run's id or '', where it is there, and why."""

    run: str
    path: str
    reason: str


@dataclass(slots=True)
class News:
    """What a union took from the other side, and what it did not."""

    new: set[str] = field(default_factory=set)  # ids of runs
    more: set[str] = field(default_factory=set)  # of runs that were here and got something
    conflicts: set[tuple[str, str]] = field(default_factory=set)  # (run, path below its folder)
    refused: set[Refused] = field(default_factory=set)
    gone_here: set[str] = field(default_factory=set)  # runs that were purged, and were still here
    gone_there: set[str] = field(default_factory=set)  # and that they still have


@dataclass(slots=True)
class Received:
    """What came from a remote, and what did not."""

    news: News = field(default_factory=News)
    faults: dict[str, str] = field(default_factory=dict)  # refs of pins that could not be taken in -> why
    pins: set[str] = field(default_factory=set)  # refs of pins that something was added to
    notes: set[str] = field(default_factory=set)  # files of the quarantine that tell what was refused
    folded: dict[str, str] = field(default_factory=dict)  # inboxes of theirs of which all is here now -> tip
    running: set[str] = field(default_factory=set)  # ids of runs that the remote tells of as running
    over: dict[str, str] = field(default_factory=dict)  # refs of theirs of runs that are no longer running -> tip
    tip: str | None = None  # of their branch of runs, when it was asked for last
    held: dict[str, str] = field(default_factory=dict)  # refs of theirs that still have what was purged here -> tip


@dataclass(frozen=True, slots=True)
class Shown:
    """Who is told how far a long work is: lines of git's while it transfers, (done, total) of runs that are checked."""

    transfer: Progress | None = None
    checked: Callable[[int, int], None] | None = None
