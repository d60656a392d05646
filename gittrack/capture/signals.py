"""Lets a command receive the signals that were meant for it while gittrack waits for its end."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# By name: Windows loads this file too and has few of them.
_PASSED_ON: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
_STOPPING: Final = ("SIGINT", "SIGTERM", "SIGHUP")
_PATIENCE: Final = 0.2  # seconds for a signalled process to be scheduled and to die, on a busy machine


class GroupWitness:
    """An idle process in our process group: when it dies, the group was signalled and not gittrack alone.

    A terminal, `kill -- -GROUP`, `timeout`, systemd and Slurm signal the command as well as gittrack; a
    plain `kill PID` or a container's stop signals gittrack alone. The kernel does not tell which of them
    it was, and both wrong answers do harm: a second SIGTERM interrupts the checkpoint that the first one
    started, and one that is not passed on leaves the command running.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._died_of: int | None = None
        self._predecessor_died_of: int | None = None
        self._renewed = 0.0

    def start(self) -> None:
        """Start the process, which ends by itself when gittrack does; without it nothing is witnessed."""
        # SIGQUIT would make it dump core into the working directory.
        previous = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(
                ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            )
        except OSError:
            self._process = None
        finally:
            signal.signal(signal.SIGQUIT, previous)
        self._died_of = None

    def saw(self, number: int) -> bool:
        """Tell whether the group received the signal `number` that gittrack has just received."""
        process = self._process
        if process is None or process.stdout is None:
            return number == signal.SIGINT  # nearly always from the terminal
        if number == self._predecessor_died_of and time.monotonic() < self._renewed + _PATIENCE:
            return True  # Slurm signals one process after the other, and not those that came later
        if self._died_of is None and select.select([process.stdout], [], [], _PATIENCE)[0]:
            self._collect(process.pid, 0)
        return self._died_of == number

    def renew(self) -> None:
        """Start another one if this one was killed."""
        if self._process is not None and self._died_of is None:
            self._collect(self._process.pid, os.WNOHANG)
        if self._died_of:
            self._predecessor_died_of = self._died_of
            self._renewed = time.monotonic()
            self.stop()
            self.start()

    def _collect(self, process: int, flags: int) -> None:
        # Not by Popen.wait, which cannot be interrupted by a signal handler that calls it too.
        with suppress(ChildProcessError):
            collected, status = os.waitpid(process, flags)
            if collected:
                self._died_of = os.WTERMSIG(status)  # 0 when it was not a signal

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None and process.stdout is not None:
            process.stdin.close()
            process.stdout.close()
            process.wait()  # Popen copes with its having been collected


@final
class SignalRelay:
    """While it is entered, gittrack survives what stops the command and passes on what only it received.

    Signals that were ignored stay so, for the command inherits that (`nohup`). `wake` becomes readable
    with each signal, also SIGCHLD, so that a selector can wait for them. Only the main thread can set
    handlers: in another one nothing is passed on and `wake` stays silent (`active` is false).
    """

    def __init__(self, on_resize: Callable[[], None]) -> None:
        self._on_resize = on_resize
        self._witness = GroupWitness()
        self._command: int | None = None
        self._early: list[int] = []
        self._previous: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}
        self.active = threading.current_thread() is threading.main_thread()
        self.wake = -1
        self.stopped = False  # whether a signal to stop came

    def __enter__(self) -> SignalRelay:
        self.wake, self._wake_end = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(self._wake_end, False)
        if self.active:
            self._previous_wake = signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
            self._previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _survive)
            self._handle(signal.SIGQUIT, _survive)
            self._handle(signal.SIGCONT, self._continue)
            self._handle(signal.SIGWINCH, self._resize)
            for name in _PASSED_ON:
                self._handle(getattr(signal, name), self._pass_on)
        return self

    def __exit__(self, *_: object) -> None:
        if self.active:
            for number, handler in self._previous.items():
                # None: set by something that is not Python and cannot be had back.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
            signal.set_wakeup_fd(self._previous_wake)
            self._witness.stop()
        os.close(self.wake)
        os.close(self._wake_end)

    def attach(self, command: int) -> None:
        """Pass signals on to the process `command`, first those that came before it was there."""
        self._command = command
        while self._early:
            self._send(self._early.pop(0))
        if self.active:
            self._witness.start()

    def detach(self) -> None:
        """The command has ended and its process id may be another's soon."""
        self._command = None

    def renew(self) -> None:
        """Call it after `wake` became readable."""
        with suppress(BlockingIOError):
            while os.read(self.wake, 4096):
                pass
        self._witness.renew()

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], object]) -> None:
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._previous[number] = signal.signal(number, handler)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self.stopped = self.stopped or signal.Signals(number).name in _STOPPING
        if self._command is None:
            self._early.append(number)
        elif not self._witness.saw(number):
            self._send(number)

    def _continue(self, number: int, _: FrameType | None) -> None:
        self._on_resize()  # a stopped process misses SIGWINCH
        self._send(number)

    def _resize(self, number: int, _: FrameType | None) -> None:
        self._on_resize()
        self._send(number)  # the kernel's own came before the size was there to be read

    def _send(self, number: int) -> None:
        if self._command is not None:
            with suppress(OSError):  # it has just ended, or has become another user's
                os.kill(self._command, number)


def _survive(number: int, frame: FrameType | None) -> None:
    """Do nothing, which unlike SIG_IGN the command does not inherit."""
