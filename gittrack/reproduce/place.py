"""Where a run is done again: a worktree at its code with its data linked into it, thrown away afterwards."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gittrack.capture.inputs import StatCache, describe_input
from gittrack.errors import GittrackError
from gittrack.git.process import run_git_status
from gittrack.git.worktrees import add_worktree, remove_worktree
from gittrack.reproduce.excluded import EXCLUDED, exclude
from gittrack.reproduce.plan import may_be_laid

if TYPE_CHECKING:
    from gittrack.capture.inputs import Progress
    from gittrack.git.repository import Repository
    from gittrack.model import Input
    from gittrack.reproduce.plan import Plan


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of its own: `code` is the worktree in it, `directory` where the command runs.

    `inputs` are those of the run, in its order, as they are there.
    """

    repo: Repository
    folder: str
    code: str
    directory: str
    problem: str = ""  # what is not in it
    inputs: tuple[Input, ...] = ()

    def remove(self) -> None:
        """Remove the worktree and everything else."""
        # In this order: git lets go of a worktree that is gone, and not of one that the command has damaged.
        shutil.rmtree(self.code, ignore_errors=True)
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
        return replace(place, inputs=tuple(_provide(place, plan, item, progress) for item in plan.run.inputs))
    except BaseException:
        place.remove()
        raise


def _check_directory(place: Place, plan: Plan) -> None:
    if not os.path.isdir(place.directory):
        raise GittrackError(f"the directory {plan.directory!r:.200} of run {plan.run.id[:8]} is not in its code")


def changed_inputs(place: Place, plan: Plan) -> list[str]:
    """Return a sentence for each input that is not what it was any more: the command has written to it."""
    return [
        f"the command wrote to its input {item.path!r:.200}"
        for item, before in zip(plan.run.inputs, place.inputs, strict=True)
        if not _is_still(place, item, before)
    ]


def new_data(place: Place, plan: Plan) -> list[tuple[Input, Input]]:
    """Return the inputs that are others than the run read: as they were, and as they are in `place`."""
    pairs = zip(plan.run.inputs, place.inputs, strict=True)
    return [(was, now) for was, now in pairs if not _same(was, now)]


def _provide(place: Place, plan: Plan, item: Input, progress: Progress | None) -> Input:
    """See to it that an input is there with the very content that the run read, or with what it is now."""
    path = _path(place, item)
    if not os.path.exists(path):
        _link(place, os.path.relpath(path, place.code))
    elif plan.new_data:
        _renew(place, path)
    if not os.path.exists(path):
        raise GittrackError(
            f"input {item.path!r:.200} is not here; put it back, or fetch it, with sha256 {item.sha256[:12]}…"
        )
    now = _described(place, item, progress)
    if not _same(item, now) and not plan.new_data and _written_as_kept(place, plan, item):
        now = _described(place, item)
    if _same(item, now) or plan.new_data:
        return now
    raise GittrackError(
        f"input {item.path!r:.200} is not what the run read: sha256 {now.sha256[:12]}… and {now.size} bytes, "
        f"and it was {item.sha256[:12]}… and {item.size} bytes; --new-data takes what is there"
    )


def _written_as_kept(place: Place, plan: Plan, item: Input) -> bool:
    """Write a file as git holds it, if that is what the run read: a checkout may have given it other line ends."""
    path = _path(place, item)
    relative = os.path.relpath(path, place.code)
    if item.kind != "file" or os.path.realpath(path) != os.path.join(os.path.realpath(place.code), relative):
        return False
    name = f"{plan.commit}:{relative.replace(os.sep, '/')}"
    code, data, _ = run_git_status(["cat-file", "blob", name], repo=place.repo)
    if code or hashlib.sha256(data).hexdigest() != item.sha256:
        return False
    with open(path, "wb") as file:
        file.write(data)
    return True


def _path(place: Place, item: Input) -> str:
    return os.path.normpath(os.path.join(place.directory, item.path))


def _described(place: Place, item: Input, progress: Progress | None = None) -> Input:
    cache = StatCache(os.path.join(place.repo.state_dir, "stat.sqlite"))
    return describe_input(_path(place, item), item.name, cache=cache, progress=progress)


def _is_still(place: Place, item: Input, before: Input) -> bool:
    return os.path.exists(_path(place, item)) and _same(before, _described(place, item))


def _same(was: Input, now: Input) -> bool:
    return (was.sha256, was.kind) == (now.sha256, now.kind)


def _link(place: Place, path: str) -> None:
    """Let a path that git does not hold, relative to the top, lead to the one in the user's own working tree.

    A link that leads nowhere holds nothing either. What is recorded in the place must not have ours: nobody else has
    what it leads to.
    """
    target, source = _ends(place, path)
    if source and not os.path.exists(target):
        if os.path.islink(target):
            os.unlink(target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.symlink(os.path.realpath(source), target)
        exclude(place.repo, os.path.join(place.folder, EXCLUDED), os.path.normpath(path))


def _renew(place: Place, path: str) -> None:
    """Put a copy of the user's own data in the place of what the code holds: a link would be recorded as the code."""
    target, source = _ends(place, os.path.relpath(path, place.code))
    if not source:
        return
    if os.path.isdir(target) and not os.path.islink(target):
        shutil.rmtree(target)
    else:
        os.unlink(target)
    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)


def _ends(place: Place, path: str) -> tuple[str, str]:
    """Where `path`, relative to the top, is in the place and in the user's working tree; the latter '' if it is not.

    A link in the code that leads out of it must not lead us to write there, nor a path to what belongs to git.
    """
    own = place.repo.worktree
    target = os.path.join(place.code, os.path.normpath(path))
    parent = os.path.realpath(os.path.dirname(target))
    inside = os.path.join(parent, "").startswith(os.path.join(os.path.realpath(place.code), ""))
    source = os.path.join(own, path) if own else ""
    inside = inside and may_be_laid(path.replace(os.sep, "/"))
    return target, source if inside and source and os.path.exists(source) else ""
