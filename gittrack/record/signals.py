"""SIGTERM ends the running runs as killed; the script's own handler, where there is one, stays in force."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


_watched: list[int] = []


def watch_signals(interrupt: Callable[[], None]) -> None:
    """Have `interrupt` called when SIGTERM or SIGHUP is about to kill this process.

    Only where the signal would kill: a handler of the script's own decides for itself, also one that
    it sets later. SIGINT needs nothing: it arrives as KeyboardInterrupt. Python handles signals in the
    main thread and lets only that one set handlers: a run that another thread starts is found crashed.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _killer(interrupt))
            _watched.append(number)


def unwatch_signals() -> None:
    """Give the signals back, in a forked child: what ends a worker must end it at once, as without us."""
    if threading.current_thread() is threading.main_thread():
        for number in _watched:
            if getattr(signal.getsignal(number), "__module__", "") == __name__:
                signal.signal(number, signal.SIG_DFL)
    _watched.clear()


def _killer(interrupt: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, _frame: FrameType | None) -> None:
        # Put back first: a second signal kills at once, whatever the first is still doing.
        signal.signal(number, signal.SIG_DFL)
        interrupt()
        os.kill(os.getpid(), number)

    return handle
