"""Objects of a repository in whatever state, each held against its id: one that is damaged stops nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.errors import DamagedRecord, StorageError
from gittrack.git.process import run_git, stream_git
from gittrack.git.reader import BlobReader
from gittrack.git.tree import DIRECTORY, Entry, parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.git.repository import Repository

MISSING: Final = "is missing from the repository"
DAMAGED: Final = "is damaged in the repository"
_MISSING_MARK = b"?"


class Verified(NamedTuple):
    """An object: its content, or None and what is wrong with it."""

    oid: str
    data: bytes | None
    fault: str = ""


class Node(NamedTuple):
    """An entry below a tree with its path; `fault` where it is a directory that cannot be read."""

    path: str
    entry: Entry
    fault: str = ""


def read_verified(repo: Repository, reader: BlobReader, kind: str, oids: Sequence[str]) -> Iterator[Verified]:
    """Yield one answer for each of `oids`, all of them 'blob' or 'tree' as `kind` says, in their order."""
    position = 0
    for oid, data in reader.read_many(oids):
        while oids[position] != oid:
            yield _read_alone(repo, kind, oids[position])
            position += 1
        yield _verified(repo, kind, oid, data)
        position += 1
    for oid in oids[position:]:
        yield _read_alone(repo, kind, oid)


def _read_alone(repo: Repository, kind: str, oid: str) -> Verified:
    """Tell what is wrong with an object that was left out; of a process of its own, for many answers are under way."""
    try:
        with BlobReader(repo) as reader:
            data = reader.read(oid)
    except StorageError:
        return Verified(oid, None, DAMAGED)
    return Verified(oid, None, MISSING) if data is None else _verified(repo, kind, oid, data)


def _verified(repo: Repository, kind: str, oid: str, data: bytes) -> Verified:
    # git itself does not compare the two when it reads.
    digest = hashlib.new(repo.object_format, b"%b %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
    digest.update(data)
    return Verified(oid, data) if digest.hexdigest() == oid else Verified(oid, None, DAMAGED)


def read_trees(
    repo: Repository, reader: BlobReader, oids: Sequence[str]
) -> Iterator[tuple[str, list[Entry] | None, str]]:
    """Yield (oid, entries or None, what is wrong) of each tree, in their order."""
    for oid, data, fault in read_verified(repo, reader, "tree", oids):
        if data is None:
            yield oid, None, fault
            continue
        try:
            entries = parse_tree(data, repo.hash_len)
        except DamagedRecord:
            yield oid, None, DAMAGED
        else:
            yield oid, entries, ""


def walk(repo: Repository, reader: BlobReader, entries: Iterable[Entry], prefix: str = "") -> Iterator[Node]:
    """Yield every file below `entries`, and each directory that cannot be read."""
    folders = []
    for entry in entries:
        path = prefix + entry.name.decode("utf-8", "surrogateescape")
        if entry.mode == DIRECTORY:
            folders.append((path, entry))
        else:
            yield Node(path, entry)
    answers = list(read_trees(repo, reader, [entry.oid for _, entry in folders]))
    for (path, entry), (_, inner, fault) in zip(folders, answers, strict=True):
        if inner is None:
            yield Node(path, entry, fault)
        else:
            yield from walk(repo, reader, inner, f"{path}/")


def commit_tree(reader: BlobReader, tip: str) -> str | None:
    """Return the id of a commit's top tree, None when the commit cannot be read."""
    try:
        data = reader.read(tip)
    except StorageError:
        return None
    head, _, oid = (data or b"").partition(b"\n")[0].partition(b" ")
    return oid.decode("ascii", "replace") if head == b"tree" else None


def walk_commit(repo: Repository, reader: BlobReader, tip: str) -> Iterator[Node]:
    """Yield every file of a commit, and each directory that cannot be read; StorageError without its top tree."""
    top = commit_tree(reader, tip)
    _, entries, _ = next(read_trees(repo, reader, [top or tip]))
    if top is None or entries is None:
        raise StorageError(f"the commit {tip[:12]} cannot be read; run 'git fsck'")
    yield from walk(repo, reader, entries)


def missing_objects(repo: Repository, tip: str) -> Iterator[str]:
    """Yield the ids of objects that the history of a commit needs and the repository lacks.

    Raises GitError where a commit or a tree cannot be read at all.
    """
    for line in stream_git(["rev-list", "--objects", "--missing=print", tip], repo=repo, separator=b"\n"):
        if line.startswith(_MISSING_MARK):
            yield line[1:].decode("ascii", "replace")


def absent(repo: Repository, oids: Sequence[str]) -> list[str]:
    """Return those of `oids`, whole ids of commits, that the repository does not have."""
    if not oids:
        return []
    asked = "".join(f"{oid}^{{commit}}\n" for oid in oids).encode()
    answers = run_git(["cat-file", "--batch-check"], repo=repo, stdin=asked).splitlines()
    return [oid for oid, answer in zip(oids, answers, strict=True) if answer.split(b" ")[1:2] != [b"commit"]]
