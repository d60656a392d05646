"""`gittrack log --graph`: the commit graph as git draws it, with the runs below their commits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gittrack.cli.diff import harmless
from gittrack.cli.listing import brief
from gittrack.cli.pager import show_stream
from gittrack.cli.render import GAP, visible, width_of
from gittrack.cli.source import say
from gittrack.trace.graph import graph_of, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.render import Screen
    from gittrack.query.terms import Query
    from gittrack.trace.graph import Line

_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")


def show_graph(catalog: Catalog, revisions: Sequence[str], query: Query, limit: int | None, page: Screen) -> bool:
    """Print the graph of a revision range with at most `limit` runs on it; False where it has no run."""
    graph = graph_of(catalog, revisions, query, limit)
    if not graph.runs:
        return False

    def chunks() -> Iterator[bytes]:
        for line in lines_of(catalog, graph, color=page.ink.on):
            yield _written(line, page) + b"\n"

    show_stream(chunks, catalog.project, "log")
    if graph.has_more:
        say("there are older runs: --all shows them")
    return True


def _written(line: Line, page: Screen) -> bytes:
    drawing, commit = (b"".join(harmless([text], color=page.ink.on)) for text in (line.drawing, line.commit))
    if line.run is None and not line.more:
        subject = visible(line.subject.decode("utf-8", "backslashreplace")).encode()
        return drawing + commit + subject if commit else drawing.rstrip()
    space = None if page.width is None else page.width - _columns(drawing) - len(GAP)
    if line.run is None:
        return drawing + GAP.encode() + page.ink.quiet(f"… and {line.more} more").encode()
    return drawing + GAP.encode() + brief(line.run, page.ink, space).encode("utf-8", "backslashreplace")


def _columns(drawing: bytes) -> int:
    return width_of(_COLOR.sub("", drawing.decode("utf-8", "replace")))
