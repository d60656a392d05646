"""Measures recording against its goals: `python benchmarks/record.py [ITEM ...] [--json FILE]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import gittrack
from gittrack.git.lock import held_lock
from measuring import (
    RUNS_REF,
    Figure,
    allocated,
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
from workload import Plumbing, files_of, populate, small_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

US, MS, KB, MB = 1e6, 1e3, 1 / 1024, 1 / (1 << 20)
COLD_RUN = """\
import gittrack
with gittrack.start_run(params={f"param_{i}": i / 7 for i in range(10)}, tags={"a": "x", "b": "y", "c": "z"}) as run:
    for name in ("loss", "accuracy", "f1", "precision", "recall"):
        run.log_metric(name, 0.5, step=0)
"""


def log_metric(folder: str) -> list[Figure]:
    """One call of log_metric beside one bare os.write of the same line."""
    calls, repo = 250, make_repository(os.path.join(folder, "repo"), files=10)
    os.chdir(repo)
    run = gittrack.start_run()
    run.log_metric("loss", 0.123456, 12345)
    journal = os.path.join(repo, ".git", "gittrack", "journal", run.id)
    segment = next(name for name in os.listdir(journal) if name.endswith(".log"))
    with open(os.path.join(journal, segment), "rb") as file:
        line = file.read().splitlines(keepends=True)[-1].replace(b" ", b" 1234", 1)
    bare = os.open(os.path.join(folder, "bare"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write_bare() -> float:
        write, data, fd = os.write, line, bare
        before = time.perf_counter()
        for _ in range(calls):
            write(fd, data)
        return (time.perf_counter() - before) / calls

    def log(call: Callable[..., None]) -> float:
        before = time.perf_counter()
        for step in range(calls):
            call("loss", 0.123456, step)
        return (time.perf_counter() - before) / calls

    wrote, method, function = interleaved(
        400, write_bare, partial(log, run.log_metric), partial(log, gittrack.log_metric), warm_up=20
    )
    os.close(bare)
    run.end()
    return [
        Figure(what, median(took, US), "us", 3, median(wrote, US), "os.write", 7, spread(took, US))
        for what, took in (("run.log_metric", method), ("gittrack.log_metric", function))
    ]


def warm_run(folder: str) -> list[Figure]:
    """A small run in a warm process beside the same files put into a branch by git plumbing."""
    ours = make_repository(os.path.join(folder, "ours"))
    os.chdir(ours)
    small_run(ours)
    plumbing = Plumbing(clone(ours, os.path.join(folder, "theirs")), os.path.join(folder, "files"))
    ids: list[str] = []
    recorded, plumbed = interleaved(
        35,  # fewer than set off gittrack's packing, which has an item of its own
        lambda: seconds(lambda: ids.append(small_run(ours, len(ids) + 1))),
        lambda: plumbing.put(ids[-1], files_of(ours, ids[-1])),
        warm_up=3,
    )
    what = "small run, warm process"
    note = f"{spread(recorded, MS)}; plumbing {spread(plumbed, MS)}"
    return [Figure(what, median(recorded, MS), "ms", None, median(plumbed, MS), "git plumbing, fsync", 0.8, note)]


def cold_run(folder: str) -> list[Figure]:
    """A process that does nothing but one small run."""
    repo = make_repository(os.path.join(folder, "repo"))
    python("-c", COLD_RUN, cwd=repo)
    ran, bare = interleaved(
        15,
        lambda: seconds(lambda: python("-c", COLD_RUN, cwd=repo)),
        lambda: seconds(lambda: python("-c", "pass", cwd=repo)),
    )
    what = "whole cold process, one small run"
    return [Figure(what, median(ran, MS), "ms", 250, median(bare, MS), "bare python", None, spread(ran, MS))]


def importing(folder: str) -> list[Figure]:
    """`import gittrack`, and with it all that recording needs, over bare Python."""
    first_use = "import gittrack; gittrack.start_run; gittrack.log_metric"
    bare, module, recording = interleaved(
        25,
        *(partial(seconds, partial(python, "-c", code, cwd=folder)) for code in ("pass", "import gittrack", first_use)),
    )
    floor = median(bare, MS)
    over = "over bare python"
    note = f"with python itself {spread(module, MS)}"
    return [
        Figure(f"import gittrack, {over}", median(module, MS) - floor, "ms", 40, floor, "bare python", note=note),
        Figure(f"import and first use, {over}", median(recording, MS) - floor, "ms", note=spread(recording, MS)),
    ]


def log_command(folder: str) -> list[Figure]:
    """`gittrack log` over a thousand runs in a cold process, its index known, new, or behind."""
    repo = make_repository(os.path.join(folder, "repo"))
    real = small_run(repo)
    populate(repo, 999, like=real, seed=1)
    index = os.path.join(repo, ".git", "gittrack", "index.sqlite")

    def list_runs(*options: str) -> float:
        return seconds(lambda: python("-m", "gittrack", "log", *options, cwd=repo))

    def list_anew(put_back: Callable[[], object]) -> float:
        for name in os.listdir(os.path.dirname(index)):
            if name.startswith(os.path.basename(index)):
                os.unlink(os.path.join(os.path.dirname(index), name))
        put_back()
        return list_runs()

    (from_nothing,) = interleaved(3, lambda: list_anew(lambda: None))
    warm, everything, as_json, bare = interleaved(
        15,
        list_runs,
        partial(list_runs, "--all"),
        partial(list_runs, "--json"),
        lambda: seconds(lambda: python("-c", "pass", cwd=repo)),
    )
    kept = shutil.copy(index, os.path.join(folder, "index"))
    populate(repo, 1000, like=real, seed=2)
    (behind,) = interleaved(3, lambda: list_anew(lambda: shutil.copy(kept, index)))
    beside = median(bare, MS)
    what = "gittrack log, 1,000 runs"
    return [
        Figure(what, median(warm, MS), "ms", 150, beside, "bare python", None, spread(warm, MS)),
        Figure(f"{what}, --all", median(everything, MS), "ms", note=spread(everything, MS)),
        Figure(f"{what}, --json", median(as_json, MS), "ms", note=spread(as_json, MS)),
        Figure(f"{what}, index from nothing", median(from_nothing, MS), "ms", note=spread(from_nothing, MS)),
        Figure("gittrack log, first after 1,000 new runs", median(behind, MS), "ms", note=spread(behind, MS)),
    ]


def many_points(folder: str) -> list[Figure]:
    """A hundred thousand points of one metric: logged, committed, packed, read back."""
    repo = make_repository(os.path.join(folder, "repo"), files=100)
    figures = []
    for kind in ("smooth", "random"):
        figures += _points(repo, kind)
    return figures


def _points(repo: str, kind: str) -> list[Figure]:
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "points.py")

    def points(*words: str) -> dict[str, float]:
        answer: dict[str, float] = json.loads(python(script, *words, cwd=repo))
        return answer

    bare = points("bare")["peak"]
    # No two with the same values, of which git would store one as the difference to the other.
    recorded = [points("record", kind, str(seed)) for seed in range(4)][1:]
    git(repo, "gc", "-q")
    ids = [str(answer["id"]) for answer in recorded]
    packed, whole = max(_sizes(repo, f"runs/{run_id[:2]}/{run_id}/metrics/loss.tsv") for run_id in ids)
    read = [points("read", kind, "3", ids[-1]) for _ in range(6)][1:]
    if not all(answer["ok"] for answer in read):
        raise RuntimeError("what was read back is not what was logged")
    what = f"100,000 {kind} points"
    ends, reads = [answer["end"] for answer in recorded], [answer["read"] for answer in read]
    peak = max(answer["peak"] for answer in recorded) - bare
    calls = median([answer["calls"] for answer in recorded])
    return [
        Figure(f"{what}, journal to commit", median(ends), "s", 1, note=f"{spread(ends)}; the calls {calls:.2f} s"),
        Figure(f"{what}, packed", packed * MB, "MB", 1, note=f"{whole * MB:.2f} MB as text"),
        Figure(f"{what}, peak memory over bare python", peak * MB, "MB", 100),
        Figure(f"{what}, history read back", median(reads), "s", 0.3, note=f"{spread(reads)}, first in its process"),
    ]


def _sizes(repo: str, path: str) -> tuple[int, int]:
    """The bytes of a file of the branch in its pack, and whole."""
    question = f"{RUNS_REF}:{path}\n".encode()
    answer = git(repo, "cat-file", "--batch-check=%(objectsize:disk) %(objectsize)", stdin=question)
    packed, whole = map(int, answer.split())
    return packed, whole


def large_branch(folder: str) -> list[Figure]:
    """A small run into a branch of 100,000 runs beside one into a branch of 1,000."""
    repos = []
    for count in (1000, 100_000):
        repo = make_repository(os.path.join(folder, f"repo-{count}"))
        os.chdir(repo)
        populate(repo, count, like=small_run(repo), seed=count, runs_per_commit=max(1, count // 1000))
        # Without a search for better deltas it is packed as gc packs, in a fraction of the time.
        git(repo, "-c", "pack.window=0", "gc", "-q")
        repos.append(repo)

    def record(repo: str) -> float:
        os.chdir(repo)
        return seconds(lambda: small_run(repo, 1))

    small, large = interleaved(35, *(partial(record, repo) for repo in repos), warm_up=3)
    note = f"{spread(large, MS)}; into 1,000 {spread(small, MS)}"
    what = "small run into 100,000 runs"
    return [Figure(what, median(large, MS), "ms", None, median(small, MS), "into 1,000", 1.5, note)]


def growth(folder: str) -> list[Figure]:
    """A thousand runs in a fresh clone: what they leave on the disk, and whether a run waited for packing."""
    origin = make_repository(os.path.join(folder, "origin"))
    kept, loose = (clone(origin, os.path.join(folder, name)) for name in ("kept", "loose"))
    git(loose, "config", "gc.auto", "0")
    small_run(make_repository(os.path.join(folder, "warm-up"), files=10))
    clones_packs = _packs(loose)
    before = {repo: allocated(os.path.join(repo, ".git")) for repo in (kept, loose)}
    times: dict[str, list[float]] = {kept: [], loose: []}
    starting: list[float] = []
    most = 0
    for number in range(1000):
        for repo in (kept, loose) if number % 4 == 0 else (kept,):
            os.chdir(repo)
            times[repo].append(seconds(partial(small_run, repo, number)))
        if not os.path.exists(os.path.join(kept, ".git", "gittrack", "commits-since-packing")):
            starting.append(times[kept][-1])
        if number == 998:
            _settle(kept)
            most = allocated(os.path.join(kept, ".git")) - before[kept]
    _settle(kept)
    grown = {repo: allocated(os.path.join(repo, ".git")) - before[repo] for repo in (kept, loose)}
    packs = _packs(loose)
    git(kept, "fsck", "--strict")
    default, off = (sorted(times[repo]) for repo in (kept, loose))
    typical, beside = median(default, MS), "with gc.auto=0"
    return [
        Figure("growth a run, after 1,000 runs", grown[kept] / 1000 * KB, "KB", 5, note="git fsck --strict is silent"),
        Figure("growth a run, after 999 runs", most / 999 * KB, "KB", 5, note="the last 39 wait to be packed"),
        Figure("growth a run with gc.auto=0", grown[loose] / 250 * KB, "KB", note="nothing is ever packed"),
        Figure("packs made with gc.auto=0", packs - clones_packs, "packs", 0),
        Figure("a run that starts packing", median(starting, MS), "ms", None, typical, "any", 2, spread(starting, MS)),
        Figure("one of 1,000 runs, median", typical, "ms", None, median(off, MS), beside),
        Figure("one of 1,000 runs, p99", default[989] * MS, "ms", None, off[247] * MS, beside),
        Figure("one of 1,000 runs, slowest", default[-1] * MS, "ms", None, off[-1] * MS, beside),
    ]


def _packs(repo: str) -> int:
    return sum(name.endswith(".pack") for name in os.listdir(os.path.join(repo, ".git", "objects", "pack")))


def _settle(repo: str) -> None:
    """Wait until nothing packs in the background: until its lock was free twice in a row, half a second apart."""
    free = 0
    while free < 2:
        time.sleep(0.5)
        with held_lock(os.path.join(repo, ".git", "gittrack", "packing.lock")) as held:
            free = free + 1 if held else 0


ITEMS: dict[str, Callable[[str], list[Figure]]] = {
    "log_metric": log_metric,
    "warm": warm_run,
    "cold": cold_run,
    "import": importing,
    "log": log_command,
    "points": many_points,
    "large": large_branch,
    "growth": growth,
}


def machine() -> str:
    """Return what the figures depend on, in one line."""
    version = git(os.curdir, "--version").decode().split()[2]
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, git {version}"


def show(rows: Iterable[Sequence[str]]) -> None:
    """Print rows as a Markdown table."""
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def main() -> int:
    """Run the items that were asked for; the exit code tells whether all reached their goals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("items", nargs="*", metavar="ITEM", help=f"any of {', '.join(ITEMS)}; all by default")
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")
    parser.add_argument("--directory", metavar="DIR", help="make the repositories below DIR, on the disk that matters")
    wanted = parser.parse_args()
    unknown = set(wanted.items) - set(ITEMS)
    if unknown:
        parser.error(f"no item {', '.join(sorted(unknown))}; there are {', '.join(ITEMS)}")
    target = os.path.abspath(wanted.json) if wanted.json else None
    print(f"{machine()}\n")
    show([("figure", "measured", "beside", "ratio", "goal", "", "spread"), ("---",) * 7])
    figures: list[Figure] = []
    for name in wanted.items or ITEMS:
        with workspace(wanted.directory) as folder:
            begun = time.monotonic()
            found = ITEMS[name](folder)
            show(figure.cells() for figure in found)
            print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr)
        figures += found
    if target:
        with open(target, "w", encoding="utf-8") as file:
            documents = [{**asdict(figure), "ratio": figure.ratio, "verdict": figure.verdict} for figure in figures]
            json.dump({"machine": machine(), "figures": documents}, file, indent=2)
    return int(any(figure.verdict == "miss" for figure in figures))


if __name__ == "__main__":
    raise SystemExit(main())
