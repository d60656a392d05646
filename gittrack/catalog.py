"""All the runs that a person sees: those on the branch, and those that still are in a journal here."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, final

from gittrack.codec.paths import ARTIFACTS, OUTPUT, PACKAGES, artifact_place, is_id
from gittrack.errors import DamagedRecord, GittrackError, UsageError
from gittrack.git.pin_refs import LIVE
from gittrack.git.refs import is_folder
from gittrack.model import STATUSES, Point, Run
from gittrack.project import Project, open_project
from gittrack.query.terms import Query, both, equals
from gittrack.read.index import Index, Named, Progress, open_index
from gittrack.read.specifier import CANDIDATES, ambiguous, parse_specifier, too_far_back, unknown, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from sqlite3 import Connection

    from gittrack.journals import Journaled
    from gittrack.live.elsewhere import Elsewhere
    from gittrack.query.terms import Field, Source
    from gittrack.read.cells import Cell
    from gittrack.read.revisions import Codes
    from gittrack.read.search import Hit

BATCH = 256  # runs that are read at once
SUGGEST_FROM = 2000  # runs; comparing words costs 20 us each


@final
class Catalog:
    """The runs of a project as they stood when it was opened: open another one to see what changed.

    `problems` are sentences about journals that could not be committed or read; `elsewhere` are the runs that were
    running on other machines, where the catalog was opened with them.
    """

    def __init__(
        self,
        project: Project,
        index: Index,
        journals: Mapping[str, Journaled],
        problems: list[str],
        elsewhere: Mapping[str, Elsewhere] | None = None,
    ) -> None:
        """Lay what the journals tell, and what is running `elsewhere`, over the index."""
        self.project = project
        self.problems = problems
        self.elsewhere = elsewhere or {}
        self._index = index
        self._journals = {**self.elsewhere, **journals}
        self._overlay: Connection | None = None  # the journals' runs as tables of the index

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index; the runs that were found can still be read."""
        self._index.close()
        if self._overlay is not None:
            self._overlay.close()
            self._overlay = None

    @property
    def damaged(self) -> list[tuple[str, str]]:
        """(id, what is wrong) of each run on the branch that is damaged, wholly or in part."""
        return self._index.damaged()

    def runs(
        self,
        limit: int | None = None,
        *,
        experiment: str | None = None,
        status: str | None = None,
        include_deleted: bool = False,
    ) -> list[Run]:
        """Return runs, newest first, those that are running included; UsageError for an unknown status."""
        if limit is not None and limit < 0:
            raise UsageError(f"a number of runs cannot be {limit}")
        if status is not None and status not in STATUSES:
            raise UsageError(f"{status!r:.40} is not a status; a run is one of {', '.join(STATUSES)}")
        where = both(
            None if experiment is None else equals("experiment", experiment),
            None if status is None else equals("status", status),
        )
        return list(self.search(Query(where, limit=limit, include_deleted=include_deleted)))

    def search(self, query: Query) -> Iterator[Run]:
        """Yield the runs that `query` means, in its order, those that are running included, a few at a time.

        The choosing is done when this returns; GittrackError when it takes too long.
        """
        return self.documents(self.hits(query))

    def within(self, query: Query, revisions: Sequence[str]) -> Query:
        """Return `query` for the runs whose code is in a revision range; UsageError for what is no revision."""
        from gittrack.read.revisions import codes_within

        commits, trees = codes_within(self.project, self.codes(), revisions)
        return replace(query, commits=commits, trees=trees)

    def codes(self) -> Codes:
        """Return what the runs were made with, those that are running included."""
        from gittrack.read.revisions import Codes

        codes = self._index.codes()
        running = [journal.run.code for journal in self._journals.values()]
        return Codes(
            {**{code.commit: None for code in running if code.commit}, **codes.commits},
            codes.dirty | {code.tree for code in running if code.dirty and code.tree},
        )

    def unknown_key(self, query: Query) -> str | None:
        """Return a sentence on a metric, param or tag of a query that no run has, None where runs have all of them."""
        from gittrack.query.values import fields_in

        return self.unknown_field(fields_in(query.where, query.order))

    def unknown_field(self, fields: Iterable[Field]) -> str | None:
        """Return a sentence on the first of `fields` that no run has, None where runs have all of them."""
        from gittrack.query.terms import Source

        for field in fields:
            if field.source in (Source.METRIC, Source.PARAM, Source.TAG) and not self.has(field):
                return unknown_key(field.source.value, field.key, sorted(self._keys(field.source)))
        return None

    def has(self, field: Field) -> bool:
        """Tell whether any run has that metric, param or tag."""
        return self._index.has(field) or field.key in self._running_keys(field.source)

    def bare(self, name: str) -> Field | None:
        """Return the metric, or the param, that `name` alone means, None for neither.

        UnknownFieldError for both, and for what is nearly the name of one.
        """
        from gittrack.query.fields import bare_field, check_typo
        from gittrack.query.terms import Source

        found = bare_field(name, self.has)
        if found is None:
            sources = (Source.TAG, Source.PARAM, Source.METRIC)
            check_typo(name, [(source, key) for source in sources for key in self._keys(source)])
        return found

    def _keys(self, source: Source) -> set[str]:
        return {*self._index.keys(source), *self._running_keys(source)}

    def _running_keys(self, source: Source) -> Iterator[str]:
        from gittrack.values import flatten

        for run in (journal.run for journal in self._journals.values()):
            kept = {"metrics": run.metrics, "tags": run.tags, "params": dict(flatten(run.params))}
            yield from kept[source.value]

    def hits(self, query: Query) -> list[Hit]:
        """Return the runs that `query` means, in its order, by what they are sorted by; `documents` reads them."""
        if not query.paths:
            return self._chosen(query)
        from gittrack.read.touching import touching

        found = self._chosen(replace(query, limit=None))
        # The run before is one of all runs, whichever are asked for.
        everything = self._chosen(Query(include_deleted=query.include_deleted))
        trees = self._index.trees([hit.id for hit in everything])
        trees |= {run_id: tree for run_id, tree in self._running_trees() if tree}
        touched = touching(self.project, everything, trees, query.paths)
        return [hit for hit in found if hit.id in touched][: query.limit]

    def _running_trees(self) -> Iterator[tuple[str, str | None]]:
        for run_id, journal in self._journals.items():
            yield run_id, journal.run.code.tree or journal.run.code.commit

    def _chosen(self, query: Query) -> list[Hit]:
        if not self._journals:
            return self._index.search(query)
        from gittrack.read.search import ordering, search

        enough = None if query.limit is None else query.limit + len(self._journals)
        found = [hit for hit in self._index.search(replace(query, limit=enough)) if hit.id not in self._journals]
        found = ordering(query.order).sorted(found + search(self._of_journals(), query))
        return found if query.limit is None else found[: query.limit]

    def _of_journals(self) -> Connection:
        from gittrack.read.search import tables_of

        if self._overlay is None:
            self._overlay = tables_of(journal.run for journal in self._journals.values())
        return self._overlay

    def cells(self, hits: Sequence[Hit], fields: Sequence[Field]) -> Iterator[tuple[Hit, tuple[Cell, ...]]]:
        """Yield what runs that were found have in some fields (read/cells.py), without reading them whole."""
        from gittrack.read.cells import cells

        for start in range(0, len(hits), BATCH):
            batch = hits[start : start + BATCH]
            ids = [hit.id for hit in batch]
            rows = self._index.ask(partial(cells, ids=ids, fields=fields))
            if self._journals:
                rows |= cells(self._of_journals(), ids, fields)
            yield from ((hit, rows[hit.id]) for hit in batch if hit.id in rows)

    def metric_names(self) -> list[str]:
        """Return the names of all metrics that any run has, by name."""
        from gittrack.query.terms import Source

        running = (name for journal in self._journals.values() for name in journal.run.metrics)
        return sorted({*self._index.keys(Source.METRIC), *running})

    def documents(self, hits: Sequence[Hit]) -> Iterator[Run]:
        """Yield runs that were found, a few at a time; one that has gone meanwhile is passed over."""
        for start in range(0, len(hits), BATCH):
            ids = [hit.id for hit in hits[start : start + BATCH]]
            committed = {run.id: run for run in self._index.documents([i for i in ids if i not in self._journals])}
            for run_id in ids:
                journal = self._journals.get(run_id)
                run = committed.get(run_id) if journal is None else journal.run
                if run is not None:
                    yield run

    def find(self, spec: str) -> Run:
        """Return the run that a whole id, a unique prefix of one, a name, 'latest' or 'latest~2' means.

        A deleted run answers to its id; to its name, or to 'latest', only where no other run does.
        Raises RunNotFound, with the nearest or with the candidates, and DamagedRecord for a damaged run.
        """
        specifier = parse_specifier(spec)
        if specifier.back is not None:
            return self._latest(specifier.text, specifier.back)
        text, prefix = specifier.text, specifier.prefix
        if prefix is not None and is_id(prefix):
            candidates = self._by_prefix(prefix)
        else:
            candidates = self._by_name(text)
            if prefix is not None:
                candidates = list(dict.fromkeys([*candidates, *self._by_prefix(prefix)]))
        if len(candidates) > 1:
            raise ambiguous(text, candidates)
        run = self._get(candidates[0].id) if candidates else None
        if run is None:
            raise self._missing(text, prefix)
        return run

    def history(self, run: Run, metric: str) -> list[Point]:
        """Return every point of a metric of one of these runs, in the order of logging."""
        with self.histories() as read:
            return read(run, metric)

    @contextlib.contextmanager
    def histories(self) -> Iterator[Callable[[Run, str], list[Point]]]:
        """Give what reads one history after the other, by one process of git for all of them."""
        from gittrack.read.history import histories

        with histories(self.project) as read:
            yield lambda run, metric: read(run, metric) + self._journaled_points(run, metric)

    def _journaled_points(self, run: Run, metric: str) -> list[Point]:
        """The points that are not committed yet."""
        journal = self._journals.get(run.id)
        if journal is None or metric not in journal.series:
            return []
        from gittrack.codec.series import read_series

        return read_series(journal.series[metric])

    def file(self, run: Run, path: str) -> bytes | None:
        """Return a file below the folder of one of these runs, such as 'artifacts/plot.png', None without one.

        For a run that is running it is what there is by now. StorageError when a large file is not here.
        """
        from gittrack.read.history import read_file

        if run.id in self._journals and path.startswith(f"{ARTIFACTS}/"):
            data = self._staged(run, path)
            if data is not None:
                return data
            run, path = self._committed_meanwhile(run, path)
        data = read_file(self.project, run, path)
        return self._journaled_file(run, path) if data is None and run.id in self._journals else data

    def output(self, run: Run) -> bytes:
        """Return what the command of one of these runs printed, all its parts; b'' where nothing was captured."""
        from gittrack.read.history import read_file

        last = None
        if run.id in self.elsewhere:
            last = self.elsewhere[run.id].output
        elif run.id in self._journals:
            last = self._journaled_file(run, OUTPUT)
            if last is None:
                run, _ = self._committed_meanwhile(run, OUTPUT)
        parts = [read_file(self.project, run, path) for path in run.output]
        return b"".join(part for part in (*parts, last) if part)

    def _journaled_file(self, run: Run, path: str) -> bytes | None:
        """A file that will be committed with what is in the journal."""
        from gittrack.capture.output import read_log

        if path == PACKAGES:
            return "".join(f"{line}\n" for line in self._journals[run.id].packages).encode() or None
        if path == OUTPUT:
            return read_log(os.path.join(self.project.journal_of(run.id), OUTPUT)) or None
        return None

    def _staged(self, run: Run, path: str) -> bytes | None:
        """A small artifact that is not committed yet."""
        from gittrack.record.stage import staged

        for artifact in run.artifacts:
            if path == f"{ARTIFACTS}/{artifact.path}" and not artifact.large:
                with (
                    contextlib.suppress(OSError),
                    open(staged(self.project.journal_of(run.id), artifact.sha256), "rb") as file,
                ):
                    return file.read()
        return None

    def _committed_meanwhile(self, run: Run, path: str) -> tuple[Run, str]:
        """The run, and where the file is, on the branch now; both as they are when they are not there."""
        self._index.refresh()
        fresh = self._index.get(run.id) or run
        for artifact in fresh.artifacts:
            if path == f"{ARTIFACTS}/{artifact.path}":
                return fresh, artifact_place(artifact)
        return fresh, path

    def with_tree(self, tree: str) -> list[Run]:
        """Return runs whose files were that very tree, the newest first, deleted ones aside, a few hundred at most."""
        journaled = [journal.run for journal in self._journals.values() if journal.run.code.tree == tree]
        committed = [run_id for run_id in self._index.with_tree(tree, BATCH) if run_id not in self._journals]
        found = [*self._index.documents(committed), *(run for run in journaled if not run.deleted)]
        return sorted(found, key=lambda run: run.start, reverse=True)

    def knows_commit(self, commit: str) -> bool:
        """Tell whether a run was made with that commit of the code, those that are running included."""
        running = {journal.run.code.commit for journal in self._journals.values()}
        return commit in running or self._index.knows_commit(commit)

    def _get(self, run_id: str) -> Run | None:
        journal = self._journals.get(run_id)
        return self._index.get(run_id) if journal is None else journal.run

    def _latest(self, text: str, back: int) -> Run:
        found = self.runs(back + 1)
        if not found:
            found = self.runs(back + 1, include_deleted=True)
        if len(found) <= back:
            raise too_far_back(text, len(found))
        return found[back]

    def _by_name(self, name: str) -> list[Named]:
        found = self._merged(self._index.by_name(name, self._enough), [j for j in self._named() if j.name == name])
        return [run for run in found if not run.deleted] or found

    def _by_prefix(self, prefix: str) -> list[Named]:
        committed = self._index.by_prefix(prefix, self._enough)
        return self._merged(committed, [j for j in self._named() if j.id.startswith(prefix)])

    def _named(self) -> list[Named]:
        return [journal.named for journal in self._journals.values()]

    @property
    def _enough(self) -> int:
        # One more than are shown, were all of the journals' runs among them.
        return CANDIDATES + 1 + len(self._journals)

    def _merged(self, committed: list[Named], journaled: list[Named]) -> list[Named]:
        return journaled + [run for run in committed if run.id not in self._journals]

    def _missing(self, text: str, prefix: str | None) -> GittrackError:
        for run_id, reason in self.damaged if prefix else ():
            if run_id.startswith(prefix or run_id):
                return DamagedRecord(f"run {run_id[:8]} is damaged: {reason}")
        return unknown(text, self._merged(self._index.names(SUGGEST_FROM), self._named()))


