"""Packs whose parts are not all there: git passes over a pack without index, and over an index without pack."""

from __future__ import annotations

import hashlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from gittrack.doctor.ailment import Ailment
from gittrack.doctor.leftovers import TEMPORARY_AGE, held_open
from gittrack.errors import StorageError
from gittrack.git.process import last_line, run_git_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project
    from gittrack.quarantine import Quarantine

_BESIDE: Final = (".idx", ".rev", ".bitmap", ".mtimes")


def examine_packs(project: Project) -> Iterator[Ailment]:
    """Yield the packs that lack their index, and what lacks its pack, once no process can be at work on them."""
    folder = os.path.join(project.repo.objects_dir, "pack")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    old = [name for name in names if name.startswith("pack-") and _is_old(os.path.join(folder, name))]
    held = held_open({os.path.join(folder, name) for name in old})
    for path in (os.path.join(folder, name) for name in old):
        stem, ending = os.path.splitext(path)
        if path in held:
            continue
        if ending == ".pack" and not os.path.exists(f"{stem}.idx"):
            yield Ailment(
                "pack",
                f"{path} has no index beside it, so git does not see what is in it",
                "make the index, or move the pack to the quarantine where it is not whole",
                fix=partial(_index, project, path),
            )
        elif ending in _BESIDE and not os.path.exists(f"{stem}.pack"):
            yield Ailment(
                "pack",
                f"{path} belongs to a pack that is not there",
                "move it to the quarantine; 'gittrack check' and 'git fsck' tell whether something is missing",
                urgent=ending == ".idx",
                fix=partial(_move, path),
            )


def _index(project: Project, path: str, quarantine: Quarantine) -> str:
    """A pack may hold the only copy of its objects, however it came to have no index."""
    if os.path.exists(path.removesuffix(".pack") + ".idx"):
        return f"left {path} alone: it has an index now"
    # It writes nothing for what is not a whole pack.
    code, _, err = run_git_status(["-c", "core.fsync=all", "index-pack", path], repo=project.repo)
    if code and _is_whole(path, project.repo.object_format):
        raise StorageError(f"git made no index of {path}, which stays where it is: {last_line(err)}")
    if code:
        return f"moved {path} to {quarantine.move(path, 'a pack without index that is not whole')}"
    return f"made the index of {path}"


def _is_whole(path: str, object_format: str) -> bool:
    """Whether a pack ends in the hash of all before it; what was wrong with its index is then another thing."""
    digest, tail = hashlib.new(object_format, usedforsecurity=False), b""
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            tail += chunk
            digest.update(tail[: -digest.digest_size])
            tail = tail[-digest.digest_size :]
    return tail == digest.digest()


def _move(path: str, quarantine: Quarantine) -> str:
    return f"moved {path} to {quarantine.move(path, 'it belongs to a pack that is not there')}"


def _is_old(path: str) -> bool:
    try:
        return abs(time.time() - os.stat(path).st_mtime) > TEMPORARY_AGE
    except OSError:
        return False
