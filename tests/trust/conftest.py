"""People with keys of their own, made by ssh-keygen and gpg, and a repository whose runs they sign."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gittrack.cli.main import main
from gittrack.project import _opened
from tests.conftest import Result, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Git

RUNS = "refs/heads/gittrack/runs"


class Person:
    """Somebody with an ssh key: the file of it, and the line that vouches for it in a file of allowed signers."""

    def __init__(self, folder: Path, name: str, passphrase: str = "") -> None:
        self.name = name
        self.email = f"{name.lower()}@example.com"
        self.key = folder / f"{name.lower()}_key"
        done = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", name, "-f", self.key])
        assert done.code == 0, done.err

    @property
    def allowed(self) -> str:
        """The line in a file of allowed signers."""
        return f"{self.email} {Path(f'{self.key}.pub').read_text(encoding='utf-8')}"

    def signs(self, git: Git, repo: Path) -> None:
        """Have the runs that are recorded in `repo` signed by this person."""
        settings = {
            "gpg.format": "ssh",
            "user.signingKey": str(self.key),
            "user.name": self.name,
            "user.email": self.email,
            "gittrack.sign": "true",
        }
        for key, value in settings.items():
            git("config", key, value, cwd=repo)


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    return Person(tmp_path, "Ada")


@pytest.fixture
def bob(tmp_path: Path) -> Person:
    return Person(tmp_path, "Bob")


@pytest.fixture
def signing(repo: Path, git: Git, ada: Person, tmp_path: Path) -> Path:
    """A repository in which Ada signs, and in which she is allowed to."""
    ada.signs(git, repo)
    allowed = tmp_path / "allowed"
    allowed.write_text(ada.allowed, encoding="utf-8")
    git("config", "gpg.ssh.allowedSignersFile", allowed, cwd=repo)
    return repo


@pytest.fixture
def gpg_key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The fingerprint of a key in a keyring of its own, whose agent ends with the test."""
    # The path of the agent's socket has to be short.
    folder = tempfile.mkdtemp(prefix="gpg-", dir="/tmp")
    monkeypatch.setenv("GNUPGHOME", folder)
    try:
        uid = "Ada Example <ada@example.com>"
        made = run(["gpg", "--batch", "--passphrase", "", "--quick-gen-key", uid, "ed25519", "sign"])
        assert made.code == 0, made.err
        keys = run(["gpg", "--batch", "--with-colons", "--list-secret-keys"]).out.splitlines()
        yield next(line.split(":")[9] for line in keys if line.startswith("fpr:"))
    finally:
        run(["gpgconf", "--kill", "all"])
        shutil.rmtree(folder, ignore_errors=True)


class Verify:
    """`verify(*words, cwd=)` answers as `gittrack verify` does, without a process of its own."""

    def __call__(self, *words: str | Path, cwd: Path | None = None) -> Result:
        _opened.clear()  # a repository is opened once in a process, and its settings are read once
        out, err = io.StringIO(), io.StringIO()
        before = Path.cwd()
        os.chdir(cwd or before)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = main(["verify", *map(str, words)])
        finally:
            os.chdir(before)
        return Result(code, out.getvalue(), err.getvalue())

    def answer(self, *words: str | Path, cwd: Path | None = None) -> dict[str, Any]:
        """The answer to --json; the exit code must say the same, and nothing else be said."""
        done = self("--json", *words, cwd=cwd)
        answer: dict[str, Any] = json.loads(done.out)
        assert (done.code, done.err) == (0 if answer["ok"] else 1, "")
        return answer


@pytest.fixture
def verify() -> Verify:
    return Verify()
