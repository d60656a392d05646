"""What the processes of these tests do: they write down what was acknowledged to them right after each call."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from typing import TYPE_CHECKING

import gittrack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.faults.injection import Tap

PARTS = 3


class Acks:
    """A file outside of the repository that takes one JSON line for each acknowledged call."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def say(self, what: str, run_id: str, *facts: object) -> None:
        """Write that a call has returned; it survives the death of this process."""
        os.write(self._fd, (json.dumps([what, run_id, *facts]) + "\n").encode())


def _log_points(acks: Acks, run: gittrack.ActiveRun, first: int, count: int) -> None:
    for step in range(first, first + count):
        run.log_metric("loss", step + 0.5, step)
        acks.say("point", run.id, step)


def record(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run of four points and two artifacts; the tap is armed throughout, or only for the `points`, or the `end`."""
    early = facts.get("arm") is None
    tap.armed = early
    run = gittrack.start_run(tags={"scene": "record"}, params={"lr": 0.1})
    acks.say("start", run.id)
    tap.armed = early or facts["arm"] == "points"
    _log_points(acks, run, 0, 4)
    if facts.get("small", True):
        run.log_text("small", "notes.txt")
    tap.armed = early
    if facts.get("large"):
        run.log_artifact(str(facts["large"]))
    if facts.get("flush"):
        tap.armed = True
        run.flush()
        tap.trace.append(("flush", "", ""))
        tap.armed = early
        acks.say("flush", run.id)
    tap.armed = facts.get("arm") != "points"
    run.end()
    tap.armed = False
    acks.say("end", run.id)


def resume(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A second part of an ended run."""
    run = gittrack.start_run(run_id=str(facts["run"]))
    acks.say("resume", run.id)
    _log_points(acks, run, 100, 3)
    tap.armed = True
    run.end()
    acks.say("end", run.id)


def crash(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run whose process dies in the middle."""
    run = gittrack.start_run()
    acks.say("start", run.id)
    _log_points(acks, run, 0, 4)
    run.log_text("small", "notes.txt")
    os.kill(os.getpid(), signal.SIGKILL)


def tag(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack tag RUN KEY=VALUE`."""
    from gittrack.cli.main import main

    run_id = str(facts["run"])
    tap.armed = True
    if main(["tag", run_id, "stage=final"]) == 0:
        acks.say("tag", run_id, "stage", "final")


def log(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack log`, which first completes what others left behind."""
    from gittrack.cli.main import main

    tap.armed = True
    code = main(["log", "--jsonl"])
    acks.say("log", "", code)


def mixed(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Runs, a resumed part, tags and listings, one after the other, until the process is killed."""
    from gittrack.cli.main import main

    dice = random.Random(int(str(facts["seed"])))  # noqa: S311 - no secret
    last = ""
    while True:
        choice = dice.random()
        if last and choice < 0.2:
            if main(["tag", last, f"k{dice.randrange(5)}=v"]) == 0:
                acks.say("tagged", last)
        elif choice < 0.35:
            main(["log", "--jsonl"])
        else:
            again = bool(last) and choice < 0.45
            if again:
                acks.say("resume", last)  # said before: a part that dies while it starts leaves a crashed run
            run = gittrack.start_run(run_id=last) if again else gittrack.start_run()
            if not again:
                acks.say("start", run.id)
            first = int(time.time() * 1e6) * 100
            _log_points(acks, run, first, dice.randrange(1, 30))
            if dice.random() < 0.3:
                run.log_text("text" * dice.randrange(1, 99), f"notes{first}.txt")
            run.end()
            last = run.id
            acks.say("end", run.id)


def many(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Several runs, one after the other, among other processes that do the same."""
    for _ in range(int(str(facts["runs"]))):
        run = gittrack.start_run()
        acks.say("start", run.id)
        _log_points(acks, run, 0, 3)
        run.end()
        acks.say("end", run.id)


def recoverer(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """List the runs again and again until the file `until` appears."""
    from gittrack.cli.main import main

    while not os.path.exists(str(facts["until"])):
        main(["log", "--jsonl"])


def judge(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Say what `gittrack log` and the branch show: the runs with their points, and what is still journaled."""
    from gittrack.catalog import open_catalog
    from gittrack.project import open_project

    project = open_project()
    for run_id in project.journaled():
        os.utime(project.journal_of(run_id), (0, 0))  # as if a minute had passed: it is no process's that starts
    with open_catalog() as catalog:
        for run in catalog.runs(include_deleted=True):
            points = [point.step for point in catalog.history(run, "loss")] if "loss" in run.metrics else []
            files = {a.path: catalog.file(run, f"{a.prefix}artifacts/{a.path}") for a in run.artifacts}
            artifacts = {a.path: len(files[a.path] or b"") == a.size for a in run.artifacts}
            acks.say("run", run.id, run.status, points, dict(run.tags), artifacts)
        for problem in [*catalog.problems, *(" ".join(pair) for pair in catalog.damaged)]:
            acks.say("problem", "", problem)
        for run_id in catalog.project.journaled():
            with contextlib.suppress(FileNotFoundError):
                names = os.listdir(catalog.project.journal_of(run_id))
                if any(name.endswith(".log") for name in names):
                    acks.say("journal", run_id, names)


def warm(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Do everything once and say which modules it took, so that the parent of all has them loaded."""
    import sys

    record(tap, acks, {})
    log(tap, acks, {})
    judge(tap, acks, {})
    acks.say("modules", "", sorted(sys.modules))


SCENES: dict[str, Callable[[Tap, Acks, Mapping[str, object]], None]] = {
    scene.__name__: scene for scene in (record, resume, crash, tag, log, mixed, many, recoverer, judge, warm)
}
