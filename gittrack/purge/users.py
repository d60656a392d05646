"""The snapshots of the runs that a purge leaves alone, as they are at this very moment: none of them may go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.catalog import Catalog
from gittrack.journals import lay_over
from gittrack.purge.plan import snapshots_of
from gittrack.read.index import open_index
from gittrack.record.folder import read_segments

if TYPE_CHECKING:
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.purge.job import Job


def spare_used(project: Project, job: Job) -> None:
    """Take out of a job what another run has by now: a run may have been made since, with the very same files."""
    users = {snapshot: run.id for run in _runs(project) for snapshot in _kept_by(run, job)}
    job.staying = list(users)
    job.spared |= {snapshot: users[snapshot] for snapshot in job.snapshots if snapshot in users}
    job.snapshots = [snapshot for snapshot in job.snapshots if snapshot not in users]
    job.marked = {run_id: [s for s in commits if s not in users] for run_id, commits in job.marked.items()}


def _runs(project: Project) -> list[Run]:
    # Not by open_catalog, which commits journals: the caller may hold the lock that this takes.
    segments = {run_id: read_segments(project.journal_of(run_id)) for run_id in project.journaled()}
    problems: list[str] = []
    index = open_index(project)
    with Catalog(project, index, lay_over(project, index, segments, problems), problems) as catalog:
        return catalog.runs(include_deleted=True)


def _kept_by(run: Run, job: Job) -> list[str]:
    if run.id in job.runs:
        return []
    going = {*job.marked.get(run.id, ()), *run.purged}
    return [snapshot for snapshot in snapshots_of(run) if snapshot not in going]
