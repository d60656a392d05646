"""The ref of the branch for runs: where it cannot be read, the newest state of the branch that still is there."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.paths import FORMAT_FILE, PURGED, RUNS
from gittrack.doctor.ailment import Ailment
from gittrack.errors import GittrackError, StorageError
from gittrack.git.durable import sharing_of
from gittrack.git.lock import held_lock
from gittrack.git.reader import BlobReader, every_commit, list_tree, parents_of
from gittrack.git.refs import read_ref, replace_ref, swap_ref
from gittrack.git.verified import commit_tree, read_trees
from gittrack.read.rescan import indexed_tip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gittrack.project import Project
    from gittrack.quarantine import Quarantine

_PATIENCE: Final = 10.0


class _State(NamedTuple):
    """A commit of the branch, and how many files its runs have: as paths are only added, more is newer."""

    files: int
    commit: str


def examine_tip(project: Project) -> Iterator[Ailment]:
    """Yield what is to be said of a ref that is damaged, or that points to something which is."""
    why = tip_fault(project)
    if not why:
        yield from _examine_absent(project)
        return
    found = newest_state(project)
    if found is None:
        branch = project.runs_ref
        remedy = f"fetch it from a clone that has it: git fetch REMOTE +{branch}:{branch}"
        yield Ailment("ref", f"{why}; no state of the branch is left in this repository", remedy)
        return
    yield Ailment(
        "ref",
        f"{why}; the newest state of the branch that is left here is {found.commit[:12]}, with {found.files} files",
        "set the branch to it, and keep in the quarantine what the ref holds now",
        fix=partial(_restore, project),
    )


def _examine_absent(project: Project) -> Iterator[Ailment]:
    last = project.lost_tip() or (indexed_tip(project) if project.runs_tip() is None else None)
    if last is not None and _is_readable(project, last):
        branch = project.runs_ref.removeprefix("refs/heads/")
        yield Ailment(
            "branch-gone",
            f"the branch {branch} is gone, and its last commit, {last[:12]}, is still here",
            "set the branch to it, as the next run that is recorded will do",
            urgent=False,
            fix=partial(_bring_back, project, last),
        )


def _bring_back(project: Project, tip: str, _: Quarantine) -> str:
    if swap_ref(project.repo, project.runs_ref, None, tip):
        return f"set {project.runs_ref} to {tip[:12]}"
    return f"left {project.runs_ref} alone: it is there again"


def tip_fault(project: Project) -> str:
    """Why the branch for runs cannot be read at all, '' when it can or is not there."""
    try:
        tip = read_ref(project.repo, project.runs_ref)
    except StorageError as error:
        return str(error).partition(";")[0]
    if tip is None or _is_readable(project, tip):
        return ""
    return f"{project.runs_ref} points to {tip[:12]}, and that commit or its files are missing or damaged"


def _is_readable(project: Project, commit: str) -> bool:
    with BlobReader(project.repo) as reader:
        top = commit_tree(reader, commit)
        if top is None:
            return False
        _, entries, _ = next(read_trees(project.repo, reader, [top]))
        folders = {entry.name: entry.oid for entry in entries or ()}
        if RUNS.encode() not in folders:
            return PURGED.encode() in folders  # the only run may have been purged
        return next(read_trees(project.repo, reader, [folders[RUNS.encode()]]))[1] is not None


def newest_state(project: Project) -> _State | None:
    """Return the state with the most files among all commits of the branch that are left, reachable or not.

    States that grew out of the last one that is known come before others, which a rewrite may have left behind: the
    one that the index was made of, and where that is lost the remote's, whose own ref keeps it in any case.
    """
    commits = _commits_of_the_branch(project)
    heads = commits.keys() - {parent for parents in commits.values() for parent in parents}
    known = next((tip for tip in (indexed_tip(project), project.remote_tip()) if tip in commits), None)
    ranked = []
    for head in heads:
        line = _line(head, commits)
        state = next((state for commit in line if (state := _state(project, commit)) is not None), None)
        if state is not None:
            ranked.append((known in line, state))
    return max(ranked)[1] if ranked else None


def _commits_of_the_branch(project: Project) -> dict[str, list[str]]:
    """Each commit with a format file, and its parents."""
    commits = every_commit(project.repo, holding=FORMAT_FILE)
    with BlobReader(project.repo) as reader:
        return {commit: parents_of(data) for commit, data in reader.read_many(commits)}


def _line(head: str, commits: Mapping[str, list[str]]) -> list[str]:
    """The commit and all that is known before it, the nearest first."""
    line, seen = [head], {head}
    for commit in line:
        found = [parent for parent in commits[commit] if parent in commits and parent not in seen]
        seen.update(found)
        line += found
    return line


def _state(project: Project, commit: str) -> _State | None:
    if not _is_readable(project, commit):
        return None
    try:
        return _State(sum(1 for _ in list_tree(project.repo, commit, RUNS)), commit)
    except StorageError:
        return _State(0, commit)  # a damaged run is no reason to give up those after it, but a whole state is better


def _restore(project: Project, quarantine: Quarantine) -> str:
    # The lock of those who publish: none of them sees the ref while it changes.
    lock = os.path.join(project.repo.state_dir, "publish.lock")
    with held_lock(lock, _PATIENCE, sharing=sharing_of(project.repo.common_dir)) as held:
        if not held or not tip_fault(project):
            return f"left {project.runs_ref} alone: {'it is whole again' if held else 'a process writes to it'}"
        found = newest_state(project)
        if found is None:
            raise GittrackError(f"no state of {project.runs_ref} is left")
        if not tip_fault(project):  # the search takes long, and a git may have set the ref meanwhile
            return f"left {project.runs_ref} alone: it is whole again"
        path = os.path.join(project.repo.common_dir, *project.runs_ref.split("/"))
        if os.path.isfile(path):
            quarantine.copy(path, f"a ref that could not be read; it was set to {found.commit}")
        replace_ref(project.repo, project.runs_ref, found.commit)
    return f"set {project.runs_ref} to {found.commit[:12]}"
