"""Linked worktrees and branches at a commit, made without running a hook of the user's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gittrack.git.process import GitError, run_git, run_git_status
from gittrack.git.submodules import lay, submodules

if TYPE_CHECKING:
    from gittrack.git.repository import Repository


def add_worktree(repo: Repository, path: str, commit: str) -> str:
    """Check `commit` out, detached, into the new folder `path`, with the submodules that are cloned here.

    Returns a sentence about those that are not, '' where all is there. Raises GitError, and leaves no
    folder, if git fails.
    """
    # When this fails git itself cleans up: what is there may be somebody else's.
    try:
        run_git(["worktree", "add", "--quiet", "--detach", "--end-of-options", path, commit], repo=repo)
    except GitError as error:
        if "already registered worktree" in str(error):
            raise GitError(
                f"{path} is still registered as a worktree, and its folder is gone; run: git worktree prune"
            ) from None
        raise
    try:
        return lay(repo, path, submodules(repo, commit))
    except BaseException:
        remove_worktree(repo, path)
        raise


def remove_worktree(repo: Repository, path: str) -> None:
    """Remove a linked worktree and all that is in it; nothing where there is none."""
    run_git_status(["worktree", "remove", "--force", "--force", "--end-of-options", path], repo=repo)


def add_branch(repo: Repository, name: str, commit: str) -> None:
    """Make a new branch at `commit`; GitError when it exists or its name is not allowed."""
    run_git(["branch", "--no-track", "--end-of-options", name, commit], repo=repo)


def is_shallow(repo: Repository) -> bool:
    """Tell whether the history here is cut off."""
    return os.path.exists(os.path.join(repo.common_dir, "shallow"))
