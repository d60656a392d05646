"""Lock files and temporary files that processes left behind which were killed."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.doctor.ailment import Ailment
from gittrack.doctor.machine import NETWORK, file_system
from gittrack.git.abandoned import WATCH, lock_state
from gittrack.git.durable import sharing_of
from gittrack.git.lock import held_lock
from gittrack.record.liveness import STALE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.project import Project
    from gittrack.quarantine import Quarantine

LOCK_AGE: Final = 600.0  # seconds; no git holds a ref's lock for so long
TEMPORARY_AGE: Final = 3600.0  # seconds; a large push may write one pack for some minutes
COLLECTING_AGE: Final = 12 * 3600.0  # seconds after which git itself no longer believes in a running 'git gc'
_KEEP_MARK: Final = b"gittrack"
_PROCESSES: Final = "/proc"
# Below the common directory: locks of git that hold up whoever comes next, for as long as they are there.
_LOCKS: Final = (
    ("packed-refs.lock", "a lock of packed-refs", LOCK_AGE),
    ("packed-refs.new", "unfinished packed-refs", LOCK_AGE),
    ("gc.pid.lock", "a lock of 'git gc'", LOCK_AGE),
    ("objects/maintenance.lock", "a lock of 'git maintenance'", COLLECTING_AGE),
    ("objects/info/commit-graph.lock", "a lock of the commit graph", TEMPORARY_AGE),
    ("objects/info/commit-graphs/commit-graph-chain.lock", "a lock of the commit graph", TEMPORARY_AGE),
    ("objects/pack/multi-pack-index.lock", "a lock of the index of packs", TEMPORARY_AGE),
    ("gittrack/moving-ref", "a note on a ref that was being moved", LOCK_AGE),
)
# Folder, start of the name: files that git and gittrack rename when they are finished.
_UNFINISHED: Final = (
    ("objects", "tmp_obj_", "an unfinished object"),
    ("objects", "tmp_objdir-", "a folder of objects of an unfinished push"),
    ("objects/pack", "tmp_", "an unfinished pack"),
    ("objects/pack", ".tmp-", "an unfinished pack"),
    ("objects/info", "tmp_", "an unfinished file about objects"),
    ("objects/info/commit-graphs", "tmp_", "an unfinished commit graph"),
    ("lfs/tmp", "tmp_", "an unfinished large file"),
    ("gittrack", "snapshot-", "a part of an unfinished snapshot"),
)


class _Leftover(NamedTuple):
    path: str
    what: str
    age: float  # seconds from which on it counts as left behind


def examine_leftovers(project: Project) -> Iterator[Ailment]:
    """Yield the locks and temporary files that nobody can be using any more."""
    patience = _patience(project)
    old = [found for found in _patient(_candidates(project), patience) if _is_old(found)]
    theirs = [found for found in _patient(_files_of_the_user(project), patience) if _is_old(found)]
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
                f"{found.path} is there since {_ago(found.path)}, and {found.what}",
                "if no git and no editor runs here, delete it; gittrack does not touch it",
            )


def _patience(project: Project) -> float:
    """How old a file must be at least: where other machines write too, their processes cannot be seen."""
    if file_system(project.repo.common_dir) not in NETWORK:
        return 0.0
    return project.settings.number("gittrack.staleafter", STALE_SECONDS)


def _patient(leftovers: Iterable[_Leftover], patience: float) -> Iterator[_Leftover]:
    return (found._replace(age=max(found.age, patience)) for found in leftovers)


def _candidates(project: Project) -> Iterator[_Leftover]:
    repo = project.repo
    if repo.ref_format == "files":
        yield from _ref_locks(project)
    for name, what, age in _LOCKS:
        yield _Leftover(os.path.join(repo.common_dir, name), what, age)
    for shard in _names(repo.objects_dir):
        if len(shard) == 2:
            yield from _temporaries(os.path.join(repo.objects_dir, shard), "tmp_obj_", "an unfinished object")
    for folder, prefix, what in _UNFINISHED:
        yield from _temporaries(os.path.join(repo.common_dir, folder), prefix, what)
    for path in _keeps(project):
        if _head(path).startswith(_KEEP_MARK):
            yield _Leftover(path, "a mark that keeps git from packing", TEMPORARY_AGE)
    collecting = os.path.join(repo.common_dir, "gc.pid")
    if os.path.exists(collecting):
        yield _Leftover(
            collecting, "a mark of a running 'git gc'", LOCK_AGE if _is_dead(collecting) else COLLECTING_AGE
        )


def _ref_locks(project: Project) -> Iterator[_Leftover]:
    ours = (project.runs_ref, "refs/heads/gittrack/", "refs/gittrack/")
    for ref, path in _locks_of_refs(project):
        if ref.startswith(ours):
            yield _Leftover(path, "a lock of a ref", LOCK_AGE)


def _locks_of_refs(project: Project) -> Iterator[tuple[str, str]]:
    """(ref, lock) of each lock below refs/."""
    common = project.repo.common_dir
    for root, _, names in os.walk(os.path.join(common, "refs")):
        for name in sorted(name for name in names if name.endswith(".lock")):
            path = os.path.join(root, name)
            yield os.path.relpath(path, common).replace(os.sep, "/").removesuffix(".lock"), path


def _files_of_the_user(project: Project) -> Iterator[_Leftover]:
    """What gittrack only tells of: it has nothing to do with runs, or somebody may want it as it is."""
    repo = project.repo
    blocking = "git commands wait for it or fail"
    worktrees = os.path.join(repo.common_dir, "worktrees")
    folders = (repo.git_dir, repo.common_dir, *(os.path.join(worktrees, name) for name in _names(worktrees)))
    told = {name for name, *_ in _LOCKS}
    for folder in dict.fromkeys(folders):
        for name in _names(folder):
            if name.endswith(".lock") and name not in told:
                yield _Leftover(os.path.join(folder, name), blocking, LOCK_AGE)
    yield _Leftover(os.path.join(repo.common_dir, "reftable", "tables.list.lock"), blocking, LOCK_AGE)
    own = {found.path for found in _ref_locks(project)}
    for _, path in _locks_of_refs(project):
        if path not in own:
            yield _Leftover(path, blocking, LOCK_AGE)
    for path in _keeps(project):
        if _head(path).startswith((b"fetch-pack ", b"receive-pack ")) and _is_dead(path):
            yield _Leftover(path, "keeps git from packing; the fetch or push that made it is gone", TEMPORARY_AGE)


def _keeps(project: Project) -> list[str]:
    packs = os.path.join(project.repo.objects_dir, "pack")
    return [os.path.join(packs, name) for name in _names(packs) if name.endswith(".keep")]


def _is_dead(path: str) -> bool:
    """Whether the file names a process of this machine, '… PID … HOST', that does not run any more."""
    words = _head(path, 300).decode("utf-8", "replace").split()
    numbers = [word for word in words if word.isdigit()]
    if not numbers or words[-1] != socket.gethostname():
        return False
    try:
        os.kill(int(numbers[0]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


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
        if not _stays(found) or not _is_old(found) or found.path in held_open({found.path}):
            return f"left {found.path} alone: it is in use again, or gone"
        return f"moved {found.path} to {quarantine.move(found.path, f'{found.what} of a process that is gone')}"


def _stays(found: _Leftover) -> bool:
    """Whether a lock stays as it is for longer than any git needs: it is old also where a clock jumped just now."""
    if found.age > LOCK_AGE:
        return True
    seen = lock_state(found.path)
    time.sleep(WATCH)
    return lock_state(found.path) == seen


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
        # One from the future is as old: a clock was put back since, and nothing else would ever end it.
        return abs(time.time() - os.lstat(found.path).st_mtime) > found.age
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


def _head(path: str, length: int = len(_KEEP_MARK) + 8) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(length)
    except OSError:
        return b""
