"""Data that a run reads: its hash, and what else keeps it, so that it can be found again."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.capture.inputs import StatCache, describe_input
from gittrack.capture.pointers import dvc_object, lfs_pointer
from gittrack.capture.redact import redact_text
from gittrack.errors import GittrackError
from gittrack.git.durable import sharing_of
from gittrack.git.lookup import object_at
from gittrack.git.store import ObjectStore
from gittrack.git.unchanged import is_as_in
from gittrack.model import IN_DVC, IN_GIT, IN_LFS

if TYPE_CHECKING:
    from gittrack.capture.inputs import Progress
    from gittrack.git.tree import Entry
    from gittrack.model import Input
    from gittrack.project import Project


def take_input(project: Project, tree: str | None, path: str, name: str | None, progress: Progress | None) -> Input:
    """Return what is to be recorded of the file or directory `path`, read by a run of the code `tree`."""
    place = os.path.join(project.repo.state_dir, "stat.sqlite")
    item = describe_input(path, name, cache=StatCache(place), progress=progress)
    if (sharing := sharing_of(project.repo.common_dir)) is not None:
        with contextlib.suppress(OSError):  # another user's, who has done it
            sharing.apply(place)
    stored = oid = None
    with contextlib.suppress(GittrackError, OSError):  # the hash is what counts
        stored, oid = _keeper(project, tree, path, item)
    return replace(item, name=redact_text(item.name), path=redact_text(item.path), stored=stored, object=oid)


def _keeper(project: Project, tree: str | None, path: str, item: Input) -> tuple[str | None, str | None]:
    """Who else keeps the data, and its id there."""
    if (md5 := dvc_object(path)) is not None:
        return IN_DVC, md5
    top = project.repo.worktree
    place = os.path.relpath(os.path.realpath(path), top) if top else os.pardir
    if tree is None or place.split(os.sep)[0] == os.pardir:
        return None, None
    with ObjectStore(project.repo) as store:
        entry = object_at(store, tree, place.replace(os.sep, "/"))
        if entry is None:
            return None, None
        pointer = _pointer(store, entry)
    if pointer is not None:
        return (IN_LFS, pointer) if pointer == item.sha256 else (None, None)
    return (IN_GIT, entry.oid) if is_as_in(project.repo, tree, place) else (None, None)


def _pointer(store: ObjectStore, entry: Entry) -> str | None:
    return None if entry.is_directory else lfs_pointer(store.read(entry.oid)[1])
