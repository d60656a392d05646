"""Objects taken out of the object database for good: loose files deleted, packs that hold one written anew without."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.errors import StorageError
from gittrack.git.durable import fsync_directories, storage_error
from gittrack.git.packfile import KEEP_MARK
from gittrack.git.packs import close_packs, open_packs
from gittrack.git.process import run_git
from gittrack.git.unneeded import existing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from gittrack.git.repository import Repository
    from gittrack.git.rewriting import Progress

_DURABLE: Final = ("-c", "core.fsync=all", "-c", "core.fsyncObjectFiles=true")
_ROUNDS: Final = 4  # a git that repacks at the same moment may bring objects back


@dataclass(frozen=True, slots=True)
class Remaining:
    """Objects that could not be removed: in packs that a .keep file protects, in databases that are borrowed from."""

    kept: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()
    count: int = 0


def remove_objects(repo: Repository, objects: Collection[str], *, progress: Progress | None = None) -> Remaining:
    """Remove the objects, and nothing else: whatever lies in a pack with one goes into a new one, durable first.

    May be killed anywhere and called again. Raises StorageError when the disk refuses, or another git brings them back.
    """
    victims = frozenset(objects)
    kept: tuple[str, ...] = ()
    try:
        had_graph = _drop_commit_graph(repo)
        for _ in range(_ROUNDS):
            kept = tuple(_remove_packed(repo, victims, progress))
            _remove_loose(repo, victims)
            left = existing(repo, victims)
            if not left or kept or open_packs(repo).borrows:
                break
    except OSError as error:
        raise storage_error(error, error.filename or repo.objects_dir) from error
    if left and not kept and not open_packs(repo).borrows:
        raise StorageError(
            "another git keeps writing the purged objects anew; run 'gittrack purge' again when it is done"
        )
    if had_graph:
        run_git([*_DURABLE, "commit-graph", "write", "--reachable", "--no-progress"], repo=repo)
    borrowed = tuple(open_packs(repo).borrows) if left else ()
    return Remaining(kept, borrowed, len(left))


def compress_packs(repo: Repository, bases: Collection[str]) -> None:
    """Write packs of whole objects anew with differences, which takes a tenth of the place; those that are there."""
    try:
        for base in bases:
            if os.path.exists(f"{base}.idx") and not os.path.exists(f"{base}.keep"):
                _replace_pack(repo, base, packed_objects(repo, f"{base}.idx"), "--no-reuse-delta")
    except OSError as error:
        raise storage_error(error, error.filename or repo.objects_dir) from error


def packed_objects(repo: Repository, index: str) -> list[str]:
    """Return the ids of the objects that the index file of a pack lists."""
    with open(index, "rb") as file:
        out = run_git(["show-index", f"--object-format={repo.object_format}"], repo=repo, stdin=file.read())
    return [line.split(b" ", 2)[1].decode("ascii") for line in out.splitlines()]


def _remove_packed(repo: Repository, victims: frozenset[str], progress: Progress | None) -> Iterator[str]:
    """Write packs anew without the victims; yield those that somebody keeps."""
    folder = os.path.join(repo.objects_dir, "pack")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    bases = [os.path.join(folder, name[:-4]) for name in names if name.endswith(".idx")]
    for number, base in enumerate(bases):
        if progress is not None:
            progress(number, len(bases))
        if not os.path.exists(f"{base}.pack"):
            _delete_pack(folder, base)  # a call before was killed at this very point
            continue
        oids = packed_objects(repo, f"{base}.idx")
        if victims.isdisjoint(oids):
            continue
        if _is_kept(base):
            yield f"{base}.pack"
            continue
        _replace_pack(repo, base, [oid for oid in oids if oid not in victims])


def _is_kept(base: str) -> bool:
    """Whether a .keep file of somebody else's protects a pack: one of gittrack's is that of a dead process by now."""
    try:
        with open(f"{base}.keep", "rb") as file:
            return file.read(len(KEEP_MARK)) != KEEP_MARK
    except FileNotFoundError:
        return False


def _replace_pack(repo: Repository, base: str, oids: list[str], *options: str) -> None:
    folder = os.path.dirname(base)
    if oids:
        stdin = "".join(f"{oid}\n" for oid in oids).encode()
        args = [*_DURABLE, "pack-objects", "--delta-base-offset", "--quiet", *options, os.path.join(folder, "pack")]
        made = [os.path.join(folder, f"pack-{name}") for name in run_git(args, repo=repo, stdin=stdin).decode().split()]
        if os.path.exists(f"{base}.promisor"):
            for new in made:
                with open(f"{new}.promisor", "wb"):
                    pass
        fsync_directories([folder])
        written = {oid for new in made for oid in packed_objects(repo, f"{new}.idx")}
        if not written.issuperset(oids):
            raise StorageError(f"git pack-objects left objects of {base}.pack out; run 'git fsck'")
        if base in made:
            return  # the very same pack: there was nothing to gain
    close_packs()  # Windows deletes no file that is open
    _delete_pack(folder, base)


def _delete_pack(folder: str, base: str) -> None:
    # An index over several packs would lead into this one; git makes it anew in its own housekeeping.
    for name in os.listdir(folder):
        if name.startswith("multi-pack-index"):
            _delete(os.path.join(folder, name))
    # The index goes last: without its pack git passes it over, and the next call finds what a kill left.
    for suffix in (".pack", ".rev", ".bitmap", ".mtimes", ".promisor", ".keep", ".idx"):
        _delete(f"{base}{suffix}")
    fsync_directories([folder])


def _remove_loose(repo: Repository, victims: frozenset[str]) -> None:
    touched: set[str] = set()
    for oid in victims:
        folder = os.path.join(repo.objects_dir, oid[:2])
        if _delete(os.path.join(folder, oid[2:])):
            touched.add(folder)
    fsync_directories(sorted(touched))


def _delete(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except PermissionError:
        os.chmod(path, 0o600)  # Windows deletes no file that is read-only
        os.unlink(path)
    return True


def _drop_commit_graph(repo: Repository) -> bool:
    """Delete git's cache of the commits, which names those that go; tell whether there was one."""
    info = os.path.join(repo.objects_dir, "info")
    chain = os.path.join(info, "commit-graphs")
    found = [os.path.join(chain, name) for name in os.listdir(chain)] if os.path.isdir(chain) else []
    deleted = [path for path in (*found, os.path.join(info, "commit-graph")) if _delete(path)]
    return bool(deleted)
