"""What a power cut may take away is never needed: contents, names and the ref are on disk in the right order.

The check knows nothing of gittrack but where things lie. A file whose content was not asked to disk since it was last
written may be lost, and so may a name whose directory was not; each mutant, a gittrack without one of these steps or
with two of them exchanged, has to be caught.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.conftest import Ended, Lab

REF = "refs/heads/gittrack/runs"
NEEDED = ("objects/", "lfs/objects/")
MUTANTS = (
    "the ref before the objects",
    "names of objects before their contents",
    "the journal before the ref",
    "directories of objects after the ref",
    "no directory of the ref",
)


class Disk:
    """Which contents and which directories of a git folder a power cut could take back, as the calls go by."""

    def __init__(self, top: str) -> None:
        self._top = os.path.join(top, "")
        self._folder = top
        self._contents: set[str] = set()
        self._names: set[str] = set()
        self._moved = False
        self.faults: list[str] = []

    def take(self, call: str, path: str, target: str) -> None:
        """Account for one call."""
        name, aim = path.removeprefix(self._top), target.removeprefix(self._top)
        if call == "write":
            self._contents.add(name)
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

    def _rename(self, name: str, aim: str) -> None:
        if aim == REF:
            self._expect_objects(name)
            self._moved = True
        elif self._moved and aim.startswith("objects/"):
            self.faults.append(f"{aim} comes after the ref")
        self._names.discard(name)
        self._names.add(aim)
        if name in self._contents:
            self._contents.discard(name)
            self._contents.add(aim)

    def _unlink(self, name: str) -> None:
        if name.startswith("gittrack/journal/") and name.endswith(".log"):
            self._expect_ref(name)
        self._names.discard(name)
        self._contents.discard(name)

    def _expect_objects(self, lock: str) -> None:
        loose = [path for path in self._contents if path.startswith(NEEDED) or path == lock]
        loose += [f"the name {path}" for path in self._names if f"{path}/".startswith(("lfs/", *NEEDED))]
        self.faults += [f"{what} when the ref moves" for what in sorted(loose) if not what.endswith("lfs/tmp")]

    def _expect_ref(self, segment: str) -> None:
        if not self._moved:
            self.faults.append(f"{segment} goes before the ref has moved")
        loose = [path for path in self._contents if path == REF]
        loose += [f"the name {path}" for path in self._names if path.startswith("refs")]
        self.faults += [f"{what} when the journal goes" for what in sorted(loose)]

    def _expect_journal(self) -> None:
        loose = [path for path in self._contents if path.startswith("gittrack/journal/")]
        loose += [f"the name {path}" for path in self._names if f"{path}/".startswith(("gittrack/journal/", "lfs/"))]
        loose += ["the name gittrack"] if "gittrack" in self._names else []
        self.faults += [
            f"{what} when flush returns" for what in sorted(loose) if not what.endswith((".lock", "lfs/tmp"))
        ]


def faults(repo: Path, ended: Ended) -> list[str]:
    assert ended.code == 0, ended.err
    disk = Disk(str((repo / ".git").resolve()))
    for call, path, target in ended.trace:
        disk.take(call, path, target)
    return disk.faults


def finish(lab: Lab, *, used: bool = False, large: str = "", mutant: str = "") -> list[str]:
    repo = lab.repo(used=used)
    ended = lab.scene("record", repo, mutant=mutant, facts={"large": large, "flush": bool(large)})
    assert any(target.endswith(REF) for _, _, target in ended.trace), "the ref has not moved"
    return faults(repo, ended)


@pytest.fixture
def large(tmp_path: Path) -> str:
    """A file that goes into the store for large ones."""
    path = tmp_path / "model.bin"
    path.write_bytes(b"0123456789abcdef" * 20_000)
    return str(path)


@pytest.mark.parametrize("used", [False, True])
def test_flush_and_finish_ask_the_disk_in_order(lab: Lab, large: str, used: bool) -> None:
    assert finish(lab, used=used, large=large) == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_change_of_the_order_is_caught(lab: Lab, mutant: str) -> None:
    assert finish(lab, mutant=mutant) != []


@pytest.mark.parametrize(
    ("kind", "needless"),
    # A flush asks for the run's folder, which a small artifact has asked for already.
    [("numbers", 0), ("large", 0), ("small", 2)],
)
def test_each_missing_fsync_is_caught(lab: Lab, large: str, kind: str, needless: int) -> None:
    facts = {"large": large if kind == "large" else "", "small": kind == "small", "flush": kind != "large"}
    missed: list[str] = []
    for at in range(1, 200):
        repo = lab.repo()
        plan = {"kind": "skip", "at": at, "calls": ("fsync",)}
        ended = lab.scene("record", repo, plan=plan, facts=facts)
        if not ended.hit:
            break
        if not faults(repo, ended):
            missed.append(_skipped(ended.trace, at))
    assert len(missed) == needless, missed
    assert at > 20


def _skipped(trace: Sequence[Sequence[str]], at: int) -> str:
    """Between which calls the fsync number `at` was left out."""
    count = 0
    for number, (call, path, _) in enumerate(trace):
        count += call == "fsync"
        if count == at - 1:
            after = trace[number + 1] if number + 1 < len(trace) else ("the end", "", "")
            return f"after fsync of {path}, before {after[0]} of {after[1]}"
    return "the first"
