"""Makes durable what a git has left undone below the tip that a commit is put on top of.

Objects that git writes, at a merge or a fetch, it does not ask the disk for by default. A commit whose parent a power
cut takes away is lost with it.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from gittrack.git.durable import fsync_directories, fsync_file, storage_error
from gittrack.git.packs import open_packs
from gittrack.git.process import run_git_status
from gittrack.git.refs import read_ref

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.repository import Repository

YOUNG = 600.0  # seconds; the kernel writes everything back well before
_FOLDER = re.compile(r"[0-9a-f]{2}|pack")
_TEMPORARY = "tmp_"
_HEAD = "HEAD"  # not as a ref: under this name is remembered what a run was made on


def settle_tip(repo: Repository, ref: str, tip: str) -> None:
    """Have all of a commit's history on disk; nothing to do where `remember_tip` was told of it for that `ref`.

    Raises StorageError.
    """
    if remembered_tip(repo, ref) == tip:
        return
    touched = [repo.objects_dir]
    try:
        for path in _young_files(repo.objects_dir):
            with suppress(FileNotFoundError, PermissionError):  # packed meanwhile, or for another user to settle
                fsync_file(path)
            touched.append(os.path.dirname(path))
        fsync_directories(touched)
    except OSError as error:
        raise storage_error(error, error.filename or repo.objects_dir) from error


def settle_commit(repo: Repository, commit: str) -> None:
    """Have all of the history of a commit of the user's on disk, once for as long as it is the last one asked for."""
    settle_tip(repo, _HEAD, commit)
    if remembered_tip(repo, _HEAD) != commit:
        remember_tip(repo, _HEAD, commit)


def remember_tip(repo: Repository, ref: str, tip: str) -> None:
    """Remember, durably, that a commit, now the tip of `ref`, and its history are on disk.

    A fault only costs a little time later.
    """
    path = _note(repo, ref)
    with suppress(OSError):
        is_new = not os.path.exists(path)
        # Overwritten in its place: then there is one thing to ask the disk for, and it is always as long.
        fd = os.open(path, os.O_WRONLY | (os.O_CREAT if is_new else 0), 0o666)
        try:
            os.write(fd, f"{tip}\n".encode("ascii"))
            os.fsync(fd)
        finally:
            os.close(fd)
        if is_new:
            fsync_directories([repo.state_dir])
        if (sharing := open_packs(repo).sharing) is not None:
            sharing.apply(path)


def remembered_tip(repo: Repository, ref: str) -> str | None:
    """Return the last tip that `remember_tip` was told of, None where there is none or its note was cut short."""
    try:
        with open(_note(repo, ref), encoding="ascii", errors="replace") as file:
            tip = file.read().strip()
    except OSError:
        return None
    return tip if len(tip) == 2 * repo.hash_len and tip.isalnum() else None


def lost_tip(repo: Repository, ref: str) -> str | None:
    """Return the last tip of `ref` that is still here although the ref is gone.

    A power cut may take a ref after a `git pack-refs` or `git gc`, which by default do not ask the disk.
    """
    tip = remembered_tip(repo, ref)
    if tip is None or read_ref(repo, ref) is not None:
        return None
    return tip if run_git_status(["cat-file", "-e", f"{tip}^{{tree}}"], repo=repo)[0] == 0 else None


def forget_tip(repo: Repository, ref: str) -> None:
    """Let a ref that is deleted on purpose not come back as a lost one. OSError when the disk refuses."""
    with suppress(FileNotFoundError):
        os.unlink(_note(repo, ref))
        fsync_directories([repo.state_dir])


def _note(repo: Repository, ref: str) -> str:
    name = "tip" if ref.startswith("refs/heads/") else ref.rpartition("/")[2]
    return os.path.join(repo.state_dir, f"durable-{name}")


def _young_files(objects_dir: str) -> Iterator[str]:
    """Yield the objects and packs that were written lately, by whomever."""
    since = time.time() - YOUNG
    for folder in sorted(filter(_FOLDER.fullmatch, os.listdir(objects_dir))):
        path = os.path.join(objects_dir, folder)
        with suppress(FileNotFoundError, NotADirectoryError):
            if os.stat(path).st_mtime < since:
                continue  # nothing was added
            for entry in sorted(os.listdir(path)):
                file = os.path.join(path, entry)
                if not entry.startswith(_TEMPORARY) and os.stat(file).st_mtime >= since:
                    yield file
