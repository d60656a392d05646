"""What git says of the signatures of commits: of many at once, as many at a time as there are processors."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.git.process import run_git
from gittrack.git.reader import BlobReader
from gittrack.git.unfeigned import ENV

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gittrack.git.repository import Repository

GOOD: Final = "good"
BAD: Final = "bad"
UNKNOWN: Final = "unknown key"
EXPIRED: Final = "expired"
REVOKED: Final = "revoked key"
UNCHECKED: Final = "unchecked"
UNSIGNED: Final = "unsigned"
# By the letters of %G? (git help log).
_VERDICTS: Final = {"G": GOOD, "B": BAD, "U": UNKNOWN, "E": UNKNOWN, "X": EXPIRED, "Y": EXPIRED, "R": REVOKED}
# git starts one or two programs for each signature.
_AT_ONCE: Final = 32
_FORM: Final = "%H%x1f%G?%x1f%GS%x1f%GF%x1f%GK"
_HEADERS: Final = (b"\ngpgsig ", b"\ngpgsig-sha256 ")


class Seal(NamedTuple):
    """The signature of a commit: a verdict, whose it is where the key is known, and the fingerprint of the key."""

    verdict: str
    signer: str = ""
    key: str = ""


def seals(
    repo: Repository,
    commits: Sequence[str],
    *,
    allowed_signers: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Seal]:
    """Return what git says of the signature of each commit; `progress` is told (done, total) of signatures.

    `allowed_signers` is the file that vouches for ssh keys, None for the one of the git configuration.
    """
    with BlobReader(repo, ENV) as reader:
        signed = [oid for oid, data in reader.read_many(commits) if _is_signed(data)]
    found = dict.fromkeys(commits, Seal(UNSIGNED))
    chunks = [signed[start : start + _AT_ONCE] for start in range(0, len(signed), _AT_ONCE)]
    done = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for answers in pool.map(lambda chunk: dict(_ask(repo, chunk, allowed_signers)), chunks):
            found |= answers
            done += len(answers)
            if progress is not None:
                progress(done, len(signed))
    return found


def _is_signed(data: bytes) -> bool:
    head = data.partition(b"\n\n")[0]
    return any(header in head for header in _HEADERS)


def _ask(repo: Repository, commits: Sequence[str], allowed_signers: str | None) -> Iterator[tuple[str, Seal]]:
    settings = [] if allowed_signers is None else ["-c", f"gpg.ssh.allowedSignersFile={allowed_signers}"]
    command = [*settings, "log", "--no-walk=unsorted", "--stdin", "--no-show-signature", f"--format={_FORM}"]
    feed = "".join(f"{commit}\n" for commit in commits).encode()
    out = run_git(command, repo=repo, stdin=feed, env=ENV).decode("utf-8", "replace")
    for line in out.split("\n"):
        fields = line.split("\x1f")
        if len(fields) == 5:
            commit, letter, signer, fingerprint, key = fields
            verdict = _VERDICTS.get(letter, UNCHECKED)
            # A name on a key that nobody vouches for is whatever its maker liked.
            yield commit, Seal(verdict, signer if verdict in (GOOD, EXPIRED, REVOKED) else "", fingerprint or key)
