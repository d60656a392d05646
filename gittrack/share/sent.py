"""Which runs a push brought to a remote, by what moved there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import RUNS
from gittrack.git.process import stream_git
from gittrack.git.reader import empty_tree
from gittrack.git.refs import read_ref
from gittrack.git.transport import MOVED, NEW

if TYPE_CHECKING:
    from gittrack.project import Project
    from gittrack.share.remote import Remote
    from gittrack.share.send import Exchanged

_RUN: Final = re.compile(rb"runs/[0-9a-f]{2}/([0-9a-f]{32})/")


def runs_sent(project: Project, exchanged: Exchanged, remote: Remote) -> set[str]:
    """Return the ids of runs that are new there, or have something new there."""
    sent = exchanged.sent.get(remote.runs)
    if sent is None or sent.state not in (NEW, MOVED):
        return set()
    if exchanged.chosen is not None:
        return exchanged.chosen.new
    tip = read_ref(project.repo, remote.runs)
    before, _, after = sent.word.partition("..") if sent.state == MOVED else (empty_tree(project.repo), "", tip or "")
    names = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--end-of-options", before, after, "--", RUNS]
    found = (_RUN.match(path) for path in stream_git(names, repo=project.repo))
    return {match[1].decode("ascii") for match in found if match}
