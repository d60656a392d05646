"""What a partial clone left out: fetched in one go where many objects are read, and told where it cannot be."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gittrack.git.process import run_git_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.git.repository import Repository

# What git itself calls to fetch one object, and no housekeeping afterwards.
_FETCH = (
    *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
    *("--no-auto-maintenance", "--recurse-submodules=no", "--filter=blob:none", "--stdin"),
)


def promisors(repo: Repository) -> list[str]:
    """Return the remotes that have what this clone left out, none where it is a whole one."""
    try:
        with open(os.path.join(repo.common_dir, "config"), "rb") as file:
            text = file.read().lower()
    except OSError:
        return []
    if b"promisor" not in text and b"partialclone" not in text:
        return []  # nearly every repository: no process is started
    from gittrack.git.repository import settings

    found = settings(repo)
    named = [key[len("remote.") : -len(".promisor")] for key in found.values if key.endswith(".promisor")]
    return named or list(found.get_all("extensions.partialclone"))


def left_out(repo: Repository) -> str | None:
    """Return the sentence for an object that a partial clone cannot get, None where the clone is a whole one."""
    remotes = promisors(repo)
    if not remotes:
        return None
    return (
        f"this clone is a partial one, and what it left out cannot be fetched from {' or '.join(remotes)}; "
        "try again when that remote can be reached"
    )


def fetch_missing(repo: Repository, oids: Sequence[str]) -> None:
    """Fetch those of `oids` that are not here, where this is a partial clone: one by one takes a second for each.

    What cannot be fetched is noticed when it is read.
    """
    remotes = promisors(repo)
    if not remotes:
        return
    from gittrack.git.packs import open_packs

    packs = open_packs(repo)
    for remote in remotes:
        missing = [oid for oid in oids if not packs.contains(oid)]
        if missing:
            run_git_status([*_FETCH, "--", remote], repo=repo, stdin="".join(f"{oid}\n" for oid in missing).encode())
