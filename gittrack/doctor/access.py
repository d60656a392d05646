"""Files and folders of the repository that whoever works here cannot use, such as those that 'sudo git' left."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from gittrack.doctor.ailment import Ailment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.project import Project

_SHOWN: Final = 3


def examine_access(project: Project) -> Iterator[Ailment]:
    """Yield what cannot be read or written, and what belongs to another user than the repository does."""
    if not hasattr(os, "getuid"):
        return  # Windows has no such owners
    common = project.repo.common_dir
    closed = [path for path in _places(project) if not _is_usable(path)]
    if closed and os.access(common, os.W_OK):
        yield Ailment(
            "permissions",
            f"{_listed(closed)} cannot be used by this user",
            f"make them yours: sudo chown -R {os.getuid()} {common}",
        )
    owner = os.stat(common).st_uid
    if project.settings.get("core.sharedrepository") or (not closed and owner == os.getuid() != 0):
        return
    strange = [path for path in _places(project) if path not in closed and _is_closed_to(owner, path)]
    if strange:
        yield Ailment(
            "permissions",
            f"{_listed(strange)} cannot be used by the owner of the repository (user {owner}): "
            "a command was run as another user",
            f"give them back: sudo chown -R {owner} {common}",
        )


def _places(project: Project) -> Iterator[str]:
    """Folders that objects, refs, journals and large files are made in, and the files that are written again."""
    repo = project.repo
    yield from _folders(repo.objects_dir, depth=1)
    yield from _folders(os.path.join(repo.lfs_dir), depth=4)
    yield os.path.dirname(os.path.join(repo.common_dir, *project.runs_ref.split("/")))
    for root, folders, names in os.walk(repo.state_dir):
        folders[:] = [name for name in folders if name != "quarantine"]
        yield root
        yield from (os.path.join(root, name) for name in names)


def _folders(top: str, depth: int) -> Iterator[str]:
    yield top
    if depth and os.path.isdir(top):
        try:
            names = [entry.name for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return  # `top` itself is told
        for name in sorted(names):
            yield from _folders(os.path.join(top, name), depth - 1)


def _is_usable(path: str) -> bool:
    if not os.path.exists(path):
        return True
    wanted = os.R_OK | (os.X_OK if os.path.isdir(path) else 0)
    if os.stat(path).st_mode & stat.S_IWUSR:  # what nobody may write was meant so
        wanted |= os.W_OK
    return os.access(path, wanted)


def _is_closed_to(owner: int, path: str) -> bool:
    """Whether `path` belongs to somebody else and `owner` may not write to it."""
    try:
        facts = os.stat(path)
    except OSError:
        return False
    return owner not in {0, facts.st_uid} and not facts.st_mode & stat.S_IWOTH


def _listed(paths: Iterable[str]) -> str:
    found = list(paths)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
