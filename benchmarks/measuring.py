"""Figures beside their goals, ways to take them fairly on a busy machine, and a home that is nobody's."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FOREIGN = ("GIT_", "GITTRACK_", "SLURM_", "OMPI_", "PMI_", "PMIX_", "MV2_", "XDG_", "RANK", "PYTHONDONT", "PYTHONPYC")
GIT_CONFIG = """\
[user]
    name = Ada Example
    email = ada@example.com
[init]
    defaultBranch = main
"""
RUNS_REF = "refs/heads/gittrack/runs"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure, what it stands beside in the same run, and the goals for it and for the ratio."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    beside: float | None = None
    beside_what: str = ""
    ratio_goal: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the figure beside it."""
        return None if not self.beside else self.value / self.beside

    @property
    def verdict(self) -> str:
        """'pass' or 'miss'; '' where there is no goal."""
        reached = []
        if self.goal is not None:
            reached.append(self.value <= self.goal)
        if self.ratio_goal is not None and self.ratio is not None:
            reached.append(self.ratio <= self.ratio_goal)
        if not reached:
            return ""
        return "pass" if all(reached) else "miss"

    def cells(self) -> tuple[str, ...]:
        """What a table shows of it."""
        ratio, beside = "", ""
        if self.beside is not None and self.ratio is not None:
            ratio = f"{self.ratio:.2f}x"
            beside = f"{_short(self.beside)} {self.unit} {self.beside_what}"
        goals = [f"<= {self.goal:g} {self.unit}"] if self.goal is not None else []
        goals += [f"<= {self.ratio_goal:g}x"] if self.ratio_goal is not None else []
        return (
            self.what,
            f"{_short(self.value)} {self.unit}",
            beside,
            ratio,
            ", ".join(goals),
            self.verdict,
            self.note,
        )


def interleaved(rounds: int, *ways: Callable[[], float], warm_up: int = 1) -> list[list[float]]:
    """Call the ways in turn, A B A B, and return what each returned in every round but the first ones."""
    taken: list[list[float]] = [[] for _ in ways]
    for number in range(warm_up + rounds):
        for way, results in zip(ways, taken, strict=True):
            result = way()
            if number >= warm_up:
                results.append(result)
    return taken


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def spread(values: Sequence[float], scale: float = 1.0) -> str:
    """Return the least and the greatest of some figures, for a note."""
    return f"min {_short(min(values) * scale)}, max {_short(max(values) * scale)}, n={len(values)}"


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def median(values: Sequence[float], scale: float = 1.0) -> float:
    """Return the median, times `scale`."""
    return statistics.median(values) * scale


@contextmanager
def workspace(below: str | None) -> Iterator[str]:
    """An empty folder with a home of its own; nothing of the caller's git or gittrack settings is left."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="gittrack-benchmark-", dir=below))
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            del os.environ[name]
    home = os.path.join(folder, "home")
    os.mkdir(home)
    config = os.path.join(home, ".gitconfig")
    with open(config, "w", encoding="utf-8") as file:
        file.write(GIT_CONFIG)
    # Compiled in the first round, which is not counted, as an installation is compiled once.
    bytecode = os.path.join(folder, "bytecode")
    os.environ.update(HOME=home, USERPROFILE=home, PYTHONPYCACHEPREFIX=bytecode, NO_COLOR="1")
    os.environ.update(GIT_CONFIG_GLOBAL=config, GIT_CONFIG_NOSYSTEM="1")
    try:
        yield folder
    finally:
        os.chdir(os.path.dirname(folder))
        # Housekeeping in the background may still write there.
        shutil.rmtree(folder, ignore_errors=True)


def git(repo: str, *args: str, stdin: bytes | None = None, durable: bool = False) -> bytes:
    """Run git in `repo` and return its output; `durable` makes it ask the disk for everything."""
    settings = ["-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync"] if durable else []
    done = subprocess.run(["git", *settings, *args], cwd=repo, input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {args[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")
    return done.stdout


def python(*args: str, cwd: str) -> str:
    """Run this Python in a process of its own and return what it printed."""
    done = subprocess.run([sys.executable, *args], cwd=cwd, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"python {args[:2]}: {done.stderr.decode('utf-8', 'replace')}")
    return done.stdout.decode()


def make_repository(path: str, files: int = 1000) -> str:
    """Make a repository with that many small files, all committed, and return its path."""
    for number in range(files):
        folder = os.path.join(path, f"package_{number // 50:02}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, f"module_{number:04}.py"), "w", encoding="utf-8") as file:
            file.write(f'"""Module {number}."""\n\nNUMBER = {number}\n' * 8)
    git(path, "init", "-q")
    git(path, "add", "-A")
    git(path, "commit", "-qm", "Add a thousand files")
    return path


def clone(source: str, target: str) -> str:
    """Make a fresh clone with the branch of runs, if there is one, and return its path."""
    git(os.path.dirname(target), "clone", "-q", "--no-hardlinks", source, target)
    if git(source, "for-each-ref", RUNS_REF):
        git(target, "fetch", "-q", "origin", f"{RUNS_REF}:{RUNS_REF}")
    return target


def allocated(folder: str) -> int:
    """Return the bytes that the disk gives to everything below a folder, as du counts them."""
    total = 0
    for directory, _, files in os.walk(folder):
        for path in (directory, *(os.path.join(directory, name) for name in files)):
            try:
                total += os.lstat(path).st_blocks * 512
            except FileNotFoundError:
                continue  # housekeeping in the background took it away
    return total
