"""Results as notes on the commits of the code, so that plain `git log` shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.ancestry import whole_history
from gittrack.git.dag import commits_of, history_of
from gittrack.git.notes import Wanted, write_notes
from gittrack.model import RUNNING
from gittrack.trace.places import places_of, standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gittrack.catalog import Catalog
    from gittrack.git.notes import Noted
    from gittrack.model import Run
    from gittrack.query.terms import Query

REF: Final = "refs/notes/gittrack"
_MOST: Final = 20  # runs in a note
_OURS: Final = re.compile(
    rb"gittrack: [0-9]+ runs?, newest first\n(?:[0-9a-f]{8}\*? [^\n]*\n)*(?:and [0-9]+ older ones\n)?"
)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the notes, and how many commits have one now."""

    noted: Noted
    commits: int


def note_runs(
    catalog: Catalog, revisions: Sequence[str], query: Query, limit: int | None, line: Callable[[Run], str]
) -> Result:
    """Write a note on each commit of a range, of the whole history by default, that has runs which have ended.

    `line` tells a run. Notes of ours on other commits of the range go; those that are not ours stay as they are.
    """
    repo = catalog.project.repo
    commits = commits_of(repo, revisions) if revisions else history_of(repo, whole_history(catalog.project.runs_ref))
    found, _ = standing(catalog, places_of(catalog, commits), query, limit)
    ended = {commit: [run for run in runs if run.status != RUNNING] for commit, runs in found.items()}
    texts = {commit: _text(runs, line) for commit, runs in ended.items() if runs}
    within = {commit.id for commit in commits}.__contains__ if revisions else lambda _: True
    wanted = Wanted(texts, within, lambda data: _OURS.fullmatch(data) is not None)
    message = "Notes added by 'gittrack log --notes'"
    return Result(write_notes(repo, REF, wanted, message, committer=catalog.project.committer), len(texts))


def _text(runs: Sequence[Run], line: Callable[[Run], str]) -> bytes:
    lines = [f"gittrack: {len(runs)} run{'' if len(runs) == 1 else 's'}, newest first", *map(line, runs[:_MOST])]
    if len(runs) > _MOST:
        lines.append(f"and {len(runs) - _MOST} older ones")
    return "".join(f"{each}\n" for each in lines).encode("utf-8", "backslashreplace")
