"""Secret names with their values in running text: `password=…`, `"api_key": "…"`, `--token …`; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set
from gittrack.capture.secret_names import Secrecy, is_secret_name, secrecy
from gittrack.capture.secret_shapes import REDACTED
from gittrack.capture.secret_values import looks_secret

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
_TYPE = (
    r":\s?[&*\"']?[A-Za-z_][\w.]{0,80}(?:\[[^\]\n=]{0,80}\]{1,3})?"
    r"(?:\s?\|\s?[A-Za-z_][\w.]{0,80}){0,4}[\"']?\s?=(?![=>])"
)
# An option; what a notebook or a shell sets; an element of XML; a name, a key or an item, with what follows.
_NAME = Lazy(
    r"(?<![\w.-])(?:--?(?P<option>[A-Za-z][\w.-]{0,120})(?:\s?=\s?|\s+|:\s+|(?P<listed>[\"'],\s*))"
    r"|(?:%(?:set_)?env|setenv|ENV|set\s-g?x)[ \t]+(?P<set>[A-Za-z_][\w.-]{0,120})[ \t]+(?![=:])"
    r"|<(?P<tag>[A-Za-z_][\w.-]{0,120})>\s*(?=[^<>\s]{1,300}\s*</)"
    rf"|(?P<typed>[A-Za-z_]\w{{0,120}})\??{_TYPE}\s?"
    r"|(?P<name>[A-Za-z_][\w.-]{0,120})(?:(?P<beside>[\"'],\s*(?=[rbfuRBFU]{0,2}[\"']))"
    rf"|\\?[\"']?(?:\[[0-9]*\])?\]?[ \t]{{0,40}}\s?(?::=|(?:=>|<-)(?=\s?[\"'])|[:=](?!=))[ \t]{{0,40}}\s?))",
    re.ASCII,
)
_QUOTED = r"[rbfuRBFU]{0,2}(?:\"(?:\"\")?((?:[^\"\\\n]|\\.)+)\"?|'(?:'')?((?:[^'\\\n]|\\.)+)'?)"
_TEXT = Lazy(_QUOTED)
_ELEMENT = Lazy(r"()()([^<>\s]{1,300})")
_DEFAULT = Lazy(r"(?:(?![\"']--)[\s\S]){0,300}?\bdefault\s?=\s?" + _QUOTED)
# In a call, or in the next line: SecretStr("…"), Field(default="…"), (⏎ "…").
_OPENS = Lazy(r".*\(|\\|[|>][+-]?")
_WRAPPED = Lazy(
    rf"\\?\s*(?:[A-Za-z_]?[\w.]{{0,80}}\(\s*(?:[A-Za-z_]{{1,40}}\s?=\s?)?)?{_QUOTED}|(?:[|>][+-]?)?\s+([^\s\"'=&;:,]{{8,300}})(?!\S)"
)
# A bare value is judged by its beginning, or a long line of them would be read again and again.
_VALUE = Lazy(rf"{_QUOTED}|([^\s\"'=&;][^\s&;]{{0,300}})")
_REST = Lazy(r"[^\s&;]*")
# A call, an item, an attribute or a type: source code says where a secret is kept, not what it is.
_CODE = Lazy(r"[A-Za-z_][\w.]*(?:\(.*\)|\[.*\])[,):=\]}]*|(?:str|int|bytes|bool|object|Optional\b.*)[,):=\]}]*")
_PLAIN = Lazy(r"[^\s\"'=<>(){}\[\]\\,;]+={0,2}")
_RANDOM = Lazy(r"[A-Za-z0-9.~+/!@#$%^&*-]{16,}={0,2}")  # in a list, where names of functions stand too
_CALL = Lazy(r"\w\(\s*\\?[\"']$")
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
    place = 0
    while (found := _NAME.re.search(text, place)) is not None:
        kind = found.lastgroup if found.lastgroup not in ("listed", "beside") else None
        kind = kind or ("option" if found["option"] else "name")
        pair = _pair(text, found, found[kind])
        if pair is not None:
            yield pair
        # What follows an ordinary name may be a secret one: `if ready: password = …`.
        place = found.end(kind) if pair is None else pair.end


def _pair(text: str, found: re.Match[str], name: str) -> Pair | None:
    secret = secrecy(name)
    if secret is Secrecy.NONE:
        return None
    if found["listed"] or found["beside"]:
        value = _beside(text, found, secret)
    elif found["tag"]:
        value = _ELEMENT.re.match(text, found.end())
    else:
        value = _VALUE.re.match(text, found.end())
        if value is None or _OPENS.re.fullmatch(value[3] or "") or _is_ordinary(secret, name, value):
            value = _looking_secret(_WRAPPED.re.match(text, found.end()), _PLAIN)
    if value is None or _is_ordinary(secret, name, value):
        return None
    start, end = value.span(value.lastindex or 3)
    bare = value.lastindex == 3
    if bare and not found["tag"]:
        end = _end_of_bare(text, start, end)
    return Pair(name, secret, text[start:end], not bare, start, end) if start < end else None


def _beside(text: str, found: re.Match[str], secret: Secrecy) -> re.Match[str] | None:
    """The value that a call has behind the name, `setdefault("NAME", "…")`, or as what an option is without one."""
    value = _TEXT.re.match(text, found.end())
    call = _CALL.re.search(text, max(0, found.start() - 20), found.start())
    plain = "" if value is None else value[value.lastindex or 0]
    if found["listed"] or not (secret is Secrecy.STRONG and call and _PLAIN.re.fullmatch(plain)):
        value = _looking_secret(value, _PLAIN if call or found["listed"] else _RANDOM)
    return _DEFAULT.re.match(text, found.end()) if value is None and found["listed"] else value


def _looking_secret(value: re.Match[str] | None, form: Lazy) -> re.Match[str] | None:
    plain = "" if value is None else value[value.lastindex or 0]
    return value if form.re.fullmatch(plain) and looks_secret(plain) else None


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
    bare = plain if value.lastindex == 3 else None
    if bare is not None:
        attribute = _ATTRIBUTE.re.fullmatch(bare)
        if bare.startswith("--") or _CODE.re.fullmatch(bare) or bare.rstrip(",):=]}") == name:
            return True  # password=password
        if (attribute is not None and is_secret_name(attribute[1])) or bare.lower() in _SCHEMES:
            return True  # password=args.password; Authorization: Bearer …, which redact_shapes has seen to
    return secret is Secrecy.WEAK and (len(plain) < 8 or not any(c.isdigit() for c in plain))
