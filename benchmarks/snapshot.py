"""What the start of a run pays for keeping its code: `python benchmarks/snapshot.py`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gittrack.git.pins import CODE, pin
from gittrack.git.repository import Repository, committer, discover
from gittrack.git.snapshot import take_snapshot
from gittrack.git.status import working_tree
from measuring import Figure, git, interleaved, make_repository, median, seconds, spread, workspace

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 25
SETTLED = 2.0  # seconds after which git no longer doubts the times in its index


def keep(repo: Repository) -> None:
    """What a run does about its code when it starts."""
    state, who = working_tree(repo), committer(repo)
    if state.commit is not None:
        pin(repo, CODE, state.commit, committer=who)
    take_snapshot(repo, state, frozenset(), committer=who)


def clean(folder: str) -> Figure:
    """A clean tree of 1,000 files, its commit pinned before."""
    path = make_repository(os.path.join(folder, "clean"))
    time.sleep(SETTLED)
    git(path, "status")
    repo = discover(path)
    (taken,) = interleaved(ROUNDS, lambda: seconds(lambda: keep(repo)), warm_up=2)
    return Figure("code of a clean tree of 1,000 files", median(taken, 1e3), "ms", goal=15, note=spread(taken, 1e3))


def dirty(folder: str) -> Figure:
    """A tree of 20,000 files with one changed and one new file, another content each time."""
    path = make_repository(os.path.join(folder, "dirty"), files=20_000)
    time.sleep(SETTLED)
    git(path, "status")
    repo = discover(path)

    def changed(action: Callable[[], object]) -> Callable[[], float]:
        def way() -> float:
            for name in ("package_00/module_0000.py", "new.py"):
                with open(os.path.join(path, name), "w", encoding="utf-8") as file:
                    file.write(f"NUMBER = {time.time_ns()}\n")
            return seconds(action)

        return way

    ours, status = interleaved(
        ROUNDS,
        changed(lambda: keep(repo)),
        changed(lambda: git(path, "status", "--porcelain=v2", "--untracked-files=all")),
        warm_up=2,
    )
    return Figure(
        "code of a dirty tree of 20,000 files",
        median(ours, 1e3),
        "ms",
        beside=median(status, 1e3),
        beside_what="git status",
        ratio_goal=3,
        note=spread(ours, 1e3),
    )


if __name__ == "__main__":
    with workspace(None) as place:
        for figure in (clean(place), dirty(place)):
            print("| " + " | ".join(figure.cells()) + " |")
