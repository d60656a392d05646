"""A push in the background when a run has ended, where `gittrack.autoPush` asks for it: nobody waits for it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from gittrack.git.process import git_environment, spawn_detached

if TYPE_CHECKING:
    from gittrack.project import Project

WANTED: Final = "auto-push-wanted"  # a file of the state folder: something was committed that was not pushed since
# Nobody is there to be asked.
_ASKS_NOBODY: Final = {"GIT_ASKPASS": "", "SSH_ASKPASS_REQUIRE": "never", "GIT_TERMINAL_PROMPT": "0"}


def push_where_asked(project: Project) -> None:
    """Start a push that outlives this process. OSError where it cannot be started, GittrackError for a bad setting."""
    if not project.settings.flag("gittrack.autopush", default=False) or not sys.executable:
        return
    repo = project.repo
    # Before the process starts: of many that end at once one pushes, and it looks again before it goes.
    with open(os.path.join(repo.state_dir, WANTED), "wb"):
        pass
    place = {"GIT_DIR": repo.git_dir, **({"GIT_WORK_TREE": repo.worktree} if repo.worktree else {})}
    env = git_environment(located=True, extra={**repo.object_variables, **place, **_ASKS_NOBODY})
    # The child must find the very package that runs here, however it got onto the path.
    package_parent = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, (package_parent, env.get("PYTHONPATH"))))
    # In no folder that may hold modules: Python looks there first.
    spawn_detached([sys.executable, "-m", "gittrack.share.auto"], cwd=repo.objects_dir, env=env)
