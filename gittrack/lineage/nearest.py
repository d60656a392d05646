"""Which of some commits is the nearest one on the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence


def nearest(parents: Mapping[str, Sequence[str]], start: str, wanted: Container[str]) -> str | None:
    """Return the commit of `wanted` that the fewest steps lead to, to parents or to children; None without one."""
    beside: dict[str, list[str]] = {
        commit: [each for each in above if each in parents] for commit, above in parents.items()
    }
    for commit, above in parents.items():
        for each in above:
            if each in parents:
                beside[each].append(commit)
    seen = {start: None}
    for commit in (order := [start]):
        if commit in wanted:
            return commit
        new = [each for each in beside.get(commit, ()) if each not in seen]
        seen.update(dict.fromkeys(new))
        order += new
    return None
