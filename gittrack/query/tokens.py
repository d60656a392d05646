"""The words of a filter."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gittrack.query.problem import QueryError

LENGTH_LIMIT: Final = 20_000  # characters of one filter

_PREFIX: Final = r"(?:metrics?|params?|parameters?|tags?|attributes?|attr|run|code|author|inputs?|datasets?)"
# A sign inside of a key is part of it where a letter follows at once that begins no other field: metrics.train/loss,
# params.batch-size; but metrics.a/2 and metrics.a-metrics.b are sums.
_INSIDE: Final = rf"(?:[.:@]\w+|[/-](?!{_PREFIX}\.)[^\W\d]\w*)"
_TOKEN: Final = re.compile(
    rf"""
    (?P<space>\s+)
  | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w))
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
  | (?P<name>[^\W\d]\w*(?:{_INSIDE}|\.(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`))*)
  | (?P<sign><=|>=|!=|<>|==|[=<>+*/(),-])
    """,
    re.VERBOSE,
)
_SEGMENT: Final = re.compile(r"""\.?(?:"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|([^."`]+))""")


class Token(NamedTuple):
    """A word: `kind` is number, text, quoted, name, sign or end; `value` what it says; `column` from 0."""

    kind: str
    value: str
    column: int


def tokens_of(text: str) -> list[Token]:
    """Return the words of `text`, the last one of kind end; QueryError for what cannot begin a word."""
    if len(text) > LENGTH_LIMIT:
        raise QueryError(f"it has {len(text)} characters; at most {LENGTH_LIMIT} are allowed", text[:80], 0)
    found = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise QueryError(_unreadable(text[position]), text, position)
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, _content(kind, match.group()), position))
        position = match.end()
    return [*found, Token("end", "", len(text))]


def segments(name: str) -> list[tuple[str, bool]]:
    """Return the parts of a dotted name, and whether each was quoted."""
    found = []
    for double, back, plain in (match.groups() for match in _SEGMENT.finditer(name)):
        if plain is not None:
            found.append((plain, False))
        else:
            found.append((double.replace('""', '"') if back is None else back.replace("``", "`"), True))
    return found


def _content(kind: str, word: str) -> str:
    if kind == "text":
        return word[1:-1].replace("''", "'")
    if kind == "quoted":
        quote = word[0]
        return word[1:-1].replace(quote * 2, quote)
    return word


def _unreadable(character: str) -> str:
    if character in "'\"`":
        return f"the quote {character} is not closed"
    return f"{character!r} is not expected here; text is put in quotes, as in params.model = 'tree'"
