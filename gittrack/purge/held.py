"""What a purge has to leave because something else leads to it: kept in mind, for the time when nothing does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.git.holders import refs_holding
from gittrack.git.pin_refs import SNAPSHOTS
from gittrack.git.unneeded import existing, reachable
from gittrack.purge.job import Job, end_job, load_job, save_job
from gittrack.read.check import is_partial

if TYPE_CHECKING:
    from gittrack.project import Project


def take_up_held(project: Project, job: Job) -> None:
    """Add to a job what earlier ones had to leave, but for what runs have again by now."""
    held = load_job(project.held)
    if held is None:
        return
    commits, ours = held.commits, (project.runs_ref, SNAPSHOTS)
    if refs_holding(project.repo, commits, ours):
        commits = [commit for commit in commits if not refs_holding(project.repo, [commit], ours)]
    job.commits += [commit for commit in commits if commit not in job.commits]
    job.roots += [commit for commit in commits if commit not in job.roots]
    job.large += [large for large in held.large if large not in job.large]
    job.contents = {**held.contents, **job.contents}


def keep_held(project: Project, job: Job) -> None:
    """Write down which of its commits are still here because a ref, a log or a worktree leads to them."""
    left = set(existing(project.repo, [*job.commits, *job.snapshots]))
    missing = ["--missing=allow-any"] if left and is_partial(project) else []
    held = sorted(left.intersection(reachable(project.repo, missing))) if left else []
    if held:
        save_job(project, Job(commits=held, large=job.large, contents=job.contents), project.held)
    else:
        end_job(project, project.held)
