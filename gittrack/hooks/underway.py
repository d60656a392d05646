"""Whether git is in the midst of many steps, where a single commit is nobody's work; no git is asked for it."""

from __future__ import annotations

import os
from typing import Final

# What lies in the git directory meanwhile: of rebase, am, several picks or reverts, a single one, bisect.
_SIGNS: Final = ("rebase-merge", "rebase-apply", "sequencer", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG")


def in_sequence() -> bool:
    """Tell whether a rebase, a sequence of picks, or a bisect is under way where git has called a hook."""
    folder = _git_dir()
    return any(os.path.lexists(os.path.join(folder, name)) for name in _SIGNS)


def _git_dir() -> str:
    """The git directory of this worktree: git says so, or calls its hooks at the top of the working tree."""
    told = os.environ.get("GIT_DIR")
    if told or os.path.isdir(".git"):
        return told or ".git"
    try:
        with open(".git", encoding="utf-8", errors="surrogateescape") as file:
            return file.read().removeprefix("gitdir:").strip()
    except OSError:
        return "."
