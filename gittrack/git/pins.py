"""Keeps commits alive: a chain of commits of the empty tree, each with the last pin and the pinned commit as parents.

A commit's id inside a file protects nothing from `git gc`; being a parent does, and one ref holds any number of them.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gittrack.git.branch import advance, commit_bytes
from gittrack.git.process import run_git_status
from gittrack.git.reader import parents_of
from gittrack.git.refs import read_ref
from gittrack.git.settled import lost_tip, settle_tip
from gittrack.git.store import MissingObject, ObjectStore

if TYPE_CHECKING:
    from gittrack.git.repository import Repository, Signature

CODE: Final = "refs/gittrack/code"
SNAPSHOTS: Final = "refs/gittrack/snapshots"


def pin(repo: Repository, ref: str, commit: str, *, committer: Signature) -> None:
    """Keep `commit` alive through `ref`, durably; nothing where it is already. StorageError when the disk refuses."""
    if is_pinned(repo, ref, commit):
        return

    def build(store: ObjectStore, tip: str | None) -> str:
        settle_tip(repo, ref, commit)
        tree = store.write("tree", b"")
        who = (committer, time.time())
        before = lost_tip(repo, ref) if tip is None else tip
        parents = [parent for parent in (before, commit) if parent is not None]
        return store.write("commit", commit_bytes(tree, parents, f"pin {commit}\n", who, who))

    advance(repo, ref, build)


def is_pinned(repo: Repository, ref: str, commit: str) -> bool:
    """Tell whether `commit` is kept alive by `ref`, by a pin of its own or as an ancestor of another."""
    tip = read_ref(repo, ref)
    if tip is None:
        return False
    if last_pinned(repo, ref) == commit:
        return True
    # 1 for no; 128 for a ref that is broken, or a history that is cut off: then one more pin does no harm.
    return run_git_status(["merge-base", "--is-ancestor", commit, tip], repo=repo)[0] == 0


def last_pinned(repo: Repository, ref: str) -> str | None:
    """Return the commit that was pinned last, None where there is none."""
    tip = read_ref(repo, ref)
    if tip is None:
        return None
    try:
        with ObjectStore(repo) as store:
            _, data = store.read(tip)
    except MissingObject:
        return None
    parents = parents_of(data)
    return parents[-1] if parents else None
