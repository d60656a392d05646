"""Runs of a table on the branch: all of them in one commit, those that are there already left out."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gittrack.codec import paths
from gittrack.codec.record import record_to_plain
from gittrack.codec.series import write_series
from gittrack.codec.text import to_yaml
from gittrack.errors import GittrackError
from gittrack.git.branch import Addition, View, append
from gittrack.git.lookup import commits_named
from gittrack.git.maintenance import maintain
from gittrack.git.pin_refs import CODE
from gittrack.git.pins import pin
from gittrack.git.store import ObjectStore
from gittrack.record.publish import Files, frame_files
from gittrack.replay import SummaryBuilder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gittrack.model import Point, Record
    from gittrack.project import Project

_AT_ONCE: Final = 10_000  # runs of one commit: git's objects for them wait in memory


@dataclass(frozen=True, slots=True)
class Standing:
    """Which of some runs cannot be imported: `here` are on the branch or running, `purged` were removed for good."""

    here: frozenset[str]
    purged: frozenset[str]

    def __contains__(self, run_id: object) -> bool:
        return run_id in self.here or run_id in self.purged


@dataclass(frozen=True, slots=True)
class Encoded:
    """The files of one run, and the commit of its code."""

    id: str
    files: Mapping[str, bytes]
    commit: str | None


def standing(project: Project, ids: Iterable[str]) -> Standing:
    """Return which of the runs with these ids are here already, or were purged."""
    with ObjectStore(project.repo) as store:
        view = View(store, project.runs_tip() or project.base_tip())
        found = _standing(view, ids)
    return replace(found, here=found.here | (frozenset(ids) & frozenset(project.journaled())))


def _standing(view: View, ids: Iterable[str]) -> Standing:
    shards = {run_id[:2] for run_id in ids}
    here = {name for shard in shards for name in view.names(f"{paths.RUNS}/{shard}")}
    purged = {name for shard in shards for name in view.names(f"{paths.PURGED}/{shard}")}
    return Standing(frozenset(here & set(ids)), frozenset(purged & set(ids)))


def encode(record: Record, points: Mapping[str, Sequence[Point]]) -> Encoded:
    """Return the files of a run; the summaries of its metrics follow from their points."""
    assert record.start is not None
    summaries, files = {}, {}
    taken: set[str] = set()
    for name, series in points.items():
        stem = paths.metric_stem(name, taken)
        taken.add(stem.lower())
        builder = SummaryBuilder()
        for point in series:
            builder.add(point.step, point.value)
        file = f"{paths.METRICS}/{stem}.tsv"
        summaries[name] = builder.summary((file,))
        files[file] = write_series(series)
    files[paths.RECORD] = to_yaml(record_to_plain(replace(record, metrics=summaries)))
    return Encoded(record.start.id, files, record.start.code.commit)


def import_runs(project: Project, runs: Sequence[Encoded], source: str) -> int:
    """Put `runs`, whose ids differ, on the branch and return how many are new; `source` is the name of their file.

    As many commits as there are ten thousand runs. The commits of their code that are here are kept alive.
    """
    project.check_runs_ref()
    _pin(project, {run.commit for run in runs if run.commit})
    done = 0
    for start in range(0, len(runs), _AT_ONCE):
        done += _append(project, runs[start : start + _AT_ONCE], source)
    if done:
        with contextlib.suppress(GittrackError, OSError):  # the runs are safe, whatever becomes of the packing
            maintain(project.repo, project.runs_ref, project.settings)
    return done


def _append(project: Project, runs: Sequence[Encoded], source: str) -> int:
    added = 0

    def make(view: View) -> Addition | None:
        nonlocal added
        there = _standing(view, [run.id for run in runs])
        new = [run for run in runs if run.id not in there]
        added = len(new)
        if not new:
            return None
        files: Files = frame_files(view)
        for run in new:
            folder = paths.run_directory(run.id)
            files.update({f"{folder}/{path}": data for path, data in run.files.items()})
        message = f"import {source}: {added} run{'' if added == 1 else 's'}\n"
        return Addition(files, message, project.author, time.time())

    append(project.repo, project.runs_ref, make, committer=project.committer, start=project.base_tip)
    return added


def _pin(project: Project, commits: set[str]) -> None:
    for commit in sorted(set(commits_named(project.repo, sorted(commits)).values())):
        pin(project.repo, CODE, commit, committer=project.committer)
