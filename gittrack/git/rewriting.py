"""The history of a branch written anew without some paths: what never held them stays the same commits."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final, TypeAlias

from gittrack.errors import DamagedRecord
from gittrack.git.durable import storage_error
from gittrack.git.packfile import release_pack, write_pack
from gittrack.git.packs import open_packs
from gittrack.git.process import run_git
from gittrack.git.reader import BlobReader, empty_tree, parents_of
from gittrack.git.tree import DIRECTORY, Entry, find_entry, parse_tree, put_entries, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from gittrack.git.repository import Repository

Progress: TypeAlias = "Callable[[int, int | None], None]"
_Node: TypeAlias = "dict[str, _Node | None]"  # None: the path ends here

_FLUSH_AT: Final = 16 << 20  # bytes
_SIGNATURES: Final = (b"gpgsig ", b"gpgsig-sha256 ", b"mergetag ")  # of a commit that is not that one any more


class NewObjects:
    """Objects for a ref that will be moved: durable after `flush`, in packs that no git deletes before the end."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._seen: set[str] = set()
        self._waiting: list[tuple[str, str, bytes]] = []
        self._size = 0
        self._packs: list[str] = []

    @property
    def packs(self) -> list[str]:
        """The packs that were written, as paths without extension."""
        return list(self._packs)

    def __enter__(self) -> NewObjects:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for base in self._packs:
            release_pack(base)

    def write(self, kind: str, data: bytes) -> str:
        """Take an object and return its id."""
        header = b"%s %d\0" % (kind.encode(), len(data))
        oid = hashlib.new(self._repo.object_format, header + data, usedforsecurity=False).hexdigest()
        if oid not in self._seen:
            self._seen.add(oid)
            self._waiting.append((oid, kind, data))
            self._size += len(data)
            if self._size > _FLUSH_AT:
                self.flush()
        return oid

    def flush(self) -> None:
        """Make everything durable that was written so far. StorageError when the disk refuses."""
        if not self._waiting:
            return
        folder = os.path.join(self._repo.objects_dir, "pack")
        sharing = open_packs(self._repo).sharing
        try:
            base = write_pack(folder, self._waiting, object_format=self._repo.object_format, sharing=sharing, keep=True)
        except OSError as error:
            raise storage_error(error, error.filename or folder) from error
        self._packs.append(base)
        self._waiting, self._size = [], 0


def history_without(
    repo: Repository,
    tip: str,
    paths: Iterable[str],
    new: NewObjects,
    *,
    reword: Callable[[bytes], bytes] = lambda message: message,
    progress: Progress | None = None,
) -> str | None:
    """Return the tip of the history without `paths`, files or folders; `tip` itself where it never held any of them.

    Commits before the first that holds one stay as they are, of the others author, committer, dates and message do,
    unless `reword` says otherwise; one that had nothing else is dropped, a merge stays. None where nothing is left.
    Raises DamagedRecord where an object cannot be read.
    """
    commits = run_git(["rev-list", "--topo-order", "--reverse", "--end-of-options", tip], repo=repo).decode().split()
    with BlobReader(repo) as reading, BlobReader(repo) as trees:
        rewriter = _Rewriter(repo, trees, _nested(paths), new, reword)
        found = 0
        for oid, data in reading.read_many(commits):
            rewriter.take(oid, data)
            found += 1
            if progress is not None:
                progress(found, len(commits))
    if found != len(commits):
        raise DamagedRecord("a commit of the branch cannot be read; run 'git fsck'")
    return rewriter.mapped[tip]


