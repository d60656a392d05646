"""What may take a while is done by a process of its own, which nobody waits for: news fetched, the index refreshed."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from gittrack.project import Project

INTERVAL: Final = 300  # seconds between two looks at the remote, unless gittrack.autoFetchInterval says otherwise
_AT_ONCE: Final = 1000  # commits of runs
_ASKS_NOBODY: Final = {"GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GIT_TERMINAL_PROMPT": "0"}


def is_soon_read(project: Project) -> bool:
    """Tell whether there is an index, or few runs to make one of, so that git may wait for it."""
    from gittrack.git.ancestry import has_fewer_commits

    tip = project.runs_tip()
    return tip is None or os.path.exists(_index(project)) or has_fewer_commits(project.repo, tip, _AT_ONCE)


def set_off_where_due(project: Project) -> None:
    """Start it where news is asked for and was not looked for lately, or where the index is not up to date."""
    if _is_fetch_due(project) or _is_index_old(project):
        set_off(project)


def set_off(project: Project) -> None:
    """Start it, unheard, in the git directory; the repository is named, whatever a hook's environment says of it."""
    from gittrack.git.process import git_environment, spawn_detached

    repo = project.repo
    place = {"GIT_DIR": repo.git_dir, **({"GIT_WORK_TREE": repo.worktree} if repo.worktree else {})}
    env = git_environment(located=True, extra={**repo.object_variables, **place, **_ASKS_NOBODY})
    # From there, for Python looks for modules in the current directory first, which may hold anything.
    spawn_detached([sys.executable, "-m", "gittrack.hooks.background"], cwd=repo.common_dir, env=env)


def main() -> None:
    """Fetch what is due, then bring the index to the present tip; only one process of a repository does."""
    from gittrack.git.durable import sharing_of
    from gittrack.git.lock import held_lock
    from gittrack.project import open_project

    project = open_project()
    path = os.path.join(project.repo.state_dir, "background.lock")
    with held_lock(path, sharing=sharing_of(project.repo.common_dir)) as held:
        if held:
            with contextlib.suppress(GittrackError, OSError):
                if _is_fetch_due(project):
                    _fetch(project)
            with contextlib.suppress(GittrackError, OSError):
                _refresh(project)


def _stamp(project: Project) -> str:
    return os.path.join(project.repo.state_dir, "fetched")


def _is_fetch_due(project: Project) -> bool:
    if not project.settings.flag("gittrack.autoFetch", default=False):
        return False
    age = time.time() - _time_of(_stamp(project))
    return not 0 <= age < project.settings.number("gittrack.autoFetchInterval", INTERVAL)


def _fetch(project: Project) -> None:
    from gittrack.git.transport import at_most_silent
    from gittrack.share.received import Shown
    from gittrack.share.remote import find_remote
    from gittrack.share.send import pull

    with open(_stamp(project), "wb"):
        pass  # before: a remote that does not answer is not asked again at once
    with at_most_silent(project.silence):
        pull(project, find_remote(project, None), Shown())


def _index(project: Project) -> str:
    from gittrack.read.database import FILE

    return os.path.join(project.repo.state_dir, FILE)


def _is_index_old(project: Project) -> bool:
    """Whether there is an index, and the branch moved after it was written, by the times of their files."""
    written = max(map(_time_of, (_index(project), _index(project) + "-wal")))
    return 0 < written < _time_of_branch(project)


def _time_of_branch(project: Project) -> float:
    common, branch = project.repo.common_dir, project.shown_ref()
    folder = "refs/heads" if f"refs/heads/{branch}" == project.runs_ref else "refs/remotes"
    places = (f"{folder}/{branch}", "packed-refs", os.path.join("reftable", "tables.list"))
    return next((found for place in places if (found := _time_of(os.path.join(common, place)))), 0.0)


def _refresh(project: Project) -> None:
    from gittrack.read.index import Index

    with Index(project) as index:
        index.refresh()
    with contextlib.suppress(OSError):
        os.utime(_index(project))  # it may have been up to date: the time says that it is


def _time_of(path: str) -> float:
    """When a file was written; 0 for one that is not there."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


if __name__ == "__main__":
    main()
