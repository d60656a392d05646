"""A command run through gittrack behaves as it does without, seen from both of its sides."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.terminal import CommandNotExecutable, CommandNotFound, CommandResult, run_command
from gittrack.errors import GittrackError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMEOUT = 60

# Runs its arguments and writes what it saw to the file named first.
RUNNER = """
import json, os, sys
from gittrack.capture import terminal

report, mode, *argv = sys.argv[1:]
if mode == "threads":
    terminal._run_with_selector = terminal._run_with_threads
if mode == "control":
    import fcntl, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
seen = {"out": bytearray(), "err": bytearray()}
pids = []
result = terminal.run_command(
    argv, on_output=seen["out"].extend, on_errors=seen["err"].extend, on_start=pids.append
)
with open(report, "w") as file:
    json.dump({"exit_code": result.exit_code, "signal": result.signal, "fault": repr(result.fault),
               "pids": pids, **{name: data.decode("latin-1") for name, data in seen.items()}}, file)
sys.exit(result.exit_code)
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the caller of run_command got, and what came out of its standard streams."""

    exit_code: int
    signal: int | None
    fault: str
    out: bytes
    err: bytes
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass
class Runner:
    directory: Path
    mode: str = "plain"
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def report(self) -> Path:
        return self.directory / "report.json"

    def argv(self, *command: str) -> list[str]:
        return [sys.executable, "-c", RUNNER, str(self.report), self.mode, *command]

    def run(self, *command: str, stdin: bytes = b"") -> Seen:
        done = subprocess.run(self.argv(*command), input=stdin, capture_output=True, timeout=TIMEOUT, check=False)
        return self.seen(done.stdout, done.stderr)

    def start(self, *command: str, **options: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = subprocess.Popen(self.argv(*command), **options)  # type: ignore[call-overload]
        self.started.append(process)
        return process

    def seen(self, stdout: bytes = b"", stderr: bytes = b"") -> Seen:
        report = json.loads(self.report.read_text())
        assert len(report.pop("pids")) == 1
        out, err = report.pop("out").encode("latin-1"), report.pop("err").encode("latin-1")
        return Seen(**report, out=out, err=err, stdout=stdout, stderr=stderr)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    yield runner
    for process in runner.started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


class Terminal:
    """The user's side of a terminal in which a runner is the session's leader."""

    def __init__(self, runner: Runner, *command: str, raw: bool = False) -> None:
        self.master, slave = pty.openpty()
        self.resize(50, 120)
        if raw:
            tty.setraw(slave)
        self.shown = b""
        self._runner = runner
        runner.mode = "control"
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self.process = runner.start(*command, start_new_session=True, **streams)
        os.close(slave)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def wait_for(self, text: bytes) -> None:
        while text not in self.shown:
            assert self._read(), f"ended without {text!r}: {self.shown!r}"

    def end(self) -> Seen:
        while self._read():
            pass
        os.close(self.master)
        self.process.wait(TIMEOUT)
        return self._runner.seen(self.shown)

    def _read(self) -> bool:
        assert select.select([self.master], [], [], TIMEOUT)[0], f"silent after {self.shown!r}"
        try:
            data = os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # how Linux reports the end of a pseudo-terminal
                raise
            return False
        self.shown += data
        return bool(data)


@pytest.mark.parametrize("mode", ["plain", "threads"])
@pytest.mark.parametrize(
    ("script", "exit_code", "number"),
    [("pass", 0, None), ("raise SystemExit(3)", 3, None), ("import os; os.kill(os.getpid(), 9)", 137, 9)],
)
def test_the_exit_code_is_that_of_a_shell(
    runner: Runner, mode: str, script: str, exit_code: int, number: int | None
) -> None:
    runner.mode = mode
    seen = runner.run(*python(script))
    assert (seen.exit_code, seen.signal, seen.fault) == (exit_code, number, "None")


@pytest.mark.parametrize("mode", ["plain", "threads"])
def test_the_streams_stay_apart_and_are_both_copied(runner: Runner, mode: str) -> None:
    runner.mode = mode
    seen = runner.run(*python("import sys; print('to out'); print('to err', file=sys.stderr)"))
    assert (seen.stdout, seen.stderr) == (b"to out\n", b"to err\n")
    assert (seen.out, seen.err) == (seen.stdout, seen.stderr)


@pytest.mark.parametrize("mode", ["plain", "threads"])
def test_every_byte_passes_unchanged(runner: Runner, mode: str) -> None:
    runner.mode = mode
    size = 8 * 1024 * 1024
    script = (
        "import hashlib, os, sys\n"
        f"data = os.urandom({size})\n"
        "os.write(2, hashlib.sha256(data).hexdigest().encode())\n"
        "sys.stdout.buffer.write(data)"
    )
    seen = runner.run(*python(script))
    assert len(seen.stdout) == size
    assert hashlib.sha256(seen.stdout).hexdigest().encode() == seen.stderr
    assert seen.out == seen.stdout


def test_streams_that_share_a_file_keep_their_order(runner: Runner) -> None:
    script = "import os\nfor n in range(2000): os.write(n % 2 + 1, b'%d\\n' % n)"
    with open(runner.directory / "both", "w+b") as both:
        runner.start(*python(script), stdout=both, stderr=both).wait(TIMEOUT)
        both.seek(0)
        assert both.read() == b"".join(b"%d\n" % number for number in range(2000))


@pytest.mark.parametrize("mode", ["plain", "threads"])
def test_standard_input_is_the_commands(runner: Runner, mode: str) -> None:
    runner.mode = mode
    seen = runner.run("cat", stdin=b"one\ntwo\x00\xff")
    assert seen.stdout == b"one\ntwo\x00\xff"


def test_the_command_stays_in_our_group_session_and_descriptors(runner: Runner) -> None:
    source, sink = os.pipe()
    os.write(sink, b"substituted")
    os.close(sink)
    script = f"import os; print(os.getpgrp(), os.getsid(0), os.read({source}, 99).decode())"
    process = runner.start(*python(script), stdout=subprocess.PIPE, start_new_session=True, pass_fds=[source])
    os.close(source)
    assert process.communicate(timeout=TIMEOUT)[0] == b"%d %d substituted\n" % (process.pid, process.pid)


def test_a_closed_standard_output_is_no_obstacle(runner: Runner) -> None:
    process = subprocess.run(
        ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *runner.argv("sh", "-c", "echo kept")],
        timeout=TIMEOUT,
        check=False,
    )
    assert process.returncode == 0
    assert runner.seen().out == b"kept\n"


def test_when_nobody_reads_the_command_gets_sigpipe(runner: Runner) -> None:
    process = runner.start("yes", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    assert process.wait(TIMEOUT) == 128 + signal.SIGPIPE
    assert runner.seen().signal == signal.SIGPIPE


@pytest.mark.parametrize("goes_on", ["sleep 300", "while :; do echo more; done"])
def test_a_background_process_does_not_keep_us(runner: Runner, goes_on: str) -> None:
    process = runner.start("sh", "-c", f"echo first; ({goes_on}) & echo pid $!", stdout=subprocess.PIPE)
    assert process.stdout is not None
    output = process.stdout.read()
    assert process.wait(TIMEOUT) == 0
    assert b"first\n" in output
    background = int(output.split(b"pid ")[1].split()[0])
    try:
        os.kill(background, signal.SIGKILL)
    except ProcessLookupError:
        assert goes_on != "sleep 300", "it should have outlived the command"


def test_the_last_words_of_a_child_are_waited_for(runner: Runner) -> None:
    script = (
        "import os\n"
        "ended, held = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    os.close(held)\n"
        "    os.read(ended, 1)\n"
        "    os.write(1, b'late')"
    )
    assert runner.run(*python(script)).stdout == b"late"


def test_in_a_terminal_the_command_has_a_terminal(runner: Runner) -> None:
    script = (
        "import os\n"
        "print([os.isatty(fd) for fd in (0, 1, 2)])\n"
        "print(os.get_terminal_size(1), os.get_terminal_size(2), flush=True)\n"
        "print('typed', input())"
    )
    terminal = Terminal(runner, *python(script))
    terminal.wait_for(b"lines=50)\r\n")
    terminal.type(b"hello\n")
    shown = terminal.end().stdout
    assert b"[True, True, True]" in shown
    assert shown.count(b"os.terminal_size(columns=120, lines=50)") == 2
    assert b"typed hello\r\n" in shown


def test_only_what_is_a_terminal_becomes_one(runner: Runner) -> None:
    master, slave = pty.openpty()
    script = "import os; print([os.isatty(fd) for fd in (0, 1, 2)])"
    process = runner.start(*python(script), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
    assert process.communicate(timeout=TIMEOUT)[0] == b"[False, False, True]\n"
    os.close(slave)
    os.close(master)


def test_a_progress_bar_passes_byte_for_byte(runner: Runner) -> None:
    drawn = b"\r 10%\x1b[K\r100%\x1b[K\nnext\r\n\ttab\x04\x03\x11\x13\xff\n"
    seen = Terminal(runner, *python(f"import os; os.write(2, {drawn!r})"), raw=True).end()
    assert seen.stdout == drawn
    assert seen.out + seen.err == drawn


def test_much_output_passes_a_terminal(runner: Runner) -> None:
    seen = Terminal(runner, *python("for n in range(200_000): print(n)"), raw=True).end()
    assert seen.stdout == b"".join(b"%d\n" % number for number in range(200_000))


def test_the_command_follows_the_size_of_the_window(runner: Runner) -> None:
    script = (
        "import os, signal\n"
        "def resized(*_):\n"
        "    if os.get_terminal_size(1).columns == 77: print('got it'); raise SystemExit\n"
        "signal.signal(signal.SIGWINCH, resized)\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()"
    )
    terminal = Terminal(runner, *python(script))
    terminal.wait_for(b"ready")
    terminal.resize(33, 77)
    assert terminal.end().stdout.endswith(b"got it\r\n")


COUNTING = """
import os, signal, sys
count = {}
def note(number, frame):
    count[number] = count.get(number, 0) + 1
    os.write(1, b'got %d\\n' % number)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, note)
