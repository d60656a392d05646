"""What somebody typed to mean one run, and the sentences for when it means none or several."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.errors import RunNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.read.index import Named

PREFIX_LENGTH: Final = 4
CANDIDATES: Final = 5
_LATEST = re.compile(r"latest(?:~(\d{0,9}))?")
_HEXADECIMAL = re.compile(r"[0-9a-f]{1,32}")


@dataclass(frozen=True, slots=True)
class Specifier:
    """A RUN as it was typed: `back` from the newest for latest~N, `prefix` where it may start an id."""

    text: str
    back: int | None = None
    prefix: str | None = None


def parse_specifier(text: str) -> Specifier:
    """Return what `text` may mean; RunNotFound when it is empty."""
    text = text.strip()
    if not text:
        raise RunNotFound("an empty text means no run; give an id, a name or 'latest'")
    latest = _LATEST.fullmatch(text)
    if latest:
        steps = latest[1]
        return Specifier(text, back=0 if steps is None else int(steps or 1))
    prefix = text.lower()
    is_prefix = len(prefix) >= PREFIX_LENGTH and _HEXADECIMAL.fullmatch(prefix)
    return Specifier(text, prefix=prefix if is_prefix else None)


def unknown(text: str, runs: Sequence[Named]) -> RunNotFound:
    """Return the error for a text that no run answers to; `runs` are those to suggest from."""
    if not runs:
        return RunNotFound(f"no run answers to {text!r:.80}: there are no runs here yet")
    if len(text) < PREFIX_LENGTH and _HEXADECIMAL.fullmatch(text.lower()):
        return RunNotFound(f"{text!r} is too short; give at least {PREFIX_LENGTH} characters of an id, or a name")
    nearest = _nearest(text, runs)
    hint = f"did you mean {_shown(nearest)}?" if nearest else "'gittrack log' lists them"
    return RunNotFound(f"no run answers to {text!r:.80}; {hint}")


def _nearest(text: str, runs: Sequence[Named]) -> str | None:
    from difflib import get_close_matches

    words = dict.fromkeys(run.name for run in runs)
    if _HEXADECIMAL.fullmatch(text.lower()):
        words |= dict.fromkeys(run.id[: max(len(text), 8)] for run in runs)
    close = get_close_matches(text, words, n=1)
    return close[0] if close else None


def unknown_key(what: str, key: str, known: Sequence[str]) -> str:
    """Return the sentence on a metric, param or tag that no run has; `known` are those that there are."""
    from difflib import get_close_matches

    close = get_close_matches(key, known, n=1)
    listed = ", ".join(map(_shown, known[:8])) + (", …" if len(known) > 8 else "")
    near = f"did you mean {_shown(close[0])}?" if close else f"there are {listed}" if known else "there are none"
    return f"no run has {what}.{_shown(key[:80])}; {near}"


def ambiguous(text: str, runs: Iterable[Named]) -> RunNotFound:
    """Return the error for a text that several runs answer to."""
    found = list(runs)
    shown = ", ".join(f"{run.id[:8]} {_shown(run.name)}" for run in found[:CANDIDATES])
    more = ", …" if len(found) > CANDIDATES else ""
    return RunNotFound(f"{text!r:.80} means several runs: {shown}{more}; give the id of one")


def _shown(name: str) -> str:
    # Names come from other people's clones, and errors go to a terminal.
    return name if name.isprintable() else repr(name)


def too_far_back(text: str, count: int) -> RunNotFound:
    """Return the error for latest~N where there are only `count` runs."""
    if count == 0:
        return RunNotFound(f"{text!r} means no run: there are no runs here yet")
    runs = "is only 1 run" if count == 1 else f"are only {count} runs"
    return RunNotFound(f"{text!r} goes back too far: there {runs} here")
