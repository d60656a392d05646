"""Commits with the signature that git would put on them: made by git itself, so that its settings hold to the letter.

`git commit-tree -S` asks for the key, the program and the format as every commit of the user's does. What it writes is
an object like any other of a batch: durable before a ref is moved, and made again when another writer was faster.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError
from gittrack.git.process import GitError, last_line, start_git
from gittrack.git.repository import Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.git.store import ObjectStore

_HEADER: Final = re.compile(rb"^(author|committer) (.*) <(.*)> (\d+ [-+]\d+)$", re.MULTILINE)
# Somebody may type a passphrase into the window of an agent, not into the terminal of a training.
_UNASKED: Final = {"GPG_TTY": os.devnull}


@dataclass(frozen=True, slots=True)
class Committer(Signature):
    """Who commits; `patience` is how many seconds a signature may take, None where commits are not signed."""

    patience: float | None = None


@dataclass(slots=True)
class _Past:
    """What became of the signatures that this process asked for: one failed and was told of, one took too long."""

    told: bool = False
    late: bool = False


_past: Final = _Past()


def write_commit(store: ObjectStore, data: bytes, committer: Signature) -> str:
    """Take the raw commit `data` into the batch, signed where `committer` signs, and return its id.

    Where git cannot sign, or does not within the committer's patience, the commit goes without a signature and standard
    error tells so once: a run is worth more than the signature on it.
    """
    patience = committer.patience if isinstance(committer, Committer) else None
    if patience is not None and not _past.late:
        store.sync()  # git looks at the tree and at the parents
        try:
            return store.write("commit", _ask_git(store, data, patience))
        except GittrackError as error:
            _tell(str(error))
    return store.write("commit", data)


def _tell(reason: str) -> None:
    if not _past.told:
        _past.told = True
        with contextlib.suppress(Exception):
            sys.stderr.write(
                f"gittrack: warning: what is committed goes without a signature: {reason}; "
                "mend that, or run 'git config gittrack.sign false'\n"
            )
            sys.stderr.flush()


def _ask_git(store: ObjectStore, data: bytes, patience: float) -> bytes:
    """Return the commit as git signs it."""
    head, _, message = data.partition(b"\n\n")
    lines = [line.split(b" ", 1) for line in head.split(b"\n")]
    tree, *parents = [value.decode("ascii") for key, value in lines if key in (b"tree", b"parent")]
    words = [word for parent in parents for word in ("-p", parent)]
    command = ["-c", "i18n.commitEncoding=UTF-8", "commit-tree", "-S", *words, "-F", "-", tree]
    oid = _run(store, command, message, _names(head), patience).strip().decode("ascii", "replace")
    return store.read(oid)[1]


def _names(head: bytes) -> dict[str, str]:
    """The environment by which git takes over who made a commit, and when."""
    env = {}
    for role, name, email, when in _HEADER.findall(head):
        prefix = f"GIT_{role.decode().upper()}"
        env[f"{prefix}_NAME"] = os.fsdecode(name)
        env[f"{prefix}_EMAIL"] = os.fsdecode(email)
        env[f"{prefix}_DATE"] = f"@{when.decode()}"
    return env


def _run(store: ObjectStore, command: list[str], message: bytes, env: Mapping[str, str], patience: float) -> bytes:
    process = start_git(command, repo=store.repo, env={**_UNASKED, **env}, stdin=subprocess.PIPE, own_session=True)
    with process:
        try:
            out, err = process.communicate(message, timeout=patience)
        except subprocess.TimeoutExpired:
            _kill(process)
            # Each further commit would wait as long.
            _past.late = True
            raise GitError(f"git did not sign within {patience:g} seconds") from None
        except BaseException:
            _kill(process)
            raise
    if process.returncode:
        raise GitError(_reason(err))
    return out


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End git and whom it asked, who may hold the pipes open."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _reason(stderr: bytes) -> str:
    """What git said first: after that it only repeats that there is no signature."""
    lines = [line for line in stderr.decode("utf-8", "replace").splitlines() if line.startswith("error: ")]
    return last_line(lines[0].encode()) if lines else last_line(stderr) or "git could not sign"
