"""Versions of gittrack with one step of a finish in the wrong place, which the check of the order must catch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gittrack.git import branch, durable, refs
from gittrack.git import store as objects
from gittrack.record import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gittrack.git.repository import Repository
    from gittrack.git.store import ObjectStore


def _ref_before_objects() -> None:
    def move(store: ObjectStore, ref: str, tip: str | None, commit: str) -> bool:
        moved = refs.swap_ref(store.repo, ref, tip, commit)
        store.sync()
        return moved

    branch._move = move


def _rename_before_contents() -> None:
    """Objects get their names at once, and are asked to disk only after the ref has moved."""
    late: list[str] = []
    real_place, real_fsync, real_move = objects.ObjectStore._place, os.fsync, branch._move

    def place(self: ObjectStore, temporary: str, oid: str) -> None:
        real_place(self, temporary, oid)
        late.append(os.path.join(self.repo.objects_dir, oid[:2], oid[2:]))

    def write_loose(self: ObjectStore, objects: dict[str, objects._Source]) -> None:
        for oid, source in objects.items():
            fd, temporary, _ = self._start_loose(oid, source)
            os.close(fd)
            place(self, temporary, oid)

    def move(store: ObjectStore, ref: str, tip: str | None, commit: str) -> bool:
        moved = real_move(store, ref, tip, commit)
        for path in late:
            fd = os.open(path, os.O_RDONLY)
            real_fsync(fd)
            os.close(fd)
        return moved

    objects.ObjectStore._write_loose = write_loose  # type: ignore[method-assign]
    branch._move = move


def _journal_before_ref() -> None:
    real = branch.append

    def append(
        repo: Repository, ref: str, make: Callable[[branch.View], branch.Addition | None], **more: object
    ) -> object:
        def eager(view: branch.View) -> branch.Addition | None:
            addition = make(view)
            for folder, _, names in os.walk(os.path.join(repo.state_dir, "journal")):
                for name in names:
                    if name.endswith(".log"):
                        os.unlink(os.path.join(folder, name))
            return addition

        return real(repo, ref, eager, **more)  # type: ignore[arg-type]

    setattr(publish, "append", append)  # noqa: B010 - the name is not its own


def _directories_after_ref() -> None:
    real_move = branch._move
    late: list[str] = []

    def later(paths: Iterable[str]) -> None:
        late.extend(paths)

    def move(store: ObjectStore, ref: str, tip: str | None, commit: str) -> bool:
        moved = real_move(store, ref, tip, commit)
        real_sync(late)
        return moved

    real_sync = durable.fsync_directories
    setattr(objects, "fsync_directories", later)  # noqa: B010 - the name is not its own
    branch._move = move


def _ref_directory_never() -> None:
    def settle(repo: Repository, path: str, missing: list[str]) -> None:
        pass

    refs._settle = settle


MUTANTS: dict[str, Callable[[], None]] = {
    "the ref before the objects": _ref_before_objects,
    "names of objects before their contents": _rename_before_contents,
    "the journal before the ref": _journal_before_ref,
    "directories of objects after the ref": _directories_after_ref,
    "no directory of the ref": _ref_directory_never,
}


def apply(name: str) -> None:
    """Put the named mutant in force in this process; nothing for ''."""
    if name:
        MUTANTS[name]()
