"""`gittrack log --follow`: a table that is redrawn in place, or, where nobody looks, a line for each start and end."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Final, NoReturn

from gittrack.catalog import open_catalog
from gittrack.cli.listing import brief
from gittrack.cli.render import fit, screen
from gittrack.cli.report import table
from gittrack.cli.source import tell_problems
from gittrack.cli.wording import counted
from gittrack.model import RUNNING
from gittrack.project import open_project
from gittrack.trace.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from gittrack.cli.columns import Named
    from gittrack.cli.render import Ink, Screen
    from gittrack.cli.selection import Selection
    from gittrack.model import Run

_EVERY: Final = 1.0  # second
_SHARE: Final = 50  # of what a look took it waits that many times, and so takes 2 % of a processor at most
_ENTER: Final = "\x1b[?1049h\x1b[?25l"  # another screen, without a cursor
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"


def follow(selection: Selection, count: int | None, columns: Sequence[Named], page: Screen) -> NoReturn:
    """Show what runs, start and end, until somebody interrupts it."""
    watch = Watch(open_project())
    watch.changed()
    if page.terminal:
        _draw_on(selection, count, columns, page.ink, watch)
    _print_on(selection, count, page.ink, watch)


# Off a terminal


def _print_on(selection: Selection, count: int | None, ink: Ink, watch: Watch) -> NoReturn:
    seen: dict[str, str] = {}
    wait = _print_new(selection, count, ink, seen)
    while True:
        time.sleep(wait)
        wait = _print_new(selection, None, ink, seen) if watch.changed() else _EVERY


def _print_new(selection: Selection, count: int | None, ink: Ink, seen: dict[str, str]) -> float:
    """Print the runs that are new, or have ended, oldest first, of all at most `count`; return how long to wait."""
    began = time.process_time()
    with open_catalog() as catalog:
        if not seen:
            tell_problems(catalog)
        hits = [hit for hit in catalog.hits(selection.query(catalog)) if seen.get(hit.id, RUNNING) == RUNNING]
        shown = sorted(hits[:count], key=lambda hit: hit.start)
        seen |= {hit.id: "" for hit in hits[len(shown) :]}
        for run in catalog.documents(shown):
            if seen.get(run.id) != run.status:
                seen[run.id] = run.status
                _write(f"{brief(run, ink)}\n")
    return max(_EVERY, _SHARE * (time.process_time() - began))


# On a terminal


def _draw_on(selection: Selection, count: int | None, columns: Sequence[Named], ink: Ink, watch: Watch) -> NoReturn:
    runs, cost = _read(selection, count)
    drawn: list[str] = []
    try:
        with _screen() as pause:
            while True:
                began = time.process_time()
                lines = _lines(runs, columns, ink)
                if lines != drawn:
                    drawn = lines
                    _write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
                cost += time.process_time() - began
                if pause(max(_EVERY, _SHARE * cost)):
                    drawn = []  # resized, or back again: all of it is drawn anew
                cost = 0.0
                if watch.changed():
                    runs, cost = _read(selection, count)
    finally:
        with suppress(OSError):  # the terminal is gone
            _write("".join(f"{line}\n" for line in _lines(runs, columns, ink)[:-1]))


def _read(selection: Selection, count: int | None) -> tuple[list[Run], float]:
    """The runs, and the time of the processor that it took to read them."""
    began = time.process_time()
    with open_catalog() as catalog:
        # No terminal shows more.
        most = 1000 if count is None else count
        found = list(catalog.search(selection.query(catalog, limit=most)))
    return found, time.process_time() - began


def _lines(runs: Sequence[Run], columns: Sequence[Named], ink: Ink) -> list[str]:
    """What fits the terminal, as it is now."""
    size = os.get_terminal_size(sys.stdout.fileno())
    # One that nobody gave a size to, as over some serial lines, says that it has none.
    width, rows = size.columns or 80, max(size.lines or 24, 4)
    page = screen()._replace(width=width, ink=ink)
    shown = runs[: rows - 3]
    lines = list(islice(table(shown, page, columns).lines, rows - 2)) if shown else ["no run matches yet"]
    running = sum(run.status == RUNNING for run in runs)
    return [*lines, ink.quiet(fit(f"({counted(running, 'run')} running; ^C ends this)", width))]


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[Callable[[float], bool]]:
    """A screen of its own, and what waits so many seconds there, or until it has to be drawn anew: then it is True."""
    with ExitStack() as stack:
        woken, wake = socket.socketpair()
        stack.callback(woken.close)
        stack.callback(wake.close)
        wake.settimeout(0)
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False))
        for number, handler in _HANDLERS.items():
            stack.callback(signal.signal, number, signal.signal(number, handler))
        stack.callback(_write, _LEAVE)
        _write(_ENTER)

        def pause(seconds: float) -> bool:
            ready, _, _ = select.select([woken], [], [], seconds)
            return bool(ready and woken.recv(1024))

        yield pause


def _nothing(_: int, __: FrameType | None) -> None:
    """That it came is all: it ends the pause."""


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _stop(number: int, _: FrameType | None) -> None:
    """Give the terminal back while this process is stopped, as by ^Z."""
    _write(_LEAVE)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.signal(number, _stop)
    _write(_ENTER)


_HANDLERS: Final = {
    getattr(signal, name): handler
    for name, handler in {"SIGWINCH": _nothing, "SIGTERM": _end, "SIGHUP": _end, "SIGTSTP": _stop}.items()
    if hasattr(signal, name)
}
