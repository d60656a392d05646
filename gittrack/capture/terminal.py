"""Runs a command unchanged and hands on a copy of what it prints."""

from __future__ import annotations

import os
import select
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, ParamSpec

from gittrack.capture.launch import CommandNotExecutable, CommandNotFound, start_process
from gittrack.capture.signals import SignalRelay
from gittrack.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["CommandNotExecutable", "CommandNotFound", "CommandResult", "run_command"]

P = ParamSpec("P")

_STDOUT: Final = 1
_STDERR: Final = 2
_READ: Final = 64 * 1024
_MOST_IN_PIPE: Final = 1024 * 1024  # what a pipe can hold (/proc/sys/fs/pipe-max-size)
_TICK: Final = 1.0
_POLL: Final = 0.05  # between looks at the command where no signal tells of its end
_SILENCE: Final = 0.2  # a background process may keep our pipe open: wait this long for more
_LATEST: Final = 2.0  # and no longer than this, should it go on printing


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended; `fault` is what went wrong around it and was kept away from it.

    `stopped` tells that gittrack itself was sent a signal to stop meanwhile.
    """

    exit_code: int
    signal: int | None
    fault: Exception | None = None
    stopped: bool = False


def run_command(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    on_output: Callable[[bytes], None],
    on_errors: Callable[[bytes], None] | None = None,
    on_start: Callable[[int], None] | None = None,
    on_tick: Callable[[], None] | None = None,
) -> CommandResult:
    """Run `argv` to its end with our own standard streams and return how it ended, as a shell would.

    The command stays in our process group and session and reads our standard input itself. What it
    prints goes to our standard output or error at once, byte for byte, and then to `on_output`;
    `on_errors`, if given, receives standard error where that is not the same file or terminal as
    standard output. Where ours is a terminal the command has one too. `on_start` receives the process
    id, `on_tick` is called about once a second. One of them that raises is not called again: its
    exception becomes the result's `fault`.

    Raises CommandNotFound or CommandNotExecutable when the command cannot be started.
    """
    if not argv:
        raise UsageError("No command was given; write it after `--`.")
    guard = _Guard()
    command = _Command(
        argv=list(argv),
        env=env,
        on_start=guard.wrap(on_start or _nothing),
        on_tick=guard.wrap(on_tick or _nothing),
    )
    on_output = guard.wrap(on_output)
    on_errors = guard.wrap(on_errors) if on_errors else on_output
    if os.name == "nt":
        code = _run_with_threads(command, on_output, on_errors, guard)
    else:
        code = _run_with_selector(command, on_output, on_errors, guard)
    return CommandResult(code if code >= 0 else 128 - code, -code if code < 0 else None, guard.fault, guard.stopped)


@dataclass(frozen=True, slots=True)
class _Command:
    argv: list[str]
    env: Mapping[str, str] | None
    on_start: Callable[[int], None]
    on_tick: Callable[[], None]


class _Guard:
    """Remembers the first fault, so that tracking cannot end the command."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.stopped = False

    def note(self, fault: Exception) -> None:
        self.fault = self.fault or fault

    def wrap(self, function: Callable[P, None]) -> Callable[P, None]:
        works = True

        def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
            nonlocal works
            if works:
                try:
                    function(*args, **kwargs)
                except Exception as fault:  # noqa: BLE001 - the command must not die of what watches it
                    works = False
                    self.note(fault)

        return guarded


def _nothing(*_: object) -> None:
    """Stand in for a function that was not given."""


