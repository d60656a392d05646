"""One thing that is wrong, and where things go that are moved out of the way."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.git.durable import make_directories, sharing_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.project import Project


@dataclass(frozen=True, slots=True)
class Ailment:
    """What is wrong, and what helps: `remedy` is what `fix` does or, without it, what a person can do.

    `urgent` ones make the exit code 1; the others are only worth knowing. `fix` returns what it did.
    """

    kind: str
    sentence: str
    remedy: str = ""
    urgent: bool = True
    fix: Callable[[Quarantine], str] | None = None


class Quarantine:
    """The folder that one call of the doctor moves things to; it is made when the first one comes."""

    def __init__(self, project: Project) -> None:
        self._common = project.repo.common_dir
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.folder = os.path.join(project.repo.state_dir, "quarantine", f"{moment}-{os.urandom(2).hex()}")

    def move(self, path: str, why: str) -> str:
        """Move a file or folder here; return its new place. OSError when that cannot be done."""
        target = self._target(path, why)
        shutil.move(path, target)
        return target

    def copy(self, path: str, why: str) -> str:
        """Keep a copy of a file that is about to change; return its place. OSError when that cannot be done."""
        target = self._target(path, why)
        shutil.copy2(path, target)
        return target

    def _target(self, path: str, why: str) -> str:
        # Where it was is seen from where it is: the same path below the folder.
        relative = os.path.relpath(path, self._common)
        if relative.startswith(os.pardir) or os.path.isabs(relative):
            relative = os.path.basename(path)
        target = os.path.join(self.folder, relative)
        make_directories(os.path.dirname(target), sharing_of(self._common))
        with open(os.path.join(self.folder, "note.txt"), "a", encoding="utf-8", errors="backslashreplace") as note:
            note.write(f"{path}: {why}\n")
        return target
