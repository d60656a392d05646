"""Untracked files that are too many for a snapshot: whole folders of them, so that the code beside them stays."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gittrack.model import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence


def too_many(paths: Sequence[bytes], limit: int) -> dict[bytes, LeftOut]:
    """Return the paths that have to go until at most `limit` are left, each with the folder that it goes with.

    The folder with most files goes first, of it only what suffices where that is one folder below: `data/` and not
    `src/new.py`. Files at the top have no folder; there those with the same ending go together.
    """
    found: dict[bytes, LeftOut] = {}
    rest = paths
    while len(rest) > limit:
        folder = _crowd(rest, len(rest) - limit)
        going = [path for path in rest if path.startswith(folder) or _step(path, b"") == folder]
        why = f"{len(going)} of {len(paths)} untracked files, more than {limit}"
        found |= dict.fromkeys(going, LeftOut(folder.decode("utf-8", "backslashreplace"), why))
        rest = [path for path in rest if path not in found]
    return found


def _crowd(paths: Sequence[bytes], excess: int) -> bytes:
    """The folder with most of the paths, or as far down in it as still has at least `excess` of them."""
    folder = b""
    while True:
        counts = Counter(step for path in paths if (step := _step(path, folder)))
        largest = max(counts, key=lambda step: (counts[step], step), default=b"")
        if not largest or (folder and counts[largest] < excess):
            return folder
        folder = largest


def _step(path: bytes, folder: bytes) -> bytes:
    """The next folder below `folder` on the way to a path, '' where there is none; at the top its ending may be one."""
    if folder and not (folder.endswith(b"/") and path.startswith(folder)):
        return b""
    place = path.find(b"/", len(folder))
    if place >= 0:
        return path[: place + 1]
    _, dot, ending = path.rpartition(b".")
    return b"" if folder else b"*" + dot + (ending if dot else b"")
