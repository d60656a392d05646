"""Which contents and names of a git folder a power cut could take back, as the calls of a process go by."""

from __future__ import annotations

import os
from typing import Final

REF: Final = "refs/heads/gittrack/runs"
# What tells of a tip where a git that packs refs has lost the ref.
NOTES: Final = "gittrack/durable-"
# What the first lines of a journal tell of: the code, kept alive by pins.
PINS: Final = "refs/gittrack"
NEEDED: Final = ("objects/", "lfs/objects/")
# Where a file is taken for whole as soon as it has its name.
TRUSTED: Final = (*NEEDED, "gittrack/journal/")


class DiskModel:
    """Knows where things lie; `take` the calls one after the other, and ask for the faults at the end."""

    def __init__(self, top: str) -> None:
        self._folder = top
        self._top = os.path.join(top, "")
        self._contents: set[str] = set()
        self._names: set[str] = set()
        self._of_others: set[str] = set()
        self._moved = False
        self._faults: list[str] = []

    def unsettled(self, path: str) -> None:
        """Start with something of which the disk may not know: who made it died, or did not ask."""
        self._moved = self._moved or path == REF
        self._names.add(path)
        self._of_others.add(path)
        if os.path.isfile(self._top + path):
            self._contents.add(path)

    def faults_at(self, end: str) -> list[str]:
        """What a power cut could break on the way to this `end` and there."""
        if end == "done":
            self._expect_ref("when the command ends")
        return self._faults

    def take(self, call: str, path: str, target: str) -> None:
        """Account for one call; beside those of `os` there are `flush`, which returned, and `git`, which starts."""
        name, aim = path.removeprefix(self._top), target.removeprefix(self._top)
        if call == "write":
            self._write(name)
        elif call == "fsync":
            self._contents.discard(name)
            self._names = {entry for entry in self._names if (os.path.dirname(entry) or self._folder) != name}
        elif call in ("create", "mkdir"):
            self._names.add(name)
        elif call in ("rename", "replace"):
            self._rename(name, aim)
        elif call == "unlink":
            self._unlink(name)
        elif call == "flush":
            self._expect_journal()
        elif call == "git":
            self._git(name)

    def _write(self, name: str) -> None:
        self._contents.add(name)
        if name.startswith("gittrack/journal/") and name.endswith(".log"):
            kept = [path for path in self._names if "/blobs" in path or path.startswith("lfs/objects")]
            self._faults += [
                f"the name {path} when the journal tells of it" for path in kept if path not in self._of_others
            ]

    def _rename(self, name: str, aim: str) -> None:
        if aim == REF or aim.startswith(PINS):
            self._expect_objects(name)
            self._moved = self._moved or aim == REF
        elif self._moved and aim.startswith("objects/"):
            self._faults.append(f"{aim} comes after the ref")
        if name in self._contents and aim.startswith(TRUSTED):
            self._faults.append(f"{aim} gets its name before its content")
        self._names.discard(name)
        self._names.add(aim)
        if name in self._contents:
            self._contents.discard(name)
            self._contents.add(aim)

    def _unlink(self, name: str) -> None:
        if name.startswith("gittrack/journal/") and name.endswith(".log"):
            self._expect_ref(f"when the journal goes, {name}")
        self._names.discard(name)
        self._contents.discard(name)

    def _git(self, command: str) -> None:
        if command == "pack-objects":
            self._names.add("objects/pack/pack-1.pack")
        loose = [name for name in self._names if name.startswith("objects/pack/")]
        if command == "prune-packed":
            self._faults += [f"the name {name} when its loose objects go" for name in loose]

    def _expect_objects(self, lock: str) -> None:
        loose = [path for path in self._contents if path.startswith(NEEDED) or path == lock]
        loose += [f"the name {path}" for path in self._names if f"{path}/".startswith(("lfs/", *NEEDED))]
        self._faults += [f"{what} when the ref moves" for what in sorted(loose) if not what.endswith("lfs/tmp")]

    def _expect_ref(self, moment: str) -> None:
        if not self._moved:
            self._faults.append(f"the ref has not moved {moment}")
        needed = ("refs", "objects/", NOTES)
        loose = [path for path in self._contents if path.startswith(needed)]
        loose += [f"the name {path}" for path in self._names if path.startswith(needed)]
        self._faults += [f"{what} {moment}" for what in sorted(loose)]

    def _expect_journal(self) -> None:
        loose = [path for path in self._contents if path.startswith("gittrack/journal/")]
        loose += [f"the name {path}" for path in self._names if f"{path}/".startswith(("gittrack/journal/", "lfs/"))]
        loose += ["the name gittrack"] if "gittrack" in self._names else []
        pinned = ("objects/", PINS, NOTES)
        loose += [path for path in self._contents - self._of_others if path.startswith(pinned)]
        loose += [f"the name {path}" for path in self._names - self._of_others if path.startswith(pinned)]
        self._faults += [
            f"{what} when flush returns" for what in sorted(loose) if not what.endswith((".lock", "lfs/tmp"))
        ]
