"""Objects in a temporary folder, of which none stays: the working tree to look at, commits that are only sent."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gittrack.errors import StorageError
from gittrack.git.index_copy import write_tree
from gittrack.git.packs import close_packs
from gittrack.git.process import GitError

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from gittrack.git.repository import Repository
    from gittrack.git.status import WorkingTree

_ATTEMPTS: Final = 3


@contextmanager
def scratch_tree(
    repo: Repository, state: WorkingTree, left_out: Container[bytes]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give the tree of the working tree that `state` tells of, and the environment in which git finds its objects.

    Paths in `left_out` are as in HEAD. Raises StorageError when the disk refuses, or files keep changing.
    """
    try:
        folder = tempfile.mkdtemp(prefix="gittrack-scratch-")
    except OSError as error:
        raise StorageError(f"the working tree cannot be looked at: {error.strerror or error}") from None
    try:
        env = objects_in(repo, os.path.join(folder, "objects"))
        yield _written(repo, state, left_out, folder, env), env
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def scratch_objects(repo: Repository) -> Iterator[Repository]:
    """Give the repository with a temporary folder for new objects; not while another thread uses its objects."""
    folder = tempfile.mkdtemp(prefix="gittrack-scratch-")
    close_packs()  # they would remember what is in the folder
    try:
        env = objects_in(repo, os.path.join(folder, "objects"))
        yield replace(repo, object_variables={**repo.object_variables, **env})
    finally:
        close_packs()
        shutil.rmtree(folder, ignore_errors=True)


def objects_in(repo: Repository, folder: str) -> dict[str, str]:
    """Make a folder for objects; return the environment in which git writes to it, and reads the repository's too."""
    os.mkdir(folder)
    present = os.pathsep.join([_quoted(repo.objects_dir), *repo.more_objects])
    return {"GIT_OBJECT_DIRECTORY": folder, "GIT_ALTERNATE_OBJECT_DIRECTORIES": present}


def _written(repo: Repository, state: WorkingTree, left_out: Container[bytes], folder: str, env: dict[str, str]) -> str:
    for attempt in range(_ATTEMPTS):
        try:
            return write_tree(repo, state, left_out, os.path.join(folder, f"index-{attempt}"), env)
        except GitError:
            # A file went away or changed under git's hands: what is there a moment later counts.
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def _quoted(path: str) -> str:
    """A path as git reads it from a list that colons separate: in C's quotes."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
