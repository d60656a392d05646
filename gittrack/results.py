"""Recorded runs for Python: one of them by get_run, many by search_runs."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from gittrack.catalog import Catalog, open_catalog
from gittrack.codec.paths import artifact_place
from gittrack.errors import StorageError, UsageError
from gittrack.model import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    import pandas as pd
    import polars as pl

    from gittrack import model
    from gittrack.model import Artifact, Author, Code, Input, MetricSummary, Note, Point, Value
    from gittrack.query.terms import Query

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


@overload
def search_runs(
    *,
    filter_string: str = ...,
    order_by: str | Iterable[str] | None = ...,
    max_results: int | None = ...,
    output_format: Literal["list"] = ...,
    experiment: str | None = ...,
    experiment_names: Iterable[str] | None = ...,
    status: str | None = ...,
    include_deleted: bool = ...,
    repo: str | os.PathLike[str] | None = ...,
) -> list[Run]: ...
@overload
def search_runs(
    *,
    filter_string: str = ...,
    order_by: str | Iterable[str] | None = ...,
    max_results: int | None = ...,
    output_format: Literal["pandas"],
    experiment: str | None = ...,
    experiment_names: Iterable[str] | None = ...,
    status: str | None = ...,
    include_deleted: bool = ...,
    repo: str | os.PathLike[str] | None = ...,
) -> pd.DataFrame: ...
@overload
def search_runs(
    *,
    filter_string: str = ...,
    order_by: str | Iterable[str] | None = ...,
    max_results: int | None = ...,
    output_format: Literal["polars"],
    experiment: str | None = ...,
    experiment_names: Iterable[str] | None = ...,
    status: str | None = ...,
    include_deleted: bool = ...,
    repo: str | os.PathLike[str] | None = ...,
) -> pl.DataFrame: ...
def search_runs(
    *,
    filter_string: str = "",
    order_by: str | Iterable[str] | None = None,
    max_results: int | None = None,
    output_format: str = "list",
    experiment: str | None = None,
    experiment_names: Iterable[str] | None = None,
    status: str | None = None,
    include_deleted: bool = False,
    repo: str | os.PathLike[str] | None = None,
) -> list[Run] | pd.DataFrame | pl.DataFrame:
    """Return the runs that a filter such as "metrics.acc > 0.9 and params.model = 'tree'" means, running ones included.

    The newest come first, or as `order_by` says: "metrics.acc DESC", or several of those. `output_format` is 'list',
    'pandas' or 'polars': a frame has a row a run, and the columns run_id, name, status, start_time, metrics.acc,
    params.lr, tags.stage and so on, with the types that were logged. `repo` as in get_run.
    """
    frame = _frame_maker(output_format)
    query = _query(filter_string, order_by, max_results, status, _experiments(experiment, experiment_names))
    with _catalog(repo) as catalog:
        found = catalog.search(replace(query, include_deleted=include_deleted))
        return [Run(run, catalog) for run in found] if frame is None else frame(found)


def _frame_maker(output_format: str) -> Callable[[Iterable[model.Run]], Any] | None:
    """What makes a frame of a stream of runs, None for a list; it is loaded before anything is read."""
    if output_format == "list":
        return None
    if output_format not in ("pandas", "polars"):
        raise UsageError(f"output_format is 'list', 'pandas' or 'polars', not {output_format!r:.40}")
    from gittrack.exchange.frames import pandas_frame, polars_frame

    return pandas_frame() if output_format == "pandas" else polars_frame()


def _query(
    filter_string: str,
    order_by: str | Iterable[str] | None,
    max_results: int | None,
    status: str | None,
    experiments: tuple[str, ...] | None,
) -> Query:
    from gittrack.query.parse import parse_filter, parse_order
    from gittrack.query.terms import Or, Query, both, equals

    if max_results is not None and max_results < 0:
        raise UsageError(f"a number of runs cannot be {max_results}")
    if status is not None and status not in STATUSES:
        raise UsageError(f"{status!r:.40} is not a status; a run is one of {', '.join(STATUSES)}")
    where = both(
        parse_filter(filter_string, time.time()) if filter_string.strip() else None,
        None if status is None else equals("status", status),
        None if not experiments else Or(tuple(equals("experiment", name) for name in experiments)),
    )
    orders = [order_by] if isinstance(order_by, str) else order_by or ()
    limit = 0 if experiments == () else max_results  # those of no experiment are none
    return Query(where, tuple(map(parse_order, orders)), limit)


def _experiments(experiment: str | None, names: Iterable[str] | None) -> tuple[str, ...] | None:
    """The experiments that are asked for, None for all."""
    if names is None:
        return None if experiment is None else (experiment,)
    if experiment is not None or isinstance(names, str):
        raise UsageError(
            "experiment='a' names one experiment, experiment_names=['a', 'b'] several; give one of the two"
        )
    return tuple(names)


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
