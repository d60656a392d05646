"""Clocks that jump, machines that share a file system, file systems without locks: who lives, and what time it was."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.machine import host
from gittrack.catalog import open_catalog
from gittrack.git.repository import discover
from gittrack.project import Project
from gittrack.record.recover import recover

if TYPE_CHECKING:
    from pathlib import Path

    from gittrack.model import Point, Run
    from tests.conftest import Git, Gittrack, RunPython

YEAR = 365 * 86_400.0
DAY = 86_400.0

# A run whose process is killed, on a machine of another name.
ELSEWHERE = """
    import os, signal
    from gittrack.record import begin, journal
    begin.host = journal.host = lambda: "elsewhere"
    import gittrack

    run = gittrack.start_run("far")
    for step in range(5):
        run.log_metric("loss", step, step)
    END
    os.kill(os.getpid(), signal.SIGKILL)
"""
# A run during which the machine's clock jumps, and what it logged and did after each jump.
JUMPING = """
    import os, signal, sys, time
    import gittrack

    real, ahead = time.time, 0.0
    time.time = lambda: real() + ahead
    jumps = [float(word) for word in sys.argv[2:]]
    run = gittrack.start_run("jumping")
    for number, ahead in enumerate([0.0, *jumps]):
        run.log_metric("loss", number, number)
        run.set_tag("last", number)
        child = os.fork()
        if not child:
            run.log_metric("loss", number + 0.5, number)
            run.set_tag("last", f"{number} in a worker")
            run.end()
            os._exit(0)
        os.waitpid(child, 0)
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    run.end()
"""


def shown(repo: Path) -> tuple[Run, list[Point]]:
    with open_catalog(repo) as catalog:
        (run,) = catalog.runs()
        assert catalog.problems == []
        return run, catalog.history(run, "loss")


def journal_of(repo: Path) -> Path:
    (folder,) = (repo / ".git" / "gittrack" / "journal").glob("?" * 32)
    return folder


def touch(folder: Path, moment: float) -> None:
    for path in folder.iterdir():
        os.utime(path, (moment, moment))


@pytest.mark.parametrize("end", ["ended", "killed"])
@pytest.mark.parametrize("jumps", [(YEAR, 2 * YEAR), (-YEAR, -2 * YEAR), (YEAR, -YEAR), (-20 * YEAR, 0.0)])
def test_a_clock_that_jumps_during_a_run(
    repo: Path, run_python: RunPython, end: str, jumps: tuple[float, float]
) -> None:
    before = time.time()

    done = run_python(JUMPING, end, *map(str, jumps))

    assert done.err == ""
    run, points = shown(repo)
    assert run.status == ("finished" if end == "ended" else "crashed")
    assert [(point.step, point.value) for point in points] == [(0, 0), (0, 0.5), (1, 1), (1, 1.5), (2, 2), (2, 2.5)]
    seconds = [point.seconds for point in points]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[0] <= seconds[-1] < 3600
    assert run.tags == {"last": "2 in a worker"}
    assert run.end is not None
    assert before - 1 < run.start <= run.end < time.time() + 1


@pytest.mark.skipif(shutil.which("faketime") is None, reason="the program faketime is not installed")
@pytest.mark.parametrize("when", ["-20y", "+20y"])
def test_commands_on_a_machine_whose_clock_is_wrong(
    repo: Path, gittrack: Gittrack, git: Git, run_python: RunPython, when: str
) -> None:
    """Faketime changes what each process is told of the time; the files keep the true one."""
    env = {
        "LD_PRELOAD": "/usr/$LIB/faketime/libfaketime.so.1",
        "FAKETIME": when,
        "NO_FAKE_STAT": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    alive = """
        import json, subprocess, sys
        import gittrack

        with gittrack.start_run("alive") as run:
            run.log_metric("loss", 1.0)
            log = [sys.executable, "-m", "gittrack", "log", "--json"]
            done = subprocess.run(log, capture_output=True, text=True, env={**__import__("os").environ, **ENV})
            print([item["status"] for item in json.loads(done.stdout)], done.stderr)
    """
    told = float(run_python("import time; print(time.time())", env=env).out)
    assert 19 * YEAR < abs(told - time.time()) < 21 * YEAR
    assert run_python(alive.replace("ENV", repr(env))).out == "['running'] \n"
    run_python(ELSEWHERE.replace("END", ""))
    assert [item["status"] for item in json.loads(gittrack("log", "--json", env=env).out)].count("running") == 1
    assert gittrack("doctor", "--fix", env=env).code == 0
    assert journal_of(repo).exists()
    assert gittrack("run", "--", "true", env=env).code == 0
    assert gittrack("tag", "alive", "a=b", env=env).code == 0
    assert gittrack("check").code == 0
    assert git("fsck", "--strict", "--no-dangling", "--no-progress") == ""


def test_a_run_goes_on_although_the_clock_went_back(repo: Path, run_python: RunPython) -> None:
    code = """
        import sys, time
        import gittrack

        real = time.time
        time.time = lambda: real() + float(sys.argv[1])
        with gittrack.start_run(run_id=sys.argv[2] if len(sys.argv) > 2 else None) as run:
            gittrack.log_metric("loss", 1.0, len(sys.argv))
        print(run.id)
    """
    first = run_python(code, "0")
    assert run_python(code, str(-YEAR), first.out.strip()).code == 0

    run, points = shown(repo)

    assert [point.step for point in points] == [2, 3]
    assert 0 <= points[0].seconds <= points[1].seconds
    assert run.end is not None
    assert run.end >= run.start


@pytest.mark.parametrize("moment", [-2 * YEAR, -1e9, 2 * YEAR, 1e12])
def test_a_killed_run_whose_files_have_strange_times(repo: Path, run_python: RunPython, moment: float) -> None:
    run_python(ELSEWHERE.replace('"elsewhere"', repr(host())).replace("END", ""))
    try:
        touch(journal_of(repo), time.time() + moment)
    except OSError as error:
        pytest.skip(f"the file system of the temporary folder keeps no such time: {error}")

    run, points = shown(repo)

    assert (run.status, len(points)) == ("crashed", 5)
    assert run.end is not None
    assert run.end >= run.start + points[-1].seconds - 0.001
    assert shown(repo)[0] == run


def test_the_number_of_the_process_says_nothing(repo: Path, run_python: RunPython) -> None:
    run_python(ELSEWHERE.replace('"elsewhere"', repr(host())).replace("END", ""))
    (segment,) = journal_of(repo).glob("*.log")
    opening, rest = segment.read_bytes().split(b"\n", 1)
    facts = json.loads(opening.split(b" ", 3)[3])
    facts["pid"] = os.getpid()
    from gittrack.record.segment import frame

    segment.write_bytes(frame(0, json.dumps(facts).encode()) + rest)

    assert shown(repo)[0].status == "crashed"


def test_a_run_of_another_machine_is_left_alone_and_every_command_says_so(
    repo: Path, run_python: RunPython, gittrack: Gittrack
) -> None:
    run_python(ELSEWHERE.replace("END", ""))
    folder = journal_of(repo)
    sentence = "its journal was last written by host elsewhere"

    assert shown(repo)[0].status == "running"
    assert gittrack("log").err == "", "it may be at work: that it runs is all that is to be said"
    assert f"{sentence} 0 minutes ago; it is left alone until that is 24 hours" in gittrack("doctor", "--fix").out
    checked = gittrack("check")
    assert (checked.code, sentence in checked.out) == (0, True)

    touch(folder, time.time() - 5 * 3600)
    told = gittrack("log")
    assert f"run {folder.name[:8]}: {sentence} 5 hours ago; it is left alone until that is 24 hours" in told.err
    assert "running" in told.out
    assert folder.exists()


def test_it_is_committed_when_it_is_stale_and_its_process_may_go_on_in_the_quarantine(
    repo: Path, run_python: RunPython, git: Git
) -> None:
    run_python(ELSEWHERE.replace("END", ""))
    folder = journal_of(repo)
    (segment,) = folder.glob("*.log")
    with segment.open("ab") as still_open:
        touch(folder, time.time() - 4000)
        git("config", "gittrack.staleAfter", "7200")
        assert recover(Project(discover(repo)), host()).published == ()
        git("config", "gittrack.staleAfter", "3600")
        recovery = recover(Project(discover(repo)), host())
        assert recovery.published == (folder.name,)
        assert "a part of its journal is kept in" in recovery.problems[0]
        still_open.write(b"later")

    assert shown(repo)[0].status == "crashed"
    (kept,) = (repo / ".git" / "gittrack" / "quarantine" / folder.name).rglob("*.log")
    assert kept.read_bytes().endswith(b"later")
    assert "host elsewhere had been silent for long" in (kept.parents[3] / "note.txt").read_text()


def test_a_time_that_is_still_to_come_makes_nobody_wait_for_ever(
    repo: Path, run_python: RunPython, gittrack: Gittrack
) -> None:
    run_python(ELSEWHERE.replace("END", ""))
    folder = journal_of(repo)
    touch(folder, time.time() + 10 * YEAR)

    assert "at a time that is still to come" in gittrack("doctor").out
    assert gittrack("log").code == 0
    (segment,) = folder.glob("*.log")
    assert abs(segment.stat().st_mtime - time.time()) < 3600, "the wait began when it was seen"
    touch(folder, time.time() - 2 * DAY)
    assert "crashed" in gittrack("log").out


def test_what_another_machine_has_closed_waits_for_nothing(repo: Path, run_python: RunPython) -> None:
    run_python(ELSEWHERE.replace("END", 'run._journal.last_event("end", status="finished", end=None)'))

    assert shown(repo)[0].status == "finished"
    assert not (repo / ".git" / "gittrack" / "quarantine").exists()


def test_the_part_of_a_worker_elsewhere_is_not_taken_from_it(repo: Path, run_python: RunPython) -> None:
    code = """
        import os, signal, subprocess, sys
        import gittrack

        with gittrack.start_run("owner") as run:
            run.log_metric("loss", 0.0, 0)
            far = "import os, gittrack; from gittrack.record import journal; journal.host = lambda: 'elsewhere'\\n"
            far += f"run = gittrack.start_run(run_id={run.id!r}); run.log_metric('loss', 1.0, 1); os._exit(9)"
            subprocess.run([sys.executable, "-c", far])
    """
    assert run_python(code).code == 0
    folder = journal_of(repo)
    with open_catalog(repo) as catalog:
        (run,) = catalog.runs()
        assert (run.status, [p.step for p in catalog.history(run, "loss")]) == ("finished", [0, 1])
    touch(folder, time.time() - 2 * DAY)
    with open_catalog(repo) as catalog:
        (run,) = catalog.runs()
        assert (run.status, [p.step for p in catalog.history(run, "loss")]) == ("finished", [0, 1])
    assert not folder.exists()


LOCKLESS = """
    import errno, fcntl, json, os, subprocess, sys

    def refused(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    fcntl.lockf = refused
    import gittrack
"""


def test_on_a_file_system_without_locks_a_living_run_is_not_taken_for_dead(repo: Path, run_python: RunPython) -> None:
    log = LOCKLESS + '    from gittrack.cli.main import main\n    sys.exit(main(["log", "--json"]))\n'
    code = f"""{LOCKLESS}
    with gittrack.start_run("lockless") as run:
        run.log_metric("loss", 1.0, 1)
        child = {log!r}
        import textwrap
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(child)], capture_output=True, text=True)
        print([item["status"] for item in json.loads(done.stdout)], done.stderr)
        run.log_metric("loss", 2.0, 2)
    """
    done = run_python(code)
    assert (done.code, done.out, done.err) == (0, "['running'] \n", "")
    run, points = shown(repo)
    assert (run.status, [point.step for point in points]) == ("finished", [1, 2])


def test_on_a_file_system_without_locks_a_dead_run_is_committed_after_a_day(repo: Path, run_python: RunPython) -> None:
    killed = LOCKLESS + '    gittrack.start_run("lockless").log_metric("loss", 1.0, 1)\n    os.kill(os.getpid(), 9)\n'
    log = LOCKLESS + '    from gittrack.cli.main import main\n    sys.exit(main(["log", "--oneline"]))\n'
    run_python(killed)
    assert "running" in run_python(log).out
    touch(journal_of(repo), time.time() - 2 * DAY)
    assert "crashed" in run_python(log).out


def test_a_lock_of_a_ref_is_old_only_when_it_also_stays_as_it_is(repo: Path, run_python: RunPython) -> None:
    """The clock jumps by years while another git holds the lock for a moment: it is not taken from it."""
    run_python("import gittrack; gittrack.start_run('first').end()")
    lock = repo / ".git" / "refs" / "heads" / "gittrack" / "runs.lock"
    for moment in (time.time() + YEAR, time.time() - YEAR):
        lock.touch()
        os.utime(lock, (moment, moment))
        assert run_python("import gittrack; gittrack.start_run('next').end()").err == ""
        assert not lock.exists()
    code = """
        import os, time
        import gittrack
        from gittrack.git import refs

        lock = ".git/refs/heads/gittrack/runs.lock"
        open(lock, "w").close()
        os.utime(lock, (0, 0))
        rounds = []

        def sleep(seconds):
            rounds.append(seconds)
            assert os.path.exists(lock), "it was taken away although its writer lives"
            if len(rounds) < 4:
                os.utime(lock, (len(rounds), len(rounds)))
            else:
                os.unlink(lock)

        refs.time.sleep = sleep
        gittrack.start_run("patient").end()
        print(len(rounds))
    """
    done = run_python(code)
    assert (done.out, done.err) == ("4\n", "")
