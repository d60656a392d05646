"""Where damaged or left-behind files are kept, `<git dir>/gittrack/quarantine/`: nothing that might tell is deleted."""

from __future__ import annotations

import contextlib
import filecmp
import os
import shutil
import time
from typing import TYPE_CHECKING

from gittrack.git.durable import fsync_directories, fsync_file, make_directories, sharing_of

if TYPE_CHECKING:
    from gittrack.git.durable import Sharing
    from gittrack.project import Project

NOTE = "note.txt"


def quarantine_of(project: Project) -> str:
    """Return the folder that holds all that was ever put aside, one folder for each call or run."""
    return os.path.join(project.repo.state_dir, "quarantine")


class Quarantine:
    """One folder of the quarantine; it is made when the first thing comes, and on the disk when a call returns."""

    def __init__(self, project: Project, name: str = "") -> None:
        """Use the folder `name`: whoever takes the same name again keeps nothing twice. Without one it is new."""
        self._common = project.repo.common_dir
        name = name or f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.urandom(2).hex()}"
        self.folder = os.path.join(quarantine_of(project), name)

    def move(self, path: str, why: str) -> str:
        """Move a file or folder here; return its new place. OSError when that cannot be done."""
        target = self._place(path, why)
        while os.path.lexists(target):
            target += "~"
        shutil.move(path, target)
        fsync_directories([os.path.dirname(target), os.path.dirname(path)])
        return target

    def copy(self, path: str, why: str) -> str:
        """Keep a copy of a file that is about to change; return its place. OSError when that cannot be done."""
        target = self._place(path, why)
        while os.path.lexists(target):
            if filecmp.cmp(path, target, shallow=False):
                return target
            target += "~"
        new = f"{target}.{os.urandom(4).hex()}.tmp"
        try:
            shutil.copy2(path, new)
            fsync_file(new)
            os.replace(new, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(new)
            raise
        fsync_directories([os.path.dirname(target)])
        return target

    def note(self, place: str, why: str) -> str:
        """Write down why something is not used that stays in `place`; return the note's path. OSError as above."""
        sharing = sharing_of(self._common)
        made = make_directories(self.folder, sharing)
        line = "".join(char if char.isprintable() else "?" for char in f"{place}: {why}")
        self._note(f"{line}\n", sharing)
        fsync_directories([*made, self.folder])
        return os.path.join(self.folder, NOTE)

    def _place(self, path: str, why: str) -> str:
        # Where it was is seen from where it is: the same path below the folder.
        relative = os.path.relpath(path, self._common)
        if relative.startswith(os.pardir) or os.path.isabs(relative):
            relative = os.path.basename(path)
        target = os.path.join(self.folder, relative)
        sharing = sharing_of(self._common)
        made = make_directories(os.path.dirname(target), sharing)
        self._note(f"{path}: {why}\n", sharing)
        fsync_directories([*made, self.folder])
        return target

    def _note(self, line: str, sharing: Sharing | None) -> None:
        path = os.path.join(self.folder, NOTE)
        with open(path, "a+", encoding="utf-8", errors="backslashreplace") as note:
            note.seek(0)
            if line not in note.readlines():
                note.write(line)
        if sharing is not None:
            with contextlib.suppress(OSError):  # another user's, who has done it
                sharing.apply(path)
        fsync_file(path)
