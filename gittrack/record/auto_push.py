"""Pushes in the background, at the end of a run and while it runs, where `gittrack.autoPush` asks: nobody waits."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from gittrack.git.process import git_environment, spawn_detached

if TYPE_CHECKING:
    from gittrack.project import Project

WANTED: Final = "auto-push-wanted"  # a file of the state folder: something was committed that was not pushed since
LEAST: Final = 10  # seconds between two heartbeats, so that no remote is flooded
# Nobody is there to be asked.
_ASKS_NOBODY: Final = {"GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GIT_TERMINAL_PROMPT": "0"}


def push_where_asked(project: Project) -> None:
    """Start a push that outlives this process. OSError where it cannot be started, GittrackError for a bad setting."""
    if not _is_asked(project):
        return
    # Before the process starts: of many that end at once one pushes, and it looks again before it goes.
    with open(os.path.join(project.repo.state_dir, WANTED), "wb"):
        pass
    _start(project, "gittrack.share.auto")


def show_while_running(project: Project, run_id: str) -> None:
    """Start what pushes a run now and then until it ends; it outlives this process by a moment. Raises as above."""
    every = project.settings.number("gittrack.autopushevery", 0)
    if every > 0 and _is_asked(project):
        _start(project, "gittrack.live.watch", run_id, str(max(every, LEAST)))


def _is_asked(project: Project) -> bool:
    return project.settings.flag("gittrack.autopush", default=False) and bool(sys.executable)


def _start(project: Project, *words: str) -> None:
    repo = project.repo
    place = {"GIT_DIR": repo.git_dir, **({"GIT_WORK_TREE": repo.worktree} if repo.worktree else {})}
    env = git_environment(located=True, extra={**repo.object_variables, **place, **_ASKS_NOBODY})
    # The child must find the very package that runs here, however it got onto the path.
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (package_parent, env.get("PYTHONPATH"))))
    # In no folder that may hold modules: Python looks there first.
    spawn_detached([sys.executable, "-m", *words], cwd=repo.objects_dir, env=env)
