"""Whether the branch of runs still has all that a remote has of it: what somebody changed by hand is not sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import RUNS
from gittrack.errors import GittrackError
from gittrack.git.process import run_git_status
from gittrack.git.refs import read_ref

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gittrack.project import Project
    from gittrack.share.remote import Remote

_RUN: Final = re.compile(rb"runs/[0-9a-f]{2}/([0-9a-f]{32})/")


def refuse_altered(
    project: Project, remote: Remote, refs: Iterable[str], told: str | None, runs: Collection[str] | None = None
) -> None:
    """Raise GittrackError where a file that the remote is known to have is changed here, or gone; of `runs` alone.

    What it has is known from the last fetch or push of one of its `refs`, and from `told`, its own word. Where
    nothing is known, nothing is asked.
    """
    tip = read_ref(project.repo, project.runs_ref)
    tracked = (f"refs/remotes/{remote.name}/{ref.removeprefix('refs/heads/')}" for ref in refs)
    known = dict.fromkeys([told, *(read_ref(project.repo, ref) for ref in tracked)])
    for there in known:
        if tip is not None and there is not None and there != tip:
            _refuse_altered_since(project, there, tip, runs)


def _refuse_altered_since(project: Project, there: str, tip: str, runs: Collection[str] | None) -> None:
    """What others have added there meanwhile is no fault of ours, so we start from what both sides have."""
    code, out, _ = run_git_status(["merge-base", there, tip], repo=project.repo)
    base = out.decode("ascii").strip()
    touched = set() if code or base == tip else _touched(project, base, tip)
    suspects = touched if runs is None else touched.intersection(runs)
    if not suspects:
        return
    from gittrack.git.reader import BlobReader
    from gittrack.share.pushed import lost_problem

    with BlobReader(project.repo) as reader:
        objection = lost_problem(project.repo, reader, base, tip, sorted(suspects))
    if objection is not None:
        branch = project.runs_ref.removeprefix("refs/heads/")
        raise GittrackError(
            f"{branch} does not go: {objection}; 'gittrack verify' tells which commit did that, "
            f"and 'git revert' of it in a worktree of {branch} undoes it"
        )


def _touched(project: Project, old: str, new: str) -> set[str]:
    """The ids of runs of which a path has something else, or is gone; git reads the folders that differ alone."""
    words = ["diff-tree", "-r", "-z", "--no-renames", "--name-only", "--diff-filter=a", old, new, "--", RUNS]
    code, out, _ = run_git_status(words, repo=project.repo)
    found = map(_RUN.match, out.split(b"\0")) if not code else ()
    return {match[1].decode("ascii") for match in found if match}
