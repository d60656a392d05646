"""Runs on the graph of the commits, which git draws: those that have runs, or a name, and where their lines meet."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.dag import decorated, drawn, range_or_head
from gittrack.lineage.simplify import simplified
from gittrack.trace.places import places_of, standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gittrack.catalog import Catalog
    from gittrack.model import Run
    from gittrack.query.terms import Query

MOST: Final = 10  # runs of a commit that are shown
_PADDING: Final = re.compile(rb"(?:\x1b\[[0-9;]*m|[| ])*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the graph: what git draws, and beside it a commit as git names it, a run, or `more` of them."""

    drawing: bytes
    commit: bytes = b""
    subject: bytes = b""
    run: Run | None = None
    more: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """The runs that each commit has, the commits among each other, and whether there are older runs."""

    runs: Mapping[str, Sequence[Run]]
    parents: Mapping[str, Sequence[str]]
    has_more: bool


def graph_of(catalog: Catalog, revisions: Sequence[str], query: Query, limit: int | None) -> Graph:
    """Return the graph of a revision range, HEAD by default; UsageError for what is no revision."""
    commits = range_or_head(catalog.project.repo, revisions)
    runs, has_more = standing(catalog, places_of(catalog, commits), query, limit)
    kept = decorated(catalog.project.repo).union(runs)
    return Graph(runs, simplified({commit.id: commit.parents for commit in commits}, kept), has_more)


def lines_of(catalog: Catalog, graph: Graph, *, color: bool) -> Iterator[Line]:
    """Yield the lines down to the last commit that has runs."""
    below = {parent for parents in graph.parents.values() for parent in parents}
    tips = [commit for commit in graph.parents if commit not in below]
    rows = max(_rows(runs) for runs in graph.runs.values())
    waiting: list[Line] = []
    left = len(graph.runs)
    with closing(drawn(catalog.project.repo, graph.parents, tips[::-1], rows=rows, color=color)) as lines:
        for line in lines:
            drawing, marked, told = line.partition(b"\x01")
            if told:
                commit, shown, subject = told.split(b"\x01", 2)
                if not left:
                    return
                runs = graph.runs.get(commit.decode("ascii"), ())
                left -= bool(runs)
                waiting = _beside(runs)
                yield Line(drawing, shown, subject)
            elif marked and waiting:
                beside = waiting.pop(0)
                yield Line(drawing, run=beside.run, more=beside.more)
            elif not marked or not _PADDING.fullmatch(drawing):
                yield Line(drawing)


def _rows(runs: Sequence[Run]) -> int:
    return min(len(runs), MOST + 1)


def _beside(runs: Sequence[Run]) -> list[Line]:
    shown = [Line(b"", run=run) for run in runs[:MOST]]
    return [*shown, Line(b"", more=len(runs) - MOST)] if len(runs) > MOST else shown
