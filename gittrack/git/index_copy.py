"""The working tree written as a tree object, through a copy of the index: git's own filters, modes and submodules."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from gittrack.git.repository import Repository
    from gittrack.git.status import Difference, WorkingTree

# No file of a split index is written, and git warns of no line ends.
_SETTINGS: Final = ("-c", "core.splitIndex=false", "-c", "core.safecrlf=false")


def write_tree(
    repo: Repository,
    state: WorkingTree,
    left_out: Container[bytes],
    copy: str,
    env: Mapping[str, str] | None = None,
) -> str:
    """Write the tree of what `state` tells of; paths in `left_out` stay as in HEAD. Return its id.

    `copy` is where the copy of the index goes; `env` says where else the objects are to go. GitError when a file
    cannot be read, or goes away meanwhile.
    """
    _copy(os.path.join(repo.git_dir, "index"), copy)
    git = _Indexed(repo, {**(env or {}), "GIT_INDEX_FILE": copy})
    restored = [d for d in state.differences if d.path in left_out and not d.untracked]
    if restored:
        git.run(["update-index", "-z", "--index-info"], b"".join(_head_entry(repo, d) for d in restored))
    touched = [d.path for d in state.differences if d.touched and d.path not in left_out]
    gone = [path for path in touched if _is_gone(repo, path)]
    if gone:
        # First, and by force: git looks no further than a link that has taken the place of a folder.
        git.run(["update-index", "--force-remove", "-z", "--stdin"], b"\0".join(gone) + b"\0")
        touched = [path for path in touched if path not in set(gone)]
    if touched:
        # The very list that the status gave, and no pattern: a name with a star in it is only a name.
        git.run(["update-index", "--add", "--remove", "--replace", "-z", "--stdin"], b"\0".join(touched) + b"\0")
    return git.run(["write-tree", "--missing-ok"]).decode().strip()


def _is_gone(repo: Repository, path: bytes) -> bool:
    """Whether nothing of the working tree lies at a path; what is seen through a link to a folder does not."""
    place = os.fsencode(repo.worktree or "")
    for part in path.rstrip(b"/").split(b"/")[:-1]:
        place = os.path.join(place, part)
        if os.path.islink(place):
            return True
    return not os.path.lexists(os.path.join(os.fsencode(repo.worktree or ""), path))


def _head_entry(repo: Repository, difference: Difference) -> bytes:
    oid = difference.head_oid or "0" * (2 * repo.hash_len)
    return b"%o %s\t%s\0" % (difference.head_mode, oid.encode(), difference.path)


@dataclass(frozen=True, slots=True)
class _Indexed:
    repo: Repository
    env: Mapping[str, str]

    def run(self, args: list[str], stdin: bytes = b"") -> bytes:
        return run_git([*_SETTINGS, *args], repo=self.repo, env=self.env, stdin=stdin)


def _copy(source: str, target: str) -> None:
    """Copy a file with its time: git compares the times of files with that of the index (racy-git)."""
    with suppress(FileNotFoundError), open(source, "rb") as file:
        status = os.fstat(file.fileno())
        with open(target, "xb") as out:
            while chunk := file.read(1 << 20):
                out.write(chunk)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
