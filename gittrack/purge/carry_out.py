"""A purge carried out, each step so that it may be done again: the refs first, then what nothing needs any more."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from gittrack.codec.paths import FORMAT_FILE, README_FILE, pointer, purged_file, reworded, run_directory
from gittrack.errors import StorageError
from gittrack.git.ancestry import is_ancestor
from gittrack.git.branch import Addition, View, add_commit, advance, publish_lock
from gittrack.git.durable import fsync_file, sharing_of, storage_error
from gittrack.git.holders import expire_reflog, has_reflog, paths_in_refs, refs_holding
from gittrack.git.lock import held_lock
from gittrack.git.pin_refs import SNAPSHOTS
from gittrack.git.pins import chain_without, is_pinned, merge_pins, pin_itself, pinned
from gittrack.git.refs import delete_ref, read_ref
from gittrack.git.removal import Remaining, compress_packs, remove_objects
from gittrack.git.rewriting import NewObjects, history_without
from gittrack.git.settled import forget_tip, lost_tip
from gittrack.git.store import ObjectStore
from gittrack.git.unneeded import existing, still_unneeded, unneeded
from gittrack.purge.held import keep_held, take_up_held
from gittrack.purge.job import end_job, save_job
from gittrack.purge.users import spare_used
from gittrack.quarantine import NOTE, quarantine_of
from gittrack.read.check import is_partial
from gittrack.read.returned import following
from gittrack.record.folder import is_live
from gittrack.record.later import mark_purged
from gittrack.record.publish import frame_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gittrack.project import Project
    from gittrack.purge.job import Job

Progress: TypeAlias = "Callable[[str, int, int | None], None]"  # what is done, how much of it, of how much

_PATIENCE: Final = 60.0  # seconds for a process that is recording or packing to be done


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: how many objects went, what is left of them, and the user's lost commits that need some."""

    objects: int
    remaining: Remaining
    held_by: tuple[str, ...] = ()


@contextlib.contextmanager
def one_purge(project: Project) -> Iterator[None]:
    """Let nobody else purge in the block; StorageError where somebody does."""
    path = os.path.join(project.repo.state_dir, "purge.lock")
    with held_lock(path, sharing=sharing_of(project.repo.common_dir)) as held:
        if not held:
            raise StorageError("another 'gittrack purge' is at work here, or this disk knows no locks; wait for it")
        yield


def carry_out(project: Project, job: Job, progress: Progress) -> Outcome:
    """Do all of a job; what an earlier call has done of it is passed over. Raises StorageError when the disk refuses.

    The order: new objects are durable before a ref is moved, and all refs are moved before an object is removed.
    """
    if job.snapshots:
        spare_used(project, job)
    take_up_held(project, job)
    save_job(project, job)
    packs: list[str] = []
    if job.marked:
        mark_purged(project, job.marked)
    if job.runs:
        packs += _rewrite_branch(project, job, progress)
    if job.snapshots:
        packs += _rewrite_pins(project, job)
    _forget_refs(project, job)
    _remove_files(project, job)
    outcome = _remove_objects(project, job, packs, progress)
    _remove_large(project, job)
    if not outcome.remaining.kept:
        keep_held(project, job)
        end_job(project)
    return outcome


# The refs


def _rewrite_branch(project: Project, job: Job, progress: Progress) -> list[str]:
    """Write the branch without the runs; return the new packs."""
    folders = [run_directory(run_id) for run_id in job.runs]
    marks = dict(purged_file(run_id) for run_id in job.runs)

    with NewObjects(project.repo) as new:

        def build(store: ObjectStore, tip: str | None) -> str | None:
            base = project.base_tip() if tip is None else tip
            if base is None:
                return None
            rest = history_without(
                project.repo,
                base,
                folders,
                new,
                reword=lambda message: reworded(message, job.runs),
                progress=lambda done, total: progress("rewriting commits", done, total),
            )
            if rest != base:
                _remember(project, job, [base])
            new.flush()
            view = View(store, rest)
            # In a partial clone git counts on those trees, which go, for where this file is.
            view.read(README_FILE)
            files = {**frame_files(view), **marks}
            addition = Addition(files, _message(job.runs), project.author, time.time())
            return add_commit(store, rest, addition, project.committer)

        advance(project.repo, project.runs_ref, build)
        return new.packs


def _message(runs: list[str]) -> str:
    others = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    return "\n".join([f"purge {runs[0][:8]}{others}", "", *(f"Run: {run_id}" for run_id in runs)])


