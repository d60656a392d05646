"""A run that is recorded while a purge waits, was interrupted, or is at work keeps its snapshot."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import Final

from tests.purge.conftest import SECRET, Lab

# Dies before it moves a ref, when it has written down what has to be done.
INTERRUPTED: Final = """
import os, signal, sys
from gittrack.cli.main import main
from gittrack.purge import carry_out

def save(*args):
    kept(*args)
    os.kill(os.getpid(), signal.SIGKILL)

kept, carry_out.save_job = carry_out.save_job, save
main(["purge", "--yes", *sys.argv[1:]])
"""
# Makes a run with the same files when the purge has looked at all there is and has moved no ref.
RACED: Final = """
import subprocess, sys
from gittrack.cli.main import main
from gittrack.purge import carry_out

def save(*args):
    carry_out.save_job = kept
    subprocess.run([sys.executable, "-m", "gittrack", "run", "-q", "--name", "late", "--", "true"], check=True)
    kept(*args)

kept, carry_out.save_job = carry_out.save_job, save
main(["purge", "--yes", *sys.argv[1:]])
"""
# Purges all snapshots at the moment when the run has pinned its own, and nothing tells of the run yet.
STARTING: Final = """
import subprocess, sys, gittrack
from gittrack.record.journal import Journal

def late(self):
    done = subprocess.run([sys.executable, "-m", "gittrack", "purge", "--snapshots", "--yes"], capture_output=True)
    print(done.stdout.decode(), end="")
    opened(self)

opened, Journal.open = Journal.open, late
with gittrack.start_run("starting") as run:
    print(run.id)
"""
# Pins a snapshot as a run does that died right then, an hour ago.
LOST: Final = """
import time
now, time.time = time.time, lambda: now() - 3600
from gittrack.project import open_project
from gittrack.record.code import capture_code

