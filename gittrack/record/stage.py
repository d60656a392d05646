"""Artifacts are kept the moment they are logged: small ones beside the journal, large ones in the LFS store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from gittrack.codec.paths import POINTER_SIZE
from gittrack.errors import InvalidValue
from gittrack.git.durable import fsync_file, make_directories, sharing_of
from gittrack.model import Artifact
from gittrack.record.on_disk import settle, sync_directory, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project

BLOBS = "blobs"
_CHUNK = 1 << 20
_LEVELS = 3  # <git dir>/lfs/objects/<2>/<2>


def stage_bytes(project: Project, run_id: str, path: str, data: bytes) -> Artifact:
    """Keep `data` as the artifact `path` of a run; OSError when the disk refuses."""
    sha256 = hashlib.sha256(data).hexdigest()
    large = len(data) > POINTER_SIZE
    target = _target(project, run_id, sha256, large=large)
    if _is_there(target, len(data)):
        fsync_file(target)  # who put it there may have died before the disk knew
    else:
        with _temporary(project.repo.common_dir, os.path.dirname(target)) as (fd, name):
            write_all(fd, data)
        os.replace(name, target)
    _sync_name(target, large=large)
    return Artifact(path, len(data), sha256, large)


def stage_file(project: Project, run_id: str, path: str, source: str) -> Artifact:
    """Keep a copy of the file `source`, of any size, as the artifact `path`; OSError when a disk refuses."""
    with open(source, "rb") as file:
        if os.fstat(file.fileno()).st_size <= POINTER_SIZE:
            head = file.read(POINTER_SIZE + 1)
            if len(head) <= POINTER_SIZE:
                return stage_bytes(project, run_id, path, head)
            file.seek(0)
        digest, size = hashlib.sha256(), 0
        with _temporary(project.repo.common_dir, os.path.join(project.repo.lfs_dir, "tmp")) as (fd, temporary):
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                write_all(fd, chunk)
                size += len(chunk)
    sha256 = digest.hexdigest()
    target = _target(project, run_id, sha256, large=True)
    make_directories(os.path.dirname(target), sharing_of(project.repo.common_dir))
    os.replace(temporary, target)
    _sync_name(target, large=True)
    return Artifact(path, size, sha256, large=True)


def check_file(source: str) -> os.stat_result:
    """Return the status of `source`, a file or directory that can be kept; InvalidValue otherwise."""
    try:
        status = os.stat(source)
    except FileNotFoundError:
        raise InvalidValue(f"artifact {source!r} does not exist; check the path (now in {os.getcwd()})") from None
    except OSError as error:
        raise InvalidValue(f"artifact {source!r} cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise InvalidValue(f"artifact {source!r} is neither a file nor a directory and cannot be kept")
    return status


def files_below(directory: str) -> Iterator[tuple[str, str]]:
    """Yield (path, relative path with slashes) of the regular files below `directory`, sorted."""
    for root, directories, names in os.walk(directory):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(root, name)
            if os.path.isfile(path):
                yield path, os.path.relpath(path, directory).replace(os.sep, "/")


def staged(directory: str, sha256: str) -> str:
    """Where a small artifact waits beside the journal in `directory`."""
    return os.path.join(directory, BLOBS, sha256)


def _target(project: Project, run_id: str, sha256: str, *, large: bool) -> str:
    return project.large_file(sha256) if large else staged(project.journal_of(run_id), sha256)


def _is_there(path: str, size: int) -> bool:
    try:
        return os.stat(path).st_size == size
    except OSError:
        return False


@contextlib.contextmanager
def _temporary(common_dir: str, directory: str) -> Iterator[tuple[int, str]]:
    """A new file in `directory`: its descriptor and name; synced at the end, removed after an exception."""
    sharing = sharing_of(common_dir)
    make_directories(directory, sharing)
    name = os.path.join(directory, f"tmp_{os.urandom(8).hex()}")
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        yield fd, name
        os.fsync(fd)
        if sharing is not None:
            sharing.apply(name)
    except BaseException:
        os.close(fd)
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    os.close(fd)


def _sync_name(target: str, *, large: bool) -> None:
    """Make a name durable before the journal tells of it; the folders above a journal are for its flush to ask for."""
    directory = os.path.dirname(target)
    sync_directory(directory)
    settle(directory, above=_LEVELS if large else 0)
