"""Whether a line of a file tells a secret: strict on what looks like one, lenient on words, examples and code; pure."""

from __future__ import annotations

import binascii
from enum import Enum, auto
from typing import Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set
from gittrack.capture.secret_names import Secrecy, is_secret_name
from gittrack.capture.secret_pairs import Pair, pairs_in
from gittrack.capture.secret_shapes import REDACTED, is_credential, is_told_of, tokens_in
from gittrack.capture.secret_values import is_example, is_reference, looks_secret

_LOGIN = Lazy(r"://([^\s/@:\"'<>`\\]{0,120}):([^\s@\"'<>`\\]{1,200})@([\w.\[-]*)")
_USER = Lazy(r"://([\w.-]{16,200})@")
_PORT = Lazy(r"[0-9]{1,5}(?:/.*)?")
_QUERY = Lazy(r"[?&#]([\w.%-]{1,60})=([^\s&#\"'<>`\\]{8,300})")
_ELEMENT = Lazy(r"<([\w.-]{1,60})>([^<>]{1,300})</")
_LISTED = Lazy(r"(?:[A-Za-z_][\w.]{0,80})?[(\[]+(?:[A-Za-z_]+=)?[rbfuRBFU]{0,2}[\"']([^\"'\s]+)")
_PASSWORD_NAME = Lazy(r"(?i).*(?:passw(?:or)?d|passwort|pass(?:phrase|code)|pwd|kennwort|contrasena)s?[0-9]*")
_IDENTIFIER = Lazy(r"[A-Za-z_]\w*(?:(?:\.|->|::)\w+)*")
_QUERY_SECRETS: Final = frozenset(("sig", "signature", "x-amz-signature", "key"))
_NOWHERE: Final = word_set("localhost host hostname server db database proxy example h 127.0.0.1 0.0.0.0")
_CONFIGURATION: Final = word_set(
    "env ini cfg conf config yaml yml toml json properties tfvars tfstate hcl envrc xml pgpass rc"
)
_CODE: Final = word_set(
    """
    py pyi pyx pxd ipynb js jsx mjs cjs ts tsx vue c h cc cpp hpp cu cuh go rs java kt scala rb php pl r rmd jl lua m
    swift cs fs dart ml hs ex exs clj sql html htm css scss
    """
)


class Kind(Enum):
    """What a file is for: settings name secrets and tell them; code and prose mostly name them alone."""

    SETTINGS = auto()
    CODE = auto()
    PROSE = auto()


def kind_of(name: str) -> Kind:
    """Return what a file of that name, in small letters, is for."""
    ending = name.rpartition(".")[2]
    if ending in _CONFIGURATION or name.startswith(".env"):
        return Kind.SETTINGS
    return Kind.CODE if ending in _CODE else Kind.PROSE


def tells_secret(line: str, kind: Kind) -> bool:
    """Whether a secret stands in `line` of a file of that kind."""
    if is_told_of(line):
        return True
    if REDACTED in line:
        line = line.replace(REDACTED, "")
    if '\\"' in line:  # code in a notebook, JSON in JSON
        line = line.replace('\\"', '"').replace("\\n", "\n")
    return (
        any(_is_token(token) for token in tokens_in(line))
        or ("://" in line and _in_url(line))
        or any(_is_secret_pair(pair, kind) for pair in pairs_in(line))
        or (kind is Kind.SETTINGS and "</" in line and _in_element(line))
    )


def is_setting(name: str, value: str) -> bool:
    """Whether `value` is a secret where settings or a table name it so: any word will do for a password."""
    if _PASSWORD_NAME.re.fullmatch(name):
        return _is_password(value) and len(value) >= 4
    return looks_secret(value) or _is_encoded_login(name, value)


def _is_token(token: str) -> bool:
    """The beginning of a private key is none: the key is looked for in the whole file."""
    if token.startswith(("-----BEGIN", "PuTTY-")):
        return False
    return not is_example(token) if is_credential(token) else looks_secret(token)


def _in_url(line: str) -> bool:
    for user, password, host in _LOGIN.re.findall(line):
        if _PORT.re.fullmatch(password) or not _is_password(password):
            continue
        known = host.lower() in _NOWHERE or "example" in host
        if looks_secret(password) or not (known or len(password) < 4 or user == password):
            return True
    if any(looks_secret(user) for user in _USER.re.findall(line)):
        return True
    return any(
        looks_secret(value) and (name.lower() in _QUERY_SECRETS or is_secret_name(name))
        for name, value in _QUERY.re.findall(line)
    )


def _in_element(line: str) -> bool:
    return any(is_secret_name(name) and is_setting(name, value) for name, value in _ELEMENT.re.findall(line))


def _is_secret_pair(pair: Pair, kind: Kind) -> bool:
    value = pair.value.removesuffix("\\n").strip("\\\"',;")
    if not pair.quoted and (listed := _LISTED.re.match(value)) is not None:
        return "\\" not in listed[1] and looks_secret(listed[1])
    if not pair.quoted and not _is_literal(value, kind):
        return False
    if kind is Kind.SETTINGS:
        return is_setting(pair.name, value)
    return looks_secret(value) or (pair.secrecy is Secrecy.STRONG and _is_encoded_login(pair.name, value))


def _is_literal(value: str, kind: Kind) -> bool:
    """Whether an unquoted value may be itself, and not code that tells where the value comes from."""
    if not value or not set("()[]{}<>|`").isdisjoint(value) or '="' in value or value.startswith(("--", "&", "*")):
        return False
    if kind is Kind.CODE and not set("=;\\'\"").isdisjoint(value.rstrip("=")):
        return False
    return kind is not Kind.CODE or not _IDENTIFIER.re.fullmatch(value) or _is_scrambled(value)


def _is_scrambled(value: str) -> bool:
    return len(value) >= 20 and sum(char.isdigit() for char in value) >= 4 and looks_secret(value)


def _is_password(value: str) -> bool:
    """Whether a password may read so; not what stands for one, and not the word for it in some language."""
    return not (any(map(str.isspace, value)) or is_reference(value) or is_example(value) or is_secret_name(value))


def _is_encoded_login(name: str, value: str) -> bool:
    """Whether `value` is user:password in base64, as `docker login` writes it under the name 'auth'."""
    if not name.lower().endswith(("auth", "authorization")) or len(value) < 8:
        return False
    try:
        user, colon, password = binascii.a2b_base64(value).decode("ascii").partition(":")
    except ValueError:
        return False
    return (
        bool(user and colon and password) and user.isprintable() and password.isprintable() and _is_password(password)
    )
