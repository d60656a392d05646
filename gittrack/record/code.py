"""The code of a run: HEAD, pinned so that no rewrite loses it, and the working tree where that differs from HEAD."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gittrack.capture.arguments import entry_of
from gittrack.capture.lock_files import is_lock_file
from gittrack.capture.redact import redact_shapes, redact_text, redact_url
from gittrack.errors import GittrackError
from gittrack.git.lookup import files_on_the_way
from gittrack.git.pin_refs import CODE, SNAPSHOTS
from gittrack.git.pins import pin
from gittrack.git.snapshot import base_of
from gittrack.git.store import ObjectStore
from gittrack.model import Code, LeftOut
from gittrack.record.kept import keep_working_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.project import Project

_SHOWN: Final = 200  # files that are left out; how many more there are is told in the last line


@dataclass(frozen=True, slots=True)
class Captured:
    """The code of a run, the lock files in it, and a sentence for each thing about it that could not be kept."""

    code: Code
    locks: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def capture_code(project: Project, argv: Sequence[str]) -> Captured:
    """Return the code that a run of `argv` here is made with; its commit and its snapshot are then kept for good."""
    problems: list[str] = []
    found = keep_working_tree(project, problems)
    state, kept = found.state, found.snapshot
    base = None if state.commit is None else base_of(project.repo, state.commit)
    _pin(project, CODE, base, problems)
    if kept.commit == state.commit != base:
        # A snapshot that was checked out: here perhaps only a ref that follows a remote leads to it.
        _pin(project, SNAPSHOTS, kept.commit, problems)
    remote = project.settings.remote_url(state.branch)
    here = _here(project)
    top = project.repo.worktree
    directory = os.path.relpath(here, top).replace(os.sep, "/") if top else "."
    entry = entry_of(argv, here)
    branch = state.branch
    code = Code(
        commit=base,
        branch=None if branch is None else redact_shapes(utf8(branch)),
        dirty=state.dirty or base != state.commit,
        tree=kept.tree,
        snapshot=None if kept.commit == base else kept.commit,
        left_out=_told(found.selection.told),
        remote=utf8(redact_url(remote)) if remote else None,
        entry=None if entry is None else redact_text(utf8(entry)),
        directory=redact_text(utf8(directory)),
    )
    return Captured(code, _locks(project, kept.tree, directory), tuple(problems))


def _locks(project: Project, tree: str | None, directory: str) -> dict[str, str]:
    """The lock files at the top of the tree, and in the folders down to where the run was started."""
    if tree is None:
        return {}
    with ObjectStore(project.repo) as store:
        files = files_on_the_way(store, tree, directory)
        return {redact_text(path): oid for path, oid in files if is_lock_file(path.rpartition("/")[2])}


def utf8(text: str) -> str:
    r"""Text from the system with bytes that are no UTF-8 written as \xNN."""
    return os.fsencode(text).decode("utf-8", "backslashreplace") if not text.isascii() else text


def _here(project: Project) -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # `repo` was given, and the current directory is gone
        return project.repo.worktree or project.repo.common_dir


def _pin(project: Project, ref: str, commit: str | None, problems: list[str]) -> None:
    try:
        if commit is not None:
            pin(project.repo, ref, commit, committer=project.committer)
    except (GittrackError, OSError) as error:
        problems.append(f"the commit of the code may not survive a rewrite: it could not be pinned ({error})")


def _told(items: tuple[LeftOut, ...]) -> tuple[LeftOut, ...]:
    told = tuple(replace(item, path=redact_shapes(item.path)[:1000]) for item in items[:_SHOWN])
    rest = len(items) - len(told)
    return (*told, LeftOut("…", f"{rest} more files", sum(item.size for item in items[_SHOWN:]))) if rest else told
