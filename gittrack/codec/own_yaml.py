"""Reads the YAML that gittrack itself writes, several times as fast as PyYAML, and leaves all other YAML to PyYAML.

What is read here equals what PyYAML's safe loader makes of it, types and float bits included; where that is not
certain the text is refused. A line is `key: value`, `key:` with deeper lines or a list after it, or `- ` and one of
these or a value; a value is a scalar on one line, or a list or mapping of scalars in brackets.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.model import Scalar

_LARGEST: Final = 16 << 20  # bytes; the reader of all YAML has its own limit
_KEPT: Final = 4096  # scalars, most of which come again in the next run

# Indent, dash, key, value, or what follows a dash without a key. The indent bounds the depth.
_LINE: Final = re.compile(
    r"^( {0,80})(- )?(?:([A-Za-z_/][^ :#\n]*(?: [^ :#\n]+)*|'[^'\n]*'):(?: (.+))?|(?<=- )(.+))\n", re.MULTILINE
)
_SCALAR: Final = r"'(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\"|[^'\",\[\]{}:?# ][^,\[\]{}:?#]*"
_ITEM: Final = re.compile(rf"({_SCALAR})(?:, |\Z)")
_PAIR: Final = re.compile(rf"([A-Za-z_][\w.-]*): ({_SCALAR})(?:, |\Z)")

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,299})")
_FLOAT: Final = re.compile(r"-?[0-9]{1,300}\.[0-9]{1,300}(?:e[-+][0-9]{1,4})?")
_SINGLE: Final = re.compile(r"'(?:[^']|'')*'")
_DOUBLE: Final = re.compile(
    r'"(?:[^"\\]|\\(?:[entr"\\]|x[0-9A-F]{2}|u(?:[0-9A-CEF][0-9A-F]{3}|D[0-7][0-9A-F]{2})|U0001[0-9A-F]{4}))*"'
)
_ESCAPE: Final = re.compile(r"\\(?:x(..)|u(....)|U(.{8})|(.))")
_ESCAPES: Final = {"e": "\x1b", "n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
# Text without quotes, in a line of its own: no ': ', no ' #', no space at its end.
_PLAIN: Final = re.compile(r"(?:[\w./+($\\~^;]|-(?=[\w./-]))(?:[^ :#]|:(?=[^ ])|(?<! )#| +(?=[^ #]))*")
# What has no quotes and may be a number or a time to YAML 1.1; more than is one, for the sake of a short expression.
_NO_TEXT: Final = re.compile(
    r"[-+]?(?:[0-9_:]*\.?[0-9_]*(?:[eE][-+]?[0-9]+)?|0b[01_]+|0x[0-9a-fA-F_]+|\.[a-zA-Z]+)|[0-9]{4}-[0-9].*"
)
_WORDS: Final = frozenset(
    "~ yes Yes YES no No NO true True TRUE false False FALSE on On ON off Off OFF null Null NULL".split()
)
_CONSTANTS: Final[dict[str, Scalar]] = {
    "null": None,
    "true": True,
    "false": False,
    ".inf": math.inf,
    "-.inf": -math.inf,
    ".": ".",  # the directory of most runs
    ".nan": -math.inf / math.inf,  # as PyYAML makes it, sign bit and all
}


class _OtherYamlError(Exception):
    """Not the YAML that is read here."""


def read_yaml(data: bytes, name: str) -> object:
    """Return what the YAML file `name` holds; DamagedRecord when it is no YAML of plain values."""
    own = read_own_yaml(data)
    if own is not None:
        return own
    from gittrack.codec.text import from_yaml  # PyYAML costs 10 ms

    return from_yaml(data, name)


def read_own_yaml(data: bytes) -> dict[str, object] | None:
    """Return the mapping in `data`, None where it may be anything but what gittrack writes."""
    if len(data) > _LARGEST or not data.endswith(b"\n"):
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    lines = _LINE.findall(text)
    # What cannot be printed may be a break of lines that is no \n, or what YAML does not allow.
    if len(lines) != text.count("\n") or not text.replace("\n", "").isprintable():
        return None
    try:
        return _Lines(lines).whole()
    except _OtherYamlError:
        return None


class _Lines:
    """The lines of a text, taken apart, and the place of the next one."""

    __slots__ = ("_lines", "_next")

    def __init__(self, lines: list[tuple[str, str, str, str, str]]) -> None:
        self._lines = [*lines, ("", "", "", "", "")]  # the end, which is no line of a mapping or list
        self._next = 0

    def whole(self) -> dict[str, object]:
        """The mapping that all lines together are."""
        found = self._mapping(0)
        if self._next != len(self._lines) - 1:
            _refuse()
        return found

    def _mapping(self, indent: int) -> dict[str, object]:
        """The mapping whose keys stand after `indent` spaces."""
        found: dict[str, object] = {}
        lines = self._lines
        while True:
            spaces, dash, key, value, _ = lines[self._next]
            if not key or dash or len(spaces) != indent:
                return found
            self._next += 1
            found[_key(key)] = _value(value) if value else self._nested(indent)

    def _nested(self, indent: int) -> object:
        """What follows a line that ends with its key."""
        spaces, dash = self._lines[self._next][:2]
        if dash and len(spaces) == indent:
            return self._sequence(indent)
        if dash or len(spaces) <= indent:
            _refuse()
        return self._mapping(len(spaces))

    def _sequence(self, indent: int) -> list[object]:
        """The list whose dashes stand after `indent` spaces."""
        found: list[object] = []
        while True:
            spaces, dash, key, value, item = self._lines[self._next]
            if not dash or len(spaces) != indent:
                return found
            if key:
                self._lines[self._next] = (f"{spaces}  ", "", key, value, "")
                found.append(self._mapping(indent + 2))
            else:
                self._next += 1
                found.append(_value(item))


def _refuse() -> NoReturn:
    raise _OtherYamlError


def _value(text: str) -> object:
    if text[0] == "[":
        return _list(text)
    return _one_line_mapping(text) if text[0] == "{" else _scalar(text)


def _list(text: str) -> list[Scalar]:
    items = _ITEM.findall(text, 1, len(text) - 1)
    if ", ".join(items) != text[1:-1] or text[-1] != "]":
        _refuse()
    return [_scalar(item) for item in items]


def _one_line_mapping(text: str) -> dict[str, Scalar]:
    pairs = _PAIR.findall(text, 1, len(text) - 1)
    if ", ".join([f"{key}: {value}" for key, value in pairs]) != text[1:-1] or text[-1] != "}":
        _refuse()
    return {_key(key): _scalar(value) for key, value in pairs}


@lru_cache(_KEPT)
def _key(text: str) -> str:
    if text in _WORDS or len(text) > 100:
        _refuse()
    return text[1:-1] if text[0] == "'" else text


@lru_cache(_KEPT)
def _scalar(text: str) -> Scalar:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    for shape, made in _SHAPES:
        if shape.fullmatch(text):
            return made(text)
    if text in _WORDS or not _PLAIN.fullmatch(text) or (text[0] <= "9" and _NO_TEXT.fullmatch(text)):
        _refuse()
    return text


def _single(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _double(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _ESCAPES[match[4]]


_SHAPES: Final[tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...]] = (
    (_INTEGER, int),
    (_FLOAT, float),
    (_SINGLE, _single),
    (_DOUBLE, _double),
)
