"""Refs of another repository, fetched under names of their own until they are checked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError
from gittrack.git.ancestry import is_ancestor
from gittrack.git.refs import delete_ref, read_ref
from gittrack.git.transport import TransportError, fetch_refs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.git.transport import Progress
    from gittrack.project import Project
    from gittrack.share.received import Shown
    from gittrack.share.remote import Remote


def is_here(project: Project, ref: str, tip: str) -> bool:
    """Whether what a ref of theirs points to is a part of ours of that name."""
    here = read_ref(project.repo, ref)
    return here is not None and (here == tip or is_ancestor(project.repo, tip, here))


def fetched_aside(
    project: Project, remote: Remote, refs: Iterable[str], progress: Progress | None = None
) -> dict[str, str]:
    """Fetch refs that the remote has and return their tips. TransportError where git refuses what they hold."""
    wanted = list(refs)
    if wanted:
        fetch_refs(project.repo, remote.address, {ref: remote.incoming(ref) for ref in wanted}, progress)
    tips = ((ref, read_ref(project.repo, remote.incoming(ref))) for ref in wanted)
    return {ref: tip for ref, tip in tips if tip is not None}


def fetched_each(
    project: Project, remote: Remote, refs: list[str], shown: Shown, faults: dict[str, str]
) -> dict[str, str]:
    """Fetch all at once or, where git refuses one, each alone, so that no other is kept; `faults` gets why."""
    try:
        return fetched_aside(project, remote, refs, shown.transfer)
    except TransportError as error:
        if len(refs) == 1:
            faults[refs[0]] = str(error)
            return {}
    found: dict[str, str] = {}
    for ref in refs:
        found |= fetched_each(project, remote, [ref], shown, faults)
    return found


def forget_aside(project: Project, remote: Remote, refs: Iterable[str]) -> None:
    """Delete what was fetched; where that fails the next fetch overwrites it."""
    for ref in refs:
        incoming = remote.incoming(ref)
        with contextlib.suppress(GittrackError, OSError):
            if (tip := read_ref(project.repo, incoming)) is not None:
                delete_ref(project.repo, incoming, tip)
