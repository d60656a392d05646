"""Lock files and temporary files that processes left behind which were killed."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.doctor.ailment import Ailment
from gittrack.git.durable import sharing_of
from gittrack.git.lock import held_lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.doctor.ailment import Quarantine
    from gittrack.project import Project

LOCK_AGE: Final = 600.0  # seconds; no git holds a ref's lock for so long
TEMPORARY_AGE: Final = 3600.0  # seconds; a large push may write one pack for some minutes
_KEEP_MARK: Final = b"gittrack"
_OF_THE_USER: Final = ("index.lock", "HEAD.lock", "config.lock", "shallow.lock")
_PROCESSES: Final = "/proc"


class _Leftover(NamedTuple):
    path: str
    what: str
    age: float  # seconds from which on it counts as left behind


def examine_leftovers(project: Project) -> Iterator[Ailment]:
    """Yield the locks and temporary files that nobody can be using any more."""
    old = [found for found in _candidates(project) if _is_old(found)]
    theirs = [found for found in _locks_of_the_user(project) if _is_old(found)]
    held = held_open({found.path for found in (*old, *theirs)})
    for found in old:
        if found.path not in held:
            yield Ailment(
                "leftover",
                f"{found.path} is {found.what} that a killed process left behind on {_ago(found.path)}",
                "move it to the quarantine",
                fix=partial(_remove, project, found),
            )
    for found in theirs:
        if found.path not in held:
            yield Ailment(
                "user-lock",
                f"{found.path} is there since {_ago(found.path)}, and git commands wait for it or fail",
                "if no git and no editor runs here, delete it; gittrack does not touch it",
            )


def _candidates(project: Project) -> Iterator[_Leftover]:
    repo = project.repo
    if repo.ref_format == "files":
        yield from _ref_locks(project)
        yield _Leftover(os.path.join(repo.common_dir, "packed-refs.lock"), "a lock of packed-refs", LOCK_AGE)
    for shard in _names(repo.objects_dir):
        if len(shard) == 2:
            folder = os.path.join(repo.objects_dir, shard)
            yield from _temporaries(folder, "tmp_obj_", "an unfinished object")
    packs = os.path.join(repo.objects_dir, "pack")
    yield from _temporaries(repo.objects_dir, "tmp_obj_", "an unfinished object")
    yield from _temporaries(packs, "tmp_", "an unfinished pack")
    yield from _temporaries(os.path.join(repo.lfs_dir, "tmp"), "tmp_", "an unfinished large file")
    for name in _names(packs):
        path = os.path.join(packs, name)
        if name.endswith(".keep") and _head(path).startswith(_KEEP_MARK):
            yield _Leftover(path, "a mark that keeps git from packing", TEMPORARY_AGE)


def _ref_locks(project: Project) -> Iterator[_Leftover]:
    common = project.repo.common_dir
    paths = {os.path.join(common, *project.runs_ref.split("/")) + ".lock"}
    for folder in (os.path.dirname(project.runs_ref), "refs/heads/gittrack", "refs/gittrack"):
        if folder != "refs/heads":  # the other branches are the user's
            for root, _, names in os.walk(os.path.join(common, *folder.split("/"))):
                paths |= {os.path.join(root, name) for name in names if name.endswith(".lock")}
    for path in sorted(paths):
        yield _Leftover(path, "a lock of a ref", LOCK_AGE)


def _locks_of_the_user(project: Project) -> Iterator[_Leftover]:
    for folder in dict.fromkeys((project.repo.git_dir, project.repo.common_dir)):
        for name in _OF_THE_USER:
            yield _Leftover(os.path.join(folder, name), "a lock", LOCK_AGE)


def _temporaries(folder: str, prefix: str, what: str) -> Iterator[_Leftover]:
    for name in _names(folder):
        if name.startswith(prefix):
            yield _Leftover(os.path.join(folder, name), what, TEMPORARY_AGE)


def _remove(project: Project, found: _Leftover, quarantine: Quarantine) -> str:
    lock = os.path.join(project.repo.state_dir, "unlock.lock")
    # The lock that recording takes for the same purpose (git/refs.py), and a second look under it: else
    # a slow process would move the new lock of a fast one.
    with held_lock(lock, timeout=5, sharing=sharing_of(project.repo.common_dir)) as held:
        if not held:
            return f"left {found.path} alone: another process is clearing locks"
        if not _is_old(found) or found.path in held_open({found.path}):
            return f"left {found.path} alone: it is in use again, or gone"
        return f"moved {found.path} to {quarantine.move(found.path, f'{found.what} of a process that is gone')}"


def held_open(paths: set[str]) -> set[str]:
    """Return those of `paths` that a process has open, as far as this system tells (Linux, own processes)."""
    if not paths or not sys.platform.startswith("linux"):
        return set()
    wanted = {os.path.realpath(path): path for path in paths}
    found: set[str] = set()
    for process in filter(str.isdigit, _names(_PROCESSES)):
        folder = os.path.join(_PROCESSES, process, "fd")
        for descriptor in _names(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(os.path.join(folder, descriptor))
                if target in wanted:
                    found.add(wanted[target])
    return found


def _is_old(found: _Leftover) -> bool:
    try:
        return time.time() - os.lstat(found.path).st_mtime > found.age
    except OSError:
        return False


def _ago(path: str) -> str:
    try:
        moment = os.lstat(path).st_mtime
    except OSError:
        return "a moment"
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(len(_KEEP_MARK))
    except OSError:
        return b""
