"""Keeps on the branch which commits of the code were rewritten into which, so that runs follow amend and rebase."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import rewrite_file
from gittrack.git.branch import Addition, View, append
from gittrack.record.publish import Files, frame_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.project import Project

_PATIENCE: Final = 2.0  # seconds in the queue of writers, for git waits too; without a place in it nothing is lost


def record_rewrites(project: Project, pairs: Sequence[tuple[str, str]]) -> str | None:
    """Add the pairs (old commit, new commit) to the branch; None where all of them are there, or there are none.

    What was committed may stand for an old commit by its tree, which some run was made on before.
    """
    if not pairs:
        return None

    def make(view: View) -> Addition | None:
        files: Files = dict(rewrite_file(old, new) for old, new in pairs)
        if all(view.read(path) is not None for path in files):
            return None
        old, new = pairs[0]
        others = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
        return Addition(
            {**frame_files(view), **files}, f"rewrite {old[:8]} {new[:8]}{others}\n", project.author, time.time()
        )

    return append(
        project.repo,
        project.runs_ref,
        make,
        committer=project.committer,
        lock_timeout=_PATIENCE,
        start=project.remote_tip,
    )
