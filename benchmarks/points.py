"""One process of the benchmark with many points: `points.py record KIND SEED`, `read KIND SEED RUN` or `bare`."""

from __future__ import annotations

import json
import os
import random
import sys
import time

COUNT = 100_000


def values_of(kind: str, seed: str) -> list[float]:
    """Return the values of a series: 'smooth', rounded as a loss is printed, or 'random', all 53 bits."""
    if kind == "smooth":
        first = 2.0 + int(seed) / 100
        return [round(first / (1.0 + i * 0.0001) + (i % 17) * 0.001, 6) for i in range(COUNT)]
    chance = random.Random(int(seed))
    return [chance.random() for _ in range(COUNT)]


def record(kind: str, seed: str) -> dict[str, object]:
    """Log the series in one run, end it, and tell how long each part took."""
    import gittrack

    values = values_of(kind, seed)
    run = gittrack.start_run()
    before = time.perf_counter()
    for step, value in enumerate(values):
        run.log_metric("loss", value, step)
    logged = time.perf_counter()
    run.end()
    ended = time.perf_counter()
    return {"id": run.id, "calls": logged - before, "end": ended - logged, "peak": peak_memory()}


def read(kind: str, seed: str, run_id: str) -> dict[str, object]:
    """Read the history back in a process that has only imported gittrack; ok when it is what was logged."""
    import gittrack

    before = time.perf_counter()
    history = gittrack.get_run(run_id).history("loss")
    taken = time.perf_counter() - before
    ok = [(point.step, point.value) for point in history] == list(enumerate(values_of(kind, seed)))
    return {"read": taken, "ok": ok, "peak": peak_memory()}


def peak_memory() -> int:
    """Return the most bytes that this process ever held in memory."""
    if os.path.exists("/proc/self/status"):
        # Linux counts the memory of whoever started a process into its ru_maxrss.
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "record":
        print(json.dumps(record(*words)))
    elif what == "read":
        print(json.dumps(read(*words)))
    else:
        print(json.dumps({"peak": peak_memory()}))
