"""Credentials of a known form in files that are no text: pickles, databases, arrays of strings."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from gittrack.capture.secret_shapes import credentials_within
from gittrack.capture.secret_values import is_example, looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD: Final = 8000  # bytes
_LEAST: Final = 20  # characters: no credential is shorter
_MOST: Final = 4000  # characters; a longer run is data
_TO_RUNS: Final = bytes(
    97 if (chr(code).isalnum() and code < 128) or code in b"_-.~:=+/" else 0 if code == 0 else 32 for code in range(256)
)
_COMPILED: Final = re.compile(r".{0,3}_?Z[A-Z0-9]")  # a compiler's name of a C++ function: _Z17highs_setBasis…
# One byte a character, or two or four as UTF-16 and numpy have them.
_RUNS: Final = tuple(
    (size, (b"a" + bytes(size - 1)) * _LEAST, re.compile(rb"(?:a\0{%d})+" % (size - 1))) for size in (1, 2, 4)
)


def as_utf8(data: bytes) -> bytes:
    """Return `data` in UTF-8 where it is UTF-16, by its first bytes or by a zero in each second one."""
    name = _utf16(data)
    return data if name is None else data.decode(name, "replace").encode("utf-8", "replace")


def _utf16(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = data[:_HEAD]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not head or max(even, odd) < 0.4 * len(head) or min(even, odd) > 0:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def credential_in(data: bytes, known: bytes) -> int | None:
    """Return where in `data` the first run of characters begins in which a credential stands that `known` has not."""
    for place, text in _runs(data):
        for start, found in credentials_within(text):
            if _is_one(text, start, found) and found.encode() not in known:
                return place
    return None


def _is_one(text: str, start: int, found: str) -> bool:
    """A letter before it may be its length, as a pickle has it, or the end of what comes before it in a database."""
    own = start <= 1 or not (text[start - 1].isalnum() or text[start - 1] == "_")
    return not is_example(found) and (own or (_looks_made(found) and not _COMPILED.match(text)))


def _looks_made(found: str) -> bool:
    return looks_secret(found) or (found.isupper() and any(map(str.isdigit, found)) and len(set(found)) > 8)


def _runs(data: bytes) -> Iterator[tuple[int, str]]:
    """Each run of the characters of which credentials are made, with where it begins."""
    marks = data.translate(_TO_RUNS)
    for size, least, run in _RUNS:
        place = marks.find(least)
        while place >= 0:
            found = run.match(marks, place)
            end = place + len(least) if found is None else found.end()
            if end - place <= _MOST * size:
                yield place, data[place:end:size].decode("ascii")
            place = marks.find(least, end)
