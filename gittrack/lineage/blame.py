"""Which of the changes along a history moved a metric, by more than runs of the same code and params differ anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.judge.sample import Sample
from gittrack.lineage.simplify import simplified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gittrack.model import Number

_FAR: Final = 200  # commits with runs; the same params farther back are as good as others
_MANY: Final = 100  # groups of a commit that are looked through for the most similar params


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one commit with the same params, data, packages and files, the newest first, with what they measured.

    `params` are the leaves as text, `rest` stands for data, packages and files; `start` is when the newest one started.
    """

    commit: str
    params: frozenset[tuple[str, str]]
    rest: tuple[str, ...]
    runs: tuple[str, ...]
    values: tuple[Number, ...]
    start: float

    @property
    def middle(self) -> float:
        """The median; NaN where all are."""
        return _sample(self.values).median

    @property
    def spread(self) -> float | None:
        """The greatest less the least value; None where it takes another run to tell."""
        sample = _sample(self.values)
        return sample.max - sample.min if sample.n > 1 else None


@dataclass(frozen=True, slots=True)
class Move:
    """From one group to another: `change` is NaN where one side is no number. What is no more than `noise` is none."""

    before: Group
    after: Group
    change: float
    noise: float

    @property
    def is_noise(self) -> bool:
        """Whether runs of the same code and params differ as much."""
        return abs(self.change) <= self.noise


def moves(groups: Sequence[Group], parents: Mapping[str, Sequence[str]]) -> list[Move]:
    """Return how each group differs from the one before it, the largest move first.

    `parents` has the commits in an order in which each comes after its own. The group before is an earlier one of the
    same commit with the same params; else the nearest with the same params at the commits that lead there; else, at the
    nearest commit that has any, of its newest hundred the one with the fewest params that differ. Noise is the greater
    spread of the two groups, and where neither has two runs the median of the spreads of all groups that have.
    """
    by_commit: dict[str, list[Group]] = {}
    for group in sorted(groups, key=lambda group: group.start):
        by_commit.setdefault(group.commit, []).append(group)
    above = simplified(parents, by_commit)
    newest = {commit: {group.params: group for group in found} for commit, found in by_commit.items()}
    usual = _usual_spread(groups)
    found = []
    for commit in above:
        way = [each for each in _way_back(commit, above) if each in by_commit] if commit in by_commit else []
        earlier: dict[frozenset[tuple[str, str]], Group] = {}
        for group in by_commit.get(commit, ()):
            before = earlier.get(group.params) or _before(group, way, by_commit, newest)
            earlier[group.params] = group
            if before is not None and not _is_same(before.middle, group.middle):
                found.append(_move(before, group, usual))
    return sorted(found, key=lambda move: (move.change == move.change, -abs(move.change)))


def _before(
    group: Group,
    way: Sequence[str],
    by_commit: Mapping[str, Sequence[Group]],
    newest: Mapping[str, Mapping[frozenset[tuple[str, str]], Group]],
) -> Group | None:
    """The group at the commits of `way`, the nearest first, that this one is held against."""
    for commit in way:
        same = newest[commit].get(group.params)
        if same is not None:
            return same
    nearest = by_commit[way[0]][-_MANY:] if way else ()
    return min(reversed(nearest), key=lambda each: len(each.params ^ group.params), default=None)


def _way_back(commit: str, above: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The commits that lead to one, the nearest first."""
    order = list(above[commit])
    seen = set(order)
    for each in order:
        if len(seen) > _FAR:
            return
        yield each
        new = [parent for parent in above[each] if parent not in seen]
        seen.update(new)
        order += new


def _move(before: Group, after: Group, usual: float) -> Move:
    spreads = [spread for spread in (before.spread, after.spread) if spread is not None]
    return Move(before, after, after.middle - before.middle, max(spreads, default=usual))


def _usual_spread(groups: Sequence[Group]) -> float:
    spreads = [spread for group in groups if (spread := group.spread) is not None]
    return _sample(spreads).median if spreads else 0.0


def _sample(values: Sequence[Number]) -> Sample:
    sample = Sample()
    for value in values:
        sample.add(value)
    return sample


def _is_same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
