"""Whether something about the runs has changed, told by looking at the branch's tip and the journals' files."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, final

from gittrack.codec.paths import OUTPUT

if TYPE_CHECKING:
    from gittrack.project import Project

_State: TypeAlias = "tuple[str | None, tuple[tuple[str, str, int, int], ...]]"


@final
class Watch:
    """A look costs a few system calls for each run that is running, and reads none of them."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._seen: _State | None = None

    def changed(self) -> bool:
        """Tell whether anything is not as it was at the last call; True at the first one."""
        before, self._seen = self._seen, (self._project.runs_tip(), tuple(self._journals()))
        return self._seen != before

    def _journals(self) -> list[tuple[str, str, int, int]]:
        found = []
        for run_id in self._project.journaled():
            # It may be published, and gone, at any moment. What is printed is in no table.
            with suppress(OSError), os.scandir(self._project.journal_of(run_id)) as entries:
                for entry in entries:
                    if entry.name != OUTPUT:
                        with suppress(OSError):
                            stat = entry.stat()
                            found.append((run_id, entry.name, stat.st_size, stat.st_mtime_ns))
        return sorted(found)
