"""Which words, texts and values lose their secrets, and which ordinary ones stay."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.capture.redact import (
    REDACTED,
    is_secret_name,
    redact_arguments,
    redact_mapping,
    redact_text,
    redact_url,
)

if TYPE_CHECKING:
    from pathlib import Path

    from gittrack.model import Key, Value
    from tests.conftest import Git, Gittrack

# Made up here, and put together at run time, so that no scanner takes this file for a leak.
_RANDOM = random.Random(7)  # noqa: S311 - the same made-up credentials each time
_LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_HEX = "0123456789abcdef"


def _made(prefix: str, length: int, alphabet: str = _LETTERS) -> str:
    return (
        prefix
        + "7x9"[: 0 if alphabet == _HEX else 3]
        + "".join(_RANDOM.choices(alphabet, k=length - 3 + 3 * (alphabet == _HEX)))
    )


_JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"1234567890"}', b"\x01" * 32)
)
_PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{_made('', 64)}\n-----END RSA PRIVATE KEY-----"

CREDENTIALS = [
    *(_made(f"gh{kind}_", 36) for kind in "pousr"),
    _made("github_pat_", 60),
    *(_made(prefix, 20) for prefix in ("glpat-", "gldt-", "glrt-")),
    *(prefix + _made("", 16).upper() for prefix in ("AKIA", "ASIA")),
    _made("sk-ant-api03-", 80),
    _made("sk-", 48),
    _made("sk-proj-", 60),
    _made("sk-svcacct-", 60),
    _made("sk-or-v1-", 60),
    _made("hf_", 34),
    _made("api_org_", 34),
    _made("xoxb-", 40),
    _made("xoxp-", 40),
    _made("xapp-1-", 40),
    _made("AIza", 35),
    _made("ya29.", 60),
    _made("GOCSPX-", 28),
    _JWT,
    _PEM,
    _made("npm_", 36),
    _made("pypi-AgEIcHlwaS5vcmc", 60),
    _made("dop_v1_", 64, _HEX),
    _made("SG.", 22) + _made(".", 43),
    _made("sk_live_", 24),
    _made("dapi", 32, _HEX),
    _made("r8_", 37),
    _made("gsk_", 48),
    _made("nvapi-", 60),
    _made("xai-", 60),
    _made("hvs.", 24),
    _made("dckr_pat_", 27),
    _made("shpat_", 32, _HEX),
    "123456789:AA" + _made("", 33),
]

# Words of a command, one word each; `SECRET` must be gone afterwards.
SECRET = "hunter2-Xy"  # noqa: S105 - of nothing
SECRET_WORDS = [
    f"--password={SECRET}",
    f"--db-password={SECRET}",
    f"--dbPassword={SECRET}",
    f"--api-key={SECRET}",
    f"--apikey={SECRET}",
    f"--API_KEY={SECRET}",
    f"--token={SECRET}",
    f"--hf-token={SECRET}",
    f"--auth_token={SECRET}",
    f"--use_auth_token={SECRET}",
    f"--access-token={SECRET}",
    f"--client-secret={SECRET}",
    f"--secret={SECRET}",
    f"--passphrase={SECRET}",
    f"-Ddb.password={SECRET}",
    f"+logger.wandb.api_key={SECRET}",
    f"logger.token={SECRET}",
    f"WANDB_API_KEY={SECRET}",
    f"AWS_SECRET_ACCESS_KEY={SECRET}",
    f"AWS_ACCESS_KEY_ID={SECRET}",
    f"PGPASSWORD={SECRET}",
    f"MYSQL_PWD={SECRET}",
    f"GITHUB_TOKEN={SECRET}",
    f"TOKEN_GITHUB={SECRET}",
    f"OPENAI_API_KEY_PROD={SECRET}",
    f"SECRET_KEY_BASE={SECRET}",
    f"password2={SECRET}",
    f"--env=HF_TOKEN={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"--header=Authorization: Bearer {SECRET}",
    f"X-Api-Key: {SECRET}",
    f"Cookie: session={SECRET}",
    f"postgres://user:{SECRET}@db.example.com/runs",
    f"postgres://user:{SECRET}@@db.example.com/runs",
    f"postgres://user:{SECRET}/x@db.example.com/runs",
    f"https://user:{SECRET}@example.com/x.git",
    f"--url=https://user:{SECRET}@example.com/x.git",
    f"mlflow.uri=https://user:{SECRET}@example.com",
    f"https://example.com/x?token={SECRET}&y=1",
    f"https://example.com/x?access%5Ftoken={SECRET}",
    f"https://example.com/x#access_token={SECRET}",
    f"https://a.blob.example.com/x?sv=1&sig={SECRET}",
    f"https://hooks.slack.com/services/T0/B0/{SECRET}",
    f'{{"password": "{SECRET}", "x": 1}}',
    f"{{'api_key': '{SECRET}'}}",
    f"import os; os.environ['HF_TOKEN'] = 1; login(password='{SECRET}')",
    f"curl -H 'Authorization: token {SECRET}' https://example.com",
    f"train.py --password {SECRET} --lr 0.1",
    f"AccountName=x;AccountKey={SECRET};EndpointSuffix=y",
]

INNOCENTS = [
    "max_tokens=512",
    "--max-tokens=512",
    "--max-new-tokens=64",
    "tokens_per_batch=4096",
    "num_tokens=1000000",
    "--tokenizer=bert-base-uncased",
    "--tokenizer.path=/data/tok.json",
    "--pad-token=<pad>",
    "--pad-token=[PAD]",
    "eos_token=</s>",
    "--bos_token=hello",
    "mask_token=MASK",
    "--pad_token_id=50256",
    "--token=<|endoftext|>",
    "token_dropout=0.1",
    "token_embedding=learned",
    "--special-tokens=a,b",
    "num_keys=8",
    "key=val",
    "--key=image",
    "sort_key=length",
    "primary_key=id",
    "prng_key=42",
    "keys=a,b,c",
    "keyboard=qwerty",
    "monkey=1",
    "secret_santa_dataset=v2",
    "dataset=secret_santa",
    "author=ada",
    "--author=Ada Example",
    "authors=ada,bob",
    "passes=3",
    "--num-passes=2",
    "first_pass=true",
    "forward_pass=slow",
    "n_pass=2",
    "compass=north",
    "bypass=0",
    "pass_rate=0.9",
    "password_length=12",
    "--password-file=/run/secrets/pw",
    "token_count=12",
    "use_auth_token=True",
    "use_auth_token=false",
    "auth=oauth2",
    "password=",
    "password=${oc.env:DB_PASSWORD}",
    "api_key=null",
    "lr=0.001",
    "--optimizer=adam",
    "skew=0.1",
    "task-1234567890-abcdefghij",
    "sk-learn-pipeline-with-a-long-name",
    "hf_model_name",
    "ghp_short",
    "xoxo",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "123e4567-e89b-12d3-a456-426614174000",
    "aGVsbG8gd29ybGQ=",
    "3fa2c1d0",
    "git@github.com:ada/project.git",
    "ssh://git@github.com/ada/project.git",
    "https://github.com/ada/project.git",
    "https://ada@example.com/project.git",
    "https://example.com/search?q=cats&page=2#top",
    "http://localhost:8080/path@2x.png",
    "s3://bucket/key/part-0001.parquet",
    "file:///data/a@b",
    "C:\\data\\train.csv",
    "2026-05-01T12:00:00",
    "model@v2:latest",
    "step 100 loss: 0.31 tokens/s: 1200 token: 5",
    "Tokenization done: 12 tokens, key: value",
    "def connect(password: str) -> None",
    "connect(password=password, token=args.token)",
    "api_key = os.environ['API_KEY']",
    "KeyError: 'token'",
    "Please enter your password:",
    "class Author: pass",
    "the bearer of news",
]  # fmt: skip


@pytest.mark.parametrize("credential", CREDENTIALS, ids=lambda text: text[:8])
def test_a_credential_is_known_by_its_form_wherever_it_stands(credential: str) -> None:
    for text in (credential, f"x={credential}", f"see {credential}, then", f'"{credential}"'):
        assert credential not in redact_text(text)
        assert redact_text(text).replace(REDACTED, credential) == text
    assert credential not in redact_arguments(["train", credential])[1]
    assert redact_mapping({"note": [{"x": credential}]}) == {"note": [{"x": REDACTED}]}


@pytest.mark.parametrize("word", SECRET_WORDS)
def test_a_secret_word_loses_its_secret_and_nothing_in_front_of_it(word: str) -> None:
    [_, redacted] = redact_arguments(["train", word])
    assert SECRET not in redacted
    assert REDACTED in redacted
    assert redacted[:4] == word[:4]
    assert redact_arguments(["train", redacted])[1] == redacted


@pytest.mark.parametrize("word", INNOCENTS)
def test_an_innocent_word_stays(word: str) -> None:
    assert redact_arguments(["train", word]) == ["train", word]
    assert redact_text(word) == word
    assert redact_mapping({"note": word}) == {"note": word}
    name, equals, value = word.partition("=")
    if equals and name.replace("-", "").isidentifier():
        assert redact_arguments(["train", f"--{name.lstrip('-')}", value])[-1] == value


def test_the_tables_are_as_large_as_promised() -> None:
    assert len(CREDENTIALS) + len(SECRET_WORDS) >= 60
    assert len(INNOCENTS) >= 60


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["x", "--password", "abc", "--lr", "1"], ["x", "--password", REDACTED, "--lr", "1"]),
        (["x", "--password", "--lr", "1"], ["x", "--password", "--lr", "1"]),
        (["x", "--password", "-abc"], ["x", "--password", REDACTED]),
        (["x", "--password", "12345"], ["x", "--password", REDACTED]),
        (["x", "--token", "7"], ["x", "--token", "7"]),
        (["x", "--token"], ["x", "--token"]),
        (["curl", "-H", "Authorization: Basic YTpi", "u"], ["curl", "-H", f"Authorization: {REDACTED}", "u"]),
        (["/usr/bin/curl", "-u", "ada:abc", "u"], ["/usr/bin/curl", "-u", REDACTED, "u"]),
        (["docker", "run", "-u", "1000:1000"], ["docker", "run", "-u", "1000:1000"]),
        (["docker", "run", "-e", "HF_TOKEN=abc"], ["docker", "run", "-e", f"HF_TOKEN={REDACTED}"]),
        (["mysql", "-pabc", "db"], ["mysql", f"-p{REDACTED}", "db"]),
        (["sshpass", "-p", "abc", "ssh", "h"], ["sshpass", "-p", REDACTED, "ssh", "h"]),
        (["train", "-p", "8080"], ["train", "-p", "8080"]),
        ([], []),
    ],
)
def test_words_that_belong_together(argv: list[str], expected: list[str]) -> None:
    assert redact_arguments(argv) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ada:pw@example.com/x.git", f"https://{REDACTED}@example.com/x.git"),
        ("https://ada:p@w@example.com/x.git", f"https://{REDACTED}@example.com/x.git"),
        ("https://ada:p#w@example.com/x.git", f"https://{REDACTED}@example.com/x.git"),
        (f"https://{CREDENTIALS[0]}@github.com/x.git", f"https://{REDACTED}@github.com/x.git"),
        (f"https://{'0a' * 16}@o1.example.com/7", f"https://{REDACTED}@o1.example.com/7"),
        ("https://example.com/x?a=1&token=abc&b=2", f"https://example.com/x?a=1&token={REDACTED}&b=2"),
        ("https://example.com/x?key=abcdefghijklmnop", f"https://example.com/x?key={REDACTED}"),
        ("ada:pw@example.com:x.git", f"{REDACTED}@example.com:x.git"),
        ("https://[::1]:8080/x@y", "https://[::1]:8080/x@y"),
        ("git@example.com:x.git", "git@example.com:x.git"),
        ("../other", "../other"),
        ("", ""),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert redact_url(url) == expected
    assert redact_url(expected) == expected


def test_a_mapping_is_redacted_by_name_at_any_depth() -> None:
    params: dict[Key, Value] = {
        "lr": 0.1,
        "db": {"user": "ada", "password": "abc", "port": 5432},
        "credentials": {"id": "abc", "more": ["x", 7, True, None]},
        "api_keys": ["a", "b"],
        "loggers": [{"wandb_api_key": "abc"}, {"kind": "csv"}],
        "remote": "https://ada:pw@example.com/x",
        "use_auth_token": True,
        "hf_token": None,
        "max_tokens": 512,
        3: "three",
    }
    assert redact_mapping(params) == {
        "lr": 0.1,
        "db": {"user": "ada", "password": REDACTED, "port": 5432},
        "credentials": {"id": REDACTED, "more": [REDACTED, REDACTED, True, None]},
        "api_keys": [REDACTED, REDACTED],
        "loggers": [{"wandb_api_key": REDACTED}, {"kind": "csv"}],
        "remote": f"https://{REDACTED}@example.com/x",
        "use_auth_token": True,
        "hf_token": None,
        "max_tokens": 512,
        3: "three",
    }


def test_forty_hex_digits_are_a_secret_only_under_a_secret_name() -> None:
    key = "0123456789abcdef0123456789abcdef01234567"
    assert redact_arguments(["x", f"WANDB_API_KEY={key}"]) == ["x", f"WANDB_API_KEY={REDACTED}"]
    assert redact_arguments(["x", f"commit={key}"]) == ["x", f"commit={key}"]


def test_a_traceback_keeps_its_shape() -> None:
    text = f"""Traceback (most recent call last):
  File "train.py", line 3, in <module>
    connect(user="ada", password="{SECRET}", port=1)
