"""Where HEAD stands and what differs from it, in one call to git that changes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git

if TYPE_CHECKING:
    from gittrack.git.repository import Repository

# git has these fields in front of the path of a changed, an unmerged, and a renamed entry.
_FIELDS: Final = {b"1": 8, b"u": 10}


@dataclass(frozen=True, slots=True)
class Difference:
    """A path that differs from HEAD: bytes as git has them, relative to the top of the working tree.

    `head_mode` and `head_oid` are those in HEAD, 0 and '' where it has none. `touched` tells that the file on disk
    is not what the index has, so that its content has to be read. `dirty_inside` tells of a submodule with uncommitted
    changes of its own.
    """

    path: bytes
    head_mode: int = 0
    head_oid: str = ""
    touched: bool = True
    untracked: bool = False
    dirty_inside: bool = False


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """HEAD and what differs from it: no commit before the first one, no branch when detached (but one in a rebase)."""

    commit: str | None
    branch: str | None
    differences: tuple[Difference, ...] = ()

    @property
    def dirty(self) -> bool:
        """Whether anything differs from HEAD; untracked files that are not ignored count."""
        return bool(self.differences)


def working_tree(repo: Repository, cwd: str | os.PathLike[str] | None = None) -> WorkingTree:
    """Return where HEAD stands and every path that differs from it, each untracked file by itself."""
    if repo.worktree is None:
        return _bare(repo)
    status = ["status", "--porcelain=v2", "--branch", "--untracked-files=all", "--no-renames"]
    lines = run_git([*status, "--no-ahead-behind", "-z"], repo=repo, cwd=cwd).split(b"\0")
    commit: str | None = None
    branch: str | None = None
    differences = []
    for line in lines:
        if line.startswith(b"# branch.oid "):
            commit = line[13:].decode()
        elif line.startswith(b"# branch.head "):
            branch = os.fsdecode(line[14:])
        elif line and not line.startswith(b"# "):
            differences.append(_difference(line))
    if branch == "(detached)":
        branch = _rebased_branch(repo.git_dir)
    return WorkingTree(None if commit == "(initial)" else commit, branch, tuple(differences))


def _difference(line: bytes) -> Difference:
    kind, _, rest = line.partition(b" ")
    if kind == b"?":
        # A path with a slash at its end is another repository, which is no submodule.
        return Difference(rest, untracked=True)
    *facts, path = rest.split(b" ", _FIELDS[kind] - 1)
    states, submodule, head_mode = facts[0], facts[1], int(facts[2], 8)
    if kind == b"u":
        # Of the three stages HEAD's is the second; what lies on disk is what the run sees.
        return Difference(path, int(facts[3], 8), facts[7].decode() if int(facts[3], 8) else "")
    return Difference(
        path,
        head_mode,
        facts[5].decode() if head_mode else "",
        touched=states[1:2] != b".",
        dirty_inside=submodule[2:3] == b"M" or submodule[3:4] == b"U",
    )


def current_branch(repo: Repository) -> str | None:
    """Return the branch that is checked out, None where HEAD is detached."""
    if repo.ref_format == "files" and (branch := _branch_in(repo.git_dir)) is not None:
        return branch
    return os.fsdecode(run_git(["symbolic-ref", "--quiet", "--short", "HEAD"], repo=repo, ok=(0, 1))).strip() or None


def _branch_in(git_dir: str) -> str | None:
    """The branch that the file HEAD names, as git writes it; a process of git's costs forty times as much."""
    try:
        with open(os.path.join(git_dir, "HEAD"), "rb") as file:
            line = file.read(4096)
    except OSError:
        return None
    known = line.startswith(b"ref: refs/heads/") and line.endswith(b"\n")
    return os.fsdecode(line[len(b"ref: refs/heads/") : -1]) if known else None


def _bare(repo: Repository) -> WorkingTree:
    commit = run_git(["rev-parse", "--verify", "--quiet", "HEAD"], repo=repo, ok=(0, 1)).decode().strip()
    return WorkingTree(commit or None, current_branch(repo))


def _rebased_branch(git_dir: str) -> str | None:
    for directory in ("rebase-merge", "rebase-apply"):
        try:
            with open(os.path.join(git_dir, directory, "head-name"), "rb") as file:
                name = os.fsdecode(file.read()).strip()
        except OSError:
            continue
        return name.removeprefix("refs/heads/") if name.startswith("refs/heads/") else None
    return None


def ignored_entries(repo: Repository) -> list[str]:
    """Return the files and folders in the working tree that git ignores, a folder with a slash at its end."""
    listing = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    names = run_git(listing, repo=repo, cwd=repo.worktree).split(b"\0")[:-1]
    return [os.fsdecode(name) for name in names]
