"""Measures the index of runs against its goals: `python benchmarks/index.py [COUNT ...] [--directory DIR]`."""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

from measuring import RUNS_REF, Figure, git, interleaved, make_repository, median, python, seconds, spread, workspace
from population import populate
from record import machine, show

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MS: Final = 1e3
COUNTS: Final = (1_000, 10_000, 100_000)
FIRST_GOALS: Final = {10_000: 4.0, 100_000: 40.0}
LOG: Final = ("-m", "gittrack", "log", "-n", "20")
# The same command in a process that tells the most memory that it had; the second reads records by PyYAML's C loader.
PEAK: Final = f"""\
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
from points import peak_memory
from gittrack.cli.main import main
main(["log", "-n", "20"])
print(peak_memory())
"""
BY_PYYAML: Final = """\
import gittrack.codec.own_yaml
gittrack.codec.own_yaml.read_own_yaml = lambda data: None
from gittrack.cli.main import main
main(["log", "-n", "20"])
"""


def measure(repo: str, count: int) -> list[Figure]:
    """Return all figures of a branch of that many runs."""
    populate(repo, count)
    return [*first_index(repo, count), *refresh(repo, count)]


def first_index(repo: str, count: int) -> list[Figure]:
    """`gittrack log` with no index there, beside the same with PyYAML, and the memory that it takes."""
    few = count < 100_000
    busy: list[float] = []
    own, by_pyyaml = interleaved(
        3 if few else 1,
        lambda: anew(repo, LOG, busy),
        lambda: anew(repo, ("-c", BY_PYYAML), []),
        warm_up=int(few),
    )
    forget(repo)
    first, again = (int(python("-c", PEAK, cwd=repo).splitlines()[-1]) / (1 << 20) for _ in range(2))
    note = f"{spread(own)}; processor time min {min(busy):.3g} s"
    what, goal = f"first index, {count:,} runs", FIRST_GOALS.get(count)
    return [
        Figure(what, median(own), "s", goal, median(by_pyyaml), "by PyYAML", None, note),
        Figure(f"{what}: peak memory", first, "MB", 100),
        Figure(f"gittrack log -n 20, {count:,} runs: peak memory", again, "MB", 100),
    ]


def refresh(repo: str, count: int) -> list[Figure]:
    """`gittrack log` after the branch moved, beside the same where it did not."""
    python(*LOG, cwd=repo)
    number = iter(range(count, count + 100))

    def still() -> float:
        return seconds(lambda: python(*LOG, cwd=repo))

    def after(move: Callable[[], object]) -> float:
        move()
        return still()

    alone, one_more, rewritten, unknown = interleaved(
        11,
        still,
        lambda: after(lambda: populate(repo, 1, first=next(number))),
        lambda: after(lambda: rewrite(repo)),
        lambda: after(lambda: forget_tip(repo)),
    )
    rest = median(alone, MS)
    names = {
        "one new run": (one_more, 30),
        "a rewrite": (rewritten, 30),
        "a rewrite, the old tip unknown to git": (unknown, None),
    }
    return [
        Figure(f"refresh, {count:,} runs, {name}", median(took, MS) - rest, "ms", goal, note=f"of {spread(took, MS)}")
        for name, (took, goal) in names.items()
    ] + [Figure(f"gittrack log -n 20, {count:,} runs, no refresh", rest, "ms", note=spread(alone, MS))]


def anew(repo: str, command: Sequence[str], busy: list[float]) -> float:
    """Return how long a command takes where there is no index; append the processor time, git's with it, to `busy`."""
    forget(repo)
    before = os.times()
    taken = seconds(lambda: python(*command, cwd=repo))
    after = os.times()
    busy.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return taken


def forget(repo: str) -> None:
    """Remove the index."""
    if os.path.exists(index_of(repo)):
        os.unlink(index_of(repo))


def rewrite(repo: str) -> None:
    """Replace the branch by one commit without a parent that has the same files."""
    commit = git(repo, "commit-tree", f"{RUNS_REF}^{{tree}}", "-m", "all runs").decode().strip()
    git(repo, "update-ref", RUNS_REF, commit)


def forget_tip(repo: str) -> None:
    """Let the index tell of a tip that git does not know, as after a rewrite and a gc."""
    with closing(sqlite3.connect(index_of(repo), isolation_level=None)) as db:
        db.execute("UPDATE tip SET id = ?", ("d" * 40,))


def index_of(repo: str) -> str:
    """Return where the index of a repository is."""
    return os.path.join(repo, ".git", "gittrack", "index.sqlite")


def main() -> int:
    """Measure branches of as many runs as were asked for; the exit code tells whether all goals were reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, metavar="COUNT", help=f"runs; by default {COUNTS}")
    parser.add_argument("--directory", metavar="DIR", help="make the repositories below DIR, on the disk that matters")
    wanted = parser.parse_args()
    print(f"{machine()}\n")
    show([("figure", "measured", "beside", "ratio", "goal", "", "spread"), ("---",) * 7])
    missed = False
    for count in wanted.counts or COUNTS:
        with workspace(wanted.directory) as folder:
            figures = measure(make_repository(os.path.join(folder, "repo"), files=10), count)
        show(figure.cells() for figure in figures)
        missed |= any(figure.verdict == "miss" for figure in figures)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
