"""Who may still hold what was purged: refs and logs here, remotes, and how it is removed there."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.git.holders import reflogs_holding, refs_holding, worktrees_holding
from gittrack.git.pin_refs import SNAPSHOTS
from gittrack.git.refs import read_ref
from gittrack.git.unneeded import existing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project
    from gittrack.purge.carry_out import Outcome
    from gittrack.purge.job import Job


@dataclass(frozen=True, slots=True)
class RemoteCopy:
    """A remote that may hold the bytes, or does as of the last fetch (`seen`), and commands to overwrite or see it."""

    name: str
    seen: bool
    commands: tuple[str, ...]


def holders_here(project: Project, job: Job, outcome: Outcome) -> list[str]:
    """Return a sentence for each thing in this repository that still leads to what was purged, and what to do."""
    return list(_holders(project, job, outcome))


def _holders(project: Project, job: Job, outcome: Outcome) -> Iterator[str]:
    commits = [*job.commits, *job.snapshots]
    for ref in refs_holding(project.repo, commits):
        yield f"{ref} still leads to it; delete that ref (git update-ref -d {shlex.quote(ref)}) and purge again"
    for name in reflogs_holding(project.repo, commits):
        command = f"git reflog expire --expire=all {shlex.quote(name)}"
        yield f"the reflog of {name} still leads to it; run '{command}' and purge again"
    for folder, checked_out in worktrees_holding(project.repo, commits):
        yield _worktree(folder, checked_out=checked_out)
    if outcome.held_by:
        shown = ", ".join(commit[:12] for commit in outcome.held_by[:3])
        more = f" and {len(outcome.held_by) - 3} more" if len(outcome.held_by) > 3 else ""
        yield f"commits that no branch has need some of it too ({shown}{more}); 'git prune --expire=now' removes them"
    for pack in outcome.remaining.kept:
        yield f"{pack} holds some of it and is protected by a .keep file; delete that file and purge again"
    for folder in outcome.remaining.borrowed:
        yield f"this repository borrows objects from {folder}, which still holds some of it; purge there too"
    for name in ("FETCH_HEAD", "ORIG_HEAD"):
        if _names(os.path.join(project.repo.git_dir, name), [*commits, *job.tracking.values()]):
            yield f"{name} names a commit that was purged; the next fetch, merge or reset writes it anew"


def _worktree(folder: str, *, checked_out: bool) -> str:
    if not os.path.isdir(folder):
        return f"the worktree that was in {folder} still leads to it; run 'git worktree prune' and purge again"
    quoted = shlex.quote(folder)
    if not checked_out:
        command = f"git -C {quoted} reflog expire --expire=all HEAD"
        return f"the reflog of the worktree {folder} still leads to it; run {command} and purge again"
    remove = f"git worktree remove {quoted}"
    return f"{folder} has it checked out; remove that worktree ({remove}), or go to another commit there; purge again"


def shared_files(project: Project, job: Job) -> list[str]:
    """Return the paths of the files that are still here because something else has the very same bytes."""
    return sorted(job.contents[oid] for oid in existing(project.repo, job.contents))


def _names(path: str, commits: list[str]) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return False
    return any(commit in text for commit in commits)


def remote_copies(project: Project, job: Job) -> list[RemoteCopy]:
    """Return each configured remote, those first that are known to hold the bytes."""
    values = project.settings.values
    names = sorted(key[7:-4] for key in values if key.startswith("remote.") and key.endswith(".url"))
    found = [_copy(project, job, name) for name in names]
    return sorted((copy for copy in found if copy.commands), key=lambda copy: not copy.seen)


def _copy(project: Project, job: Job, remote: str) -> RemoteCopy:
    branch = project.runs_ref.removeprefix("refs/heads/")
    following = f"refs/gittrack/remotes/{remote}/snapshots"
    commands = []
    if job.runs:
        commands.append(_command(remote, branch, job.tracking.get(f"refs/remotes/{remote}/{branch}"), branch))
    if job.snapshots:
        new = SNAPSHOTS if read_ref(project.repo, SNAPSHOTS) is not None else f":{SNAPSHOTS}"
        commands.append(_command(remote, SNAPSHOTS, job.tracking.get(following), new, f"{SNAPSHOTS}:{following}"))
    seen = {f"refs/remotes/{remote}/{branch}", following}
    return RemoteCopy(remote, not seen.isdisjoint(job.tracking), tuple(commands))


def _command(remote: str, ref: str, old: str | None, new: str, fetched: str = "") -> str:
    """The command that overwrites a ref there, if it still is what was seen; where it was not seen, one that looks.

    It may have others' too: what is not here must not be overwritten.
    """
    if old is None:
        return f"git fetch {shlex.join([remote, fetched or ref])}"
    return f"git push {shlex.join([f'--force-with-lease={ref}:{old}', remote, new])}"
