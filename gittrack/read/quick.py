"""Asks the file of the index one question, and imports next to nothing for it: what git waits for in its hooks."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Final

from gittrack.read.database import FILE

if TYPE_CHECKING:
    from collections.abc import Collection

    from gittrack.project import Project

_MOST: Final = 800  # ids in one question; SQLite takes 999


def surely_has_none(project: Project, *, commits: Collection[str] = (), trees: Collection[str] = ()) -> bool:
    """Whether no run was made with one of those commits or trees, nor with what became one of the commits since.

    False where that is not sure: without an index, with one that is not at the present tip, with runs that are running.
    """
    path = os.path.join(project.repo.state_dir, FILE)
    if project.journaled() or not os.path.isfile(path) or len(commits) + len(trees) > _MOST:
        return False
    return _is_none_indexed(project, path, commits, trees) and not _has_become(project, set(commits))


def _is_none_indexed(project: Project, path: str, commits: Collection[str], trees: Collection[str]) -> bool:
    import sqlite3

    chosen = " OR ".join(f"{column} IN ({', '.join('?' * len(ids))})" for column, ids in _columns(commits, trees))
    sql = f"SELECT 1 FROM runs WHERE {chosen} LIMIT 1"  # noqa: S608 - our own words; values are bound
    try:
        with closing(sqlite3.connect(path)) as db:
            is_present = db.execute("SELECT id FROM tip").fetchone() == (project.runs_tip(),)
            return is_present and db.execute(sql, (*commits, *trees)).fetchone() is None
    except sqlite3.Error:
        return False


def _columns(commits: Collection[str], trees: Collection[str]) -> list[tuple[str, Collection[str]]]:
    return [("commit_id", commits), ("tree", trees)]


def _has_become(project: Project, commits: set[str]) -> bool:
    """Whether a recorded rewrite led to one of the commits."""
    if not commits:
        return False
    from gittrack.read.whereabouts import recorded_rewrites

    return any(new in commits for _, new in recorded_rewrites(project))
