"""Which changed files are left out of a snapshot, and why: too large, a secret, not readable, not a file."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from gittrack.capture.crowds import too_many
from gittrack.capture.secret_files import secret_in
from gittrack.capture.secret_lines import Kind, tells_secret
from gittrack.model import LeftOut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gittrack.capture.harmless import Harmless

MAX_FILE: Final = 10 << 20
MAX_TOTAL: Final = 256 << 20
MAX_COUNT: Final = 2000
_Stamp: TypeAlias = "tuple[int, ...]"


class Candidate(Protocol):
    """A path that differs from HEAD, as git/status.py tells of it."""

    @property
    def path(self) -> bytes: ...
    @property
    def untracked(self) -> bool: ...
    @property
    def dirty_inside(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes: of one changed file, and of all untracked files together; and how many of these there may be."""

    file: int = MAX_FILE
    total: int = MAX_TOTAL
    count: int = MAX_COUNT


@dataclass(frozen=True, slots=True)
class Selection:
    """Which paths of the working tree at `top` a snapshot leaves out, each with the reason.

    All of a folder that is left out as a whole have the same one, which names the folder. `seen` is how the files that
    are kept were when they were looked at; `partly` names what is kept, but not all of it.
    """

    top: str = ""
    omitted: Mapping[bytes, LeftOut] = field(default_factory=dict)
    seen: Mapping[bytes, _Stamp] = field(default_factory=dict)
    partly: tuple[LeftOut, ...] = ()

    @property
    def told(self) -> tuple[LeftOut, ...]:
        """All that a snapshot does not hold, a folder once."""
        return tuple(dict.fromkeys((*self.omitted.values(), *self.partly)))

    def changed(self, paths: Iterable[bytes]) -> list[bytes]:
        """Those of the paths that are not now what was looked at."""
        return [path for path in paths if self.seen.get(path) != _stamp_of(_place(self.top, path))]


def select(
    top: str,
    candidates: Sequence[Candidate],
    limits: Limits,
    committed: Callable[[bytes], bytes | None],
    *,
    refused: Mapping[bytes, LeftOut],
    harmless: Harmless,
) -> Selection:
    """Choose what a snapshot of the working tree at `top` leaves out; `refused` are paths that have to be.

    `committed(path)` is the content in HEAD: a secret that is in git already is no reason to lose a change.
    """
    untracked = [c.path for c in candidates if c.untracked and not c.path.endswith(b"/")]
    found = too_many(untracked, limits.count) | dict(refused)
    sizes: dict[bytes, int] = {}
    seen: dict[bytes, _Stamp] = {}
    for candidate in candidates:
        if candidate.path in found:
            continue
        stamp = _stamp_of(_place(top, candidate.path))
        reason, size = _judge(top, candidate, limits, committed, harmless)
        if reason:
            found[candidate.path] = LeftOut(_shown(candidate.path), reason, size)
            continue
        seen[candidate.path] = stamp
        if candidate.untracked:
            sizes[candidate.path] = size
    partly = [
        LeftOut(_shown(c.path), "uncommitted changes inside of a submodule") for c in candidates if c.dirty_inside
    ]
    return Selection(top, found | _beyond(sizes, limits.total), seen, tuple(partly))


def _place(top: str, path: bytes) -> bytes:
    return os.path.join(os.fsencode(top), path)


def _stamp_of(place: bytes) -> _Stamp:
    """What tells that a file has not changed; nothing where there is none."""
    try:
        status = os.lstat(place)
    except OSError:
        return ()
    return status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _judge(
    top: str,
    candidate: Candidate,
    limits: Limits,
    committed: Callable[[bytes], bytes | None],
    harmless: Harmless,
) -> tuple[str, int]:
    """Why a path is left out, '' when it is kept, and its size."""
    if candidate.path.endswith(b"/"):
        return "a git repository of its own", 0
    place = _place(top, candidate.path)
    try:
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode):
            return _secret_link(candidate.path, os.readlink(place)), 0
        if stat.S_ISREG(status.st_mode):
            if status.st_size > limits.file:
                return f"larger than {_mebibytes(limits.file)}", status.st_size
            return _judge_file(place, status, candidate, committed, harmless), status.st_size
    except FileNotFoundError:
        pass  # what is gone is kept as gone
    except OSError as error:
        return f"not readable: {error.strerror or error}", 0
    return "", 0  # a submodule is kept as its commit


def _judge_file(
    place: bytes,
    status: os.stat_result,
    candidate: Candidate,
    committed: Callable[[bytes], bytes | None],
    harmless: Harmless,
) -> str:
    name = os.fsdecode(place)
    if harmless.knows(name, status):
        return ""
    started = time.time_ns()
    with open(place, "rb") as file:
        data = file.read()
    kind = secret_in(_shown(candidate.path), data)
    if kind is None:
        harmless.remember(name, status, started)
    return "" if kind is None or _is_known(candidate, data, committed) else f"it looks like a secret: {kind}"


def _secret_link(path: bytes, target: bytes) -> str:
    words = f"{_shown(path)}\n{_shown(target)}".split("\n")
    return "it looks like a secret: where it leads" if any(tells_secret(word, Kind.PROSE) for word in words) else ""


def _is_known(candidate: Candidate, data: bytes, committed: Callable[[bytes], bytes | None]) -> bool:
    """Whether HEAD holds the secret already."""
    before = None if candidate.untracked else committed(candidate.path)
    return before is not None and secret_in(_shown(candidate.path), data, known=before) is None


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
