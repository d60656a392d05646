"""Text, arguments, URLs and nested values without their secrets: what may go into a commit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar, cast

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set
from gittrack.capture.secret_names import Secrecy, is_secret_name, secrecy
from gittrack.capture.secret_pairs import NAME_HINTS, is_harmless, pairs_in
from gittrack.capture.secret_shapes import REDACTED, add_patterns, is_credential, redact_shapes
from gittrack.model import Key, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

K = TypeVar("K", bound=Key)

__all__ = [
    "REDACTED",
    "add_patterns",
    "is_secret_name",
    "redact_arguments",
    "redact_mapping",
    "redact_shapes",
    "redact_tag",
    "redact_text",
    "redact_url",
    "secrets_of",
]

_LEAST_SECRET = 8  # characters
_URL = Lazy(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s\"'<>`]+")
_QUERY_SECRETS = frozenset(("sig", "signature", "x-amz-signature", "x-amz-credential", "x-goog-signature"))
# Where a name could begin anywhere in a long text without '=', each beginning would be followed to the end.
_PAIR = Lazy(r"(?<![^?&;#=])([^?&;#=]+)=([^&;#]*)")
_PASSWORD = Lazy(r":[^0-9]")
_PERSON = Lazy(r"[A-Za-z][A-Za-z0-9._+-]{0,23}")

_OPTION = Lazy(r"--[A-Za-z]|-[A-Za-z]$")
_ASSIGNMENT = Lazy(r"([-+~]{0,2}[A-Za-z_][\w.@/-]{0,120})(=|:\s+|:(?!//))(?=\S)", re.ASCII)
_ASSIGNMENTS = 20
_KEY = Lazy(r"(?=[A-Za-z_-]{0,80}[0-9])[\w-]{20,}")
_DEFINES = ("-D", "-P", "-e", "-X")
_ASKS_FOR_LOGIN = word_set("curl wget http https xh")
_TAKES_PASSWORD = word_set("mysql mysqldump mysqladmin mariadb mariadb-dump sshpass")


def redact_url(url: str) -> str:
    """Return `url` without the user and password in front of the host and without tokens in its query.

    A user alone stays (`ssh://git@host/x`, `git@host:x`) unless it has the form of a token.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return re.sub(r"^[^/@\s:]+:[^/@\s]+@", REDACTED + "@", redact_shapes(url))
    user, at, rest = _split_user(rest)
    if at and (":" in user or is_credential(user) or not (_PERSON.re.fullmatch(user) or "ssh" in scheme)):
        user = REDACTED
    return f"{scheme}://{user}{at}{redact_shapes(_redact_query(rest))}"


