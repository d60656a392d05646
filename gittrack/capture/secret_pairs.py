"""Secret names with their values in running text: `password=…`, `"api_key": "…"`, `--token …`; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set
from gittrack.capture.secret_names import Secrecy, is_secret_name, secrecy
from gittrack.capture.secret_shapes import REDACTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.model import Value

# Text is looked at closely only where one of these stands in it.
NAME_HINTS: Final = tuple(
    word_set("pass pwd secret token key auth cred cookie jwt otp bearer kennwort contrasena _pat -pat")
)
_NUMBER = Lazy(r"[+-]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MARKER = Lazy(r"<[^<>]*>|\[[A-Z_0-9]+\]|##\w+|▁\w*")
_NOTHING = frozenset(("", "true", "false", "yes", "no", "none", "null", "nil", "on", "off", REDACTED))
_SCHEMES = word_set("basic digest bearer ntlm negotiate kerberos oauth oauth2 saml ldap any anonymous aws gcp")
_REFERENCE = Lazy(r"\$\{[^}]*\}+|\$\([^)]*\)|\*+|\?{3}|\.\.\.|…")
_NAME = Lazy(
    r"(?<![\w.-])(?:(--?)([A-Za-z][\w.-]{0,120})(\s?=\s?|\s+|:\s+)|([A-Za-z_][\w.-]{0,120})(\\?[\"']?\s?[:=]\s?))",
    re.ASCII,
)
# A bare value is judged by its beginning, or a long line of them would be read again and again.
_VALUE = Lazy(r"\"((?:[^\"\\\n]|\\.)+)\"?|'((?:[^'\\\n]|\\.)+)'?|([^\s\"'=&;][^\s&;]{0,300})")
_REST = Lazy(r"[^\s&;]*")
# A call, an item, an attribute or a type: source code says where a secret is kept, not what it is.
_CODE = Lazy(r"[A-Za-z_][\w.]*(?:\(.*\)|\[.*\])[,):=\]}]*|(?:str|int|bytes|bool|object|Optional\b.*)[,):=\]}]*")
_ATTRIBUTE = Lazy(r"(?:[A-Za-z_]\w*\.)+([A-Za-z_]\w*)[,):=\]}]*")


@dataclass(frozen=True, slots=True)
class Pair:
    """A secret's name and its value, which stands at [start:end] of the text, without its quotes."""

    name: str
    secrecy: Secrecy
    value: str
    quoted: bool
    start: int
    end: int


def pairs_in(text: str) -> Iterator[Pair]:
    """Yield each value that has a secret's name in front of it, from left to right, none inside another."""
    done = 0
    for found in _NAME.re.finditer(text):
        name = found[2] or found[4]
        secret = secrecy(name)
        if secret is Secrecy.NONE or found.start() < done:
            continue
        value = _VALUE.re.match(text, found.end())
        if value is None or _is_ordinary(secret, name, value):
            continue
        start, end = value.span(value.lastindex or 3)
        if value[3] is not None:
            end = _end_of_bare(text, start, end)
        if start < end:
            yield Pair(name, secret, text[start:end], value[3] is None, start, end)
            done = end


def is_harmless(secret: Secrecy, value: Value) -> bool:
    """Whether `value` may be shown under a name of that secrecy: flags, nothing, references to elsewhere."""
    if secret is Secrecy.NONE or value is None or isinstance(value, bool):
        return True
    text = str(value).strip()
    if text.lower() in _NOTHING or _REFERENCE.re.fullmatch(text):
        return True
    if secret is Secrecy.STRONG:
        return False
    return bool(_NUMBER.re.fullmatch(text) or _MARKER.re.fullmatch(text)) or text.lower() in _SCHEMES


def _end_of_bare(text: str, start: int, end: int) -> int:
    """Where an unquoted value ends: what closes the call or the list around it is no part of it."""
    rest = _REST.re.match(text, end)
    end = rest.end() if rest is not None else end
    value = text[start:end]
    return end if value.endswith(REDACTED) else start + len(value.rstrip("\"',)}]"))


def _is_ordinary(secret: Secrecy, name: str, value: re.Match[str]) -> bool:
    """Whether a value in running text is none: prose and source code name secrets without telling them."""
    plain = value[value.lastindex or 3]
    if is_harmless(secret, plain) or plain.startswith(REDACTED):
        return True
    bare = value[3]
    if bare is not None:
        attribute = _ATTRIBUTE.re.fullmatch(bare)
        if bare.startswith("--") or _CODE.re.fullmatch(bare) or bare.rstrip(",):=]}") == name:
            return True  # password=password
        if (attribute is not None and is_secret_name(attribute[1])) or bare.lower() in _SCHEMES:
            return True  # password=args.password; Authorization: Bearer …, which redact_shapes has seen to
    return secret is Secrecy.WEAK and (len(plain) < 8 or not any(c.isdigit() for c in plain))