def _rewrite_pins(project: Project, job: Job) -> list[str]:
    """Write the chain of pins without those of the snapshots; return the new packs."""
    _take_over_pins(project, job)
    own = set(pinned(project.repo, SNAPSHOTS))
    for snapshot in existing(project.repo, job.staying):
        # It may be kept alive only as an ancestor of one that goes.
        if snapshot not in own and is_pinned(project.repo, SNAPSHOTS, snapshot):
            pin_itself(project.repo, SNAPSHOTS, snapshot, committer=project.committer)
    last: list[str] = []

    with NewObjects(project.repo) as new:

        def build(_: ObjectStore, tip: str | None) -> str | None:
            last.clear()
            base = lost_tip(project.repo, SNAPSHOTS) if tip is None else tip
            if base is None:
                return None
            # Only here, where nobody else can pin, it is known for good what others have.
            spare_used(project, job)
            _remember_purged(project, job.snapshots)
            now = chain_without(project.repo, base, set(job.snapshots), new)
            if now != base:
                _remember(project, job, [base])
            new.flush()
            if now is None:
                forget_tip(project.repo, SNAPSHOTS)
                last.extend([tip] if tip else [])
            return now

        advance(project.repo, SNAPSHOTS, build)
        while last and not delete_ref(project.repo, SNAPSHOTS, last[0]):
            advance(project.repo, SNAPSHOTS, build)
        return new.packs


def _remember_purged(project: Project, snapshots: list[str]) -> None:
    """Keep which snapshots are gone for good: a remote may still have them, and a fetch must not bring them back."""
    try:
        with open(project.purged_snapshots, "a", encoding="ascii") as file:
            file.writelines(f"{snapshot}\n" for snapshot in snapshots)
        fsync_file(project.purged_snapshots)
    except OSError as error:
        raise storage_error(error, project.purged_snapshots) from error


def _take_over_pins(project: Project, job: Job) -> None:
    """Add the pins of remotes that have some of the snapshots: who overwrites theirs must not lose the others."""
    for tip in refs_holding(project.repo, job.snapshots, ("refs/gittrack/remotes/*/snapshots",)).values():
        here = read_ref(project.repo, SNAPSHOTS)
        if here is None or not is_ancestor(project.repo, tip, here):
            _remember(project, job, [tip])
            merge_pins(project.repo, SNAPSHOTS, tip, committer=project.committer)


def _remember(project: Project, job: Job, tips: Iterable[str]) -> None:
    """Keep what a ref led to, before it leads elsewhere."""
    job.roots += [tip for tip in tips if tip not in job.roots]
    save_job(project, job)


def _forget_refs(project: Project, job: Job) -> None:
    """Delete what follows a remote and still leads to the bytes; the next fetch brings it back, as it is there."""
    patterns = following(project)
    found = refs_holding(project.repo, [*job.commits, *job.snapshots], patterns)
    folders = [run_directory(run_id) for run_id in job.runs]
    found |= {ref: tip for ref, tip, _ in paths_in_refs(project.repo, folders, patterns)}
    if found:
        job.tracking |= found
        _remember(project, job, found.values())
    for ref, oid in found.items():
        delete_ref(project.repo, ref, oid)
    for ref in (project.runs_ref, SNAPSHOTS):
        if has_reflog(project.repo, ref) and read_ref(project.repo, ref) is not None:
            expire_reflog(project.repo, ref)


# What is no object


def _remove_files(project: Project, job: Job) -> None:
    for run_id in job.runs:
        directory = project.journal_of(run_id)
        if not is_live(directory):
            shutil.rmtree(directory, ignore_errors=True)
    _clean_quarantine(project, job.runs)
    for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
        # SQLite leaves deleted rows in the file; it is made anew when it is asked for.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(project.repo.state_dir, name))


def _clean_quarantine(project: Project, runs: list[str]) -> None:
    """Delete what is kept there of the runs: in folders of their name, and files that hold their id."""
    for folder, _, names in os.walk(quarantine_of(project)):
        for name in names:
            path = os.path.join(folder, name)
            if name != NOTE and any(run_id in path or _holds(path, run_id.encode()) for run_id in runs):
                os.unlink(path)


def _holds(path: str, text: bytes) -> bool:
    with open(path, "rb") as file:
        rest = b""
        while chunk := file.read(1 << 20):
            if text in rest + chunk:
                return True
            rest = chunk[-len(text) :]
    return False


def _remove_large(project: Project, job: Job) -> None:
    """Delete the large files whose pointer, the very same in git's own use of LFS, nothing has any more."""
    for sha256, size in job.large:
        with ObjectStore(project.repo) as store:
            oid = store.write("blob", pointer(sha256, size))
        if not existing(project.repo, [oid]):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(project.large_file(sha256))


# The objects


def _remove_objects(project: Project, job: Job, packs: list[str], progress: Progress) -> Outcome:
    repo = project.repo
    packing = os.path.join(repo.state_dir, "packing.lock")
    # No gittrack may find an object there, and count on it, that is gone a moment later.
    with held_lock(packing, _PATIENCE, sharing=sharing_of(repo.common_dir)), publish_lock(repo, _PATIENCE):
        partial = is_partial(project)
        known = still_unneeded(repo, job.objects, partial=partial) if job.objects else []
        found = unneeded(
            repo,
            job.roots,
            holding=FORMAT_FILE,
            partial=partial,
            progress=lambda done, total: progress("looking at objects", done, total),
        )
        job.objects, job.roots = sorted(found.objects.union(known)), []
        save_job(project, job)
        remaining = remove_objects(
            repo, job.objects, progress=lambda done, total: progress("looking at packs", done, total)
        )
        compress_packs(repo, packs)
    return Outcome(len(job.objects) - remaining.count, remaining, found.held_by)
