"""Linked worktrees and branches at a commit, made without running a hook of the user's."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gittrack.git.process import GitError, run_git, run_git_status

if TYPE_CHECKING:
    from gittrack.git.repository import Repository

_NO_LAZY_FETCH: Final = {"GIT_NO_LAZY_FETCH": "1"}  # git 2.36 and newer; an older one asks the remote


def add_worktree(repo: Repository, path: str, commit: str) -> str:
    """Check `commit` out, detached, into the new folder `path`, with its submodules.

    Returns a sentence about submodules that cannot be had here, '' where all is there. Raises GitError, and leaves no
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
        return _submodule_problem(repo, path)
    except BaseException:
        remove_worktree(repo, path)
        raise


def _submodule_problem(repo: Repository, path: str) -> str:
    if not os.path.exists(os.path.join(path, ".gitmodules")):
        return ""
    try:
        with open(os.path.join(path, ".git"), encoding="utf-8", errors="surrogateescape") as file:
            git_dir = file.read().removeprefix("gitdir: ").rstrip("\n")
        linked = replace(repo, git_dir=git_dir, worktree=path)
        # Not by --init, which would write into the configuration that all worktrees share.
        run_git(["-c", "submodule.active=.", "submodule", "--quiet", "update", "--recursive"], repo=linked)
    except (GitError, OSError) as error:
        return f"its submodules are not in it: {error}"
    return ""


def remove_worktree(repo: Repository, path: str) -> None:
    """Remove a linked worktree and all that is in it; nothing where there is none."""
    run_git_status(["worktree", "remove", "--force", "--force", "--end-of-options", path], repo=repo)


def add_branch(repo: Repository, name: str, commit: str) -> None:
    """Make a new branch at `commit`; GitError when it exists or its name is not allowed."""
    run_git(["branch", "--no-track", "--end-of-options", name, commit], repo=repo)


def has_commit(repo: Repository, commit: str) -> bool:
    """Tell whether a commit is here with its whole tree, without fetching what a partial clone left out."""
    # The tree's blobs are fetched by the checkout itself, as git does in a partial clone.
    return run_git_status(["cat-file", "-e", f"{commit}^{{tree}}"], repo=repo, env=_NO_LAZY_FETCH)[0] == 0


def is_shallow(repo: Repository) -> bool:
    """Tell whether the history here is cut off."""
    return os.path.exists(os.path.join(repo.common_dir, "shallow"))
