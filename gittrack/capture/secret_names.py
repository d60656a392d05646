"""Which names say that their value is a secret: pure, by the words that a name is made of."""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from gittrack.capture.scalars import word_set


class Secrecy(IntEnum):
    """How sure a name is: WEAK names ('token', 'auth', 'pass', 'pat') also have ordinary meanings."""

    NONE = 0
    WEAK = 1
    STRONG = 2


_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")

_STRONG = word_set(
    """
    password passwords passwd passphrase passphrases passcode pwd passwort kennwort contrasena sshpass
    pgpass secret secrets apikey apikeys secretkey accesskey privatekey accesstoken authtoken clientsecret
    credential credentials creds authorization cookie jwt bearer otp totp
    """
)
# Names written together: PGPASSWORD, dbpassword, myapikey.
_STRONG_ENDS = tuple(
    word_set(
        """
    password passwd passphrase apikey secretkey accesskey accountkey privatekey authtoken accesstoken
    clientsecret sastoken
    """
    )
)
_SERVICES = word_set(
    """
    github gitlab gh gl bitbucket hf hub huggingface wandb neptune comet clearml mlflow dvc kaggle openai
    anthropic cohere mistral gemini groq replicate together pinecone google gcp azure aws minio slack
    discord telegram bot stripe sendgrid twilio datadog dd sentry npm pypi docker databricks vault vercel
    cloudflare digitalocean heroku atlassian jira notion linear airtable modal runpod
    """
)
# 'KIND_key' is a secret; sort_key, primary_key, prng_key, public_key and a bare key are not.
_KEY_KINDS = _SERVICES | word_set(
    """
    api access secret private auth encryption decryption signing ssh account master subscription deploy app
    application client service server license hmac activation sas
    """
)
_TOKEN_KINDS = _SERVICES | word_set(
    """
    auth access api app bearer refresh oauth oauth2 csrf xsrf secret service admin personal deploy private jwt sas
    """
)
# 'KIND_token' is a word of a vocabulary.
_ORDINARY_TOKENS = word_set(
    """
    pad padding bos eos sos eot unk unknown mask cls sep special start end begin stop image img video audio
    text word sub subword next prev previous last first new added add max min num n per class register
    distillation dist prefix suffix prompt trigger placeholder initializer instance concept modifier rare
    ignore separator boundary newline space blank empty target source src tgt input output query key value
    question answer context label sentence image2 patch visual vision speech language lang domain task
    memory summary fim middle tool think user2 assistant role control extra oov head latent learnable global
    local decoder encoder dummy null no single byte char
    """
)
_ORDINARY_PASSES = word_set(
    """
    first second third forward backward one two three single double multi num n per high low band by all max
    min each final last train eval warmup render depth
    """
)
# A name that ends in one of these is about a secret, and is none: password_length, token_file.
_ABOUT = word_set(
    """
    length len size count file files filename path dir directory name names dataset data policy field fields
    column col type kind format url uri endpoint host port manager provider rotation expiry expires ttl
    timeout age enabled disabled required prompt min max regex pattern validator strength level id ids
    version index idx dim dims embedding embeddings dropout loss weight weights rate ratio limit budget lr
    model layer layers head heads agent game scheme method mode backend style domain realm region hint label
    labels help env var usage store storage source
    """
)
_COUNTS = word_set("num n max min count total avg mean per")
# Words behind a secret's name that do not change what it is: password2, API_KEY_PROD, SECRET_KEY_BASE.
_QUALIFIERS = word_set(
    """
    value val b64 base64 encoded plain plaintext raw str string hash base default prod production dev
    staging test old new backup primary secondary main
    """
)


def is_secret_name(name: str) -> bool:
    """Whether `name` (of an option, a variable, a key) says that its value is a secret."""
    return secrecy(name) is not Secrecy.NONE


def secrecy(name: str) -> Secrecy:
    """Return how surely `name` is that of a secret; case, dashes, dots, underscores and camelCase are one."""
    return _secrecy(name[-200:])


@lru_cache(maxsize=4096)
def _secrecy(name: str) -> Secrecy:
    words = _core([word.lower() for word in _WORD.findall(name)])
    if not words or words[0] in _COUNTS:
        return Secrecy.NONE
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in _ABOUT and len(words) > 1:
        return Secrecy.NONE
    if _is_strong(words):
        return Secrecy.STRONG
    ordinary = {
        "token": _ORDINARY_TOKENS,
        "pass": _ORDINARY_PASSES,
        "auth": frozenset[str](),
        "pat": frozenset[str](),
    }.get(last)
    return Secrecy.NONE if ordinary is None or before in ordinary else Secrecy.WEAK


def _core(words: list[str]) -> list[str]:
    """`words` without the qualifiers at the end; 'id' is one only in access_key_id and secret_id."""
    while len(words) > 1 and (
        words[-1].isdigit() or words[-1] in _QUALIFIERS or (words[-1] == "id" and words[-2] in ("key", "secret"))
    ):
        words = words[:-1]
    return words


def _is_strong(words: list[str]) -> bool:
    for place, word in enumerate(words):
        if word in _STRONG or word.endswith(_STRONG_ENDS):
            return True
        if word in ("key", "keys") and place and words[place - 1] in _KEY_KINDS:
            return True
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    return (last in ("token", "tokens") and before in _TOKEN_KINDS) or (before == "token" and last in _SERVICES)