os.write(1, b'ready\\n')
sys.stdin.readline()
os.write(1, b'counted %r\\n' % sorted((int(number), times) for number, times in count.items()))
raise SystemExit(5)
"""


def test_ctrl_c_is_the_commands_to_decide(runner: Runner) -> None:
    terminal = Terminal(runner, *python(COUNTING))
    terminal.wait_for(b"ready")
    terminal.type(b"\x03")
    terminal.wait_for(b"got 2")
    terminal.type(b"\n")
    seen = terminal.end()
    assert b"counted [(2, 1)]" in seen.stdout
    assert (seen.exit_code, seen.signal) == (5, None)


def test_ctrl_c_ends_a_command_that_does_not_care(runner: Runner) -> None:
    terminal = Terminal(runner, "sh", "-c", "echo ready; exec sleep 300")
    terminal.wait_for(b"ready")
    terminal.type(b"\x03")
    assert terminal.end().exit_code == 130


ALL_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to us only", "to the group"])
@pytest.mark.parametrize("number", ALL_SIGNALS)
def test_each_signal_reaches_the_command_once(
    runner: Runner, send: Callable[[int, int], None], number: signal.Signals
) -> None:
    process = runner.start(*python(COUNTING), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    send(process.pid, number)
    assert process.stdout.readline() == b"got %d\n" % number
    os.kill(process.pid, signal.SIGUSR2)  # once it is passed on, what became of the first is decided
    assert process.stdout.readline() == b"got %d\n" % signal.SIGUSR2
    process.stdin.write(b"\n")
    process.stdin.flush()
    expected = sorted([(int(number), 1), (int(signal.SIGUSR2), 1)])
    assert process.stdout.read() == f"counted {expected}\n".encode()
    assert process.wait(TIMEOUT) == 5


def test_ignored_signals_stay_ignored_as_under_nohup(runner: Runner) -> None:
    script = "from signal import *; print([getsignal(n).name for n in (SIGHUP, SIGTERM, SIGPIPE)])"
    argv = runner.argv("env", sys.executable, "-I", "-c", script)
    process = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *argv], capture_output=True, timeout=TIMEOUT, check=False
    )
    # Python itself ignores SIGPIPE at its start; the other two are what it inherited.
    assert process.stdout == b"['SIG_IGN', 'SIG_DFL', 'SIG_IGN']\n"


# Starts its arguments as an interactive shell does, and continues them once they are stopped.
SHELL = """
import os, signal, subprocess, sys
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpid())
    os.write(1, b'stopped\\n')
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
os.write(1, b'ended %d\\n' % os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize(
    "stop",
    [None, "os.kill(0, signal.SIGTSTP)", "os.kill(os.getpid(), signal.SIGTSTP)"],
    ids=["ctrl-z", "group", "self"],
)
def test_a_job_is_stopped_and_continued(runner: Runner, stop: str | None) -> None:
    script = (
        f"import os, signal\nprint('ready', flush=True)\n{stop or ''}\n"
        "input()\nprint('went on', os.tcgetpgrp(0) == os.getpgrp())\nraise SystemExit(4)"
    )
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*python(SHELL), *runner.argv(*python(script))],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    runner.started.append(process)
    os.close(slave)
    shown = b""

    def wait_for(text: bytes) -> None:
        nonlocal shown
        while text not in shown:
            assert select.select([master], [], [], TIMEOUT)[0], f"silent after {shown!r}"
            shown += os.read(master, 4096)

    wait_for(b"ready")
    if stop is None:
        os.write(master, b"\x1a")
    wait_for(b"stopped")
    os.write(master, b"\n")
    wait_for(b"ended 4")
    assert b"went on True" in shown
    os.close(master)


