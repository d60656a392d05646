"""Folds loose objects of the branch into packs, once enough commits have gathered; in the background, as git does."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError
from gittrack.git.durable import make_directories, sharing_of
from gittrack.git.process import git_environment, run_attached, run_git, spawn_detached

if TYPE_CHECKING:
    from gittrack.git.repository import Repository, Settings

EVERY = 40  # commits; at 20 loose objects of 4 KB each that is 3 MB
_PACKS = 50  # git's own default
_KEEP_FOR = 3600.0  # seconds after which a .keep file is a killed writer's


def maintain(repo: Repository, ref: str, settings: Settings) -> bool:
    """Count one commit on `ref`, and at every fortieth start to pack in the background; tell whether it did.

    Nothing is started where the user turned git's own housekeeping off (gc.auto=0, maintenance.auto=false), and
    nothing outlives the call where git's would not (maintenance.autoDetach=false, or gc.autoDetach).
    """
    if settings.number("gc.auto", 1) <= 0 or not settings.flag("maintenance.auto", default=True):
        return False
    if not sys.executable:
        return False  # Python is embedded in another program
    counter = os.path.join(repo.state_dir, "commits-since-packing")
    try:
        if _count(repo, counter) < EVERY:
            return False
        os.unlink(counter)  # of several writers at this point only one succeeds
    except OSError:
        return False
    command = [sys.executable, "-m", "gittrack.git.maintenance", repo.common_dir, repo.object_format, ref]
    detach = settings.flag("maintenance.autodetach", default=settings.flag("gc.autodetach", default=True))
    start = spawn_detached if detach else run_attached
    try:
        # Not in common_dir, whose directory 'gittrack' would be taken for a package.
        start(command, cwd=repo.objects_dir, env=_environment(repo))
    except OSError:
        return False  # too many processes: the next forty commits bring another chance
    return True


def pack_branch(repo: Repository, ref: str) -> None:
    """Pack what `ref` gained since the last time, drop the loose copies, then fold packs where there are too many.

    A loose object goes only when a durable pack holds it, so this may be killed anywhere.
    """
    from gittrack.git.lock import held_lock

    with held_lock(os.path.join(repo.state_dir, "packing.lock"), sharing=sharing_of(repo.common_dir)) as held:
        if not held:
            return  # another process is at it
        _drop_stale_keeps(os.path.join(repo.objects_dir, "pack"))
        _pack_new(repo, ref)
        _fold_packs(repo)


def _pack_new(repo: Repository, ref: str) -> None:
    from gittrack.git.ancestry import is_ancestor
    from gittrack.git.durable import fsync_directories
    from gittrack.git.refs import read_ref

    tip = read_ref(repo, ref)
    if tip is None:
        return
    memory = os.path.join(repo.state_dir, "packed")
    wanted = [tip]
    last = _read_line(memory)
    # The last tip only saves the walk over what is packed: without it, or after a rewrite, all is walked.
    if last is not None and is_ancestor(repo, last, tip):
        wanted.append(f"^{last}")
    packs = os.path.join(repo.objects_dir, "pack")
    args = ["pack-objects", "--revs", "--unpacked", "--non-empty", "--delta-base-offset", "--threads=1", "--quiet"]
    durable = ["-c", "core.fsync=all", "-c", "core.fsyncObjectFiles=true"]
    revisions = "".join(f"{revision}\n" for revision in wanted).encode()
    run_git([*durable, *args, os.path.join(packs, "pack")], repo=repo, stdin=revisions)
    # git asks the disk for the pack, not for its name; only then may the loose objects go.
    fsync_directories([packs])
    run_git(["prune-packed", "--quiet"], repo=repo)
    _write_line(memory, tip)
    if (sharing := sharing_of(repo.common_dir)) is not None:
        sharing.apply(memory)


def _fold_packs(repo: Repository) -> None:
    """Fold small packs where there are more than git itself would leave (gc.autoPackLimit); no object is dropped.

    Not by `git gc`, which also forgets old unreachable objects, reflogs and worktrees of the user's.
    """
    from gittrack.git.repository import settings

    limit = settings(repo).number("gc.autopacklimit", _PACKS)
    names = os.listdir(os.path.join(repo.objects_dir, "pack"))
    if limit <= 0 or sum(name.endswith(".pack") for name in names) <= limit:
        return
    if any(name.endswith(".promisor") for name in names):
        return  # in a partial clone an older git mixes what it may fetch again with what it may not
    run_git(["-c", "core.fsync=all", "repack", "--geometric=2", "-d", "--quiet"], repo=repo)


def _count(repo: Repository, path: str) -> int:
    """Add one to the counter: the size of a file, which may be killed or raced without harm."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        fd = os.open(path, flags, 0o666)
    except FileNotFoundError:
        make_directories(repo.state_dir, sharing_of(repo.common_dir))
        fd = os.open(path, flags, 0o666)
    try:
        os.write(fd, b".")
        count = os.fstat(fd).st_size
        if count == 1 and (sharing := sharing_of(repo.common_dir)) is not None:
            sharing.apply(path)
        return count
    finally:
        os.close(fd)


def _environment(repo: Repository) -> dict[str, str]:
    env = git_environment(located=True, extra=repo.object_variables)
    # The child must find the very package that runs here, however it got onto the path.
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (package_parent, env.get("PYTHONPATH"))))
    return env


def _drop_stale_keeps(packs: str) -> None:
    from gittrack.git.packfile import KEEP_MARK

    for name in os.listdir(packs):
        if not name.endswith(".keep"):
            continue
        path = os.path.join(packs, name)
        with suppress(OSError), open(path, "rb") as file:
            if file.read(len(KEEP_MARK)) == KEEP_MARK and abs(time.time() - os.stat(path).st_mtime) > _KEEP_FOR:
                os.unlink(path)


def _read_line(path: str) -> str | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            line = file.readline().strip()
    except OSError:
        return None
    return line if line.isalnum() else None


def _write_line(path: str, line: str) -> None:
    with open(f"{path}.tmp", "w", encoding="ascii") as file:
        file.write(f"{line}\n")
    os.replace(f"{path}.tmp", path)


def _main(common_dir: str, object_format: str, ref: str) -> None:
    from gittrack.git.repository import Repository, object_variables

    with suppress(OSError, AttributeError):
        os.nice(10)
    ref_format = "reftable" if os.path.isdir(os.path.join(common_dir, "reftable")) else "files"
    with suppress(GittrackError, OSError):  # nobody listens, and nothing is lost: the next one tries again
        told = object_variables(common_dir)
        pack_branch(Repository(common_dir, common_dir, None, object_format, ref_format, told), ref)


if __name__ == "__main__":
    _main(*sys.argv[1:])
