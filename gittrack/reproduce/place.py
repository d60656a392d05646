"""Where a run is done again: a worktree at its code with its data linked into it, thrown away afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.capture.inputs import StatCache, describe_input
from gittrack.errors import GittrackError
from gittrack.git.worktrees import add_worktree, remove_worktree

if TYPE_CHECKING:
    from gittrack.capture.inputs import Progress
    from gittrack.git.repository import Repository
    from gittrack.model import Input
    from gittrack.reproduce.plan import Plan


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of its own: `code` is the worktree in it, `directory` where the command runs."""

    repo: Repository
    folder: str
    code: str
    directory: str
    problem: str = ""  # what is not in it

    def remove(self) -> None:
        """Remove the worktree and everything else."""
        remove_worktree(self.repo, self.code)
        shutil.rmtree(self.folder, ignore_errors=True)


def prepare(repo: Repository, plan: Plan, *, progress: Progress | None = None) -> Place:
    """Make the place; GittrackError, and nothing is left, where the code or an input is not as it was."""
    folder = tempfile.mkdtemp(prefix=f"gittrack-{plan.run.id[:8]}-")
    code = os.path.join(folder, os.path.basename(repo.worktree or "code"))
    place = Place(repo, folder, code, os.path.normpath(os.path.join(code, plan.directory)))
    try:
        place = replace(place, problem=add_worktree(repo, code, plan.commit))
        _check_directory(place, plan)
        for path in plan.links:
            _link(place, path)
        for item in plan.run.inputs:
            _provide(place, item, progress)
    except BaseException:
        place.remove()
        raise
    return place


def _check_directory(place: Place, plan: Plan) -> None:
    inside = f"{place.directory}{os.sep}".startswith(f"{place.code}{os.sep}")
    if not inside or not os.path.isdir(place.directory):
        raise GittrackError(f"the directory {plan.directory!r:.200} of run {plan.run.id[:8]} is not in its code")


def changed_inputs(place: Place, plan: Plan) -> list[str]:
    """Return a sentence for each input that is not what it was any more: the command has written to it."""
    return [
        f"the command wrote to its input {item.path!r:.200}"
        for item in plan.run.inputs
        if _difference(place, _path(place, item), item, None)
    ]


def _path(place: Place, item: Input) -> str:
    return os.path.normpath(os.path.join(place.directory, item.path))


def _provide(place: Place, item: Input, progress: Progress | None) -> None:
    """See to it that an input is there with the very content that the run read."""
    path = _path(place, item)
    if not os.path.lexists(path):
        _link(place, os.path.relpath(path, place.code))
    problem = _difference(place, path, item, progress)
    if problem:
        raise GittrackError(problem)


def _difference(place: Place, path: str, item: Input, progress: Progress | None) -> str:
    if not os.path.exists(path):
        return f"input {item.path!r:.200} is not here; put it back, or fetch it, with sha256 {item.sha256[:12]}…"
    cache = StatCache(os.path.join(place.repo.state_dir, "stat.sqlite"))
    now = describe_input(path, item.name, cache=cache, progress=progress)
    if (now.sha256, now.kind) == (item.sha256, item.kind):
        return ""
    return (
        f"input {item.path!r:.200} is not what the run read: sha256 {now.sha256[:12]}… and {now.size} bytes, "
        f"and it was {item.sha256[:12]}… and {item.size} bytes; 'gittrack checkout' gives the code for other data"
    )


def _link(place: Place, path: str) -> None:
    """Let a path that git does not hold, relative to the top, lead to the one in the user's own working tree."""
    own = place.repo.worktree
    target = os.path.join(place.code, path)
    source = os.path.join(own, path) if own else ""
    inside = os.path.normpath(target).startswith(os.path.join(place.code, ""))
    if inside and own and os.path.exists(source) and not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.path.realpath(source), target)
