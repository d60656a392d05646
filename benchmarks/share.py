"""What uniting and pushing runs costs beside git's own fetch and push: `python benchmarks/share.py [COUNT]`."""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import time
from typing import TYPE_CHECKING

from gittrack.git.branch import tree_of
from gittrack.git.reader import BlobReader
from gittrack.git.repository import discover
from gittrack.git.store import ObjectStore
from gittrack.share.union import Union
from measuring import (
    RUNS_REF,
    Figure,
    clone,
    git,
    interleaved,
    make_repository,
    median,
    python,
    seconds,
    spread,
    workspace,
)
from population import populate

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
NEW = 1000
MINE, THEIRS, HERE = 10_000_000, 20_000_000, 30_000_000  # numbers of the first runs that one side alone has


class Processor:
    """The processor time of the processes that are waited for, per round: it means the same on a busy machine."""

    def __init__(self) -> None:
        self.used: dict[str, list[float]] = {}

    def seconds(self, what: str, work: Callable[[], object]) -> float:
        """Do the work and return its seconds; its processor time is kept under `what`."""
        before = _of_children()
        taken = seconds(work)
        self.used.setdefault(what, []).append(_of_children() - before)
        return taken

    def note(self) -> str:
        """The least of each."""
        return "processor time " + ", ".join(f"{what} {min(used):.2f} s" for what, used in self.used.items())


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def union(path: str, count: int) -> list[Figure]:
    """Two branches that each have 1,000 runs more than the other: checked, united and written."""
    repo = discover(path)
    ours, theirs = (git(path, "rev-parse", ref).decode().strip() for ref in (RUNS_REF, "refs/incoming"))
    used: list[float] = []

    def way() -> float:
        before = time.process_time()
        # A store that is not synced writes nothing, so each round does the same; writing is measured by the pull.
        with ObjectStore(repo) as store, BlobReader(repo) as reader:
            taken = seconds(lambda: Union(store, reader, {}).of(tree_of(store, ours), tree_of(store, theirs)))
        used.append(time.process_time() - before)
        return taken

    (taken,) = interleaved(ROUNDS, way)
    note = f"{spread(taken)}; processor time min {min(used):.2f} s"
    return [Figure(f"union, {count} runs and {NEW} new on both sides", median(taken), "s", goal=2, note=note)]


def pull(base: str, hub: str, count: int) -> Figure:
    """All of `gittrack pull` beside git fetch of the same commits; `base` has none of them."""
    processor = Processor()

    def again(*words: str) -> float:
        fresh = f"{base}-fresh"
        git(base, "clone", "-q", "--shared", base, fresh)
        git(fresh, "fetch", "-q", "origin", f"{RUNS_REF}:{RUNS_REF}")
        try:
            if words:
                return processor.seconds("git fetch", lambda: git(fresh, *words))
            return processor.seconds("pull", lambda: python("-m", "gittrack", "pull", hub, cwd=fresh))
        finally:
            shutil.rmtree(fresh)

    ours, bare = interleaved(5, again, lambda: again("fetch", "-q", hub, RUNS_REF), warm_up=0)
    return Figure(
        f"pull of {NEW} runs, {count} runs there",
        median(ours),
        "s",
        beside=median(bare),
        beside_what="git fetch",
        note=f"{spread(ours)}; {processor.note()}",
    )


def push(path: str, hub: str, count: int) -> Figure:
    """One new run, sent by gittrack and by git in turn."""
    git(path, "remote", "add", "origin", hub)
    git(path, "fetch", "-q", "origin")
    git(path, "push", "-q", "--force", "origin", RUNS_REF)
    number = iter(range(HERE, HERE + 1000))
    processor = Processor()

    def way(*words: str) -> float:
        populate(path, 1, first=next(number))
        if words:
            return processor.seconds("git push", lambda: git(path, *words))
        command = ("-m", "gittrack", "push", "--no-code", "--no-snapshots")
        return processor.seconds("push", lambda: python(*command, cwd=path))

    ours, bare = interleaved(ROUNDS, way, lambda: way("push", "-q", "origin", RUNS_REF), warm_up=2)
    return Figure(
        f"push of one run, {count} runs there",
        median(ours),
        "s",
        beside=median(bare),
        beside_what="git push",
        ratio_goal=1.3,
        note=f"{spread(ours)}; {processor.note()}",
    )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--directory")
    asked = parser.parse_args()
    with workspace(asked.directory) as folder:
        path = make_repository(os.path.join(folder, "ours"), files=1)
        populate(path, asked.count)
        other, hub = os.path.join(folder, "theirs"), os.path.join(folder, "hub.git")
        clone(path, other)
        populate(other, NEW, first=THEIRS)
        git(folder, "clone", "-q", "--bare", other, hub)
        populate(path, NEW, first=MINE)
        base = os.path.join(folder, "base.git")
        git(folder, "clone", "-q", "--bare", path, base)
        git(path, "fetch", "-q", hub, f"{RUNS_REF}:refs/incoming")
        figures = [*union(path, asked.count), pull(base, hub, asked.count), push(path, hub, asked.count)]
    for figure in figures:
        print("| " + " | ".join(figure.cells()) + " |")


if __name__ == "__main__":
    main()
