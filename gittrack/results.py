"""Recorded runs for Python: one of them by get_run, many by search_runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from gittrack.catalog import Catalog, open_catalog
from gittrack.codec.paths import artifact_place
from gittrack.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from gittrack import model
    from gittrack.model import Artifact, Author, Code, Input, MetricSummary, Note, Point, Value

REPOSITORY: Final = "GITTRACK_REPO"


class Run:
    """A recorded run as it stood when it was asked for; a running one stands still in it."""

    __slots__ = ("_catalog", "_run")

    def __init__(self, run: model.Run, catalog: Catalog) -> None:
        """Wrap a run of `catalog`; get_run and search_runs do this."""
        self._run = run
        self._catalog = catalog

    @property
    def id(self) -> str:
        """32 hexadecimal characters."""
        return self._run.id

    @property
    def name(self) -> str:
        """The name, given or made up."""
        return self._run.name

    @property
    def experiment(self) -> str:
        """The experiment that the run belongs to."""
        return self._run.experiment

    @property
    def status(self) -> str:
        """'running', 'finished', 'failed', 'killed' or 'crashed'."""
        return self._run.status

    @property
    def start(self) -> datetime:
        """When it started, in UTC."""
        return _moment(self._run.start)

    @property
    def end(self) -> datetime | None:
        """When it ended, in UTC; None while it is running."""
        return None if self._run.end is None else _moment(self._run.end)

    @property
    def duration(self) -> float | None:
        """Seconds from start to end, None while it is running."""
        duration = self._run.duration
        return None if duration is None else round(duration, 3)

    @property
    def author(self) -> Author | None:
        """Who made it: the git identity, name and email."""
        return self._run.author

    @property
    def code(self) -> Code:
        """The code that it was made with: commit, branch, dirty, remote, entry, directory."""
        return self._run.code

    @property
    def params(self) -> dict[str, Value]:
        """The params, with the types that were logged."""
        return dict(self._run.params)

    @property
    def metrics(self) -> dict[str, MetricSummary]:
        """Each metric's last, step, min, max and count; `history` has all the points."""
        return dict(self._run.metrics)

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return dict(self._run.tags)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The data that it read."""
        return self._run.inputs

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files that it left; `artifact` gives their content."""
        return self._run.artifacts

    @property
    def notes(self) -> tuple[Note, ...]:
        """What people remarked about it."""
        return self._run.notes

    @property
    def parent(self) -> str | None:
        """The id of the run that this one is a part of."""
        return self._run.parent

    @property
    def description(self) -> str:
        """The description, '' when none was given."""
        return self._run.description

    @property
    def error(self) -> str | None:
        """The last lines of the traceback that ended it."""
        return self._run.error

    @property
    def deleted(self) -> bool:
        """Whether it was deleted (and can be restored)."""
        return self._run.deleted

    def history(self, metric: str) -> list[Point]:
        """Return every point (step, seconds since the start, value) of a metric, in the order of logging."""
        if metric not in self._run.metrics:
            raise UsageError(f"run {self.name} has no metric {metric!r:.80}; {_nearest(metric, self._run.metrics)}")
        return self._catalog.history(self._run, metric)

    def artifact(self, path: str) -> bytes:
        """Return the content of an artifact; StorageError when it is not on this machine."""
        for artifact in self._run.artifacts:
            if artifact.path == path:
                data = self._catalog.file(self._run, artifact_place(artifact))
                if data is None:
                    raise StorageError(f"artifact {path!r} of run {self.id[:8]} is missing; run 'git fsck'")
                return data
        paths = [artifact.path for artifact in self._run.artifacts]
        raise UsageError(f"run {self.name} has no artifact {path!r:.120}; {_nearest(path, paths)}")

    def output(self) -> str:
        """Return what the command printed, '' where nothing was captured."""
        return self._catalog.output(self._run).decode("utf-8", "replace")

    def to_dict(self) -> dict[str, object]:
        """Return the whole run as plain values, as `gittrack show --json` prints it."""
        from gittrack.codec.document import run_document

        return run_document(self._run)

    def __repr__(self) -> str:
        return f"<Run {self.id[:8]} {self.name} {self.status}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self._run == other._run

    def __hash__(self) -> int:
        return hash(self.id)


def get_run(spec: str, repo: str | os.PathLike[str] | None = None) -> Run:
    """Return one run: by its id, at least four characters of it, its name, 'latest' or 'latest~2'.

    `repo` is a path inside the repository, by default the current directory. Raises RunNotFound, with the
    nearest or the candidates, when no run answers to `spec` or several do.
    """
    if not isinstance(spec, str):
        raise UsageError(f"a run is named by text, such as 'latest', not by {spec!r:.40}")
    with _catalog(repo) as catalog:
        return Run(catalog.find(spec), catalog)


def search_runs(
    *,
    experiment: str | None = None,
    status: str | None = None,
    max_results: int | None = None,
    include_deleted: bool = False,
    repo: str | os.PathLike[str] | None = None,
) -> list[Run]:
    """Return runs, newest first, those that are running included; `repo` as in get_run."""
    with _catalog(repo) as catalog:
        found = catalog.runs(max_results, experiment=experiment, status=status, include_deleted=include_deleted)
        return [Run(run, catalog) for run in found]


def _catalog(repo: str | os.PathLike[str] | None) -> Catalog:
    from gittrack.record.telling import warn

    catalog = open_catalog(repo if repo is not None else os.environ.get(REPOSITORY) or None)
    for problem in catalog.problems:
        warn(problem)
    return catalog


def _moment(seconds: float) -> datetime:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc)


def _nearest(word: str, words: Iterable[str]) -> str:
    from difflib import get_close_matches

    known = list(words)
    close = get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"it has {', '.join(map(repr, sorted(known)[:10]))}" if known else "it has none"
