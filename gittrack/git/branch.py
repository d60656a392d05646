"""A branch as an append-only set of paths: one commit adds files, nothing that is there changes."""

from __future__ import annotations

import os
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

# Whoever may come to write has all of it loaded beforehand: see record/begin.py. Readers do not import this module.
import fasteners  # noqa: F401

import gittrack.git.container  # noqa: F401
from gittrack.errors import DamagedRecord, StorageError
from gittrack.git.lock import ThreadLock, held_lock
from gittrack.git.packs import open_packs
from gittrack.git.refs import read_ref, swap_ref, sync_ref
from gittrack.git.settled import remember_tip, settle_tip
from gittrack.git.signing import write_commit
from gittrack.git.store import ObjectStore
from gittrack.git.tree import DIRECTORY, FILE, Entry, find_entry, parse_tree, put_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gittrack.git.repository import Repository, Signature

Content: TypeAlias = "bytes | os.PathLike[str]"
_Node: TypeAlias = "dict[str, _Node | Content]"

_PATIENCE = 10.0  # seconds for compare-and-swap at the least, however long the lock took
_RESERVED = frozenset({"", ".", "..", ".git", "git~1"})


@dataclass(frozen=True, slots=True)
class Addition:
    """What one commit adds: path -> content, or path -> a file whose content is streamed."""

    files: Mapping[str, Content]
    message: str
    author: Signature
    author_time: float  # seconds since the epoch
    replace: frozenset[str] = frozenset()  # paths that may be there with other content


class View:
    """The branch at one tip, for reading while an addition is made."""

    def __init__(self, store: ObjectStore, tip: str | None) -> None:
        self.tip = tip
        self._store = store
        self._trees: dict[str, bytes | None] = {}

    def read(self, path: str) -> bytes | None:
        """Return the content of a file, or None if there is none."""
        directory, _, name = path.rpartition("/")
        entry = self._find(directory, name)
        if entry is None or entry.is_directory:
            return None
        return self._store.read(entry.oid)[1]

    def names(self, path: str) -> list[str]:
        """Return the names in a directory ('' is the top), in git's order; none if there is no directory."""
        tree = self.tree(path)
        if tree is None:
            return []
        return [os.fsdecode(entry.name) for entry in parse_tree(tree, self._store.repo.hash_len)]

    def tree(self, path: str) -> bytes | None:
        """Return the raw tree of a directory, or None."""
        if path not in self._trees:
            self._trees[path] = self._load(path)
        return self._trees[path]

    def _load(self, path: str) -> bytes | None:
        if not path:
            return None if self.tip is None else self._store.read(tree_of(self._store, self.tip))[1]
        directory, _, name = path.rpartition("/")
        entry = self._find(directory, name)
        return self._store.read(entry.oid)[1] if entry is not None and entry.is_directory else None

    def _find(self, directory: str, name: str) -> Entry | None:
        tree = self.tree(directory)
        return None if tree is None else find_entry(tree, self._store.repo.hash_len, _encode(name))


def view(repo: Repository, ref: str) -> View:
    """Return the branch as it is now; raises nothing if there is none: its tip is then None."""
    return View(ObjectStore(repo), read_ref(repo, ref))


def append(
    repo: Repository,
    ref: str,
    make: Callable[[View], Addition | None],
    *,
    committer: Signature,
    lock_timeout: float = 60.0,
    start: Callable[[], str | None] = lambda: None,
) -> str | None:
    """Add one commit to the branch `ref` and return its id; it is durable, whole, and on top of the tip.

    `make` is called with the tip, and again with the new one each time that another writer was faster. It
    returns what to add, or None for nothing. If all of it is there already, the tip is returned as it is.
    A branch that does not exist yet grows from the commit that `start` tells, if it tells one.
    Index, HEAD and hooks stay out of it. Raises DamagedRecord if a path exists with other content and is not
    in `replace`, StorageError if the disk refuses or if other writers are faster for too long.
    """

    def build(store: ObjectStore, tip: str | None) -> str | None:
        base = start() if tip is None else tip
        addition = make(View(store, base))
        if addition is None:
            return None
        if tip is None and base is not None:
            settle_tip(repo, ref, base)
        return add_commit(store, base, addition, committer)

    return advance(repo, ref, build, lock_timeout=lock_timeout)


def advance(
    repo: Repository,
    ref: str,
    build: Callable[[ObjectStore, str | None], str | None],
    *,
    lock_timeout: float = 60.0,
) -> str | None:
    """Move `ref` to the commit that `build(store, tip)` writes, again with each new tip while others are faster.

    Returns the commit, durable and whole, or None when `build` does. Raises StorageError if the disk refuses or if
    other writers are faster for too long.
    """
    with publish_lock(repo, lock_timeout), ObjectStore(repo) as store:
        deadline = time.monotonic() + max(lock_timeout, _PATIENCE)
        while True:
            tip = read_ref(repo, ref)
            commit = build(store, tip)
            if commit is None:
                if tip is not None:
                    # Somebody else brought it there, and may have died before the disk knew.
                    settle_tip(repo, ref, tip)
                    sync_ref(repo, ref)
                return None
            if tip is not None:
                settle_tip(repo, ref, tip)
            if _move(store, ref, tip, commit):
                remember_tip(repo, ref, commit)
                return commit
            if time.monotonic() > deadline:
                raise StorageError(f"other processes kept moving {ref}; try again when fewer of them are writing")
            time.sleep(random.uniform(0.0, 0.02))  # noqa: S311 - jitter, not a secret