class _Rewriter:
    """Commits taken in one by one, parents first; `mapped` tells what became of each."""

    def __init__(
        self, repo: Repository, reader: BlobReader, node: _Node, new: NewObjects, reword: Callable[[bytes], bytes]
    ) -> None:
        self.mapped: dict[str, str | None] = {}
        self._hash_len = repo.hash_len
        self._reader = reader
        self._node = node
        self._new = new
        self._reword = reword
        self._empty = empty_tree(repo)
        self._trees: dict[tuple[str, int], str | None] = {}  # (tree, part of the paths) -> the tree without them
        self._tree_of: dict[str | None, tuple[str, str]] = {None: (self._empty, self._empty)}  # old and new one

    def take(self, oid: str, data: bytes) -> None:
        """Rewrite one commit whose parents have been taken."""
        head, _, message = data.partition(b"\n\n")
        old_tree = head[5:].split(b"\n", 1)[0].decode("ascii")
        tree = self._without(old_tree, self._node) or self._empty
        parents = parents_of(data)
        now = list(dict.fromkeys(new for parent in parents if (new := self.mapped[parent]) is not None))
        self._tree_of[oid] = (old_tree, tree)
        if tree == old_tree and now == parents:
            self.mapped[oid] = oid
        elif self._says_nothing(old_tree, tree, parents, now):
            self.mapped[oid] = now[0] if now else None
        else:
            if tree == self._empty:
                self._new.write("tree", b"")
            text = self._reword(message) if tree != old_tree else message
            self.mapped[oid] = self._new.write("commit", _commit(head, tree, now, text))

    def _says_nothing(self, old_tree: str, tree: str, parents: list[str], now: list[str]) -> bool:
        """Whether all that the commit did was about the paths; one that did nothing at all stays as it was."""
        if len(now) > 1:
            return False
        before = [self._tree_of[parent] for parent in parents] or [self._tree_of[None]]
        return tree in {new for _, new in before} and (len(parents) > 1 or old_tree != before[0][0])

    def _without(self, oid: str, node: _Node) -> str | None:
        key = (oid, id(node))
        if key not in self._trees:
            self._trees[key] = self._filtered(oid, node)
        return self._trees[key]

    def _filtered(self, oid: str, node: _Node) -> str | None:
        """The tree without what `node` names, None where nothing is left in it."""
        data = self._reader.read(oid)
        if data is None:
            raise DamagedRecord(f"the tree {oid} is missing; run 'git fsck'")
        removed: set[bytes] = set()
        changed: list[Entry] = []
        for name, below in node.items():
            entry = find_entry(data, self._hash_len, name.encode())
            if entry is None or (below is not None and not entry.is_directory):
                continue
            rest = None if below is None else self._without(entry.oid, below)
            if rest is None:
                removed.add(entry.name)
            elif rest != entry.oid:
                changed.append(Entry(DIRECTORY, entry.name, rest))
        if not removed and not changed:
            return oid
        data = put_entries(data, self._hash_len, changed)
        if removed:
            data = serialize(entry for entry in parse_tree(data, self._hash_len) if entry.name not in removed)
        return self._new.write("tree", data) if data else None


def with_parents(data: bytes, parents: list[str]) -> bytes:
    """Return a raw commit with other parents."""
    head, _, message = data.partition(b"\n\n")
    return _commit(head, head[5:].split(b"\n", 1)[0].decode("ascii"), parents, message)


def _commit(head: bytes, tree: str, parents: list[str], message: bytes) -> bytes:
    """A commit as it was, author, committer and encoding included, with another tree and other parents."""
    lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
    return b"\n".join([*lines, *_kept(head)]) + b"\n\n" + message


def _kept(head: bytes) -> Iterator[bytes]:
    dropped = False
    for line in head.split(b"\n"):
        if not line.startswith(b" "):  # else it goes on with the line before
            dropped = line.startswith((b"tree ", b"parent ", *_SIGNATURES))
        if not dropped:
            yield line


def _nested(paths: Iterable[str]) -> _Node:
    top: _Node = {}
    for path in paths:
        *folders, name = path.split("/")
        node = top
        for folder in folders:
            below = node.setdefault(folder, {})
            if below is None:
                break
            node = below
        else:
            node[name] = None
    return top
