"""The best few of each group out of any number of values; whatever equals the last of them is told apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from gittrack.judge.direction import Direction
    from gittrack.model import Number

G = TypeVar("G", bound="Hashable")
T = TypeVar("T")


@dataclass(slots=True)
class Leaders(Generic[T]):
    """The best of a group and their values, the best one first, and those left out that are as good as the last one."""

    best: list[T] = field(default_factory=list)
    values: list[Number] = field(default_factory=list)
    tied: list[T] = field(default_factory=list)

    def take(self, item: T, value: Number, direction: Direction, count: int) -> None:
        """Put an item in its place among the best `count`; of equal ones the first that comes is the better one."""
        place = next((at for at, other in enumerate(self.values) if direction.better(value, other)), len(self.values))
        if place < count:
            self.best.insert(place, item)
            self.values.insert(place, value)
            if len(self.best) > count:
                self._drop_last()
        elif value == self.values[-1]:
            self.tied.append(item)

    def _drop_last(self) -> None:
        dropped, value = self.best.pop(), self.values.pop()
        self.tied = [dropped, *self.tied] if value == self.values[-1] else []


def leaders(rows: Iterable[tuple[G, T, Number]], direction: Direction, count: int) -> dict[G, Leaders[T]]:
    """Return the best `count` ≥ 1 of each group, the groups by their best one and else as they come.

    A row has group, item and value, which is not NaN.
    """
    found: dict[G, Leaders[T]] = {}
    for group, item, value in rows:
        if group not in found:
            found[group] = Leaders()
        found[group].take(item, value, direction, count)
    order = sorted(found, key=lambda group: found[group].values[0], reverse=direction is direction.MAX)
    return {group: found[group] for group in order}
