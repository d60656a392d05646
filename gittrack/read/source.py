"""The commit that holds the very code of a run, or one sentence on how to get it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gittrack.errors import NotFetched
from gittrack.git.lookup import has_commit
from gittrack.git.worktrees import is_shallow
from gittrack.model import LeftOut

if TYPE_CHECKING:
    from gittrack.model import Code, Run
    from gittrack.project import Project


def source_of(project: Project, run: Run) -> str:
    """Return the commit with the code of `run`: its snapshot, or HEAD as it was; NotFetched when it is not here.

    Of a resumed run it is the code that it started with.
    """
    commit = source_commit(run.code)
    if commit is None:
        raise NotFetched(f"run {run.id[:8]} has no commit: it was made before the first one, and nothing was kept")
    if not has_commit(project.repo, commit):
        if commit in run.purged:
            raise _purged(run)
        raise not_fetched(project, run, commit)
    return commit


def not_kept(code: Code) -> tuple[LeftOut, ...]:
    """Return what ran and is not in the commit with the code: files that were left out, or all uncommitted changes."""
    return (*code.left_out, *lost_changes(code))


def lost_changes(code: Code) -> tuple[LeftOut, ...]:
    """Return the uncommitted changes as one thing where they could not be kept; there is no tree of what ran then."""
    return (LeftOut("the uncommitted changes", "nothing of them was kept"),) if code.dirty and code.tree is None else ()


def _purged(run: Run) -> NotFetched:
    base = f"; the commit that it was made on is {run.code.commit[:12]}" if run.code.commit else ""
    return NotFetched(f"the snapshot of run {run.id[:8]} was purged, and its uncommitted changes are gone{base}")


def source_commit(code: Code) -> str | None:
    """Return the id of the commit that holds the code, None where there is none."""
    return code.snapshot or code.commit


def not_fetched(project: Project, run: Run, commit: str) -> NotFetched:
    """Return the error for a commit that is not here, with the command that fetches it."""
    what = "snapshot" if run.code.snapshot else "commit"
    remote = _remote(project)
    if remote is None:
        return NotFetched(f"the code of run {run.id[:8]}, {what} {commit[:12]}, is not here, and there is no remote")
    ref = "snapshots" if run.code.snapshot else "code"
    command = f"git fetch {shlex.quote(remote)} refs/gittrack/{ref}:refs/gittrack/remotes/{shlex.quote(remote)}/{ref}"
    if not run.code.snapshot and is_shallow(project.repo):
        command += f", or, as the history of this clone is cut off: git fetch --unshallow {shlex.quote(remote)}"
    return NotFetched(f"the code of run {run.id[:8]}, {what} {commit[:12]}, is not fetched; run: {command}")


def _remote(project: Project) -> str | None:
    names = [key[7:-4] for key in project.settings.values if key.startswith("remote.") and key.endswith(".url")]
    return "origin" if "origin" in names else next(iter(sorted(names)), None)