def _split_user(rest: str) -> tuple[str, str, str]:
    """Part `user:password@host/path`; also where the password holds an unescaped '@', '/', '?' or '#'."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority and not _PASSWORD.re.search(authority.rpartition("]")[2]):
        return "", "", rest
    user, at, _ = (authority if "@" in authority else rest).rpartition("@")
    return (user, at, rest[len(user) + 1 :]) if at else ("", "", rest)


def _redact_query(rest: str) -> str:
    if "=" not in rest or ("?" not in rest and "#" not in rest):
        return rest
    path, mark, query = re.split(r"([?#])", rest, maxsplit=1)
    return path + mark + _PAIR.re.sub(_redact_pair, query)


def _redact_pair(pair: re.Match[str]) -> str:
    name, value = pair.groups()
    plain = name
    if "%" in name:
        from urllib.parse import unquote  # rare, and slow to import

        plain = unquote(name)
    secret = plain.lower() in _QUERY_SECRETS or (plain.lower() == "key" and len(value) >= 16)
    if secret or not is_harmless(secrecy(plain), value):
        return f"{name}={REDACTED}"
    return pair.group()


def redact_arguments(argv: Sequence[str]) -> list[str]:
    """Return the words of a command without secrets: by option names, by `NAME=value`, by form, in URLs."""
    programs = {re.split(r"[\\/]", word)[-1].lower().removesuffix(".exe") for word in argv}
    login, password = bool(programs & _ASKS_FOR_LOGIN), bool(programs & _TAKES_PASSWORD)
    result: list[str] = []
    pending = Secrecy.NONE
    for word in argv:
        if pending and not _OPTION.re.match(word):
            result.append(word if is_harmless(pending, word) else REDACTED)
            pending = Secrecy.NONE
            continue
        previous = result[-1] if result else ""
        pending = secrecy(word) if word.startswith("-") and _is_bare_option(word) else Secrecy.NONE
        named = login and previous in ("-u", "--user", "--proxy-user") and ":" in word
        key = previous == "login" and _KEY.re.fullmatch(word)  # wandb login …
        if named or key or (previous == "-p" and "sshpass" in programs):
            result.append(REDACTED)
        elif password and re.match(r"-p[^=\s]", word):
            result.append("-p" + REDACTED)
        else:
            result.append(_redact_word(word))
    return result


def secrets_of(argv: Sequence[str], environ: Mapping[str, str]) -> list[str]:
    """Return the secrets that a command is given, by its arguments and its environment, so that no output shows them.

    Short ones are left out: they would be found in ordinary words.
    """
    told = [_hidden(word, shown) for word, shown in zip(argv, redact_arguments(argv), strict=True) if word != shown]
    # A shell's PWD is where it stands.
    told += [value for name, value in environ.items() if name != "PWD" and secrecy(name) is Secrecy.STRONG]
    return [secret for secret in dict.fromkeys(told) if len(secret) >= _LEAST_SECRET]


def _hidden(word: str, shown: str) -> str:
    """What `[redacted]` stands for in a word; '' where it stands for several things."""
    before, _, after = shown.partition(REDACTED)
    fits = REDACTED not in after and word.startswith(before) and word.endswith(after)
    return word[len(before) : len(word) - len(after)] if fits else ""


def _is_bare_option(word: str) -> bool:
    return "=" not in word and ":" not in word and " " not in word


def _redact_word(word: str) -> str:
    """`word` without secrets; of a=b=c each part is looked at, up to a few: nobody names a value so often."""
    done = 0
    for _ in range(_ASSIGNMENTS):
        pair = _ASSIGNMENT.re.match(word, done)
        if pair is None:
            break
        name = pair.group(1)
        if name.startswith(_DEFINES):  # -Dapi_key=…
            name = name[2:]
        if not is_harmless(secrecy(name), word[pair.end() :]):
            return word[: pair.end()] + REDACTED
        if pair.group(2) != "=":
            break
        done = pair.end()
    return word[:done] + redact_text(word[done:])


def redact_tag(key: str, value: str | None) -> tuple[str, str | None]:
    """Return a tag with its value, `[redacted]` under a secret name or where it is a credential."""
    [(name, kept)] = redact_mapping({key: value}).items()
    return name, None if kept is None else str(kept)


def redact_mapping(values: Mapping[K, Value]) -> dict[K, Value]:
    """Return `values` with `[redacted]` under secret names at any depth, and for credentials in names and texts."""
    return {_redact_key(key): _redact_value(str(key), value) for key, value in values.items()}


def _redact_key(key: K) -> K:
    """A name that is a credential itself; what only names one stays."""
    return cast("K", redact_shapes(key)) if isinstance(key, str) else key


def _redact_value(name: str, value: Value) -> Value:
    secret = secrecy(name)
    if secret and isinstance(value, (dict, list)):
        return _redact_leaves(secret, value)
    if isinstance(value, dict):
        return redact_mapping(value)
    if isinstance(value, list):
        return [_redact_value("", item) for item in value]
    if not is_harmless(secret, value):
        return REDACTED
    return redact_text(value) if isinstance(value, str) else value


def _redact_leaves(secret: Secrecy, value: Value) -> Value:
    """Everything under a secret name is secret, whatever it is called further down."""
    if isinstance(value, dict):
        return {_redact_key(key): _redact_leaves(secret, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redact_leaves(secret, item) for item in value]
    return value if is_harmless(secret, value) else REDACTED


def redact_text(text: str) -> str:
    """Return `text` (output, a traceback, a value) without the credentials in it.

    These are known by their form, in URLs, and by the name in `password=…`, `"api_key": "…"`, `--token …`.
    """
    text = redact_shapes(text)
    if "://" in text and ("@" in text or "?" in text or "#" in text):
        text = _URL.re.sub(lambda url: redact_url(url.group()), text)
    lower = text.lower()
    return _redact_pairs(text) if any(hint in lower for hint in NAME_HINTS) else text


def _redact_pairs(text: str) -> str:
    parts: list[str] = []
    done = 0
    for pair in pairs_in(text):
        parts += text[done : pair.start], REDACTED
        done = pair.end
    return "".join(parts) + text[done:] if parts else text
