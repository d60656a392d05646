"""Whether a file is a secret, by its name, or holds one, by the form or the name of what stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.redact import REDACTED, redact_text
from gittrack.capture.scalars import word_set

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES: Final = word_set(
    """
    .env .netrc _netrc .pgpass .my.cnf .pypirc .npmrc .dockercfg .git-credentials .htpasswd .vault-token
    id_rsa id_dsa id_ecdsa id_ed25519 kaggle.json credentials.json client_secret.json service-account.json
    service_account.json wandb.netrc secrets.toml secrets.yaml secrets.yml secrets.json
    """
)
_FORMS = Lazy(r"\.env\.(?!example$|sample$|template$|dist$)[\w.-]+|.*\.(?:pem|p12|pfx|jks|keystore|ppk|kdbx|asc|gpg)")
_BINARY_FROM: Final = 8000  # bytes; git looks as far for a NUL
_LINE: Final = 4000  # characters; a longer line is data, and is looked at in pieces


def secret_in(path: str, data: bytes, *, known: bytes = b"") -> str | None:
    """Return what kind of secret a file is or holds, None for none; lines that also stand in `known` do not count."""
    name = path.rpartition("/")[2].lower()
    if not known and data and (name in _NAMES or _FORMS.re.fullmatch(name)):
        return f"a file of that name ({name[:40]})"
    if b"\0" in data[:_BINARY_FROM]:
        return None
    before = set(known.split(b"\n"))
    for number, line in enumerate(data.split(b"\n"), 1):
        if line not in before and any(_is_secret(piece) for piece in _pieces(line)):
            return f"line {number}"
    return None


def _pieces(line: bytes) -> Iterator[str]:
    text = line.decode("utf-8", "replace")
    for start in range(0, max(1, len(text)), _LINE):
        yield text[start : start + _LINE + 200]


def _is_secret(text: str) -> bool:
    return REDACTED not in text and redact_text(text) != text
