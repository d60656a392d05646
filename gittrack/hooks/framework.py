"""What the pre-commit framework tells a hook in the environment, told again as git itself would have."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git_status
from gittrack.hooks.entry import main

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.git.repository import Repository

# The arguments of git's hooks, by the variables that the framework made of them.
_ARGUMENTS: Final = {
    "pre-push": ("REMOTE_NAME", "REMOTE_URL"),
    "post-checkout": ("FROM_REF", "TO_REF", "CHECKOUT_TYPE"),
    "post-merge": ("IS_SQUASH_MERGE",),
    "post-rewrite": ("REWRITE_COMMAND",),
    "prepare-commit-msg": ("COMMIT_MSG_SOURCE", "COMMIT_OBJECT_NAME"),
}
# Where a rebase keeps the list that it hands to the hook, by its backend.
_REWRITTEN: Final = ("rebase-merge/rewritten-list", "rebase-apply/rewritten")


def run_hook(name: str, arguments: Sequence[str]) -> int:
    """Do what the hook `name` is there for and return the exit code, 0 or that of a refusal."""
    told = [os.environ.get(f"PRE_COMMIT_{variable}", "") for variable in _ARGUMENTS.get(name, ())]
    while told and not told[-1]:
        told.pop()
    sys.stdin = io.TextIOWrapper(io.BytesIO(_input(name)))
    return main([name, *arguments, *told])


def _input(name: str) -> bytes:
    from gittrack.git.repository import discover

    if name == "pre-push":
        return _pushed(discover())
    return _rewritten(discover()) if name == "post-rewrite" else b""


def _pushed(repo: Repository) -> bytes:
    """The line of the ref that is pushed: the framework tells of one, and of a new branch no commit."""
    local, remote = (os.environ.get(f"PRE_COMMIT_{side}_BRANCH", "") for side in ("LOCAL", "REMOTE"))
    new = os.environ.get("PRE_COMMIT_TO_REF") or _commit(repo, local)
    old = os.environ.get("PRE_COMMIT_FROM_REF") or "0" * len(new)
    return os.fsencode(f"{local} {new} {remote} {old}\n") if new else b""


def _rewritten(repo: Repository) -> bytes:
    """The pairs of commits, which the framework keeps to itself, from where git took them."""
    for name in _REWRITTEN:
        try:
            with open(os.path.join(repo.git_dir, name), "rb") as file:
                return file.read()
        except OSError:
            continue
    old, new = _commit(repo, "HEAD@{1}"), _commit(repo, "HEAD")
    return f"{old} {new}\n".encode() if old and new else b""


def _commit(repo: Repository, name: str) -> str:
    code, out, _ = run_git_status(["rev-parse", "--verify", "--quiet", f"{name}^{{commit}}"], repo=repo)
    return out.decode().strip() if code == 0 else ""
