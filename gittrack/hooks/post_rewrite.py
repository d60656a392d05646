"""After an amend or a rebase: which commits with runs became which, so that the runs follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def run(_: Sequence[str], lines: Iterable[str]) -> None:
    """Record the pairs `<old> <new>` of commits that git hands over, as far as they are about runs."""
    from gittrack.project import open_project
    from gittrack.read.index import open_index
    from gittrack.read.whereabouts import recorded_rewrites
    from gittrack.record.rewrites import parse_rewritten, record_rewrites

    project = open_project()
    pairs = parse_rewritten(lines)
    known = {new for _, new in recorded_rewrites(project)}
    with open_index(project) as index:
        record_rewrites(project, [pair for pair in pairs if pair[0] in known or index.knows_commit(pair[0])])
