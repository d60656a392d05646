"""After a commit: a run that was made on the very files before they were committed is tied to it, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.hooks.background import is_soon_read, set_off
from gittrack.hooks.underway import in_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.model import Run
    from gittrack.project import Project


def idle(_: Sequence[str]) -> bool:
    """Whether this commit is one of many steps."""
    return in_sequence()


def run(project: Project, _: Sequence[str], __: Iterable[str]) -> str | None:
    """Tie the runs whose files HEAD has; return what is known of them."""
    if project.runs_tip() is None and not project.journaled():
        return None
    from gittrack.git.ancestry import commit_and_tree
    from gittrack.read.quick import surely_has_none

    commit, tree = commit_and_tree(project.repo, "HEAD")
    if surely_has_none(project, trees=[tree]):
        return None
    if not is_soon_read(project):
        set_off(project)
        return None
    from gittrack.catalog import open_catalog

    with open_catalog() as catalog:
        runs = catalog.with_tree(tree)
    _tie(project, runs, tree, commit)
    return _sentence(project, runs, commit) if runs else None


def _tie(project: Project, runs: Sequence[Run], tree: str, commit: str) -> None:
    if any(run.code.dirty and not run.code.left_out for run in runs):
        from gittrack.record.rewrites import record_rewrites

        record_rewrites(project, [(tree, commit)])


def _sentence(project: Project, runs: Sequence[Run], commit: str) -> str:
    from gittrack.hooks.headline import leading, results

    first = leading(project, runs) or runs[0]
    told = results(project, first)
    status = "" if first.status == "finished" else f" ({first.status})"
    others = f", and of {len(runs) - 1} more" if len(runs) > 1 else ""
    figures = f": {told}" if told else ""
    return f"{commit[:7]} has the very files of run {first.id[:8]} {first.name}{status}{figures}{others}"