print(capture_code(open_project(), ["train.py"]).code.snapshot)
"""


class Asked:
    """A `gittrack purge` on a terminal."""

    def __init__(self, lab: Lab, *args: str) -> None:
        self._end, other = pty.openpty()
        command = [sys.executable, "-m", "gittrack", "purge", *args]
        self._process = subprocess.Popen(command, cwd=lab.repo, stdin=other, stdout=other, stderr=other)
        os.close(other)
        self._unread = ""

    def question(self) -> str:
        """What was said up to the next question; the test fails where none comes."""
        while "for good?" not in self._unread:
            more = self._read()
            assert more, self._unread
            self._unread += more
        text, _, self._unread = self._unread.partition("for good?")
        return text

    def answer(self, word: str) -> None:
        """Type a line."""
        os.write(self._end, f"{word}\n".encode())

    def rest(self) -> tuple[int, str]:
        """The exit code, and what was still said."""
        while more := self._read():
            self._unread += more
        os.close(self._end)
        return self._process.wait(), self._unread

    def _read(self) -> str:
        try:
            return os.read(self._end, 1 << 16).decode()
        except OSError:  # Linux says so where the other end is closed
            return ""


def code_is_there(lab: Lab, run_id: str) -> bool:
    place = lab.repo.parent / f"out-{run_id}"
    result = lab.gittrack("checkout", run_id, str(place), cwd=lab.repo)
    return result.code == 0 and (place / "left.txt").read_text() == f"{SECRET}\n"


def test_a_run_made_while_the_question_waits_keeps_its_snapshot(lab: Lab) -> None:
    doomed = lab.record("doomed", dirty=SECRET)
    asked = Asked(lab, doomed)
    assert "1 snapshot" in asked.question()
    late = lab.record("late", dirty=SECRET)
    assert lab.snapshot(late) == lab.snapshot(doomed)

    asked.answer("y")

    code, said = asked.rest()
    assert code == 0, said
    assert f"stays: run {late[:8]} was made with the very same files" in said
    assert doomed not in lab.trees()
    assert code_is_there(lab, late)


def test_where_more_would_go_by_the_time_of_the_answer_it_asks_again(lab: Lab) -> None:
    lab.record("first", dirty="1")
    asked = Asked(lab, "--snapshots")
    assert "1 snapshot" in asked.question()
    late = lab.record("late", dirty=SECRET)
    asked.answer("y")

    again = asked.question()
    asked.answer("n")

    assert "2 snapshots" in again
    assert f"snapshot of run {late[:8]}" in again
    code, said = asked.rest()
    assert code == 1, said
    assert code_is_there(lab, late)


def test_a_run_made_after_an_interruption_keeps_its_snapshot(lab: Lab) -> None:
    doomed = lab.record("doomed", dirty=SECRET)
    assert lab.run_python(INTERRUPTED, doomed, cwd=lab.repo).code == -9
    late = lab.record("late", dirty=SECRET)

    said = lab.purge()

    assert f"stays: run {late[:8]} was made with the very same files" in said
    assert doomed not in lab.trees()
    assert code_is_there(lab, late)


def test_the_snapshot_of_an_interrupted_purge_of_snapshots(lab: Lab) -> None:
    marked = lab.record("marked", dirty=SECRET)
    assert lab.run_python(INTERRUPTED, "--snapshots", cwd=lab.repo).code == -9
    late = lab.record("late", dirty=SECRET)

    lab.purge()

    assert code_is_there(lab, late)
    assert code_is_there(lab, marked), "it is the same one"
    assert "purged" not in lab.gittrack("show", marked, cwd=lab.repo).out


def test_a_run_made_while_the_purge_is_at_work_keeps_its_snapshot(lab: Lab) -> None:
    doomed = lab.record("doomed", dirty=SECRET)
    snapshot = lab.snapshot(doomed)
    (lab.repo / "left.txt").write_text(f"{SECRET}\n", encoding="utf-8")

    result = lab.run_python(RACED, doomed, cwd=lab.repo)

    assert result.code == 0, result.err
    assert lab.snapshot("late") == snapshot
    assert "was made with the very same files" in result.err
    assert code_is_there(lab, "late")
    remembered = lab.repo / ".git/gittrack/purged-snapshots"
    assert not remembered.exists() or snapshot not in remembered.read_text(), "a pull would leave it out"


def test_a_run_that_is_starting_keeps_its_snapshot(lab: Lab) -> None:
    lab.record("first")
    (lab.repo / "left.txt").write_text(f"{SECRET}\n", encoding="utf-8")

    result = lab.run_python(STARTING, cwd=lab.repo)

    assert result.code == 0, result.err
    *said, starting = result.out.splitlines()
    assert said == [
        "nothing to purge",
        "not touched: 1 snapshot of the last ten minutes that no run tells of, perhaps of one that is starting",
    ]
    assert code_is_there(lab, starting)


def test_an_old_snapshot_that_no_run_tells_of_goes_and_counts(lab: Lab) -> None:
    lab.record("first")
    (lab.repo / "left.txt").write_text(f"{SECRET}\n" * 100, encoding="utf-8")
    lost = lab.run_python(LOST, cwd=lab.repo)
    assert lost.code == 0, lost.err
    (lab.repo / "left.txt").unlink()
    assert lab.git("show", f"{lost.out.strip()}:left.txt", cwd=lab.repo)

    said = lab.purge("--snapshots")

    assert "1 snapshot, 3.2 KiB" in said
    assert lab.holds() == []
    lab.is_sound()


def test_a_snapshot_that_is_gone_does_not_stay_for_another_run(lab: Lab) -> None:
    one, two = lab.record("one", dirty=SECRET), lab.record("two", dirty=SECRET)
    assert lab.snapshot(one) == lab.snapshot(two)
    lab.purge("--snapshots")
    assert lab.holds() == []

    said = lab.purge(one)

    assert "stays" not in said
    assert "purged 1 run" in said
    lab.is_sound()
