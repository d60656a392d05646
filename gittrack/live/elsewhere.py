"""Runs that are running elsewhere, as a pull brought them last: read from their refs, and laid over nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import OUTPUT, RECORD, is_id, run_directory
from gittrack.git.pin_refs import LIVE
from gittrack.git.process import run_git
from gittrack.git.reader import BlobReader
from gittrack.journals import Journaled
from gittrack.model import RUNNING
from gittrack.read.records import read_records
from gittrack.share.remote import known_remotes, place_of

if TYPE_CHECKING:
    from gittrack.model import Run
    from gittrack.project import Project

_FORM: Final = "--format=%(objectname) %(committerdate:unix) %(refname)"


@dataclass(frozen=True, slots=True)
class Elsewhere(Journaled):
    """A run that was running when it was `seen`, by the clock of its machine; `remote` is the one that told of it."""

    seen: float
    remote: str
    files: _Files

    @property
    def output(self) -> bytes | None:
        """What its command had printed."""
        return self.files.read(OUTPUT)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a run below its folder in a commit."""

    project: Project
    commit: str
    run_id: str

    def read(self, path: str) -> bytes | None:
        with BlobReader(self.project.repo) as reader:
            return reader.read(f"{self.commit}:{run_directory(self.run_id)}/{path}")


class _Series(Mapping[str, bytes]):
    """The histories of the metrics, each read when it is asked for."""

    def __init__(self, run: Run, files: _Files) -> None:
        self._paths = {name: summary.files[0] for name, summary in run.metrics.items() if summary.files}
        self._files = files

    def __getitem__(self, name: str) -> bytes:
        data = self._files.read(self._paths[name])
        if data is None:
            raise KeyError(name)
        return data

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def read_elsewhere(project: Project, problems: list[str]) -> dict[str, Elsewhere]:
    """Return the runs that were running elsewhere, by id; of two remotes the one that heard last counts."""
    names = {place_of(name): name for name in known_remotes(project)}
    found: dict[str, Elsewhere] = {}
    with BlobReader(project.repo) as reader:
        for line in run_git(["for-each-ref", _FORM, f"{LIVE}/"], repo=project.repo).decode().splitlines():
            commit, seen, ref = line.split(" ", 2)
            place, _, run_id = ref.removeprefix(f"{LIVE}/").partition("/")
            if not is_id(run_id) or not seen:
                continue  # not of a pull's making
            files = _Files(project, commit, run_id)
            reading = read_records(run_id, [(RECORD, reader.read(f"{commit}:{run_directory(run_id)}/{RECORD}"))])
            if reading.run is None or reading.run.status != RUNNING:
                problems.append(f"run {run_id[:8]}, running elsewhere, cannot be read: {reading.problem or 'it ended'}")
                continue
            when = min(float(seen), time.time())
            if run_id not in found or found[run_id].seen < when:
                found[run_id] = _elsewhere(reading.run, when, names.get(place, ""), files)
    return found


def _elsewhere(run: Run, seen: float, remote: str, files: _Files) -> Elsewhere:
    # No file of it is on the branch, which is where its files would be looked for.
    bare = replace(run, metrics={name: replace(metric, files=()) for name, metric in run.metrics.items()}, output=())
    return Elsewhere(bare, _Series(run, files), (), seen, remote, files)
