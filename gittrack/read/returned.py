"""What was purged and is here again: by a merge with a clone that still had it, or as a remote still has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gittrack.codec.paths import PURGED, parse_purged, run_directory
from gittrack.git.holders import paths_in_refs
from gittrack.git.reader import BlobReader, list_tree
from gittrack.verify import is_record, read_records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project


class Returned(NamedTuple):
    """A run that was purged, and a ref that has it all the same, with where that points."""

    run: str
    ref: str
    tip: str

    @property
    def sentence(self) -> str:
        """What there is to be said of it."""
        place = (
            f"{self.ref} has it, as it was fetched" if self.ref.startswith("refs/remotes/") else f"{self.ref} has it"
        )
        return f"it was purged and came back: {place}; run 'gittrack purge {self.run[:8]}' again"


def purged_runs(project: Project) -> list[str]:
    """Return the ids of the runs that were purged here, as the branch tells."""
    tip = project.runs_tip()
    entries = list_tree(project.repo, tip, PURGED) if tip else ()
    return [run_id for entry in entries if (run_id := parse_purged(entry.path)) is not None]


def following(project: Project) -> tuple[str, ...]:
    """Return patterns of the refs that follow a remote: its branch for runs, and its pins."""
    branch = project.runs_ref.removeprefix("refs/heads/")
    return f"refs/remotes/*/{branch}", "refs/gittrack/remotes/**"


def returned(project: Project, runs: Iterable[str]) -> list[Returned]:
    """Return where those of the runs are that are still, or again, on the branch or on that of a remote."""
    folders = {run_directory(run_id): run_id for run_id in runs}
    if not folders:
        return []
    found = paths_in_refs(project.repo, list(folders), [project.runs_ref, *following(project)])
    return [Returned(folders[path], ref, tip) for ref, tip, path in found]


def snapshots_told(project: Project, places: Sequence[Returned]) -> list[str]:
    """Return the snapshots of runs as their records tell where they are; what is damaged tells nothing."""
    found: list[str] = []
    with BlobReader(project.repo) as reader:
        for place in places:
            folder = run_directory(place.run)
            files = list_tree(project.repo, place.tip, folder)
            records = {path: f.oid for f in files if is_record(path := f.path.removeprefix(f"{folder}/"))}
            contents = {path: data for path, oid in records.items() if (data := reader.read(oid)) is not None}
            for record in read_records(place.run, contents).records:
                starts = (start for start in (record.start, record.part) if start is not None)
                found += [start.code.snapshot for start in starts if start.code.snapshot is not None]
    return list(dict.fromkeys(found))
