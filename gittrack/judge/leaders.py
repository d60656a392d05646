"""The first few of each group, out of values that come best first; whatever equals the last of them is told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from gittrack.model import Number

G = TypeVar("G", bound="Hashable")
T = TypeVar("T")


@dataclass(slots=True)
class Leaders(Generic[T]):
    """The best of a group, the best one first, and those left out that are as good as the last of them."""

    best: list[T] = field(default_factory=list)
    tied: list[T] = field(default_factory=list)
    value: Number = 0  # that of the last one


def leaders(ranked: Iterable[tuple[G, T, Number]], count: int) -> dict[G, Leaders[T]]:
    """Return the best `count` ≥ 1 of each group, the groups in the order of their best one.

    `ranked` has group, item and value, and comes best first.
    """
    found: dict[G, Leaders[T]] = {}
    for group, item, value in ranked:
        leading = found.setdefault(group, Leaders())
        if len(leading.best) < count:
            leading.best.append(item)
            leading.value = value
        elif value == leading.value:
            leading.tied.append(item)
    return found
