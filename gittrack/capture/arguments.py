"""The params that stand in a command's own arguments, and the file or module that the command runs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from gittrack.capture.command import find_entry, looks_like_script
from gittrack.capture.lazy import Lazy
from gittrack.capture.redact import redact_arguments
from gittrack.capture.scalars import as_number, typed_value
from gittrack.values import KEY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gittrack.model import Value

__all__ = ["entry_in", "entry_of", "params_from_arguments", "typed_value"]

_NEGATIVE = Lazy(r"-(?:[0-9.]|inf)")
_OPTION = Lazy(r"--?([^\W\d][\w.\-/@]*)(?:=(.*))?", re.DOTALL)
_ATTACHED = Lazy(r"-([A-Za-z])(-?[0-9][0-9.eE+-]*)")
_OVERRIDE = Lazy(r"\+{0,2}([^\W\d][\w.\-/@]*)=(.*)", re.DOTALL)


def params_from_arguments(argv: Sequence[str]) -> dict[str, Value]:
    """Return the params in the words behind the entry file (or behind argv[0] when there is none).

    `--name value`, `--name=value`, `-b 32`, `-b32` and `name=value` (Hydra, also with + or ++) are read;
    an option without a value is True, `--no-cache` gives `no_cache: True`; `--` ends the options. Dashes
    in names become underscores. Several numbers behind an option, and a repeated option, give a list.
    Values are ints, floats, true and false where that is beyond doubt, else text ('007', '1_000', 'none').
    Secrets are `[redacted]`. Words that belong to no name are not params.
    """
    start = find_entry(argv).rest
    words = [_printable(word) for word in redact_arguments(argv)[start:]]
    params: dict[str, Value] = {}
    at = 0
    while at < len(words) and words[at] != "--":
        at = _take(params, words, at)
    return params


def _take(params: dict[str, Value], words: Sequence[str], at: int) -> int:
    """Read the option or override at `at`; return the place of the next word to look at."""
    word = words[at]
    override = _OVERRIDE.re.fullmatch(word)
    if override is not None:
        _add(params, override[1], [typed_value(override[2])])
        return at + 1
    attached = _ATTACHED.re.fullmatch(word)
    if attached is not None and (number := as_number(attached[2])) is not None:
        _add(params, attached[1], [number])
        return at + 1
    option = None if _NEGATIVE.re.match(word) else _OPTION.re.fullmatch(word)
    if option is None:
        return at + 1
    if option[2] is not None:
        _add(params, option[1], [typed_value(option[2])])
        return at + 1
    end = at + 1
    if end < len(words) and _is_value(words[end]):
        end += 1
        if as_number(words[at + 1]) is not None:
            while end < len(words) and as_number(words[end]) is not None:
                end += 1
    _add(params, option[1], [typed_value(w) for w in words[at + 1 : end]] or [True])
    return end


def _is_value(word: str) -> bool:
    if word.startswith("-") and len(word) > 1:
        return as_number(word) is not None
    return _OVERRIDE.re.fullmatch(word) is None


def _add(params: dict[str, Value], name: str, values: Sequence[Value]) -> None:
    name = name.replace("-", "_")
    if len(name) > KEY_LIMIT:
        return
    if name in params:
        present = params[name]
        if not isinstance(present, list):
            present = params[name] = [present]
        present.extend(values)
    else:
        params[name] = list(values) if len(values) > 1 else values[0]


def _printable(word: str) -> str:
    """`word` as UTF-8 can write it: an argument may be any bytes."""
    try:
        raw = word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # Windows lets halves of UTF-16 pairs through
        raw = word.encode("utf-8", "surrogatepass")
    return raw.decode("utf-8", "replace")


def entry_of(argv: Sequence[str], cwd: str, *, is_file: Callable[[str], bool] = os.path.isfile) -> str | None:
    """Return the script file (as it was written) or the module behind `-m` that a command runs.

    Where several words could be the script, one that is a file below `cwd` is preferred. None for
    `python -c`, an interactive session and a program that is no script.
    """
    if not argv:
        return None
    name = find_entry(argv, lambda word: is_file(os.path.join(cwd, word))).name
    if name is not None and os.path.isabs(name) and not looks_like_script(name):
        return None if _is_program(name) else name
    return name


def entry_in(top: str, directory: str, entry: str) -> str:
    """Return a script below `top` that was written by its absolute path relative to `directory`, a path from `top`.

    So it is found in another clone. One from elsewhere, and a module, stays as it was written.
    """
    if not os.path.isabs(entry):
        return entry
    places = (os.path.normpath(entry), os.path.join(os.path.realpath(os.path.dirname(entry)), os.path.basename(entry)))
    found = next((place for place in places if place.startswith(os.path.join(top, ""))), None)
    return entry if found is None else os.path.relpath(found, os.path.join(top, directory)).replace(os.sep, "/")


def _is_program(path: str) -> bool:
    """Whether a file without a script's ending lies where programs are installed (/usr/bin/pytest)."""
    return os.path.basename(os.path.dirname(path)).lower() in ("bin", "sbin", "scripts")
