"""How far a long work is: a bar on one line of the terminal, which is gone when the work is done."""

from __future__ import annotations

import sys
import time
from typing import final

_AFTER = 0.5  # seconds; what is over in a moment needs no counter
_EVERY = 0.1
_WIDTH = 20  # characters of the bar


@final
class Counter:
    """Call it with what is done and what there is in all; it shows nothing where stderr is no terminal."""

    def __init__(self, what: str, *, sizes: bool = False) -> None:
        """Tell of `what`, in bytes with `sizes`."""
        self._what = what
        self._sizes = sizes
        self._begun = time.monotonic()
        self._shown = 0.0
        self._wanted = sys.stderr.isatty()

    def __enter__(self) -> Counter:
        return self

    def __exit__(self, *error: object) -> None:
        self.clear()

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if self._wanted and now - self._begun > _AFTER and now - self._shown > _EVERY:
            self._shown = now
            of = "" if total is None else f" of {self._number(total)}"
            sys.stderr.write(f"\r{self._what}: {_bar(done, total)}{self._number(done)}{of}\x1b[K")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = 0.0
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _number(self, count: int) -> str:
        from gittrack.cli.wording import size  # only where something is shown

        return size(count) if self._sizes else str(count)


def _bar(done: int, total: int | None) -> str:
    """A bar as full as the work is done; none where nobody knows how much there is."""
    if not total:
        return ""
    full = _WIDTH * min(done, total) // total
    return f"[{'#' * full}{'.' * (_WIDTH - full)}] "
