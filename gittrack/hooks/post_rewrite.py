"""After an amend or a rebase: which commits with runs became which, so that the runs follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project

_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64})(?: .*)?")


def idle(_: Sequence[str]) -> bool:
    """Never: what was rewritten is told once."""
    return False


def run(project: Project, _: Sequence[str], lines: Iterable[str]) -> None:
    """Record the pairs `<old> <new>` of commits that git hands over, as far as they are about runs."""
    pairs = rewritten(lines)
    if not pairs or (project.runs_tip() is None and not project.journaled()):
        return
    from gittrack.read.quick import surely_has_none

    if surely_has_none(project, commits=[old for old, _ in pairs]):
        return
    from gittrack.catalog import open_catalog
    from gittrack.read.whereabouts import recorded_rewrites
    from gittrack.record.rewrites import record_rewrites

    known = {new for _, new in recorded_rewrites(project)}
    with open_catalog() as catalog:
        ours = [pair for pair in pairs if pair[0] in known or catalog.knows_commit(pair[0])]
    record_rewrites(project, ours)


def rewritten(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs (old, new) that git hands to this hook; other lines are passed over."""
    found = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    return [(match[1], match[2]) for match in found if match[1] != match[2]]
