"""What stands beside the runs of a branch: the files that say what it is, and folders whose files say all by names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from gittrack.codec.paths import (
    FORMAT_FILE,
    FORMAT_VERSION,
    PURGED,
    README_FILE,
    REWRITES,
    is_id,
    parse_rewrite,
    purged_file,
    rewrite_file,
)
from gittrack.codec.text import from_yaml
from gittrack.errors import DamagedRecord, GittrackError
from gittrack.git.tree import FILE, Entry
from gittrack.share.admit import LARGEST

if TYPE_CHECKING:
    from gittrack.git.reader import BlobReader

Entries: TypeAlias = "dict[str, Entry]"

MARKS: Final = (PURGED, REWRITES)
_FRAME: Final = (FORMAT_FILE, README_FILE)


def frame_of_union(reader: BlobReader, ours: Entries, theirs: Entries) -> Entries:
    """Return the frame of the side that is ahead: of one version, the one with the greater ids; so order is nothing.

    Raises as `check_frame` does of theirs.
    """
    sides = ((check_frame(reader, theirs), theirs), (_version(reader, ours) or 0, ours))
    return _frame(max(sides, key=lambda side: (side[0], [entry.oid for entry in _frame(side[1]).values()]))[1])


def check_frame(reader: BlobReader, theirs: Entries) -> int:
    """Return the format version of a branch of theirs.

    GittrackError where it is no branch of runs, or a newer one than this gittrack knows.
    """
    if any(size > LARGEST["frame"] for _, size in reader.sizes.of([e.oid for e in _frame(theirs).values()]).values()):
        raise GittrackError(f"the branch there is no branch of runs: {FORMAT_FILE} or {README_FILE} is too large")
    version = _version(reader, theirs)
    if version is None:
        raise GittrackError("the branch there is no branch of runs: it has no format.yaml of gittrack")
    if version > FORMAT_VERSION:
        raise GittrackError(
            f"the branch there has format version {version}; this gittrack reads {FORMAT_VERSION}: upgrade gittrack"
        )
    return version


def _frame(top: Entries) -> Entries:
    return {name: top[name] for name in _FRAME if name in top and top[name].mode == FILE}


def _version(reader: BlobReader, top: Entries) -> int | None:
    entry = top.get(FORMAT_FILE)
    if entry is None or entry.mode != FILE:
        return None
    try:
        facts = from_yaml(reader.read(entry.oid) or b"", FORMAT_FILE)
    except DamagedRecord:
        return None
    version = facts.get("version") if isinstance(facts, dict) and facts.get("format") == "gittrack" else None
    return version if isinstance(version, int) and version > 0 else None


def mark_file(folder: str, name: str) -> tuple[str, bytes] | None:
    """Return path and content of the mark of that name in 'purged' or 'rewrites', None where it cannot be one."""
    pair = parse_rewrite(name)
    if folder == REWRITES and pair is not None:
        return rewrite_file(*pair)
    return purged_file(name) if folder == PURGED and is_id(name) else None
