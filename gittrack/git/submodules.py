"""The submodules of a commit, laid into a worktree from what is cloned here already: nothing is fetched.

Where a submodule is to be had is told by the code itself, which may be anybody's.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gittrack.git.lookup import has_commit
from gittrack.git.process import GitError, run_git, run_git_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.repository import Repository

_GITLINK: Final = b"160000"
_ONLY_FILES: Final = {"GIT_ALLOW_PROTOCOL": "file"}


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule at `path`, told from the outermost top; `git_dir` is its clone, '' where none has the commit."""

    path: str
    commit: str
    git_dir: str


def submodules(repo: Repository, commit: str) -> list[Submodule]:
    """Return the submodules of `commit` and theirs, each behind the one that it is in."""
    return list(_found(repo, (repo.git_dir, repo.common_dir), commit, ""))


def lay(repo: Repository, place: str, found: list[Submodule]) -> str:
    """Check submodules out below the worktree `place`; return a sentence about those that are not here, or ''."""
    missing = [submodule.path for submodule in found if not _laid(repo, place, submodule)]
    if not missing:
        return ""
    return f"submodules that are not cloned here are not in it: {', '.join(missing)}; run: git submodule update --init"


def _found(repo: Repository, homes: tuple[str, ...], commit: str, above: str) -> Iterator[Submodule]:
    names = _names(repo, commit)
    for path, oid in _gitlinks(repo, commit, names):
        home = next((home for home in _clones(homes, names[path]) if has_commit(_at(repo, home), oid)), "")
        yield Submodule(f"{above}{path}", oid, home)
        if home:
            yield from _found(_at(repo, home), (home,), oid, f"{above}{path}/")


def _names(repo: Repository, commit: str) -> dict[str, str]:
    """The names of submodules by their paths, from .gitmodules."""
    listing = ["config", "--blob", f"{commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$"]
    code, out, _ = run_git_status(listing, repo=repo)
    pairs = [os.fsdecode(entry).partition("\n") for entry in out.split(b"\0") if entry] if code == 0 else []
    return {path: key.removeprefix("submodule.").removesuffix(".path") for key, _, path in pairs}


def _gitlinks(repo: Repository, commit: str, paths: dict[str, str]) -> Iterator[tuple[str, str]]:
    if not paths:
        return
    for line in run_git(["ls-tree", "-z", "--full-tree", commit, "--", *paths], repo=repo).split(b"\0"):
        facts, _, path = line.partition(b"\t")
        if facts.startswith(_GITLINK) and os.fsdecode(path) in paths:
            yield os.fsdecode(path), facts.split()[2].decode()


def _clones(homes: tuple[str, ...], name: str) -> Iterator[str]:
    if ".." not in re.split(r"[/\\]", name):
        for home in homes:
            clone = os.path.join(home, "modules", name)
            if os.path.isfile(os.path.join(clone, "HEAD")):
                yield clone


def _at(repo: Repository, git_dir: str, worktree: str | None = None) -> Repository:
    return replace(repo, common_dir=git_dir, git_dir=git_dir, worktree=worktree, object_variables={})


def _laid(repo: Repository, place: str, submodule: Submodule) -> bool:
    target = os.path.join(place, submodule.path)
    # Where case does not count, a link of another case may stand in the way.
    straight = os.path.realpath(target) == os.path.join(os.path.realpath(place), os.path.normpath(submodule.path))
    if not submodule.git_dir or not straight or not os.path.isdir(target) or os.listdir(target):
        return False
    clone, laid = _at(repo, submodule.git_dir), _at(repo, os.path.join(target, ".git"), target)
    try:
        # A hard link more would change the times of the user's own files.
        words = ["clone", "--quiet", "--no-hardlinks", "--no-checkout", "--", submodule.git_dir, target]
        run_git(words, repo=clone, cwd=place, env=_ONLY_FILES)
        run_git(["checkout", "--quiet", "--detach", submodule.commit], repo=laid)
        code, url, _ = run_git_status(["config", "--get", "remote.origin.url"], repo=clone)
        if code == 0:
            run_git(["config", "remote.origin.url", os.fsdecode(url).rstrip("\n")], repo=laid)
    except GitError:
        return False
    return True
