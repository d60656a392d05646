"""One thing that is wrong, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.quarantine import Quarantine


@dataclass(frozen=True, slots=True)
class Ailment:
    """What is wrong, and what helps: `remedy` is what `fix` does or, without it, what a person can do.

    `urgent` ones make the exit code 1; the others are only worth knowing. `fix` returns what it did.
    """

    kind: str
    sentence: str
    remedy: str = ""
    urgent: bool = True
    fix: Callable[[Quarantine], str] | None = None