OSError: cannot reach postgres://ada:{SECRET}@db/runs?sslmode=off (token={SECRET}123)
"""
    assert redact_text(text) == text.replace(f"ada:{SECRET}@", f"{REDACTED}@").replace(
        f"{SECRET}123", REDACTED
    ).replace(SECRET, REDACTED)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("DB_PASS", True),
        ("clientSecret", True),
        ("auth-token", True),
        ("stripe.key", True),
        ("private_key", True),
        ("public_key", False),
        ("Tokenizer", False),
        ("max_tokens", False),
        ("key", False),
        ("", False),
        ("é" * 300, False),
    ],
)
def test_secret_names(*, name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


_PIECES = ["password", "token", "--api-key", "Authorization", "Bearer ", "=", ": ", "://", "@", "?", "&", '"', "'",
           "a.b", "abc12345", " ", "\n", ",", ")", "[", "{", "x", "https", REDACTED, CREDENTIALS[0]]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=12).map("".join))
def test_any_text_can_be_redacted_and_once_is_enough(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
    redact_url(text)
    redact_arguments([text, text])


def test_patterns_of_the_user(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "--add", "gittrack.redact", r"EMP-\d{6}", cwd=repo)
    git("config", "--add", "gittrack.redact", "patient [A-Z]\\w+", cwd=repo)
    (repo / "notes.txt").write_text("about EMP-123456\n")
    command = ["sh", "-c", "echo seen patient Doe", "--who", "EMP-654321"]
    assert gittrack("run", "-q", "--tag", "who=EMP-111111", "--", *command).code == 0
    assert gittrack("note", "latest", "ask EMP-222222").code == 0
    files = git("ls-tree", "-r", "--name-only", "gittrack/runs", cwd=repo).split()
    whole = "".join(git("show", f"gittrack/runs:{name}", cwd=repo) for name in files)
    assert "EMP-" not in whole
    assert "seen [redacted]" in whole
    assert "Doe" not in whole
    assert "notes.txt" in gittrack("show").out, "the file is left out of the snapshot"
    git("config", "--add", "gittrack.redact", "(", cwd=repo)
    refused = gittrack("run", "-q", "--", "true")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "git config gittrack.redact: '('" in refused.err
