"""A history with few of its commits: each line leads to the next of those that are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence


def simplified(parents: Mapping[str, Sequence[str]], kept: Container[str]) -> dict[str, list[str]]:
    """Return the parents of the commits in `kept` among each other, and of the merges in which their lines meet.

    `parents` has the commits in an order in which each comes after its own parents; what else it names is passed over.
    """
    nearest: dict[str, str | None] = {}  # the newest commit that stays, of a commit and what it leads to
    found: dict[str, list[str]] = {}
    depth: dict[str, int] = {}
    for commit, above in parents.items():
        names = list(dict.fromkeys(name for parent in above if (name := nearest.get(parent)) is not None))
        names = _heads(names, found, depth)
        if commit in kept or len(names) > 1:
            found[commit] = names
            depth[commit] = 1 + max((depth[name] for name in names), default=0)
            nearest[commit] = commit
        else:
            nearest[commit] = names[0] if names else None
    return found


def _heads(names: list[str], parents: Mapping[str, Sequence[str]], depth: Mapping[str, int]) -> list[str]:
    """Those that none of the others leads to."""
    if len(names) < 2:
        return names
    return [name for name in names if not any(_leads(other, name, parents, depth) for other in names if other != name)]


def _leads(start: str, end: str, parents: Mapping[str, Sequence[str]], depth: Mapping[str, int]) -> bool:
    waiting, seen = [start], {start}
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent == end:
                return True
            # What is no deeper than the end cannot lead to it.
            if parent not in seen and depth[parent] > depth[end]:
                seen.add(parent)
                waiting.append(parent)
    return False
