"""Writes git objects in batches that are durable as a whole before any ref points to them."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from gittrack.errors import StorageError
from gittrack.git.durable import (
    fsync_directories,
    fsync_file,
    make_directories,
    start_writeback,
    storage_error,
    write_all,
)
from gittrack.git.packfile import release_pack, write_pack
from gittrack.git.packs import MissingObject, Packs, open_packs
from gittrack.git.settled import YOUNG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from gittrack.git.repository import Repository

__all__ = ["MissingObject", "ObjectStore"]

PACK_FROM = 50  # objects; below, loose files cost less and do not pile up packs that every read must search
_STREAM_FROM = 4 << 20  # bytes; larger files never lie in memory whole
_BUFFER_LIMIT = 32 << 20
_CHUNK = 1 << 20
_OLD = 3600.0
_DURABLE_LIMIT = 50_000
_ATTEMPTS = 5
_Result = TypeVar("_Result")
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class _Source:
    """What an object of this batch is made of, so that it can be written again."""

    kind: str
    data: bytes | str  # the content, or the path of the file it was read from


class ObjectStore:
    """One batch of objects for a repository: write, `sync`, move the ref, `confirm`. Not for several threads.

    dulwich's own loose write is not used: it takes OBJECT.lock, so a writer that was killed would block
    that one object for ever, and the same blob from several writers at once fails. As git does, each object
    goes to a temporary file of a random name and is renamed into place; who comes second finds it there.
    """

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self._packs: Packs = open_packs(repo)
        self._batch: dict[str, _Source] = {}  # everything the next ref may need, until it is confirmed
        self._pending: dict[str, _Source] = {}  # the part of it that is not on disk yet
        self._buffered = 0
        self._touched: dict[str, None] = {}
        self._kept: list[str] = []

    def __enter__(self) -> ObjectStore:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def read(self, oid: str) -> tuple[str, bytes]:
        """Return kind and content of an object; raises MissingObject."""
        source = self._batch.get(oid)
        if source is not None and isinstance(source.data, bytes):
            return source.kind, source.data
        return self._packs.read(oid)

    def contains(self, oid: str) -> bool:
        """Tell whether an object is there, or will be after `sync`."""
        return oid in self._batch or self._packs.contains(oid)

    def write(self, kind: str, data: bytes) -> str:
        """Take an object into the batch and return its id; after `sync` it is durable."""
        oid = self._hash(kind, data)
        self._take(oid, _Source(kind, data), _Source(kind, data))
        return oid

    def write_blob_from(self, path: str | os.PathLike[str]) -> str:
        """Write a file's content as a blob, in constant memory however large it is, and return its id.

        What is appended to the file meanwhile is not part of it. Raises StorageError if the file shrinks.
        """
        name = os.fspath(path)
        try:
            with open(name, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                data = file.read(_STREAM_FROM) if size < _STREAM_FROM else None
            if data is None:
                return self._retried(lambda: self._stream(name))
        except OSError as error:
            raise storage_error(error, error.filename or name) from error
        oid = self._hash("blob", data)
        # The path is what is kept until the end: thousands of files would not fit into memory.
        self._take(oid, _Source("blob", data), _Source("blob", name))
        return oid

    def sync(self) -> None:
        """Make everything written so far durable: contents first, then names, each directory once."""
        self._guard(self._flush)

    def shield(self) -> None:
        """Put the whole batch into a pack that no git deletes, for the case that one is pruning right now.

        An object that no ref needs yet is rubbish to 'git gc --prune=now', whatever its age.
        """
        self._guard(self._write_kept_pack)

    def confirm(self) -> None:
        """Call this when the ref has moved: restores what a 'git gc' swept away before, and ends the batch."""
        lost = [oid for oid in self._batch if not self._packs.contains(oid)]
        if lost:
            self._pending = {oid: self._content_again(oid) for oid in lost}
            self.sync()
        self._release()

    def make_durable(self, oid: str) -> None:
        """Make an object durable that another process wrote, perhaps without asking the disk."""
        self._guard(lambda: self._freshen(oid))

    def _release(self) -> None:
        for base in self._kept:
            release_pack(base)
        self._kept.clear()
        self._batch.clear()
        self._pending.clear()
        self._touched.clear()
        self._buffered = 0

    def _hash(self, kind: str, data: bytes) -> str:
        header = b"%s %d\0" % (kind.encode(), len(data))
        digest = hashlib.new(self.repo.object_format, header, usedforsecurity=False)
        digest.update(data)
        return digest.hexdigest()

    def _take(self, oid: str, pending: _Source, kept: _Source) -> None:
        if oid in self._batch:
            return
        self._batch[oid] = kept
        self._pending[oid] = pending
        self._buffered += len(pending.data)
        if self._buffered > _BUFFER_LIMIT:
            self.sync()

    def _content_again(self, oid: str) -> _Source:
        source = self._batch[oid]
        if isinstance(source.data, bytes):
            return source
        with open(source.data, "rb") as file:
            data = file.read()
        if self._hash(source.kind, data) != oid:
            raise StorageError(f"{source.data} changed while it was recorded; record it again")
        return _Source(source.kind, data)

    def _guard(self, action: Callable[[], object]) -> None:
        try:
            self._retried(action)
        except OSError as error:
            raise storage_error(error, error.filename or self.repo.objects_dir) from error

    def _retried(self, action: Callable[[], _Result]) -> _Result:
        """Repeat an action that lost a temporary file or a directory to a pruning git."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(FileNotFoundError):
                return action()
        return action()

    # --- putting the batch on disk ---

    def _flush(self) -> None:
        new = {oid: source for oid, source in self._pending.items() if not self._freshen(oid)}
        if len(new) >= PACK_FROM:
            self._write_pack(new, keep=False)
        else:
            self._write_loose(new)
        fsync_directories(self._touched)
        self._remember(self._pending)
        self._pending.clear()
        self._touched.clear()
        self._buffered = 0

    def _write_loose(self, objects: dict[str, _Source]) -> None:
        opened: list[tuple[int, str, str]] = []
        try:
            for oid, source in objects.items():
                opened.append(self._start_loose(oid, source))
            for fd, _, _ in opened:
                os.fsync(fd)
            while opened:
                fd, temporary, oid = opened.pop()
                os.close(fd)
                self._place(temporary, oid)
        finally:
            for fd, temporary, _ in opened:
                os.close(fd)
                with suppress(OSError):
                    os.unlink(temporary)

    def _start_loose(self, oid: str, source: _Source) -> tuple[int, str, str]:
        assert isinstance(source.data, bytes)
        directory = os.path.join(self.repo.objects_dir, oid[:2])
        raw = zlib.compress(b"%s %d\0%s" % (source.kind.encode(), len(source.data), source.data), 1)
        fd, temporary = self._temporary(directory)
        try:
            write_all(fd, raw)
            start_writeback(fd)
        except BaseException:
            os.close(fd)
            os.unlink(temporary)
            raise
        return fd, temporary, oid

    def _temporary(self, directory: str) -> tuple[int, str]:
        # git removes files of this name that a killed process left behind.
        path = os.path.join(directory, f"tmp_obj_{os.urandom(6).hex()}")
        try:
            return os.open(path, _CREATE, 0o444), path
        except FileNotFoundError:
            for changed in make_directories(directory, self._packs.sharing):
                self._touched[changed] = None
            return os.open(path, _CREATE, 0o444), path

    def _place(self, temporary: str, oid: str) -> None:
        directory = os.path.join(self.repo.objects_dir, oid[:2])
        path = os.path.join(directory, oid[2:])
        if self._packs.sharing is not None:
            self._packs.sharing.apply(temporary)
        try:
            # Where another writer was faster its file is replaced by the same bytes, and ours are durable.
            os.replace(temporary, path)
        except PermissionError:
            if os.name != "nt" or not os.path.exists(path):
                raise
            os.unlink(temporary)  # Windows does not replace a file that is being read
        self._touched[directory] = None

    def _stream(self, path: str) -> str:
        make_directories(self.repo.objects_dir, self._packs.sharing)
        fd, temporary = self._temporary(self.repo.objects_dir)
        try:
            try:
                oid = self._compress(path, fd)
                os.fsync(fd)
            finally:
                os.close(fd)
            if self._freshen(oid):
                os.unlink(temporary)
            else:
                directory = os.path.join(self.repo.objects_dir, oid[:2])
                for changed in make_directories(directory, self._packs.sharing):
                    self._touched[changed] = None
                self._place(temporary, oid)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        self._batch[oid] = _Source("blob", path)
        return oid

    def _compress(self, path: str, fd: int) -> str:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = b"blob %d\0" % size
            digest = hashlib.new(self.repo.object_format, header, usedforsecurity=False)
            packer = zlib.compressobj(1)
            write_all(fd, packer.compress(header))
            for chunk in _chunks(file, size):
                digest.update(chunk)
                write_all(fd, packer.compress(chunk))
                size -= len(chunk)
            write_all(fd, packer.flush())
        if size:
            raise StorageError(f"{path} shrank while it was read; try again when nothing writes to it")
        return digest.hexdigest()

    def _write_kept_pack(self) -> None:
        self._write_pack({oid: self._content_again(oid) for oid in self._batch}, keep=True)

    def _write_pack(self, objects: dict[str, _Source], *, keep: bool) -> None:
        base = write_pack(
            os.path.join(self.repo.objects_dir, "pack"),
            [(oid, source.kind, source.data) for oid, source in objects.items() if isinstance(source.data, bytes)],
            object_format=self.repo.object_format,
            sharing=self._packs.sharing,
            keep=keep,
        )
        if keep:
            self._kept.append(base)

    # --- objects that are there already ---

    def _freshen(self, oid: str) -> bool:
        """Tell whether an object is there, and if so keep it: durable, and too young to be pruned."""
        path = self._packs.loose_path(oid)
        loose = path is not None
        path = path or self._packs.pack_path(oid)
        if path is None:
            return False
        try:
            age = time.time() - os.stat(path).st_mtime
            if age > _OLD:
                os.utime(path)  # as git does: 'git gc' removes old objects that no ref needs yet
            elif loose and age < YOUNG and oid not in self._packs.durable:
                fsync_file(path)  # a git without core.fsync may have just written it
                self._touched[os.path.dirname(path)] = None
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                return False  # another user's: as git does, write our own
            raise
        return True

    def _remember(self, oids: dict[str, _Source]) -> None:
        if len(self._packs.durable) > _DURABLE_LIMIT:
            self._packs.durable.clear()
        self._packs.durable.update(oids)


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := file.read(min(size, _CHUNK))):
        yield chunk
        size -= len(chunk)
