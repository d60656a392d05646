"""From the name of a hook to an exit code: a refusal is 10, and whatever is wrong with gittrack itself stops no git."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from gittrack.errors import EXIT_REFUSED, GittrackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SWITCH: Final = "GITTRACK_HOOKS"  # 0 in the environment: no hook does anything
_HOOKS: Final = {"post-rewrite": "post_rewrite"}  # name -> module of this package, imported when it is called
_LONGEST: Final = 1000  # characters of a sentence


class Refusal(GittrackError):
    """What git was about to do must not happen; the message says what, and what to do instead."""


def main(words: Sequence[str]) -> int:
    """Do what the hook `words[0]` is there for, with git's arguments and input, and return the exit code."""
    name, *arguments = words or ("",)
    if os.environ.get(SWITCH) == "0":
        return 0
    try:
        if name not in _HOOKS:
            raise GittrackError(f"gittrack has nothing to do for it, but for {', '.join(_HOOKS)}")  # noqa: TRY301
        told = _call(_HOOKS[name], arguments, _lines())
    except Refusal as refusal:
        _say(f"gittrack: refused: {refusal}")
        return EXIT_REFUSED
    except GittrackError as error:
        told = f"{name or 'no hook'}: {error}"
    except KeyboardInterrupt:
        return 0
    except Exception as error:  # noqa: BLE001 - of a bug in here git and its user must not suffer
        told = f"the hook {name} failed and was passed over: {type(error).__name__}: {error}"
    if told:
        _say(f"gittrack: {told}")
    return 0


def _lines() -> Iterator[str]:
    """What git hands over; a ref may be named in bytes that are no UTF-8."""
    if sys.stdin is not None:
        yield from map(os.fsdecode, sys.stdin.buffer)


def _call(module: str, arguments: Sequence[str], lines: Iterable[str]) -> str | None:
    from importlib import import_module

    told: str | None = import_module(f"gittrack.hooks.{module}").run(arguments, lines)
    return told


def _say(sentence: str) -> None:
    """One line on standard error; git shows it, and a host hands it on to whoever pushed."""
    line = "".join(char if char.isprintable() else " " for char in sentence)[:_LONGEST]
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the one place of a hook that does
    except (OSError, ValueError):
        return  # nobody listens
