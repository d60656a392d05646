"""Untracked files that are too many for a snapshot: whole folders of them, so that the code beside them stays."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from gittrack.model import LeftOut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def too_many(paths: Sequence[bytes], limit: int) -> dict[bytes, LeftOut]:
    """Return the paths that have to go until at most `limit` are left, each with the folder that it goes with.

    The folder with most files goes first, of it only what suffices where that is one folder below: `data/` and not
    `src/new.py`. Files at the top have no folder; there those with the same ending go together.
    """
    found: dict[bytes, LeftOut] = {}
    excess = len(paths) - limit
    crowds = _crowds(paths) if excess > 0 else {}
    for name in sorted(crowds, key=lambda name: (len(crowds[name]), name), reverse=True):
        if excess <= 0:
            break
        folder, going = _narrowed(name, crowds[name], excess)
        why = f"{len(going)} of {len(paths)} untracked files, more than {limit}"
        found |= dict.fromkeys(going, LeftOut(folder.decode("utf-8", "backslashreplace"), why))
        excess -= len(going)
    return found


def _crowds(paths: Sequence[bytes]) -> Mapping[bytes, Sequence[bytes]]:
    """The paths by their folders at the top, and the files there by their endings: those that are numbers are one."""
    endings = Counter(_ending(path) for path in paths if b"/" not in path)
    crowds: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for path in paths:
        folder, slash, _ = path.partition(b"/")
        crowds[folder + slash if slash else _pattern(_ending(path), endings)].append(path)
    return crowds


def _ending(path: bytes) -> bytes:
    _, dot, ending = path.rpartition(b".")
    return dot + ending if dot else b""


def _pattern(ending: bytes, endings: Mapping[bytes, int]) -> bytes:
    """`*.png`; `*.*` for the ending of one file alone that has a number in it: `job.o4711`, `slurm.log.12`."""
    numbered = ending[1:].isdigit() or (endings[ending] == 1 and any(char in b"0123456789" for char in ending))
    return b"*.*" if numbered else b"*" + ending


def _narrowed(folder: bytes, paths: Sequence[bytes], excess: int) -> tuple[bytes, Sequence[bytes]]:
    """As far down in a folder as still has at least `excess` of its paths, and these."""
    while folder.endswith(b"/"):
        below: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for path in paths:
            name, slash, _ = path[len(folder) :].partition(b"/")
            if slash:
                below[folder + name + slash].append(path)
        largest = max(below, key=lambda name: (len(below[name]), name), default=b"")
        if not largest or len(below[largest]) < excess:
            break
        folder, paths = largest, below[largest]
    return folder, paths
