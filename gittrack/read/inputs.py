"""Whether the data that a run read is still there as it was."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from gittrack.capture.inputs import StatCache, describe_input
from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from gittrack.model import Input, Run
    from gittrack.project import Project

SAME: Final = "same"
CHANGED: Final = "changed"
MISSING: Final = "not here"
UNKNOWN: Final = "not compared"
# A page about a run is not the place to read a data set from end to end.
_MOST_BYTES: Final = 64 << 20
_MOST_FILES: Final = 2000


def input_state(project: Project, run: Run, item: Input) -> str:
    """Return SAME, CHANGED or MISSING for what lies where the run read; UNKNOWN where comparing would take long."""
    top = project.repo.worktree
    if top is None and not os.path.isabs(item.path):
        return MISSING
    path = os.path.join(top or "", run.code.directory, item.path)
    try:
        if not os.path.exists(path):
            return MISSING
        if item.kind == "file" and os.path.getsize(path) != item.size:
            return CHANGED
        if item.size > _MOST_BYTES or item.files > _MOST_FILES or _is_much(path):
            return UNKNOWN
        now = describe_input(path, item.name, cache=StatCache(os.path.join(project.repo.state_dir, "stat.sqlite")))
    except (GittrackError, OSError, ValueError):
        return UNKNOWN
    return SAME if (now.sha256, now.kind) == (item.sha256, item.kind) else CHANGED


def _is_much(path: str) -> bool:
    """Whether what is there now, whatever the record says, is more than a page may read; soon told of any folder."""
    files = size = 0
    for folder, _, names in os.walk(path):
        files += len(names) + 1
        size += sum(os.lstat(os.path.join(folder, name)).st_size for name in names[:_MOST_FILES])
        if files > _MOST_FILES or size > _MOST_BYTES:
            return True
    return False
