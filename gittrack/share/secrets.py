"""Secrets, and files too large, in what is about to leave this repository: the last moment at which they can stay."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from gittrack.capture.exclusion import MAX_FILE
from gittrack.capture.secret_files import secret_in
from gittrack.git.ancestry import SNAPSHOT_MARK
from gittrack.git.process import run_git
from gittrack.git.reader import BlobReader, changed_paths, empty_tree
from gittrack.share.admit import folders
from gittrack.share.pushed import Objection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.git.reader import Change
    from gittrack.project import Project
    from gittrack.share.pushed import Moved

_SUBMODULE: Final = 0o160000
_AT_ONCE: Final = 200  # runs


def secret_of_runs(project: Project, reader: BlobReader, runs: Iterable[Moved]) -> Objection | None:
    """Return the first file of the runs that holds a secret, of those that were not there before."""
    project.redact_as_configured()
    waiting = iter(runs)
    while batch := list(islice(waiting, _AT_ONCE)):
        for run, path, oid in _new_files(project, reader, batch):
            data = reader.read(oid)
            kind = None if data is None else secret_in(path, data)
            if kind is not None:
                place = f"runs/{run[:2]}/{run}/{path}"
                return Objection(
                    run, place, f"it looks like a secret: {kind}; gittrack purge {run[:8]} removes the run"
                )
    return None


def _new_files(project: Project, reader: BlobReader, runs: Sequence[Moved]) -> Iterator[tuple[str, str, str]]:
    """(run, path below its folder, blob) of each file that is not numbers alone."""
    before = folders(project.repo, reader, [(run.run, run.before) for run in runs if run.before])
    known = dict(zip((run.run for run in runs if run.before), (files for files, _ in before), strict=True))
    after = folders(project.repo, reader, [(run.run, run.tree) for run in runs])
    for run, (files, _) in zip(runs, after, strict=True):
        for path, entry in files.items():
            if not entry.is_directory and not path.endswith(".tsv") and known.get(run.run, {}).get(path) != entry:
                yield run.run, path, entry.oid


def fault_of_snapshots(project: Project, old: str | None, new: str) -> Objection | None:
    """Return the first secret, or file larger than is kept here, of the snapshots that the pins at `new` add."""
    project.redact_as_configured()
    limit = project.settings.number("gittrack.snapshotMaxFile", MAX_FILE)
    known = ["--not", *([old] if old else []), "--branches", "--tags", "--remotes"]
    words = ["log", "--format=%H %P", "--no-show-signature", "--fixed-strings", f"--grep={SNAPSHOT_MARK}", new, *known]
    with BlobReader(project.repo) as reader:
        for line in run_git(words, repo=project.repo).decode("ascii").splitlines():
            snapshot, *parents = line.split(" ")
            before = parents[0] if parents else empty_tree(project.repo)
            differing = changed_paths(project.repo, before, snapshot)
            changes = [change for change in differing if change.status != "D" and change.mode != _SUBMODULE]
            sizes = reader.sizes.of([change.oid for change in changes])
            for change in changes:
                size = sizes.get(change.oid, ("", 0))[1]
                reason = f"it has {size} bytes, more than gittrack.snapshotMaxFile" if size > limit else ""
                if reason := reason or _secret(reader, before, change):
                    return Objection("", change.path, f"{reason}, in the snapshot {snapshot[:10]}")
    return None


def _secret(reader: BlobReader, before: str, change: Change) -> str:
    data = reader.read(change.oid) or b""
    known = (reader.read(f"{before}:{change.path}") or b"") if change.status != "A" else b""
    kind = secret_in(change.path, data, known=known)
    return "" if kind is None else f"it looks like a secret: {kind}"
