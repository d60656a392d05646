"""A purge under way, in a file: whoever is killed in the middle of it, the next call brings it to its end."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from gittrack.errors import StorageError
from gittrack.git.durable import fsync_directories, fsync_file, make_directories, sharing_of, storage_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.project import Project
    from gittrack.purge.plan import Plan


@dataclass(slots=True)
class Job:
    """What has to be done, and what was found on the way; `specs` are the words that it was asked for by.

    `roots` are what the refs led to before, until their objects are in `objects`: what is being removed from the object
    database. `tracking` are the refs that followed a remote and were deleted, with what they pointed to. `spared` are
    the snapshots that stay after all (snapshot -> the run that has it).
    """

    specs: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    snapshots: list[str] = field(default_factory=list)
    large: list[tuple[str, int]] = field(default_factory=list)
    marked: dict[str, list[str]] = field(default_factory=dict)
    staying: list[str] = field(default_factory=list)
    spared: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    tracking: dict[str, str] = field(default_factory=dict)
    objects: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, specs: Sequence[str]) -> Job:
        """Return what a plan asks for."""
        return cls(
            specs=list(specs),
            runs=list(plan.runs),
            snapshots=list(plan.snapshots),
            large=list(plan.large.items()),
            marked={run_id: list(commits) for run_id, commits in plan.marked.items()},
            staying=list(plan.staying),
            contents=dict(plan.contents),
            commits=list(plan.touching),
            roots=list(plan.snapshots),
        )


def load_job(path: str) -> Job | None:
    """Return the job that a file keeps (`project.purging`, `project.held`), None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            plain = json.load(file)
        return Job(**{**plain, "large": [(str(sha256), int(size)) for sha256, size in plain["large"]]})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StorageError(f"{path} cannot be read ({error}); delete it and purge again") from None


def save_job(project: Project, job: Job, path: str = "") -> None:
    """Keep the job as it stands, durably. StorageError when the disk refuses."""
    path = path or project.purging
    try:
        make_directories(os.path.dirname(path), sharing_of(project.repo.common_dir))
        with open(f"{path}.tmp", "w", encoding="utf-8") as file:
            json.dump(asdict(job), file)
        fsync_file(f"{path}.tmp")
        os.replace(f"{path}.tmp", path)
        fsync_directories([os.path.dirname(path)])
    except OSError as error:
        raise storage_error(error, path) from error


def end_job(project: Project, path: str = "") -> None:
    """Forget the job: everything is done."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path or project.purging)
    fsync_directories([project.repo.state_dir])
