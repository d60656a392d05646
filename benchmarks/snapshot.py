"""What the start of a run pays for keeping its code, and what comparing it costs: `python benchmarks/snapshot.py`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gittrack.git.pin_refs import CODE, SNAPSHOTS
from gittrack.git.pins import pin
from gittrack.git.repository import Repository, committer, discover
from gittrack.git.snapshot import take_snapshot
from gittrack.git.status import working_tree
from measuring import Figure, git, interleaved, make_repository, median, python, seconds, spread, workspace

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


def many(folder: str) -> Figure:
    """A tree with 2,000 new files, as many as are kept by default."""
    path = make_repository(os.path.join(folder, "many"), files=1)
    git(path, "status")
    repo = discover(path)

    def way() -> float:
        stamp = time.time_ns()
        os.makedirs(os.path.join(path, "data"), exist_ok=True)
        for number in range(2000):
            with open(os.path.join(path, "data", f"{number}.json"), "w", encoding="utf-8") as file:
                file.write(f'{{"label": "cat", "box": [1, 2, {number}, {stamp}]}}\n')
        return seconds(lambda: keep(repo))

    (taken,) = interleaved(5, way)
    return Figure("code of a tree with 2,000 new files", median(taken, 1e3), "ms", note=spread(taken, 1e3))


def chained(folder: str) -> Figure:
    """One more snapshot on top of 10,000 pins, and on top of a few."""
    ways = [_next_snapshot(os.path.join(folder, f"chain-{pins}"), pins) for pins in (10_000, 10)]
    long, short = interleaved(ROUNDS, *ways, warm_up=2)
    return Figure(
        "a snapshot more, of 10,000",
        median(long, 1e3),
        "ms",
        beside=median(short, 1e3),
        beside_what="of 10",
        ratio_goal=1.5,
        note=spread(long, 1e3),
    )


def _next_snapshot(path: str, pins: int) -> Callable[[], float]:
    make_repository(path, files=10)
    head = "committer Ada Example <ada@example.com> {} +0000\ndata 3\npin\n"
    feed = []
    for number in range(pins):
        when = 1_700_000_000 + number
        feed.append(f"commit refs/kept\nmark :{2 * number + 1}\n{head.format(when)}from refs/heads/main^0\n")
        feed.append(f"M 100644 inline kept.py\ndata 6\n{number:06}\n")
        feed.append(f"commit {SNAPSHOTS}\nmark :{2 * number + 2}\n{head.format(when)}")
        feed.append(f"from :{2 * number}\nmerge :{2 * number + 1}\n" if number else "from :1\n")
        feed.append("deleteall\n")
    git(path, "fast-import", "--quiet", "--force", stdin="".join(feed).encode())
    git(path, "update-ref", "-d", "refs/kept")
    repo = discover(path)

    def way() -> float:
        with open(os.path.join(path, "new.py"), "w", encoding="utf-8") as file:
            file.write(f"NUMBER = {time.time_ns()}\n")
        return seconds(lambda: keep(repo))

    return way


def compared(folder: str) -> Figure:
    """`gittrack diff A B` in a process of its own, one of the runs on uncommitted changes."""
    path = make_repository(os.path.join(folder, "compared"))
    for text in ("", "NUMBER = 0\n"):
        with open(os.path.join(path, "package_00", "module_0000.py"), "a", encoding="utf-8") as file:
            file.write(text)
        python("-m", "gittrack", "run", "-q", "--", "true", cwd=path)
    words = ("-m", "gittrack", "diff", "latest~1", "latest")
    ours, bare = interleaved(
        ROUNDS,
        lambda: seconds(lambda: python(*words, cwd=path)),
        lambda: seconds(lambda: python("-c", "pass", cwd=path)),
    )
    return Figure(
        "gittrack diff A B, cold",
        median(ours, 1e3),
        "ms",
        goal=150,
        beside=median(bare, 1e3),
        beside_what="bare python",
        note=spread(ours, 1e3),
    )


if __name__ == "__main__":
    with workspace(None) as place:
        for measure in (clean, dirty, many, chained, compared):
            figure = measure(place)
            print("| " + " | ".join(figure.cells()) + " |")