def ignore(chunk: bytes) -> None:
    assert chunk


def test_everything_is_as_before_afterwards() -> None:
    def state() -> tuple[list[object], int, list[str]]:
        handlers: list[object] = [signal.getsignal(number) for number in signal.valid_signals()]
        wakeup = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(wakeup)
        return handlers, wakeup, sorted(os.listdir("/dev/fd"))

    before = state()
    assert run_command(python("pass"), on_output=ignore) == CommandResult(0, None)
    assert state() == before
    with pytest.raises(CommandNotFound):
        run_command(["no-such-command"], on_output=ignore)
    assert state() == before


def test_the_environment_is_passed_on() -> None:
    output = bytearray()
    run_command(["sh", "-c", "echo $GITTRACK_TRY"], env={**os.environ, "GITTRACK_TRY": "x"}, on_output=output.extend)
    assert output == b"x\n"


def test_a_callback_that_fails_does_not_harm_the_command() -> None:
    calls = []

    def fail(chunk: bytes) -> None:
        calls.append(chunk)
        raise OSError(errno.ENOSPC, "disk full")

    result = run_command(python("import os\nfor _ in range(9): os.write(1, b'x' * 65536)"), on_output=fail)
    assert (result.exit_code, result.signal) == (0, None)
    assert isinstance(result.fault, OSError)
    assert len(calls) == 1


