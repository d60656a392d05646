"""Hooks that git takes from its configuration, as it does from 2.54 on: no folder of hooks is touched for them.

They run beside those of a folder, so they are what is left where the folder is not gittrack's to write in.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git, run_git_status
from gittrack.hooks.places import OWN, Place

if TYPE_CHECKING:
    from gittrack.git.repository import Repository
    from gittrack.project import Project

_SINCE: Final = (2, 54)


def has_configured_hooks(repo: Repository) -> bool:
    """Whether this git runs hooks of its configuration."""
    version = re.search(rb"(\d+)\.(\d+)", run_git(["version"], repo=repo))
    return version is not None and (int(version[1]), int(version[2])) >= _SINCE


def place_beside(repo: Repository) -> Place:
    """Where the stubs lie that the configuration names."""
    return Place(os.path.join(repo.state_dir, "hooks"), OWN, "hook.*, local")


def configure(repo: Repository, hook: str, path: str) -> None:
    """Have git run the stub at `path` for `hook`, and go on without a word where it is gone."""
    stub = shlex.quote(path)
    settings = {"command": f'f() {{ [ ! -x {stub} ] || {stub} "$@"; }}; f', "event": hook}
    for name, value in settings.items():
        run_git(["config", "--local", "--replace-all", f"hook.{_friendly(hook)}.{name}", value], repo=repo)


def forget(repo: Repository, hook: str) -> None:
    """Have git run it no longer; no error where it does not."""
    run_git_status(["config", "--local", "--remove-section", f"hook.{_friendly(hook)}"], repo=repo)


def is_configured(project: Project, hook: str) -> bool:
    """Whether the configuration names the stub of `hook`, for a git that looks there."""
    events = project.settings.get_all(f"hook.{_friendly(hook)}.event")
    return hook in events and has_configured_hooks(project.repo)


def _friendly(hook: str) -> str:
    return f"gittrack-{hook}"
