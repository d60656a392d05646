"""What moved a metric along the history: the runs of each commit, and what differs where it moved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.codec.paths import PACKAGES, run_directory
from gittrack.compare import differences, trees_of
from gittrack.errors import GittrackError, NotFetched
from gittrack.git.dag import commits_of, range_or_head, subjects
from gittrack.git.diff import View, changed_files
from gittrack.git.reader import objects_at
from gittrack.lineage.blame import Group, moves
from gittrack.model import FINISHED
from gittrack.read.difference import leaves_of
from gittrack.trace.places import places_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.catalog import Catalog
    from gittrack.git.diff import ChangedFile
    from gittrack.lineage.blame import Move
    from gittrack.model import Run
    from gittrack.query.terms import Query
    from gittrack.read.difference import Difference
    from gittrack.trace.places import Places


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which metric, and of which of its values (last, min or max), in which commits and runs."""

    metric: str
    summary: str
    revisions: tuple[str, ...]
    query: Query
    first_parent: bool = True


@dataclass(frozen=True, slots=True)
class Explained:
    """A move with what differs between its newest runs: `files` of the code, None where git does not have it here.

    `commits` is how many commits it may have been, the last one the one that is blamed; 0 where the commit is the same.
    """

    move: Move
    before: Run
    after: Run
    commits: int
    subject: str
    difference: Difference
    files: tuple[ChangedFile, ...] | None

    @property
    def causes(self) -> tuple[str, ...]:
        """Which kinds of things changed: code, params, data, environment."""
        found = self.difference
        kinds = {
            "code": self.files is None or bool(self.files),
            "params": bool(found.params),
            "data": bool(found.inputs),
            "environment": bool(found.packages or found.environment),
        }
        return tuple(kind for kind, changed in kinds.items() if changed)


@dataclass(frozen=True, slots=True)
class Blame:
    """The largest moves, how many more there are, those within the noise, and the runs that are left out.

    These are `dirty` ones on uncommitted changes, and `replaced` ones of other files at commits with runs of their own.
    """

    moves: list[Explained]
    more: int
    noise: int
    runs: int
    dirty: int
    replaced: int


def blame(catalog: Catalog, asked: Asked, limit: int | None) -> Blame:
    """Return the largest moves of a metric; GittrackError where no finished run of the range has it."""
    repo = catalog.project.repo
    commits = range_or_head(repo, asked.revisions, first_parent=asked.first_parent)
    parents = {commit.id: commit.parents for commit in commits}
    places = places_of(catalog, commits)
    trees = {commit.id: commit.tree for commit in commits}
    every: dict[str, list[Run]] = {}
    dirty = 0
    for run in catalog.search(places.query(asked.query)):
        if run.status == FINISHED and asked.metric in run.metrics:
            commit = _commit_of(run, places, trees)
            dirty += commit is None and places.of(run) is not None
            if commit is not None:
                every.setdefault(commit, []).append(run)
    placed = _of_their_files(every, trees)
    replaced = sum(map(len, every.values())) - sum(map(len, placed.values()))
    runs = {run.id: run for found in placed.values() for run in found}
    if not runs:
        raise GittrackError(f"no finished run on a commit of this range has the metric {asked.metric!r:.80}")
    found = moves(_groups(catalog, placed, asked), parents)
    loud = [move for move in found if not move.is_noise]
    shown = loud[:limit]
    explained = _explained(catalog, shown, runs, first_parent=asked.first_parent)
    return Blame(explained, len(loud) - len(shown), len(found) - len(loud), len(runs), dirty, replaced)


def _commit_of(run: Run, places: Places, trees: Mapping[str, str]) -> str | None:
    """The commit with the files of a run; where there is none, that at which one on a clean tree stands."""
    if run.code.dirty:
        return places.of_files(run)
    commit = places.of(run)
    return commit if commit is None or _has_files_of(commit, run, trees) else places.of_files(run) or commit


def _has_files_of(commit: str, run: Run, trees: Mapping[str, str]) -> bool:
    return run.code.tree == trees[commit] if run.code.tree else run.code.commit == commit


def _of_their_files(placed: Mapping[str, Sequence[Run]], trees: Mapping[str, str]) -> dict[str, Sequence[Run]]:
    """Of each commit the runs made with its very files; where there is none, those that a rewrite led to it."""
    return {
        commit: [run for run in runs if _has_files_of(commit, run, trees)] or runs for commit, runs in placed.items()
    }


def _groups(catalog: Catalog, placed: Mapping[str, Sequence[Run]], asked: Asked) -> list[Group]:
    everyone = [(commit, run) for commit, runs in placed.items() for run in runs]
    tip = catalog.project.runs_tip()
    names = [f"{tip}:{run_directory(run.id)}/{PACKAGES}" for _, run in everyone]
    found: dict[tuple[object, ...], list[Run]] = {}
    for (commit, run), packages in zip(everyone, objects_at(catalog.project.repo, names), strict=True):
        params = frozenset((name, repr(value)) for name, value in leaves_of(run.params).items())
        data = tuple(f"{item.name} {item.sha256}" for item in run.inputs)
        found.setdefault((commit, params, (packages or "", run.code.tree or "", *data)), []).append(run)
    return [_group(key, runs, asked) for key, runs in found.items()]


def _group(key: tuple[object, ...], runs: Sequence[Run], asked: Asked) -> Group:
    commit, params, rest = key
    assert isinstance(commit, str)
    assert isinstance(params, frozenset)
    assert isinstance(rest, tuple)
    newest = sorted(runs, key=lambda run: run.start, reverse=True)
    values = tuple(getattr(run.metrics[asked.metric], asked.summary) for run in newest)
    return Group(commit, params, rest, tuple(run.id for run in newest), values, newest[0].start)


def _explained(
    catalog: Catalog, found: Sequence[Move], runs: Mapping[str, Run], *, first_parent: bool
) -> list[Explained]:
    titles = subjects(catalog.project.repo, sorted({move.after.commit for move in found}))
    result = []
    for move in found:
        before, after = runs[move.before.runs[0]], runs[move.after.runs[0]]
        span = (move.after.commit, f"^{move.before.commit}")
        between = len(commits_of(catalog.project.repo, span, first_parent=first_parent))
        files = _files(catalog, before, after)
        difference = _of_note(differences(catalog, before, after))
        result.append(Explained(move, before, after, between, titles[move.after.commit].strip(), difference, files))
    return result


def _of_note(found: Difference) -> Difference:
    """A difference without the lock files, which are part of the code."""
    kept = tuple(change for change in found.environment if not change.name.startswith("locks."))
    return replace(found, environment=kept)


def _files(catalog: Catalog, before: Run, after: Run) -> tuple[ChangedFile, ...] | None:
    try:
        trees = trees_of(catalog.project, before, after)
        return tuple(changed_files(catalog.project.repo, trees, View()))
    except NotFetched:
        return None
