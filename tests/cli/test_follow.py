"""`gittrack log --follow` shows what starts and ends, gives the terminal back, and costs next to nothing."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Gittrack

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?25h\x1b[?1049l"
WAITING = """
import sys, gittrack
run = gittrack.start_run("slow")
run.log_metric("loss", 0.5)
print("on", flush=True)
sys.stdin.readline()
"""


@final
class Follower:
    """A `gittrack log --follow` and what it printed, on a terminal or into a pipe."""

    def __init__(self, *args: str, terminal: bool) -> None:
        self.text = ""
        if terminal:
            self._end, other = pty.openpty()
            self.resize(24, 100)
        else:
            self._end, other = os.pipe()
        command = [sys.executable, "-m", "gittrack", "log", "--follow", *args]
        if terminal:
            # The first terminal that the leader of a session opens is the one whose ^C it hears.
            command = ["sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(other), *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=other, stderr=other, start_new_session=True
        )
        os.close(other)

    def until(self, pattern: str) -> str:
        """Read on until what came since the last call matches; what never comes ends with the process."""
        start = len(self.text)
        while not re.search(pattern, self.text[start:]):
            more = self._read()
            assert more, f"{pattern!r} never came: {self.text!r}"
            self.text += more
        return self.text[start:]

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self._end, keys)

    def rest(self) -> str:
        """What comes until the process ends."""
        start = len(self.text)
        while more := self._read():
            self.text += more
        return self.text[start:]

    def _read(self) -> str:
        try:
            return os.read(self._end, 65536).decode("utf-8", "replace")
        except OSError:  # how Linux tells that the other side is closed
            return ""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)


@pytest.fixture
def slow(recorded: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that ends when it is told to."""
    with subprocess.Popen([sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        yield process
        process.kill()


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.close()
    assert process.wait() == 0


def test_a_pipe_gets_a_line_for_each_start_and_end(recorded: Path, gittrack: Gittrack) -> None:
    follower = Follower("-n", "2", "--where", "name != 'other'", terminal=False)
    try:
        first = follower.until("grid-2.*\n")
        assert re.fullmatch(r"\w{8} grid-1 finished  .*\n\w{8} grid-2 finished  loss=0.142857  .*\n", first)
        assert gittrack("run", "-q", "--name", "other", "--", "true").code == 0
        with subprocess.Popen(
            [sys.executable, "-c", WAITING], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ) as process:
            assert re.fullmatch(r"\w{8} slow running  loss=0.5\n", follower.until("slow.*\n"))
            end(process)
        assert re.fullmatch(r"\w{8} slow finished  loss=0.5\n", follower.until("slow.*\n"))
        follower.process.send_signal(signal.SIGINT)
        assert follower.rest() == ""
        assert follower.process.wait() == 130
    finally:
        follower.close()


def test_a_terminal_is_redrawn_and_given_back(slow: subprocess.Popen[bytes]) -> None:
    follower = Follower("--color", "never", terminal=True)
    try:
        drawn = follower.until(r"1 run running; \^C ends this")
        assert drawn.startswith(ENTER)
        assert "slow" in drawn
        end(slow)
        redrawn = follower.until(r"0 runs running")
        assert redrawn.count("\x1b[H") == 1 + redrawn.count("1 run running"), "the table is drawn in place"
        assert re.search(r"slow +finished", redrawn)
        follower.resize(4, 40)
        small = follower.until(r"0 runs running")
        assert "grid-1" not in small
        follower.resize(0, 0)  # as where nobody told it
        assert "grid-1" in follower.until(r"0 runs running")
        follower.resize(1, 20)
        assert "grid-2" not in follower.until(r"0 runs running")
        follower.type(b"\x03")
        rest = follower.rest()
        assert follower.process.wait() == 130
        assert LEAVE in rest
        left = rest.partition(LEAVE)[2]
        assert ("slow" in left, "ends this" in left) == (True, False), "the last table stays"
    finally:
        follower.close()


def test_the_terminal_is_given_back_when_it_is_ended(slow: subprocess.Popen[bytes]) -> None:
    follower = Follower(terminal=True)
    try:
        follower.until("running; ")
        follower.process.terminate()
        assert LEAVE in follower.rest()
        assert follower.process.wait() == 128 + signal.SIGTERM
    finally:
        follower.close()


def test_it_costs_little(slow: subprocess.Popen[bytes]) -> None:
    """Looking ten times, with a run under way, takes less than a fiftieth of ten seconds."""
    code = """
import sys, time
from gittrack.project import open_project
from gittrack.trace.watch import Watch

watch = Watch(open_project())
found = [watch.changed()]
began = time.process_time()
found += [watch.changed() for _ in range(10)]
print(found, time.process_time() - began < 0.2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{[True] + [False] * 10} True\n"
