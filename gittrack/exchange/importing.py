"""A file of old results as runs: read and checked as a whole, then put on the branch."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from gittrack.capture.redact import redact_shapes
from gittrack.codec.times import milliseconds
from gittrack.errors import GittrackError
from gittrack.exchange.documents import draft_of_document, is_document
from gittrack.exchange.drafts import Defaults, Draft, drafts_of
from gittrack.exchange.mapping import Column, Wishes, columns_of
from gittrack.exchange.tables import Line, read_table
from gittrack.git.lookup import commits_named
from gittrack.model import DEFAULT_EXPERIMENT, Author
from gittrack.record.imported import Standing, encode, import_runs, standing
from gittrack.values import check_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gittrack.project import Project

Progress: TypeAlias = "Callable[[int, int | None], None]"

_FULL = (40, 64)  # characters of a commit's id


def _silent(_: int, __: int | None) -> None:
    """Tell nobody how far the work is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do: what the columns become, the runs of the rows, and which of them cannot be added.

    `columns` is empty where each row is a whole run, as `gittrack export` writes it in JSON Lines.
    """

    source: str
    columns: Sequence[Column]
    lines: Sequence[Line]
    drafts: Sequence[Draft]
    standing: Standing

    @property
    def new(self) -> list[Draft]:
        """The runs that would be added."""
        return [draft for draft in self.drafts if draft.id not in self.standing]


def plan_import(
    project: Project,
    path: str,
    wishes: Wishes,
    *,
    now: float,
    sheet: str | None = None,
    experiment: str | None = None,
    progress: Progress = _silent,
) -> Plan:
    """Return what an import of the file at `path` would do; GittrackError, with the place, for a row that is no run."""
    project.redact_as_configured()
    lines = list(read_table(path, sheet))
    if not lines:
        raise GittrackError(f"{path!r:.200} has no rows to import")
    source = redact_shapes(os.path.basename(path).encode("utf-8", "backslashreplace").decode())
    if all(is_document(line.row) for line in lines):
        columns: list[Column] = []
        drafts = _counted((draft_of_document(line, source) for line in lines), len(lines), progress)
    else:
        columns = columns_of(lines, wishes)
        found = drafts_of(lines, columns, _defaults(project, source, now, experiment))
        drafts = _counted(found, len(lines), progress)
    _check_ids(drafts)
    drafts = _with_whole_commits(project, drafts)
    return Plan(source, columns, lines, drafts, standing(project, [draft.id for draft in drafts]))


def _counted(drafts: Iterable[Draft], total: int, progress: Progress) -> list[Draft]:
    found = []
    for draft in drafts:
        found.append(draft)
        progress(len(found), total)
    return found


def carry_out(project: Project, plan: Plan, progress: Progress = _silent) -> int:
    """Record the runs of a plan, in one commit, and return how many are new."""
    new = plan.new
    encoded = []
    for done, draft in enumerate(new, 1):
        encoded.append(encode(draft.record, draft.points))
        progress(done, len(new))
    return import_runs(project, encoded, plan.source) if encoded else 0


def _defaults(project: Project, source: str, now: float, experiment: str | None) -> Defaults:
    experiment = experiment or project.settings.get("gittrack.experiment") or DEFAULT_EXPERIMENT
    return Defaults(
        author=Author(project.author.name, project.author.email),
        source=source,
        now=milliseconds(now),
        experiment=check_text("an experiment's name", experiment, limit=250),
    )


def _check_ids(drafts: Sequence[Draft]) -> None:
    seen: dict[str, str] = {}
    for draft in drafts:
        if draft.id in seen:
            raise GittrackError(f"{draft.where}: the run {draft.id[:8]} stands in {seen[draft.id]} already; remove one")
        seen[draft.id] = draft.where


def _with_whole_commits(project: Project, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts with each beginning of a commit's id as the whole id; GittrackError for a commit that is not here."""
    short = {commit for draft in drafts if (commit := _commit(draft)) and len(commit) not in _FULL}
    found = commits_named(project.repo, sorted(short))
    return [_with_commit(draft, found) if _commit(draft) in short else draft for draft in drafts]


def _commit(draft: Draft) -> str | None:
    assert draft.record.start is not None
    return draft.record.start.code.commit


def _with_commit(draft: Draft, found: dict[str, str]) -> Draft:
    start = draft.record.start
    assert start is not None
    whole = found.get(start.code.commit or "")
    if whole is None:
        raise GittrackError(
            f"{draft.where}: the commit {start.code.commit} is not in this repository, or not the only one that begins "
            "so; write all of its id, or keep the column as a tag with --tag"
        )
    start = replace(start, code=replace(start.code, commit=whole))
    return replace(draft, record=replace(draft.record, start=start))
