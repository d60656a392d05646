"""Objects as they lie on disk, loose, packed or in an alternate, read through one view per process."""

from __future__ import annotations

import atexit
import os
import threading
import zlib
from typing import TYPE_CHECKING

from gittrack.errors import StorageError
from gittrack.git.durable import Sharing, sharing_of
from gittrack.git.lock import ThreadLock
from gittrack.git.process import GitError, run_git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.packed import PackFolder
    from gittrack.git.repository import Repository

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


class MissingObject(StorageError):
    """An object that should be there is not."""


class Packs:
    """A view of an object database for reading; thread-safe, shared by all who ask in this process.

    Loose objects are read here, at 30 us each: dulwich would first search every pack. It is imported only
    once there are packs to be searched, because that costs 35 ms.
    """

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.sharing: Sharing | None = sharing_of(repo.common_dir)
        # Objects that this process made durable itself: they need no second fsync.
        self.durable: set[str] = set()
        self._lock = threading.RLock()
        tops = (repo.objects_dir, *repo.more_objects)
        self._directories = [path for top in tops for path in _object_directories(top)]
        self._folders: dict[str, PackFolder] = {}
        self._scanned: dict[str, int] = {}

    def read(self, oid: str) -> tuple[str, bytes]:
        """Return kind and content; raises MissingObject."""
        found = self._read_loose(oid) or self._read_packed(oid)
        if found is None:
            # It may have moved into a pack between the two looks.
            self._scanned.clear()
            found = self._read_packed(oid) or self._read_loose(oid) or self._read_by_git(oid)
        if found is None:
            from gittrack.git.partial import left_out

            what = f"object {oid} is missing from {self.repo.objects_dir}; run 'git fsck'"
            raise MissingObject(left_out(self.repo) or what)
        return found

    def loose_path(self, oid: str) -> str | None:
        """Return the file of a loose object, in our own database or an alternate, or None."""
        for directory in self._directories:
            path = os.path.join(directory, oid[:2], oid[2:])
            if os.path.exists(path):
                return path
        return None

    def pack_path(self, oid: str) -> str | None:
        """Return the pack file that holds an object, or None."""
        with self._lock:
            for folder in self._searchable():
                if path := folder.find(oid):
                    return path
        return None

    def contains(self, oid: str) -> bool:
        """Tell whether an object is there."""
        return self.loose_path(oid) is not None or self.pack_path(oid) is not None

    @property
    def borrows(self) -> list[str]:
        """The object databases of others that objects are read from."""
        return [path for path in self._directories if path != self.repo.objects_dir]

    def close(self) -> None:
        """Close every pack; the view can still be used and opens them again."""
        with self._lock:
            self.drop()

    def drop(self) -> None:
        """Do the same where no other thread can be at it: in a forked child."""
        for folder in self._folders.values():
            folder.close()
        self._folders.clear()
        self._scanned.clear()

    def _read_loose(self, oid: str) -> tuple[str, bytes] | None:
        for directory in self._directories:
            try:
                with open(os.path.join(directory, oid[:2], oid[2:]), "rb") as file:
                    raw = file.read()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageError(f"object {oid} cannot be read: {error.strerror}; run 'git fsck'") from error
            return _parse_loose(oid, raw)
        return None

    def _read_packed(self, oid: str) -> tuple[str, bytes] | None:
        with self._lock:
            for folder in self._searchable():
                if found := folder.read(oid):
                    return _KINDS[found[0]], found[1]
        return None

    def _read_by_git(self, oid: str) -> tuple[str, bytes] | None:
        # The last resort: git fetches what a partial clone left out, and knows formats that dulwich does not.
        try:
            out = run_git(["cat-file", "--batch"], repo=self.repo, stdin=f"{oid}\n".encode())
        except GitError:
            return None
        header, _, rest = out.partition(b"\n")
        fields = header.split()
        if len(fields) != 3:
            return None
        return fields[1].decode(), rest[: int(fields[2])]

    def _searchable(self) -> Iterator[PackFolder]:
        for directory in self._directories:
            packs = os.path.join(directory, "pack")
            try:
                changed = os.stat(packs).st_mtime_ns
                if self._scanned.get(packs) != changed:
                    self._scanned[packs] = changed
                    self._rescan(packs)
            except FileNotFoundError:
                continue
            if packs in self._folders:
                yield self._folders[packs]

    def _rescan(self, packs: str) -> None:
        folder = self._folders.get(packs)
        if folder is None:
            if not any(name.endswith(".pack") for name in os.listdir(packs)):
                return
            from gittrack.git.packed import PackFolder

            folder = self._folders[packs] = PackFolder(packs, self.repo.object_format)
        folder.rescan()


def open_packs(repo: Repository) -> Packs:
    """Return this process's view of the repository's objects, opened at the first call."""
    with _views_lock.held():
        view = _views.get(repo.common_dir)
        if view is None:
            view = _views[repo.common_dir] = Packs(repo)
        return view


def close_packs() -> None:
    """Close and forget every view of this process."""
    with _views_lock.held():
        for view in _views.values():
            view.close()
        _views.clear()


def _parse_loose(oid: str, raw: bytes) -> tuple[str, bytes]:
    try:
        header, _, data = zlib.decompress(raw).partition(b"\0")
        kind, _, size = header.partition(b" ")
        if int(size) == len(data):
            return kind.decode("ascii"), data
    except (zlib.error, ValueError):
        pass
    raise StorageError(f"object {oid} is damaged; run 'git fsck'")


def _object_directories(directory: str, depth: int = 0) -> Iterator[str]:
    yield directory
    if depth > 5:
        return  # git's own limit: alternates may name each other
    try:
        with open(os.path.join(directory, "info", "alternates"), "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return
    for line in lines:
        if line and not line.startswith(b"#"):
            other = os.path.join(directory, os.fsdecode(line))
            yield from _object_directories(other, depth + 1)


_views: dict[str, Packs] = {}
_views_lock = ThreadLock()


def _forget_after_fork() -> None:
    # A child may close files that its parent reads on, but must not share their positions.
    for view in _views.values():
        view.drop()
    _views.clear()


# A pack that is not closed prints a warning from its finalizer at exit.
atexit.register(close_packs)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
