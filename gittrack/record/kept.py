"""The working tree of a run that starts: looked at, kept as a snapshot, and looked at again where it changes."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gittrack.capture.exclusion import MAX_COUNT, MAX_FILE, MAX_TOTAL, Limits, Selection, select
from gittrack.capture.harmless import Harmless
from gittrack.capture.redact import redact_shapes
from gittrack.errors import GittrackError
from gittrack.git.packs import open_packs
from gittrack.git.process import GitError
from gittrack.git.snapshot import FilesChanged, Snapshot, take_snapshot
from gittrack.git.status import working_tree
from gittrack.model import LeftOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.git.status import WorkingTree
    from gittrack.project import Project

_ATTEMPTS: Final = 3
_REFUSALS: Final = 100
_REFUSED: Final = re.compile(
    r"git update-index failed: "
    r"(?:(.*): clean filter '.*' failed|failed to encode '(.*)' .*|Unable to process path (.*))"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What differed from HEAD, what of it was left out, and the snapshot of the rest."""

    state: WorkingTree
    selection: Selection
    snapshot: Snapshot


def keep_working_tree(project: Project, problems: list[str]) -> Kept:
    """Keep what is here; a sentence is added to `problems` where that cannot be done.

    What is kept is what was looked at for secrets: a file that keeps changing between the two is left out, and so is
    one that git cannot read.
    """
    refused: dict[bytes, LeftOut] = {}
    attempt = 0
    while True:
        state = working_tree(project.repo)
        selection = _selected_at_start(project, state, refused)
        try:
            return Kept(state, selection, _snapshot(project, state, selection))
        except FilesChanged as error:
            attempt += 1
            found = {path: _left_out(path, "it kept changing") for path in error.paths} if attempt >= _ATTEMPTS else {}
            problem: Exception | None = error if attempt > 2 * _ATTEMPTS else None
        except GitError as error:
            found = _refused_path(state, error)
            problem = None if found and len(refused) < _REFUSALS else error
        except (GittrackError, OSError) as error:
            problem = error
        if problem is not None:
            problems.append(f"the uncommitted changes could not be kept: {problem}")
            return Kept(state, selection, Snapshot(state.commit, None))
        refused |= found


def _selected_at_start(project: Project, state: WorkingTree, refused: Mapping[bytes, LeftOut]) -> Selection:
    """The choice, with what is found out about large files kept for the next run."""
    place = os.path.join(project.repo.state_dir, "stat.sqlite")
    sharing = open_packs(project.repo).sharing
    with Harmless(place, project.settings.get_all("gittrack.redact")) as harmless:
        selection = selected(project, state, refused, harmless)
    if harmless.opened and sharing is not None:
        with suppress(OSError):  # another user's, who has done it
            sharing.apply(place)
    return selection


def selected(project: Project, state: WorkingTree, refused: Mapping[bytes, LeftOut], harmless: Harmless) -> Selection:
    """Choose which paths of the working tree a snapshot leaves out, those in `refused` whatever they are."""
    if not state.differences or project.repo.worktree is None:
        return Selection()
    settings = project.settings
    limits = Limits(
        settings.number("gittrack.snapshotmaxfile", MAX_FILE),
        settings.number("gittrack.snapshotmaxtotal", MAX_TOTAL),
        settings.number("gittrack.snapshotmaxcount", MAX_COUNT),
    )
    heads = {difference.path: difference.head_oid for difference in state.differences}

    def committed(path: bytes) -> bytes | None:
        return open_packs(project.repo).read(heads[path])[1] if heads[path] else None

    return select(project.repo.worktree, state.differences, limits, committed, refused=refused, harmless=harmless)


def _snapshot(project: Project, state: WorkingTree, selection: Selection) -> Snapshot:
    # The name of the branch stands in the message.
    named = replace(state, branch=redact_shapes(state.branch)) if state.branch else state
    return take_snapshot(project.repo, named, selection.omitted, committer=project.committer, changed=selection.changed)


def _refused_path(state: WorkingTree, error: GitError) -> dict[bytes, LeftOut]:
    """The path that git could not read, by what it said."""
    told = _REFUSED.fullmatch(str(error))
    if told is None:
        return {}
    name = next(filter(None, told.groups()), "")
    why = str(error).partition(": ")[2]
    paths = (item.path for item in state.differences if item.path.decode("utf-8", "replace") == name)
    return {path: _left_out(path, f"git could not read it: {why}") for path in paths}


def _left_out(path: bytes, why: str) -> LeftOut:
    return LeftOut(path.decode("utf-8", "backslashreplace"), why)
