"""Which changed files are left out of a snapshot, and why: too large, a secret, not readable, not a file."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from gittrack.capture.crowds import too_many
from gittrack.capture.secret_files import secret_in
from gittrack.model import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_FILE: Final = 10 << 20
MAX_TOTAL: Final = 256 << 20
MAX_COUNT: Final = 2000


class Candidate(Protocol):
    """A path that differs from HEAD, as git/status.py tells of it."""

    @property
    def path(self) -> bytes: ...
    @property
    def untracked(self) -> bool: ...
    @property
    def submodule(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes: of one changed file, and of all untracked files together; and how many of these there may be."""

    file: int = MAX_FILE
    total: int = MAX_TOTAL
    count: int = MAX_COUNT


def leave_out(
    top: str,
    candidates: Sequence[Candidate],
    limits: Limits,
    committed: Callable[[bytes], bytes | None],
) -> Mapping[bytes, LeftOut]:
    """Return the paths that a snapshot of the working tree at `top` leaves out, each with the reason.

    All of a folder that is left out as a whole have the same one, which names the folder.

    `committed(path)` is the content in HEAD: a secret that is in git already is no reason to lose a change.
    """
    untracked = [c.path for c in candidates if c.untracked and not c.path.endswith(b"/")]
    found = too_many(untracked, limits.count)
    sizes: dict[bytes, int] = {}
    for candidate in candidates:
        if candidate.submodule or candidate.path in found:
            continue
        reason, size = _judge(top, candidate, limits, committed)
        if reason:
            found[candidate.path] = LeftOut(_shown(candidate.path), reason, size)
        elif candidate.untracked:
            sizes[candidate.path] = size
    return found | _beyond(sizes, limits.total)


def _judge(
    top: str, candidate: Candidate, limits: Limits, committed: Callable[[bytes], bytes | None]
) -> tuple[str, int]:
    """Why a path is left out, '' when it is kept, and its size."""
    if candidate.path.endswith(b"/"):
        return "a git repository of its own", 0
    place = os.path.join(os.fsencode(top), candidate.path)
    try:
        status = os.lstat(place)
        if not stat.S_ISREG(status.st_mode):
            return "", 0  # a link is kept as one, a submodule as its commit, and what is gone as gone
        if status.st_size > limits.file:
            return f"larger than {_mebibytes(limits.file)}", status.st_size
        with open(place, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return "", 0
    except OSError as error:
        return f"not readable: {error.strerror or error}", 0
    return _secret(candidate, data, committed), len(data)


def _secret(candidate: Candidate, data: bytes, committed: Callable[[bytes], bytes | None]) -> str:
    kind = secret_in(_shown(candidate.path), data)
    if kind is None:
        return ""
    before = None if candidate.untracked else committed(candidate.path)
    if before is not None and secret_in(_shown(candidate.path), data, known=before) is None:
        return ""
    return f"it looks like a secret: {kind}"


def _beyond(sizes: Mapping[bytes, int], limit: int) -> dict[bytes, LeftOut]:
    """The largest untracked files, as many as have to go until the others fit into the limit."""
    total = sum(sizes.values())
    result: dict[bytes, LeftOut] = {}
    for path in sorted(sizes, key=lambda path: (-sizes[path], path)):
        if total <= limit:
            break
        total -= sizes[path]
        result[path] = LeftOut(_shown(path), f"all untracked files are more than {_mebibytes(limit)}", sizes[path])
    return result


def _mebibytes(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size} bytes"


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
