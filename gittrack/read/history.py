"""The files of a committed run: metric histories, printed output, artifacts."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gittrack.codec.paths import artifact_place, run_directory
from gittrack.errors import DamagedRecord, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gittrack.git.reader import BlobReader
    from gittrack.model import Artifact, Point, Run
    from gittrack.project import Project


def read_history(project: Project, run: Run, metric: str) -> list[Point]:
    """Return every committed point of a metric, in the order of logging; [] for a metric that the run has not.

    Raises StorageError when a file is missing, DamagedRecord when it is no history.
    """
    with histories(project) as read:
        return read(run, metric)


@contextmanager
def histories(project: Project) -> Iterator[Callable[[Run, str], list[Point]]]:
    """Give what reads one history after the other, as read_history does, by one process of git for all of them."""
    from gittrack.git.reader import BlobReader

    with BlobReader(project.repo) as reader:
        yield _Histories(reader, project.runs_tip(), project.repo.hash_len).read


class _Histories:
    """Reads histories; those of one run that are asked for one after the other share the way to their folder.

    git walks to each path from the top, through the tree that names every run of a shard: half a millisecond.
    """

    def __init__(self, reader: BlobReader, tip: str | None, hash_len: int) -> None:
        self._reader, self._tip, self._hash_len = reader, tip, hash_len
        self._folder = ""
        self._files: dict[bytes, str] = {}

    def read(self, run: Run, metric: str) -> list[Point]:
        """Return every committed point of a metric, as read_history does."""
        from gittrack.codec.series import read_series

        summary = run.metrics.get(metric)
        points: list[Point] = []
        for path in summary.files if summary else ():
            data = self._content(f"{run_directory(run.id)}/{path}")
            if data is None:
                raise StorageError(f"{path} of run {run.id[:8]} is missing from the repository; run 'git fsck'")
            try:
                points += read_series(data)
            except DamagedRecord as error:
                raise DamagedRecord(f"{path} of run {run.id[:8]} is damaged: {error}") from None
        return points

    def _content(self, path: str) -> bytes | None:
        if self._tip is None:
            return None
        folder, _, name = path.rpartition("/")
        if folder != self._folder:
            self._files = self._listed(folder)
            self._folder = folder
        oid = self._files.get(os.fsencode(name))
        return None if oid is None else self._reader.read(oid)

    def _listed(self, folder: str) -> dict[bytes, str]:
        from gittrack.git.tree import parse_tree

        tree = self._reader.read(f"{self._tip}:{folder}")
        return {} if tree is None else {entry.name: entry.oid for entry in parse_tree(tree, self._hash_len)}


def read_file(project: Project, run: Run, path: str) -> bytes | None:
    """Return a file below the run's folder, such as 'output.log' or 'artifacts/plot.png'; None without one.

    The pointer of a large artifact is followed; StorageError when its content is not on this machine.
    """
    for artifact in run.artifacts:
        if artifact.large and path == artifact_place(artifact):
            return read_large(project, run, artifact)
    return next(data for _, data in _contents(project, run, (path,)))


def read_large(project: Project, run: Run, artifact: Artifact) -> bytes:
    """Return the content of a large artifact; StorageError when this machine does not have it whole."""
    import hashlib

    what = f"artifact {artifact.path!r} of run {run.id[:8]}"
    try:
        with open(project.large_file(artifact.sha256), "rb") as file:
            data = file.read()
    except FileNotFoundError:
        # Not the whole branch: the other large artifacts may be anything but small.
        fetch = f"git lfs fetch REMOTE {project.shown_ref()} --include={run_directory(run.id)}"
        raise StorageError(f"{what} is large and not on this machine; fetch it, from where it is: {fetch}") from None
    except OSError as error:
        raise StorageError(f"{what} cannot be read: {error.strerror or error}; check {error.filename}") from None
    if hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise StorageError(f"{what} is damaged; delete {project.large_file(artifact.sha256)} and fetch it again")
    return data


def _contents(project: Project, run: Run, paths: tuple[str, ...]) -> Iterator[tuple[str, bytes | None]]:
    from gittrack.git.reader import BlobReader

    tip = project.runs_tip()
    folder = run_directory(run.id)
    with BlobReader(project.repo) as reader:
        for path in paths:
            yield path, None if tip is None else reader.read(f"{tip}:{folder}/{path}")
