"""Notes on commits as `git notes` keeps them: one blob a commit, named by its id, in the tree of a ref."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from gittrack.errors import StorageError
from gittrack.git.branch import advance, commit_bytes
from gittrack.git.reader import BlobReader, list_tree
from gittrack.git.tree import DIRECTORY, FILE, Entry, serialize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gittrack.git.repository import Repository, Signature
    from gittrack.git.store import ObjectStore

_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_Node: TypeAlias = "dict[bytes, _Node | Entry]"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The notes that are wanted: `texts` by commit, none on the other commits that are `within`.

    Notes that are not `ours`, or on other commits, stay as they are.
    """

    texts: Mapping[str, bytes]
    within: Callable[[str], bool]
    ours: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Noted:
    """How many notes were written and removed, and the commits whose note is somebody else's."""

    written: int = 0
    removed: int = 0
    foreign: tuple[str, ...] = ()


class _Place(NamedTuple):
    """Where a note, or whatever else is in the tree, is."""

    path: str
    mode: int
    oid: str


def write_notes(repo: Repository, ref: str, wanted: Wanted, message: str, *, committer: Signature) -> Noted:
    """Bring the notes of `ref` to what is wanted by one commit, durably; no commit where they are so already."""
    result = Noted()

    def build(store: ObjectStore, tip: str | None) -> str | None:
        nonlocal result
        files = [] if tip is None else [_Place(entry.path, entry.mode, entry.oid) for entry in list_tree(repo, tip)]
        notes = {name: place for place in files if _ID.fullmatch(name := place.path.replace("/", ""))}
        changes, result = _changes(repo, notes, wanted)
        if not changes:
            return None
        kept = {place.path: place for place in files}
        for commit, text in changes.items():
            path = notes[commit].path if commit in notes else f"{commit[:2]}/{commit[2:]}"
            if text is None:
                del kept[path]
            else:
                kept[path] = _Place(path, FILE, store.write("blob", text))
        tree = _written(store, _nested(kept.values()))
        who = (committer, time.time())
        return store.write("commit", commit_bytes(tree, [] if tip is None else [tip], message, who, who))

    advance(repo, ref, build)
    return result


def _changes(repo: Repository, notes: Mapping[str, _Place], wanted: Wanted) -> tuple[dict[str, bytes | None], Noted]:
    """The text for each commit whose note has to change, None where it goes."""
    stale = [commit for commit in notes if commit not in wanted.texts and wanted.within(commit)]
    differing = [c for c, text in wanted.texts.items() if c in notes and notes[c].oid != _blob_id(repo, text)]
    foreign = _foreign(repo, {commit: notes[commit].oid for commit in (*stale, *differing)}, wanted)
    texts: dict[str, bytes | None] = {c: text for c, text in wanted.texts.items() if c not in notes or c in differing}
    texts |= dict.fromkeys(stale)
    changes = {commit: text for commit, text in texts.items() if commit not in foreign}
    removed = sum(text is None for text in changes.values())
    # One on a commit that has no runs is in nobody's way.
    return changes, Noted(len(changes) - removed, removed, tuple(c for c in differing if c in foreign))


def _foreign(repo: Repository, oids: Mapping[str, str], wanted: Wanted) -> set[str]:
    with BlobReader(repo) as reader:
        contents = dict(reader.read_many(sorted(set(oids.values()))))
    return {commit for commit, oid in oids.items() if oid not in contents or not wanted.ours(contents[oid])}


def _blob_id(repo: Repository, data: bytes) -> str:
    header = b"blob %d\0" % len(data)
    return hashlib.new(repo.object_format, header + data, usedforsecurity=False).hexdigest()


def _nested(files: Iterable[_Place]) -> _Node:
    root: _Node = {}
    for place in files:
        *folders, name = place.path.split("/")
        node = root
        for folder in folders:
            below = node.setdefault(os.fsencode(folder), {})
            if isinstance(below, Entry):
                raise StorageError(f"{place.path!r:.200} lies below a file in the notes; run 'git fsck'")
            node = below
        node[os.fsencode(name)] = Entry(place.mode, os.fsencode(name), place.oid)
    return root


def _written(store: ObjectStore, node: _Node) -> str:
    entries = [
        below if isinstance(below, Entry) else Entry(DIRECTORY, name, _written(store, below))
        for name, below in node.items()
    ]
    return store.write("tree", serialize(entries))
