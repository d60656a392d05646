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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.repository import Repository

YOUNG = 600.0  # seconds; the kernel writes everything back well before
_FOLDER = re.compile(r"[0-9a-f]{2}|pack")
_TEMPORARY = "tmp_"


def settle_tip(repo: Repository, ref: str, tip: str) -> None:
    """Have all of a commit's history on disk; nothing to do where `remember_tip` was told of it for that `ref`.

    Raises StorageError.
    """
    if _remembered(repo, ref) == tip:
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


def remember_tip(repo: Repository, ref: str, tip: str) -> None:
    """Remember that a commit, now the tip of `ref`, and its history are on disk; losing this costs a little time."""
    path = _note(repo, ref)
    with suppress(OSError):
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{tip}\n")
        if (sharing := open_packs(repo).sharing) is not None:
            sharing.apply(path)


def _note(repo: Repository, ref: str) -> str:
    name = "tip" if ref.startswith("refs/heads/") else ref.rpartition("/")[2]
    return os.path.join(repo.state_dir, f"durable-{name}")


def _remembered(repo: Repository, ref: str) -> str | None:
    try:
        with open(_note(repo, ref), encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None


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
