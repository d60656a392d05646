"""From the name of a hook to an exit code: a refusal is 10, and whatever is wrong with gittrack itself stops no git."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from gittrack.errors import EXIT_REFUSED, GittrackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Protocol

    from gittrack.project import Project

    class Hook(Protocol):
        """What each of the modules has that do what a hook is there for."""

        def idle(self, arguments: Sequence[str]) -> bool:
            """Tell, without opening anything, whether there is nothing to do."""

        def run(self, project: Project, arguments: Sequence[str], lines: Iterable[str]) -> str | None:
            """Do it; return a sentence, None where there is nothing to be said. `lines` is what git hands over."""


SWITCH: Final = "GITTRACK_HOOKS"  # 0 in the environment: no hook does anything
# Those that git has, by their names; each is a module of this package, imported when it is called.
HOOKS: Final = (
    "post-checkout",
    "post-commit",
    "post-merge",
    "post-rewrite",
    "pre-push",
    "pre-receive",
    "prepare-commit-msg",
)
# It guards another repository, where the pusher's wishes count for nothing.
_ALWAYS: Final = ("pre-receive",)
_LONGEST: Final = 1000  # characters of a sentence


class Refusal(GittrackError):
    """What git was about to do must not happen; the message says what, and what to do instead."""


def main(words: Sequence[str]) -> int:
    """Do what the hook `words[0]` is there for, with git's arguments and input, and return the exit code."""
    name, *arguments = words or ("",)
    if os.environ.get(SWITCH) == "0" and name not in _ALWAYS:
        return 0
    try:
        told = _done(name, arguments)
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


def _done(name: str, arguments: Sequence[str]) -> str | None:
    from importlib import import_module

    if name not in HOOKS:
        raise GittrackError(f"gittrack has nothing to do for it, but for {', '.join(HOOKS)}")
    hook: Hook = import_module(f"gittrack.hooks.{name.replace('-', '_')}")
    if hook.idle(arguments):
        return None
    from gittrack.project import open_project

    project = open_project()
    return hook.run(project, arguments, _lines()) if project.settings.flag("gittrack.hooks", default=True) else None


def _lines() -> Iterator[str]:
    """What git hands over; a ref may be named in bytes that are no UTF-8."""
    if sys.stdin is not None:
        yield from map(os.fsdecode, sys.stdin.buffer)


def _say(sentence: str) -> None:
    """One line on standard error; git shows it, and a host hands it on to whoever pushed."""
    line = "".join(char if char.isprintable() else " " for char in sentence)[:_LONGEST]
    try:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the one place of a hook that does
    except (OSError, ValueError):
        return  # nobody listens
