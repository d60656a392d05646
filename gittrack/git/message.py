"""What git is about to commit, and the file that holds its message."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Final

from gittrack.errors import StorageError
from gittrack.git.process import run_git
from gittrack.git.scratch import objects_in

if TYPE_CHECKING:
    from gittrack.git.repository import Repository

_SCISSORS: Final = b" ------------------------ >8 ------------------------\n"  # what comes after is no message


def tree_of_index(repo: Repository, index: str) -> str:
    """Return the id of the tree that the index file at `index` stands for; neither it nor the repository is written to.

    The index may be one that git has made for this commit alone, and holds a lock on. Raises StorageError without room
    for a copy, GitError for an index with conflicts.
    """
    try:
        folder = tempfile.mkdtemp(prefix="gittrack-index-")
    except OSError as error:
        raise StorageError(f"the index cannot be looked at: {error.strerror or error}") from None
    try:
        copy = os.path.join(folder, "index")
        shutil.copyfile(index, copy)
        env = {**objects_in(repo, os.path.join(folder, "objects")), "GIT_INDEX_FILE": copy}
        return (
            run_git(["-c", "core.splitIndex=false", "write-tree", "--missing-ok"], repo=repo, env=env).decode().strip()
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def add_trailer(repo: Repository, path: str, name: str, value: str) -> None:
    """Add the trailer `name: value` to the message in the file at `path`, where it has none of that name.

    Where nothing but git's remarks stands there it leaves room for the subject.
    """
    with open(path, "rb") as file:
        text = file.read()
    typed = run_git(["stripspace", "--strip-comments"], repo=repo, stdin=text.partition(_SCISSORS)[0])
    if typed:
        # A line of dashes is a part of the message, and not the end of it as in a patch that was mailed.
        how = ["--in-place", "--no-divider", "--where", "end", "--if-exists", "doNothing", "--if-missing", "add"]
        run_git(["interpret-trailers", *how, "--trailer", f"{name}: {value}", path], repo=repo)
    else:
        with open(path, "wb") as file:
            file.write(f"\n\n{name}: {value}\n".encode("utf-8", "replace") + text)
