"""What a running program is told on standard error, which never stops it."""

from __future__ import annotations

import contextlib
import sys


def warn(sentence: str) -> None:
    """Tell of something that is wrong on stderr; never an exception, whatever the warning filters are."""
    say(f"warning: {sentence}")


def say(sentence: str) -> None:
    """Say something on stderr; never an exception, whatever stderr is."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"gittrack: {sentence}\n")
        sys.stderr.flush()