def tree_of(store: ObjectStore, commit: str) -> str:
    """Return the id of a commit's tree; raises DamagedRecord if it is no commit."""
    kind, data = store.read(commit)
    if kind != "commit" or not data.startswith(b"tree "):
        raise DamagedRecord(f"{commit} is not a commit; run 'git fsck'")
    return data[5 : data.index(b"\n")].decode("ascii")


def commit_bytes(
    tree: str, parents: list[str], message: str, author: tuple[Signature, float], committer: tuple[Signature, float]
) -> bytes:
    """Return a commit object; times are seconds since the epoch, written with the local offset as git does."""
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
    lines += [f"author {_stamp(*author)}", f"committer {_stamp(*committer)}", ""]
    text = "\n".join([*lines, message.replace("\0", "").strip("\n"), ""])
    return text.encode("utf-8", "replace")


def _move(store: ObjectStore, ref: str, tip: str | None, commit: str) -> bool:
    """Make the batch durable, then point the ref to it; tell whether the tip was still the same."""
    store.sync()
    if commit == tip:
        # All was there: left by a process that died before it could say so, and maybe before the disk knew.
        sync_ref(store.repo, ref)
        return True
    if os.path.exists(os.path.join(store.repo.common_dir, "gc.pid")):
        # Asked at the last moment: a git that starts only now looks at the refs several processes later.
        store.shield()
    if not swap_ref(store.repo, ref, tip, commit):
        return False
    store.confirm()
    return True


def add_commit(store: ObjectStore, tip: str | None, addition: Addition, committer: Signature) -> str:
    """Write the commit that adds something on top of `tip` and return its id; `tip` where all of it is there."""
    old_tree = None if tip is None else tree_of(store, tip)
    root = b"" if old_tree is None else store.read(old_tree)[1]
    tree = store.write("tree", _edit(store, root, _nested(addition.files), "", addition.replace))
    if tip is not None and tree == old_tree:
        store.make_durable(tip)
        return tip
    data = commit_bytes(
        tree,
        [] if tip is None else [tip],
        addition.message,
        (addition.author, addition.author_time),
        (committer, time.time()),
    )
    return write_commit(store, data, committer)


def _edit(store: ObjectStore, tree: bytes, node: _Node, prefix: str, replace: frozenset[str]) -> bytes:
    """Return the raw tree with everything in `node` added; the trees and blobs below it go to the store."""
    hash_len = store.repo.hash_len
    entries: list[Entry] = []
    for name, child in node.items():
        path = prefix + name
        old = find_entry(tree, hash_len, _encode(name)) if tree else None
        if isinstance(child, dict):
            if old is not None and not old.is_directory:
                raise DamagedRecord(f"{path} is a file on the branch, and should be a directory")
            below = b"" if old is None else store.read(old.oid)[1]
            oid = store.write("tree", _edit(store, below, child, f"{path}/", replace))
            entries.append(Entry(DIRECTORY, _encode(name), oid))
        else:
            oid = store.write("blob", child) if isinstance(child, bytes) else store.write_blob_from(child)
            if old is not None and old.oid != oid and path not in replace:
                raise DamagedRecord(f"{path} is already on the branch with other content, and never changes")
            entries.append(Entry(FILE, _encode(name), oid))
    return put_entries(tree, hash_len, entries)


def _nested(files: Mapping[str, Content]) -> _Node:
    root: _Node = {}
    for path, content in files.items():
        *directories, name = path.split("/")
        if "\0" in path or any(part.lower() in _RESERVED for part in (*directories, name)):
            raise DamagedRecord(f"{path!r} cannot be a path on a branch; give the file another name")
        node = root
        for directory in directories:
            below = node.setdefault(directory, {})
            if not isinstance(below, dict):
                raise DamagedRecord(f"{path!r} lies below a path that is itself a file; rename one of them")
            node = below
        if name in node:
            raise DamagedRecord(f"{path!r} is a file and a directory at once; rename one of them")
        node[name] = content
    return root


def _stamp(who: Signature, when: float) -> str:
    seconds = max(0, int(when))
    offset = time.localtime(seconds).tm_gmtoff // 60
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    return f"{_clean(who.name)} <{_clean(who.email)}> {seconds} {sign}{hours:02}{minutes:02}"


def _clean(text: str) -> str:
    """Return a name or address without what would end its field, as git does."""
    return "".join(char for char in text if char not in "<>\n\r\0").strip()


def _encode(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


_threads = ThreadLock()  # the file lock below excludes processes, not threads of one


@contextmanager
def publish_lock(repo: Repository, timeout: float) -> Iterator[None]:
    """Let writers queue up instead of spoiling each other's work; without it they are slower, not wrong."""
    path = os.path.join(repo.state_dir, "publish.lock")
    with _threads.held(timeout), held_lock(path, timeout, sharing=open_packs(repo).sharing):
        yield
