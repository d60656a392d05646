"""Asks the file of the index one question, and imports next to nothing for it: what git waits for after each commit."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from gittrack.read.database import FILE

if TYPE_CHECKING:
    from gittrack.project import Project


def surely_has_no_tree(project: Project, tree: str) -> bool:
    """Whether the index tells of the present tip, and of no run whose files were that tree; False where unsure."""
    path = os.path.join(project.repo.state_dir, FILE)
    if project.journaled() or not os.path.isfile(path):
        return False
    import sqlite3

    try:
        with closing(sqlite3.connect(path)) as db:
            is_present = db.execute("SELECT id FROM tip").fetchone() == (project.runs_tip(),)
            return is_present and db.execute("SELECT 1 FROM runs WHERE tree = ? LIMIT 1", (tree,)).fetchone() is None
    except sqlite3.Error:
        return False