def test_there_is_a_tick_while_it_runs() -> None:
    started: list[int] = []
    ticks: list[float] = [time.monotonic()]

    def tick() -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 3:
            os.kill(started[0], signal.SIGTERM)

    result = run_command(["sleep", "300"], on_output=ignore, on_start=started.append, on_tick=tick)
    assert result.signal == signal.SIGTERM
    assert ticks[1] - ticks[0] >= 0.9
    assert ticks[2] - ticks[1] >= 0.9


def test_what_cannot_be_run_is_said_in_a_shells_terms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def error(name: str) -> GittrackError:
        with pytest.raises((CommandNotFound, CommandNotExecutable)) as caught:
            run_command([name], on_output=ignore)
        return caught.value

    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("#!/no/such/interpreter\n")
    assert (error("no-such-command").exit_code, str(error("no-such-command"))) == (
        127,
        "no-such-command: command not found; check its name and PATH.",
    )
    assert "write ./train.py" in str(error("train.py"))
    assert (error("./train.py").exit_code, "permission denied" in str(error("./train.py"))) == (126, True)
    assert error(str(tmp_path)).exit_code == 126
    (tmp_path / "train.py").chmod(0o755)
    assert (error("./train.py").exit_code, "interpreter" in str(error("./train.py"))) == (126, True)
    with pytest.raises(UsageError):
        run_command([], on_output=ignore)


def test_a_script_without_interpreter_line_runs_as_in_a_shell(tmp_path: Path) -> None:
    script = tmp_path / "job"
    script.write_text("echo running with $1\n")
    script.chmod(0o755)
    output = bytearray()
    assert run_command([str(script), "lr=0.1"], on_output=output.extend).exit_code == 0
    assert output == b"running with lr=0.1\n"
