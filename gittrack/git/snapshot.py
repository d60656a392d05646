"""The working tree as a commit on top of HEAD, made through a copy of the index: nothing of the user's changes."""

from __future__ import annotations

import glob
import os
import shutil
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.errors import StorageError
from gittrack.git.ancestry import SNAPSHOT_MARK
from gittrack.git.branch import commit_bytes, tree_of
from gittrack.git.durable import fsync_directories, make_directories
from gittrack.git.index_copy import write_tree
from gittrack.git.packs import open_packs
from gittrack.git.pin_refs import SNAPSHOTS
from gittrack.git.pins import last_pinned, pin_new, unpin_lost
from gittrack.git.process import GitError, run_git
from gittrack.git.reader import added_objects, parents_of
from gittrack.git.scratch import objects_in
from gittrack.git.store import PACK_FROM, ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from gittrack.git.repository import Repository, Signature
    from gittrack.git.status import WorkingTree

_ATTEMPTS: Final = 3
_OBJECTS: Final = ".objects"
_DURABLE: Final = ("-c", "core.fsync=all", "-c", "core.fsyncObjectFiles=true", "-c", "pack.compression=1")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The commit of a working tree, and its tree; both are HEAD's own where nothing differs that is kept."""

    commit: str | None
    tree: str | None


class FilesChanged(StorageError):
    """What git has read of some files, at `paths`, may not be what was looked at before."""

    def __init__(self, paths: Sequence[bytes]) -> None:
        super().__init__(f"{len(paths)} files kept changing while they were read")
        self.paths = paths


def take_snapshot(
    repo: Repository,
    state: WorkingTree,
    left_out: Container[bytes],
    *,
    committer: Signature,
    changed: Callable[[Sequence[bytes]], Sequence[bytes]] = lambda _: (),
) -> Snapshot:
    """Keep the working tree that `state` tells of, without the paths in `left_out`, as a commit that is pinned.

    A path that is left out stays as it is in HEAD. `changed` is asked which of the files that git has read are not
    what was looked at: FilesChanged where there are any, and no commit holds them. Raises StorageError when the disk
    or git refuses, or when a file keeps changing while it is read.
    """
    for attempt in range(_ATTEMPTS):
        with ObjectStore(repo) as store:
            head_tree = None if state.commit is None else tree_of(store, state.commit)
            try:
                tree = _written(repo, state, left_out, head_tree)
                if tree is None or tree == head_tree:
                    return Snapshot(state.commit, head_tree)
                added = added_objects(repo, head_tree, tree)
            except GitError as error:
                # A file went away or changed under git's hands: what is there a moment later counts.
                if attempt == _ATTEMPTS - 1 or "clean filter" in str(error):
                    raise
                continue
            if others := changed([item.path for item in added if not item.is_tree]):
                raise FilesChanged(others)
            objects = [tree, *(item.oid for item in added)]
            commit = _commit(store, state, tree, objects, committer)
            if commit is not None:
                pin_new(repo, SNAPSHOTS, commit, parent=state.commit, committer=committer)
                # A git that prunes may have been faster than the pin. The store would count what it has written.
                if all(map(open_packs(repo).contains, [commit, *objects])):
                    return Snapshot(commit, tree)
                unpin_lost(repo, SNAPSHOTS, commit)
    raise StorageError("the working tree could not be kept: a 'git gc' took its objects away again and again")


def base_of(repo: Repository, commit: str) -> str | None:
    """Return the commit that a snapshot was made on, None for one before the first; a commit that is none itself.

    A snapshot is HEAD where somebody checked one out to look at it, or to run it again.
    """
    with ObjectStore(repo) as store:
        _, data = store.read(commit)
    if not is_snapshot(data):
        return commit
    parents = parents_of(data)
    return parents[0] if parents else None


def is_snapshot(commit: bytes) -> bool:
    """Tell whether a raw commit is one that `take_snapshot` made."""
    return commit.endswith(f"\n\n{SNAPSHOT_MARK}\n".encode())


def _written(repo: Repository, state: WorkingTree, left_out: Container[bytes], head_tree: str | None) -> str | None:
    """The tree of the working tree; that of HEAD where all that differs is left out."""
    kept = [difference for difference in state.differences if difference.path not in left_out]
    if not kept:
        return head_tree
    with _index_copy(repo) as copy:
        if sum(difference.touched for difference in kept) < PACK_FROM:
            return write_tree(repo, state, left_out, copy)
        return _packed_tree(repo, state, left_out, copy)


@contextmanager
def _index_copy(repo: Repository) -> Iterator[str]:
    """A place for a copy of this worktree's index, which is removed afterwards with what lies beside it."""
    make_directories(repo.state_dir, open_packs(repo).sharing)
    copy = os.path.join(repo.state_dir, f"snapshot-{os.urandom(6).hex()}.index")
    try:
        yield copy
    finally:
        for path in (copy, f"{copy}.lock"):
            with suppress(OSError):
                os.unlink(path)
        shutil.rmtree(copy + _OBJECTS, ignore_errors=True)


def _packed_tree(repo: Repository, state: WorkingTree, left_out: Container[bytes], copy: str) -> str:
    """Write the tree with its objects in a pack: to ask the disk for each of a thousand files takes seconds."""
    from gittrack.git.removal import packed_objects

    folder = copy + _OBJECTS
    env = objects_in(repo, folder)
    tree = write_tree(repo, state, left_out, copy, env)
    oids = [top + rest for top in os.listdir(folder) if len(top) == 2 for rest in os.listdir(os.path.join(folder, top))]
    # git streams what is larger than core.bigFileThreshold into packs of its own.
    for index in glob.glob(os.path.join(glob.escape(folder), "pack", "*.idx")):
        oids += packed_objects(repo, index)
    if oids:
        packs = os.path.join(repo.objects_dir, "pack")
        make_directories(packs, open_packs(repo).sharing)
        args = ["pack-objects", "--window=0", "--threads=1", "--quiet", os.path.join(packs, "pack")]
        run_git([*_DURABLE, *args], repo=repo, env=env, stdin="\n".join(oids).encode() + b"\n")
        # git asks the disk for the pack, not for its name.
        fsync_directories([packs])
    return tree


def _commit(
    store: ObjectStore, state: WorkingTree, tree: str, objects: Iterable[str], committer: Signature
) -> str | None:
    """The durable commit of a tree; the last one that was pinned, where it is the same; None if objects are gone."""
    previous = last_pinned(store.repo, SNAPSHOTS)
    if previous is not None and _is_that(store, previous, tree, state.commit):
        return previous
    for oid in objects:
        if not store.contains(oid):
            return None
        store.make_durable(oid)
    who = (committer, time.time())
    place = f" on {state.branch}" if state.branch else ""
    parents = [state.commit] if state.commit else []
    data = commit_bytes(tree, parents, f"Working tree{place}\n\n{SNAPSHOT_MARK}\n", who, who)
    commit = store.write("commit", data)
    store.sync()
    return commit


def _is_that(store: ObjectStore, commit: str, tree: str, parent: str | None) -> bool:
    head = f"tree {tree}\n" + (f"parent {parent}\nauthor " if parent else "author ")
    return store.contains(commit) and store.read(commit)[1].startswith(head.encode())