class _Channel:
    """One output of the command: read from `source`, passed on to `target` and to `copy`."""

    __slots__ = ("_copy", "_guard", "_target", "child_end", "is_terminal", "source")

    def __init__(self, target: int, copy: Callable[[bytes], None], guard: _Guard) -> None:
        self._target = target
        self._copy = copy
        self._guard = guard
        self.source, self.child_end = _open_terminal() if os.isatty(target) else os.pipe()
        self.is_terminal = os.isatty(self.child_end)
        self.follow_size()

    def pump(self) -> int:
        """Pass on what is there, at most 64 KiB; return how much, 0 at the end."""
        try:
            data = os.read(self.source, _READ)
        except OSError:  # Linux reports the end of a pseudo-terminal as EIO
            return 0
        if not data:
            return 0
        # Kept first: what somebody has seen is on disk, also after a kill.
        self._copy(data)
        return len(data) if _pass_on(data, self._target, self._guard) else 0

    def follow_size(self) -> None:
        if self.is_terminal:
            import fcntl
            import termios

            try:
                size = fcntl.ioctl(self._target, termios.TIOCGWINSZ, bytes(8))
                fcntl.ioctl(self.source, termios.TIOCSWINSZ, size)
            except OSError:
                pass  # ours or the command's was closed: nobody is left to see a size

    def close_child_end(self) -> None:
        os.close(self.child_end)

    def close(self) -> None:
        os.close(self.source)


def _open_terminal() -> tuple[int, int]:
    """Return both ends of a pseudo-terminal that changes no byte: ours already turns LF into CR LF."""
    import termios

    try:
        ours, theirs = os.openpty()
    except OSError:  # the system has none left, or none at all (a bare container)
        return os.pipe()
    attributes = termios.tcgetattr(theirs)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    return ours, theirs


