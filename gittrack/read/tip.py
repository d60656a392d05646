"""Which commit holds the runs: the tip of the local branch, or after a clone that of the remote's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.git.refs import read_ref

if TYPE_CHECKING:
    from gittrack.project import Project

_HEADS = "refs/heads/"


def runs_tip(project: Project) -> str | None:
    """Return the commit to read runs from, None when there is none.

    A fresh clone has no local branch yet: then the branch of that name of the only remote that has one counts.
    """
    tip = read_ref(project.repo, project.runs_ref)
    return _remote_tip(project) if tip is None else tip


def _remote_tip(project: Project) -> str | None:
    from gittrack.git.process import run_git

    branch = project.runs_ref.removeprefix(_HEADS)
    found = run_git(["for-each-ref", "--format=%(objectname)", f"refs/remotes/*/{branch}"], repo=project.repo)
    tips = found.decode().split()
    return tips[0] if len(tips) == 1 else None
