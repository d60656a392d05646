"""Which commit to try next on the way to the first bad one, and which may be it, by what is known so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

_EXACT: Final = 20_000  # commits; above, only those of the first parents are weighed


class Verdict(Enum):
    """What became of a commit; SKIPPED where it cannot be told."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Search:
    """A search for the first bad commit among those that lead to `bad` and not to what is good.

    `parents` has the commits in question in an order in which each comes after its own parents; what else it names as a
    parent is good. As for `git bisect`, whatever a good commit leads to is good: of those that may be the first bad one
    each is `bad` itself or leads to it.
    """

    parents: Mapping[str, Sequence[str]]
    bad: str
    good: frozenset[str] = frozenset()
    skipped: frozenset[str] = frozenset()

    def told(self, commit: str, verdict: Verdict) -> Search:
        """Return the search with one verdict more, about one of the suspects."""
        if verdict is Verdict.BAD:
            return replace(self, bad=commit)
        if verdict is Verdict.GOOD:
            return replace(self, good=self.good | {commit})
        return replace(self, skipped=self.skipped | {commit})

    def suspects(self) -> list[str]:
        """Return the commits that may be the first bad one, parents first, `bad` the last."""
        guilty = self._ancestors((self.bad,), self.innocent())
        return [commit for commit in self.parents if commit in guilty]

    def innocent(self) -> set[str]:
        """Return the commits in question that are good by what was told: those, and what they lead to."""
        return self._ancestors(self.good, frozenset())

    def next(self, known: Container[str]) -> str | None:
        """Return the commit that tells most, one of `known` where there is one; None when no other can tell anything.

        That is the one which halves the suspects best. Where some had to be skipped it is taken further and further
        from there, as `git bisect` does, for what breaks one commit often breaks those beside it.
        """
        suspects = self.suspects()
        able = {commit for commit in suspects if commit != self.bad and commit not in self.skipped}
        cheap = {commit for commit in able if commit in known}
        if not able:
            return None
        weights = self._weights(suspects)
        wanted = [commit for commit in weights if commit in (cheap or able)] or list(cheap or able)
        order = sorted(wanted, key=lambda commit: -min(weights.get(commit, 0), len(suspects) - weights.get(commit, 0)))
        skipped = sum(commit in self.skipped for commit in suspects)
        return order[0 if cheap else int(len(order) * _fraction(skipped) ** 1.5)]

    def _weights(self, suspects: Sequence[str]) -> dict[str, int]:
        """How many of the suspects each one leads to, itself included."""
        return self._all_weights(suspects) if len(suspects) <= _EXACT else self._line_weights(set(suspects))

    def _all_weights(self, suspects: Sequence[str]) -> dict[str, int]:
        reached: dict[str, int] = {}  # as bits
        for place, commit in enumerate(suspects):
            bits = 1 << place
            for parent in self.parents[commit]:
                bits |= reached.get(parent, 0)
            reached[commit] = bits
        return {commit: bits.bit_count() for commit, bits in reached.items()}

    def _line_weights(self, suspects: set[str]) -> dict[str, int]:
        """The weights of the commits on the line of first parents alone: one walk tells them all."""
        line: list[str] = []
        commit: str | None = self.bad
        while commit in suspects:
            line.append(commit)
            commit = next(iter(self.parents[commit]), None)
        seen: set[str] = set()
        weights = {}
        for commit in reversed(line):
            waiting = [commit]
            while waiting:
                each = waiting.pop()
                if each in suspects and each not in seen:
                    seen.add(each)
                    waiting += self.parents[each]
            weights[commit] = len(seen)
        return weights

    def _ancestors(self, tips: Iterable[str], but: Container[str]) -> set[str]:
        """The tips and what they lead to, among the commits in question, as far as `but`."""
        found: set[str] = set()
        waiting = list(tips)
        while waiting:
            commit = waiting.pop()
            if commit in self.parents and commit not in found and commit not in but:
                found.add(commit)
                waiting += self.parents[commit]
        return found


def _fraction(number: int) -> float:
    """The element of that number of van der Corput's sequence, which starts with 0, 1/2, 1/4, 3/4, 1/8."""
    result, step = 0.0, 0.5
    while number:
        result += step * (number & 1)
        number, step = number >> 1, step / 2
    return result
