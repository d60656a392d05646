"""What kind of clone this is, and what of it gets in the way of runs: checked out, altered, borrowed, cut short."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gittrack.doctor.ailment import Ailment
from gittrack.doctor.tip import tip_fault
from gittrack.errors import GittrackError
from gittrack.git.process import run_git, run_git_status
from gittrack.git.repository import discover
from gittrack.read.altered import alterations
from gittrack.read.check import is_partial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project

_SHOWN: Final = 3


def examine_clone(project: Project) -> Iterator[Ailment]:
    """Yield what is to be said of the shape of this clone, and of how people treated the branch."""
    yield from _examine_alternates(project)
    if os.path.exists(os.path.join(project.repo.common_dir, "shallow")):
        sentence = "this clone is shallow, so the commits that runs were made with may not be here"
        yield Ailment("shallow", sentence, "'git fetch --unshallow' fetches them", urgent=False)
    if is_partial(project):
        sentence = "this is a partial clone: reading runs may fetch files from its remote, which must be reachable"
        yield Ailment("partial", sentence, urgent=False)
    if tip_fault(project):
        return
    yield from _examine_worktrees(project)
    yield from _examine_history(project)


def _examine_alternates(project: Project) -> Iterator[Ailment]:
    path = os.path.join(project.repo.objects_dir, "info", "alternates")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.rstrip("\n") for line in file]
    except OSError:
        return
    for line in lines:
        place = os.path.join(project.repo.objects_dir, line.strip('"'))
        if line and not line.startswith("#") and not os.path.isdir(place):
            yield Ailment(
                "alternates",
                f"objects of this repository are borrowed from {place}, which is not there",
                f"bring it back, or correct {path}; until then runs and commits may be unreadable",
            )


def _examine_worktrees(project: Project) -> Iterator[Ailment]:
    """Recording moves the branch behind the back of a worktree that has it checked out."""
    branch = project.runs_ref.removeprefix("refs/heads/")
    for place in _checked_out(project):
        try:
            repo = discover(place)
        except GittrackError:
            continue  # its folder is gone: 'git worktree prune' is git's affair
        if repo.common_dir != project.repo.common_dir:
            continue  # GIT_DIR says otherwise
        behind = run_git_status(["diff-index", "--cached", "--quiet", "HEAD"], repo=repo)[0] != 0
        yield Ailment(
            "checked-out",
            f"{branch} is checked out in {place}"
            + (", whose files are older than the branch: a commit made there would take runs back" if behind else ""),
            f"leave it alone there: git -C {place} switch --detach" + (" --force" if behind else ""),
            urgent=behind,
        )


def _checked_out(project: Project) -> Iterator[str]:
    lines = run_git(["worktree", "list", "--porcelain"], repo=replace(project.repo, worktree=None)).splitlines()
    place = ""
    for line in lines:
        word, _, rest = line.partition(b" ")
        if word == b"worktree":
            place = os.fsdecode(rest)
        elif word == b"branch" and rest == os.fsencode(project.runs_ref):
            yield place


def _examine_history(project: Project) -> Iterator[Ailment]:
    tip = project.runs_tip()
    if tip is None:
        return
    try:
        found = [altered for altered in alterations(project.repo, tip) if not altered.left_out]
    except GittrackError:
        return  # 'gittrack check' tells what of the history is missing
    if found:
        commits = list(dict.fromkeys(alteration.commit[:12] for alteration in found))
        shown = ", ".join(commits[:_SHOWN]) + (", …" if len(commits) > _SHOWN else "")
        yield Ailment(
            "altered",
            f"commits that gittrack did not make changed or removed files of runs: {shown}",
            "'gittrack check' tells which; what was there is in the history, and 'git revert' of such a commit in a "
            "worktree of the branch brings it back",
        )
