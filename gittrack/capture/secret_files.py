"""Whether a file is a secret, by its name, or holds one, by the form or the name of what stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set
from gittrack.capture.secret_binaries import as_utf8, credential_in
from gittrack.capture.secret_lines import Kind, is_setting, kind_of, tells_secret
from gittrack.capture.secret_names import Secrecy, is_secret_name, secrecy
from gittrack.capture.secret_next import as_one, lines_of_value
from gittrack.capture.secret_pairs import NAME_HINTS
from gittrack.capture.secret_shapes import WORDS, has_own_patterns, is_credential, tokens_in
from gittrack.capture.secret_values import looks_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES: Final = word_set(
    """
    .env .netrc _netrc .pgpass .my.cnf .pypirc .npmrc .dockercfg .git-credentials .htpasswd .vault-token .boto .s3cfg
    id_rsa id_dsa id_ecdsa id_ed25519 kaggle.json credentials.json client_secret.json service-account.json
    service_account.json wandb.netrc secrets.toml secrets.yaml secrets.yml secrets.json
    """
)
# A file .pem or .asc holds as often what is public: what stands in it tells.
_FORMS = Lazy(r"\.env\.(?!example$|sample$|template$|dist$)[\w.-]+|.*\.(?:p12|pfx|jks|keystore|ppk|kdbx|gpg)")
_BINARY_FROM: Final = 8000  # bytes; git looks as far for a NUL
_LINE: Final = 4000  # characters; a longer line is data, and is looked at in pieces
_OVERLAP: Final = 400  # characters

# With what is between the first line and the key itself: the ends of lines in source code, headers.
_PRIVATE_KEY = Lazy(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:\\[nr]|[\s\"'+,\\>#*/|-]|[A-Za-z-]{2,20}: [^\n\\]{0,100}){0,200}?[A-Za-z0-9+/]{24}"
    r"|PuTTY-User-Key-File-[0-9]:|AGE-SECRET-KEY-1[A-Z0-9]{20}"
)
# Of a container's environment: the name in one line, the value in the next.
_NAME_AND_VALUE = Lazy(
    r"name[\"']?\s?[:=]\s?[\"']?([\w.-]{1,80})[\"']?,?\s{1,80}[\"']?value[\"']?\s?[:=]\s?[\"']?([^\"'\s,}]{4,300})"
)
_RUN: Final = b"a" * 20  # of what a token is made of: none is shorter
_TO_RUNS: Final = bytes(97 if (chr(code).isalnum() and code < 128) or code in b"_-" else 32 for code in range(256))
_TABLES: Final = ("csv", "tsv")


def secret_in(path: str, data: bytes, *, known: bytes = b"") -> str | None:
    """Return what kind of secret a file is or holds, None for none; what also stands in `known` does not count.

    A file that is left out can not be run again, so that in code and prose only what looks like a credential
    counts; where settings name a secret, any value but an example, a word for nothing or a reference does.
    """
    name = path.rpartition("/")[2].lower()
    if not known and data and (name in _NAMES or _FORMS.re.fullmatch(name)):
        return f"a file of that name ({name[:40]})"
    if not known and any(is_credential(token) for token in tokens_in(path)):
        return "its name holds one"
    data, known = as_utf8(data), as_utf8(known)
    if b"\0" in data[:_BINARY_FROM]:
        place = credential_in(data, known)
        return None if place is None else f"byte {place + 1}"
    place = _secret_line(name, data, set(known.split(b"\n")))
    if place is None:
        place = _secret_passage(name, data, known)
    return None if place is None else f"line {data.count(bytes([10]), 0, place) + 1}"


def _secret_line(name: str, data: bytes, known: set[bytes]) -> int | None:
    """Where the first line begins that tells a secret, alone or with the next ones; lines in `known` do not."""
    kind = kind_of(name)
    innocent: set[bytes] = set()  # so that none is judged twice

    def tells(text: bytes) -> bool:
        if text in innocent:
            return False
        if any(tells_secret(piece, kind) for piece in _pieces(text)):
            return True
        innocent.add(text)
        return False

    for start in _suspects(data):
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)]
        if tells(line):
            if line in known:
                continue
            return start
        following = lines_of_value(line, data, end + 1, kind) if end >= 0 else []
        if following and not known.issuperset([line, *following]) and tells(as_one(line, following)):
            return start
    return None


def _suspects(data: bytes) -> list[int]:
    """Where the lines begin that could tell a secret: few do, and to look for fixed words is fast."""
    if has_own_patterns():
        return _lines_with(data, b"")
    lower = data.lower()
    found: set[int] = set()
    for hint in NAME_HINTS:
        found.update(_lines_with(lower, hint.encode()))
    for word in (*WORDS, "://", "sig="):
        found.update(_lines_with(data, word.encode()))
    found.update(_lines_with(data.translate(_TO_RUNS), _RUN, data))
    return sorted(found)


def _lines_with(data: bytes, needle: bytes, text: bytes | None = None) -> list[int]:
    """Where the lines of `text` begin that have `needle` in them, by looking for it in `data`."""
    text = data if text is None else text
    starts = []
    place = data.find(needle)
    while place >= 0:
        starts.append(text.rfind(b"\n", 0, place) + 1)
        end = text.find(b"\n", place)
        if end < 0:
            break
        place = data.find(needle, end + 1)
    return starts


def _pieces(line: bytes) -> Iterator[str]:
    text = line.decode("utf-8", "replace")
    for start in range(0, max(1, len(text)), _LINE):
        yield text[start : start + _LINE + _OVERLAP]


def _secret_passage(name: str, data: bytes, known: bytes) -> int | None:
    """Where a secret begins that is told in more than one line, or by the file's name."""
    places = list(_private_keys(data, known))
    if kind_of(name) is Kind.SETTINGS and b"value" in data:
        places += _names_and_values(data, known)
    if name.endswith(_TABLES):
        places += _cells(data, known)
    if (is_secret_name(name.partition(".")[0]) or name.endswith((".key", ".token"))) and len(data) < 1000:
        places += [0] if data.strip() not in known and looks_secret(data.decode("utf-8", "replace").strip()) else []
    return min(places, default=None)


def _private_keys(data: bytes, known: bytes) -> Iterator[int]:
    if b"-----BEGIN" in data or b"PuTTY-User" in data:
        text = data.decode("latin-1")
        yield from (
            found.start() for found in _PRIVATE_KEY.re.finditer(text) if found.group().encode("latin-1") not in known
        )


def _names_and_values(data: bytes, known: bytes) -> Iterator[int]:
    for found in _NAME_AND_VALUE.re.finditer(data.decode("latin-1")):
        name, value = found.groups()
        if is_secret_name(name) and is_setting(name, value) and found.group().encode("latin-1") not in known:
            yield found.start()


def _cells(data: bytes, known: bytes) -> Iterator[int]:
    """Where the lines of a table begin that have a secret in a column of that name."""
    head, _, _ = data.partition(b"\n")
    mark = max(b",;\t", key=lambda mark: head.count(bytes([mark])))
    names = [name.strip(" \"'\r") for name in head.decode("utf-8", "replace").split(chr(mark))]
    columns = [column for column, name in enumerate(names) if secrecy(name) is Secrecy.STRONG]
    place = len(head) + 1
    for line in data.split(b"\n")[1:] if columns else ():
        cells = line.decode("utf-8", "replace").split(chr(mark))
        told = [cells[column].strip(" \"'\r") for column in columns if column < len(cells)]
        if (
            any(is_setting(names[column], cell) for column, cell in zip(columns, told, strict=False))
            and line not in known
        ):
            yield place
        place += len(line) + 1