def open_catalog(
    path: str | os.PathLike[str] | None = None, *, progress: Progress | None = None, elsewhere: bool = False
) -> Catalog:
    """Return the runs of the repository around `path`; runs whose process is gone are committed first.

    With `elsewhere` also those that were running on other machines at the last pull. `progress(done, total)` is told of
    runs while many are read. Raises RepositoryError without a repository, GittrackError when the branch cannot be read;
    a run that cannot be committed only becomes a problem.
    """
    project = open_project(path)
    journals: Mapping[str, Journaled] = {}
    problems: list[str] = []
    if project.journaled():
        # What reads journals costs a third of the time of `gittrack log`: only where there is one.
        from gittrack.journals import lay_over, read_journals

        # First the journals, then the branch: a run that is committed in between is seen twice, not never.
        segments = read_journals(project, problems)
        index = open_index(project, progress)
        journals = lay_over(project, index, segments, problems)
    else:
        index = open_index(project, progress)
    found = _elsewhere(project, index, problems) if elsewhere and is_folder(project.repo, LIVE) else {}
    return Catalog(project, index, journals, problems, found)


def _elsewhere(project: Project, index: Index, problems: list[str]) -> dict[str, Elsewhere]:
    """The runs that were running elsewhere and are not on the branch."""
    from gittrack.live.elsewhere import read_elsewhere

    try:
        found = read_elsewhere(project, problems)
    except GittrackError as error:
        problems.append(f"runs that are running elsewhere cannot be read: {error}")
        return {}
    here = {*project.journaled(), *(run.id for run in index.documents(list(found)))}
    return {run_id: run for run_id, run in found.items() if run_id not in here}
