"""Keeps on the branch which commits of the code were rewritten into which, so that runs follow amend and rebase."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import rewrite_file
from gittrack.git.branch import Addition, View, append
from gittrack.record.publish import Files, frame_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project

_LINE: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) ([0-9a-f]{40}|[0-9a-f]{64})(?: .*)?")


def parse_rewritten(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs (old, new) that git hands to its hook post-rewrite; other lines are passed over."""
    found = [match for line in lines if (match := _LINE.fullmatch(line.strip()))]
    return [(match[1], match[2]) for match in found if match[1] != match[2]]


def record_rewrites(project: Project, pairs: Sequence[tuple[str, str]]) -> str | None:
    """Add the pairs (old commit, new commit) to the branch; None where all of them are there, or there are none."""
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

    return append(project.repo, project.runs_ref, make, committer=project.committer, start=project.remote_tip)
