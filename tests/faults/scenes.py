"""What the processes of these tests do: they write down what was acknowledged to them right after each call."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import gittrack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    if facts.get("text"):
        run.log_text("x" * int(str(facts["text"])), "text.txt")
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


def start(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run that starts and logs four points, and whose process then vanishes."""
    tap.armed = True
    run = gittrack.start_run(tags={"scene": "start"}, params={"lr": 0.1})
    acks.say("start", run.id)
    _log_points(acks, run, 0, 4)
    os._exit(0)


def training(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run that does what the `acts` say; at each 'stop' the process stops itself."""
    acts = facts["acts"]
    assert isinstance(acts, list)
    run = gittrack.start_run()
    acks.say("start", run.id)
    for act, *words in acts:
        if act == "stop":
            tap.armed, tap.armed = True, False
        elif act == "points":
            for step in range(words[0], words[0] + words[1]):
                run.log_metric("loss", step + 0.5, step)
        elif act == "text":
            run.log_text("text" * 300, words[0])
        elif act == "flush":
            run.flush()
        elif act == "end":
            run.end()
    acks.say("went on", run.id)
    os._exit(0)


def flush(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run that is flushed, and whose process then vanishes."""
    run = gittrack.start_run()
    acks.say("start", run.id)
    _log_points(acks, run, 0, 4)
    run.log_text("small", "notes.txt")
    tap.armed = True
    run.flush()
    acks.say("flush", run.id)
    os._exit(0)


def tag(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack tag RUN KEY=VALUE`."""
    from gittrack.cli.main import main

    run_id = str(facts["run"])
    tap.armed = True
    code = main(["tag", run_id, "stage=final"])
    tap.armed = False
    if code == 0:
        acks.say("tag", run_id, "stage", "final")


def log(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack log`, which first completes what others left behind."""
    from gittrack.cli.main import main

    tap.armed = True
    code = main(["log", "--jsonl"])
    tap.armed = False
    acks.say("log", "", code)


def invoke(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack WORDS`."""
    from gittrack.cli.main import main

    words = facts["words"]
    assert isinstance(words, list)
    tap.armed = True
    acks.say("invoke", "", main(words))


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


def flushed(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run that goes on after a flush; what comes after is not acknowledged."""
    run = gittrack.start_run()
    run.log_text("small", "notes.txt")
    if facts.get("large"):
        run.log_artifact(str(facts["large"]))
    steps = range(4)
    for step in steps:
        run.log_metric("loss", step + 0.5, step)
    run.flush()
    acks.say("start", run.id)
    for step in steps:
        acks.say("point", run.id, step)
    for name in ["notes.txt", *([os.path.basename(str(facts["large"]))] if facts.get("large") else [])]:
        acks.say("artifact", run.id, name)
    run.log_metric("loss", 0.0, 99)


def worker(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run of which only a forked worker has flushed what it logged."""
    tap.armed = True
    run = gittrack.start_run()
    run.log_metric("loss", 0.0, 99)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        run.log_metric("loss", 0.5, 0)
        run.flush()
        tap.trace.append(("flush", "", ""))
        acks.say("start", run.id)
        acks.say("point", run.id, 0)
        with open(theirs, "w", encoding="utf-8") as pipe:
            json.dump([tap.hit, tap.trace], pipe)
        os._exit(0)
    os.close(theirs)
    with open(ours, encoding="utf-8") as pipe:
        tap.hit, tap.trace = json.load(pipe)
    tap.armed = False
    assert os.waitpid(pid, 0)[1] == 0


def unflushed(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run of which nothing was promised but that it survives the death of the process."""
    run = gittrack.start_run()
    run.log_text("small", "notes.txt")
    for step in range(4):
        run.log_metric("loss", step + 0.5, step)


def again(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run that is resumed in the process that ended it, and flushed."""
    run = gittrack.start_run()
    run.log_text("small", "notes.txt")
    run.flush()
    run.end()
    tap.armed = True
    run = gittrack.start_run(run_id=run.id)
    run.log_text("more", "more.txt")
    acks.say("resume", run.id)
    run.log_metric("loss", 0.5, 0)
    run.flush()
    tap.trace.append(("flush", "", ""))
    tap.armed = False
    acks.say("point", run.id, 0)
    acks.say("artifact", run.id, "more.txt")


def wide(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A run of so many metrics that its objects are written as a pack."""
    run = gittrack.start_run()
    run.log_metrics({f"metric{number}": float(number) for number in range(60)}, step=0)
    run.log_metric("loss", 0.5, 0)
    tap.armed = True
    run.end()
    tap.armed = False
    acks.say("start", run.id)
    acks.say("point", run.id, 0)
    acks.say("end", run.id)


def command(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack run -- COMMAND`, which writes its run's id to the file `note` and prints something."""
    from gittrack.cli.main import main

    note = str(facts["note"])
    script = 'printf %s "$GITTRACK_RUN_ID" > "$0"; echo printed'
    with contextlib.suppress(SystemExit):
        main(["run", "-q", "--", "sh", "-c", script, note])
    with open(note, encoding="utf-8") as file:
        run_id = file.read()
    acks.say("start", run_id)
    acks.say("end", run_id)
    acks.say("output", run_id, "printed\n")


def words(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack tag`, `gittrack note` and `gittrack rm` of an ended run."""
    from gittrack.cli.main import main

    run_id = str(facts["run"])
    tag(tap, acks, facts)
    assert main(["note", run_id, "worth it"]) == 0
    acks.say("note", run_id, "worth it")
    assert main(["rm", run_id]) == 0
    acks.say("rm", run_id)


def packing(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Runs, and then what every fortieth commit starts in the background."""
    from gittrack.git import maintenance
    from gittrack.project import open_project

    real: Callable[..., bytes] = vars(maintenance)["run_git"]

    def told(args: Sequence[str], *rest: object, **options: object) -> bytes:
        tap.trace.append(("git", next(word for word in args if word.endswith(("objects", "packed", "gc"))), ""))
        return real(args, *rest, **options)

    many(tap, acks, {"runs": 3})
    setattr(maintenance, "run_git", told)  # noqa: B010 - the name is not its own
    project = open_project()
    tap.armed = True
    maintenance.pack_branch(project.repo, project.runs_ref)
    tap.armed = False


def streamed(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """A commit with a file that is too large for memory."""
    from gittrack.git.branch import Addition, append
    from gittrack.project import open_project

    project = open_project()
    addition = Addition({"data/large.bin": Path(str(facts["large"]))}, "large", project.author, 0.0)
    tap.armed = True
    append(project.repo, project.runs_ref, lambda _: addition, committer=project.committer)
    tap.armed = False


def power_cut(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """The scene `scene`, and in the moment in which its last acknowledgement is given the `disk` loses its power."""
    from tests.faults.disks import cut

    inner = facts["facts"]
    assert isinstance(inner, dict)
    SCENES[str(facts["scene"])](tap, acks, inner)
    if facts.get("written"):
        _write_some(random.Random(int(str(facts["written"]))))  # noqa: S311 - no secret
    cut(str(facts["disk"]), log_flushed=facts["log_flushed"] is True)
    os.kill(os.getpid(), signal.SIGKILL)


def _write_some(dice: random.Random) -> None:
    """Let the kernel write the contents of half of the files, as it does when it finds time."""
    for folder, _, names in os.walk(".git"):
        for name in names:
            if dice.random() < 0.5 and not name.endswith(".lock"):
                # A git that collects may take it away at this moment.
                with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, name), "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def check(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack check`."""
    from gittrack.cli.main import main

    acks.say("check", "", main(["check"]))


def bring_back(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """`gittrack doctor --fix` where a git that packs refs has lost the branch to a power cut, as it may."""
    from gittrack.cli.main import main
    from gittrack.project import open_project

    if open_project().lost_tip() is not None:
        main(["doctor", "--fix"])
        assert open_project().lost_tip() is None
        acks.say("brought back", "")


def said(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Say what of a run the judge does not: notes, whether it is deleted, and what it printed."""
    from gittrack.catalog import open_catalog

    with open_catalog() as catalog:
        for run in catalog.runs(include_deleted=True):
            output = catalog.output(run).decode()
            acks.say("said", run.id, [note.text for note in run.notes], run.deleted, output)


def warm(tap: Tap, acks: Acks, facts: Mapping[str, object]) -> None:
    """Do everything once and say which modules it took, so that the parent of all has them loaded."""
    import sys

    record(tap, acks, {})
    log(tap, acks, {})
    judge(tap, acks, {})
    acks.say("modules", "", sorted(sys.modules))


SCENES: dict[str, Callable[[Tap, Acks, Mapping[str, object]], None]] = {
    scene.__name__: scene
    for scene in (
        *(record, resume, crash, tag, log, mixed, many, recoverer, judge, warm),
        *(
            flushed,
            worker,
            unflushed,
            again,
            wide,
            command,
            words,
            packing,
            streamed,
            power_cut,
            check,
            bring_back,
            said,
        ),
        *(start, training, flush, invoke),
    )
}
