"""Keeps commits alive: a chain of commits of the empty tree, each with the last pin and the pinned commit as parents.

A commit's id inside a file protects nothing from `git gc`; being a parent does, and one ref holds any number of them.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.errors import DamagedRecord
from gittrack.git.ancestry import is_ancestor, is_surely_ancestor
from gittrack.git.branch import advance, commit_bytes, publish_lock
from gittrack.git.process import run_git
from gittrack.git.reader import BlobReader, empty_tree, parents_of
from gittrack.git.refs import delete_ref, read_ref, sync_ref
from gittrack.git.rewriting import with_parents
from gittrack.git.settled import (
    forget_tip,
    lost_tip,
    remember_tip,
    remembered_tip,
    settle_commit,
    settle_tip,
)
from gittrack.git.store import MissingObject, ObjectStore

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from gittrack.git.repository import Repository, Signature
    from gittrack.git.rewriting import NewObjects

_PATIENCE: Final = 60.0  # seconds for another process that moves a ref
_PIN: Final = re.compile(rb"\n\n(?:pin |merge pins)")  # a commit of the user's may be without files too


def pin(repo: Repository, ref: str, commit: str, *, committer: Signature) -> None:
    """Keep `commit` alive through `ref`, durably; nothing where it is already. StorageError when the disk refuses."""
    tip = read_ref(repo, ref)
    # Where git cannot tell, or clocks were wrong, one more pin does no harm.
    if tip is None or not (last_pinned(repo, ref) == commit or is_surely_ancestor(repo, commit, tip)):
        pin_itself(repo, ref, commit, committer=committer)
    else:
        _settle(repo, ref)


def pin_itself(repo: Repository, ref: str, commit: str, *, committer: Signature) -> None:
    """Keep `commit` alive by a pin of its own, whether or not an older one leads to it."""
    _add(repo, ref, commit, commit, committer)


def pin_new(repo: Repository, ref: str, commit: str, *, parent: str | None, committer: Signature) -> None:
    """Keep a commit alive that was just made durable, on top of `parent`; at the same cost however many pins there are.

    Nothing can lead to it yet but the last pin, of a process that made the very same.
    """
    _add(repo, ref, commit, parent, committer)


def _add(repo: Repository, ref: str, commit: str, unsettled: str | None, committer: Signature) -> None:
    """Pin `commit`, with the history of `unsettled`, which git may have written, on disk before."""

    def build(store: ObjectStore, tip: str | None) -> str | None:
        if tip is not None and _pinned_by(store, tip) == commit:
            return None
        if unsettled is not None:
            settle_commit(repo, unsettled)
        tree = store.write("tree", b"")
        who = (committer, time.time())
        before = lost_tip(repo, ref) if tip is None else tip
        return _write_pin(store, tree, before, commit, who)

    if last_pinned(repo, ref) == commit:
        _settle(repo, ref)
    else:
        advance(repo, ref, build)


def _settle(repo: Repository, ref: str) -> None:
    """Have on disk what a git has brought to `ref`, with a fetch for instance, and not asked the disk for."""
    if remembered_tip(repo, ref) == read_ref(repo, ref):
        return
    with publish_lock(repo, _PATIENCE):
        tip = read_ref(repo, ref)
        if tip is not None:
            settle_tip(repo, ref, tip)
            sync_ref(repo, ref)
            remember_tip(repo, ref, tip)


def unpin_lost(repo: Repository, ref: str, commit: str) -> None:
    """Take out the pin of a commit that a git took away before the pin was there; the pins above are made anew.

    A pin of what is gone would break every walk along the chain.
    """
    emptied: list[str] = []

    def build(store: ObjectStore, tip: str | None) -> str | None:
        emptied.clear()
        above, below = _around(store, tip, commit)
        if tip is None or below is None:
            return None
        now = below[0] if below else None
        for data in reversed(above):
            now = store.write("commit", with_parents(data, [*([now] if now else []), parents_of(data)[-1]]))
        emptied.extend([] if now else [tip])
        return now

    advance(repo, ref, build)
    while emptied:
        forget_tip(repo, ref)
        if delete_ref(repo, ref, emptied[0]):
            return
        advance(repo, ref, build)


def _around(store: ObjectStore, tip: str | None, commit: str) -> tuple[list[bytes], list[str] | None]:
    """The pins above that of `commit`, newest first, and the one below it; None where only a merge may lead there."""
    above: list[bytes] = []
    while tip is not None:
        data = store.read(tip)[1]
        parents = parents_of(data)
        if parents[-1:] == [commit]:
            return above, parents[:-1]
        if b"\n\npin " not in data:
            break
        above.append(data)
        tip = parents[0] if len(parents) > 1 else None
    return above, None


def merge_pins(repo: Repository, ref: str, other: str, *, committer: Signature) -> None:
    """Add the chain of pins with the tip `other`; nothing where it is a part of this one.

    Raises DamagedRecord where what is new of it is no chain of pins, or cannot be read.
    """
    here = read_ref(repo, ref)
    if here is not None and is_ancestor(repo, other, here):
        return
    check_chain(repo, other, here)

    def build(store: ObjectStore, tip: str | None) -> str | None:
        if tip is None or is_ancestor(repo, tip, other):
            settle_tip(repo, ref, other)
            return other
        if is_ancestor(repo, other, tip):
            return None
        settle_tip(repo, ref, other)
        who = (committer, time.time())
        return store.write("commit", commit_bytes(store.write("tree", b""), [tip, other], "merge pins\n", who, who))

    advance(repo, ref, build)


def check_chain(repo: Repository, tip: str, known: str | None) -> None:
    """DamagedRecord where one of the pins from `tip` down to those that `known` leads to is none."""
    args = ["rev-list", "--end-of-options", tip, *([f"^{known}"] if known else [])]
    new = set(run_git(args, repo=repo).decode("ascii").split())
    todo = [tip]
    with BlobReader(repo) as reader:
        while todo:
            oid = todo.pop()
            if oid in new:
                new.remove(oid)
                todo += _read_link(repo, reader, oid).before


def chain_with(store: ObjectStore, tip: str | None, commits: Iterable[str], *, committer: Signature) -> str | None:
    """Write pins of `commits` on top of a chain that any repository has, and return its new tip; moves no ref."""
    who = (committer, time.time())
    tree = store.write("tree", b"")
    for commit in commits:
        tip = _write_pin(store, tree, tip, commit, who)
    return tip


def _write_pin(store: ObjectStore, tree: str, before: str | None, commit: str, who: tuple[Signature, float]) -> str:
    parents = [parent for parent in (before, commit) if parent is not None]
    return store.write("commit", commit_bytes(tree, parents, f"pin {commit}\n", who, who))


def is_pinned(repo: Repository, ref: str, commit: str) -> bool:
    """Tell whether `commit` is kept alive by `ref`, by a pin of its own or as an ancestor of another."""
    tip = read_ref(repo, ref)
    return tip is not None and (last_pinned(repo, ref) == commit or is_ancestor(repo, commit, tip))


def last_pinned(repo: Repository, ref: str) -> str | None:
    """Return the commit that was pinned last, None where there is none."""
    tip = read_ref(repo, ref)
    if tip is None:
        return None
    with ObjectStore(repo) as store:
        return _pinned_by(store, tip)


def _pinned_by(store: ObjectStore, pin: str) -> str | None:
    try:
        parents = parents_of(store.read(pin)[1])
    except MissingObject:
        return None
    return parents[-1] if parents else None


def pinned(repo: Repository, ref: str) -> list[str]:
    """Return the commits that have a pin of their own, the one that was pinned last first."""
    tip = read_ref(repo, ref)
    if tip is None:
        return []
    with BlobReader(repo) as reader:
        return [commit for link in _chain(repo, reader, tip) if (commit := link.commit) is not None]


def chain_without(repo: Repository, tip: str, dropped: Container[str], new: NewObjects) -> str | None:
    """Return the tip of the chain of pins without those of the commits in `dropped`, None where no pin is left.

    Pins before the first that goes stay the same commits. Raises DamagedRecord where one cannot be read.
    """
    mapped: dict[str, str | None] = {}
    with BlobReader(repo) as reader:
        for link in reversed(list(_chain(repo, reader, tip))):
            before = list(dict.fromkeys(now for pin in link.before if (now := mapped.get(pin, pin)) is not None))
            goes = link.commit is None or link.commit in dropped
            parents = before if goes else [*before, *link.parents[-1:]]
            if parents == link.parents:
                mapped[link.oid] = link.oid
            elif parents == before and len(before) < 2:
                mapped[link.oid] = before[0] if before else None
            else:
                mapped[link.oid] = new.write("commit", with_parents(link.data, parents))
    return mapped[tip]


class _Link(NamedTuple):
    """A pin: the pins before it, and the commit that it keeps, None where it merges two chains."""

    oid: str
    data: bytes
    before: list[str]
    commit: str | None

    @property
    def parents(self) -> list[str]:
        return self.before if self.commit is None else [*self.before, self.commit]


def _chain(repo: Repository, reader: BlobReader, tip: str) -> Iterator[_Link]:
    """Yield every pin, each before those that it stands on."""
    order = ["rev-list", "--topo-order", "--end-of-options", tip]
    links: dict[str, _Link] = {}
    todo = [tip]
    while todo:
        oid = todo.pop()
        if oid in links:
            continue
        links[oid] = _read_link(repo, reader, oid)
        todo += links[oid].before
    # A merged chain is met by two ways: only git knows an order for both.
    for line in run_git(order, repo=repo).decode().split() if len(links) > 1 else [tip]:
        if line in links:
            yield links[line]


def _read_link(repo: Repository, reader: BlobReader, oid: str) -> _Link:
    data = reader.read(oid)
    if data is None or not is_pin(repo, data):
        raise DamagedRecord(f"{oid[:12]} is no pin, or cannot be read; run 'gittrack check'")
    parents = parents_of(data)
    last = reader.read(parents[-1]) if parents else None
    if last is not None and is_pin(repo, last):
        return _Link(oid, data, parents, None)
    return _Link(oid, data, parents[:-1], parents[-1] if parents else None)


def is_pin(repo: Repository, data: bytes) -> bool:
    """Tell whether a raw commit is a link of such a chain."""
    return data.startswith(b"tree " + empty_tree(repo).encode()) and _PIN.search(data) is not None