def _pass_on(data: bytes, target: int, guard: _Guard) -> bool:
    """Write all of `data`; False when nobody reads it any more, which the command shall notice too."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:  # somebody who shares our standard output has made it non-blocking
            select.select([], [target], [])
        except BrokenPipeError:
            return False
        except OSError as fault:
            guard.note(fault)
            return False
    return True


def _run_with_selector(
    command: _Command, on_output: Callable[[bytes], None], on_errors: Callable[[bytes], None], guard: _Guard
) -> int:
    _occupy_standard_streams()
    output = _Channel(_STDOUT, on_output, guard)
    # Through one pipe the two keep their order, as they would in the one file or terminal.
    errors = output if _same_file(_STDOUT, _STDERR) else _Channel(_STDERR, on_errors, guard)
    channels = [output] if errors is output else [output, errors]

    def follow_size() -> None:
        for channel in channels:
            channel.follow_size()

    with SignalRelay(follow_size) as relay:
        try:
            process = start_process(command.argv, command.env, output.child_end, errors.child_end)
        except BaseException:
            for channel in channels:
                channel.close()
            raise
        finally:
            for channel in channels:
                channel.close_child_end()
        relay.attach(process.pid)
        command.on_start(process.pid)
        code = _Watch(process, channels, relay, command.on_tick).run()
    guard.stopped = relay.stopped
    return code


class _Watch:
    """Waits for a command and its output at once."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        channels: list[_Channel],
        relay: SignalRelay,
        on_tick: Callable[[], None],
    ) -> None:
        self._process = process
        self._relay = relay
        self._on_tick = on_tick
        self._next_tick = time.monotonic() + _TICK
        self._open = set(channels)
        self._selector = selectors.DefaultSelector()
        self._selector.register(relay.wake, selectors.EVENT_READ)
        for channel in channels:
            self._selector.register(channel.source, selectors.EVENT_READ, channel)

    def run(self) -> int:
        """Return the exit code once the command has ended and its output is passed on."""
        try:
            while not self._ended():
                self._step(self._patience())
                self._tick()
            self._relay.detach()
            self._take_what_is_left()
        finally:
            for channel in tuple(self._open):
                self._close(channel)
            self._selector.close()
        assert self._process.returncode is not None
        return self._process.returncode

    def _patience(self) -> float:
        left = max(0.0, self._next_tick - time.monotonic())
        return left if self._relay.active else min(left, _POLL)

    def _tick(self) -> None:
        if time.monotonic() >= self._next_tick:
            self._next_tick = time.monotonic() + _TICK
            self._on_tick()

    def _step(self, timeout: float) -> bool:
        """Wait for signals and output and handle them; tell whether there were any."""
        ready = self._selector.select(timeout)
        for key, _ in ready:
            if not isinstance(key.data, _Channel):
                self._relay.renew()
            elif not key.data.pump():
                self._close(key.data)
        return bool(ready)

    def _close(self, channel: _Channel) -> None:
        self._selector.unregister(channel.source)
        self._open.discard(channel)
        channel.close()

    def _ended(self) -> bool:
        try:
            pid, status = os.waitpid(self._process.pid, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:  # somebody else has collected it; Popen knows what to make of that
            return self._process.poll() is not None
        if pid == 0:
            return False
        if os.WIFSTOPPED(status):
            _stop_too(os.WSTOPSIG(status))
            return False
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return True

    def _take_what_is_left(self) -> None:
        """Read all that the command can have left, then wait a little for what it started."""
        for channel in tuple(self._open):
            left = _MOST_IN_PIPE
            while left > 0 and select.select([channel.source], [], [], 0)[0]:
                count = channel.pump()
                left -= count
                if not count:
                    self._close(channel)
                    break
        latest = time.monotonic() + _LATEST
        while self._open and time.monotonic() < latest and self._step(_SILENCE):
            pass


def _stop_too(number: int) -> None:
    """Follow a command that suspended itself alone (as an editor may), or its shell would never know."""
    try:
        foreground = os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # no terminal, so no job control
        return
    if number == signal.SIGTSTP and foreground:
        os.kill(os.getpid(), signal.SIGTSTP)


def _same_file(one: int, other: int) -> bool:
    return os.path.samestat(os.fstat(one), os.fstat(other))


def _occupy_standard_streams() -> None:
    """Put the null device where a standard stream is closed, or the next pipe would become one of them."""
    file = os.open(os.devnull, os.O_RDWR)
    while file <= _STDERR:
        file = os.open(os.devnull, os.O_RDWR)
    os.close(file)


def _run_with_threads(
    command: _Command, on_output: Callable[[bytes], None], on_errors: Callable[[bytes], None], guard: _Guard
) -> int:
    """Run where pipes cannot be selected and there are no such terminals: on Windows."""
    # Ctrl-C reaches the command through the console; what it means is the command's to decide.
    previous = signal.signal(signal.SIGINT, _nothing)
    try:
        process = start_process(command.argv, command.env, subprocess.PIPE, subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        lock = threading.Lock()
        pumps = (
            _Pump(process.stdout, _STDOUT, on_output, lock, guard),
            _Pump(process.stderr, _STDERR, on_errors, lock, guard),
        )
        command.on_start(process.pid)
        for pump in pumps:
            pump.start()
        while process.poll() is None:
            try:
                process.wait(_TICK)
            except subprocess.TimeoutExpired:
                with lock:
                    command.on_tick()
        for pump in pumps:
            pump.finish()
        return process.returncode
    finally:
        signal.signal(signal.SIGINT, previous)


class _Pump(threading.Thread):
    """Passes one output of the command on, in a thread of its own."""

    def __init__(
        self,
        source: IO[bytes],
        target: int,
        copy: Callable[[bytes], None],
        lock: threading.Lock,
        guard: _Guard,
    ) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._target = target
        self._copy: Callable[[bytes], None] | None = copy
        self._lock = lock
        self._guard = guard

    def run(self) -> None:
        with self._source:
            while data := os.read(self._source.fileno(), _READ):
                with self._lock:
                    if self._copy is not None:
                        self._copy(data)
                if not _pass_on(data, self._target, self._guard):
                    break

    def finish(self) -> None:
        """Wait for the end of the output, though not for a background process that keeps it open."""
        self.join(_LATEST)
        with self._lock:
            self._copy = None
