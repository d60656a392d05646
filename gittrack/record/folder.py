"""The folder of a run's journal: which segments lie in it, what they hold, and whether their processes live."""

from __future__ import annotations

import os
import stat
import sys
from bisect import bisect_left
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gittrack.codec.document import unpack
from gittrack.codec.paths import OUTPUT
from gittrack.errors import DamagedRecord
from gittrack.record import liveness
from gittrack.record.segment import LOCK_SUFFIX, SUFFIX, read_segment

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from typing import BinaryIO

_YEAR_10000: Final = 253_402_300_800.0
_LAST = (b'{"e":"end",', b'{"e":"close",')


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the journal as it was read; `live` while its process holds the lock."""

    name: str
    opening: Mapping[str, object]
    lines: list[bytes]
    numbers: list[int]
    live: bool
    touched: float
    problems: tuple[str, ...] = ()

    @property
    def owner(self) -> bool:
        """Whether its process is the one whose end is the end of the run."""
        return self.opening.get("owner") is True

    @property
    def host(self) -> str:
        """The machine that wrote it."""
        return str(self.opening.get("host", ""))

    @property
    def closed(self) -> bool:
        """Whether its process wrote that it was done."""
        return bool(self.lines) and self.lines[-1].startswith(_LAST)

    @property
    def wall(self) -> float:
        """When it was opened, by that machine's clock."""
        wall = moment(self.opening.get("wall"))
        return self.touched if wall is None else wall

    @property
    def start(self) -> float:
        """When the run started, as the process that owns it says; 0 from the others."""
        return moment(self.opening.get("start")) or 0.0

    @property
    def after(self) -> str | None:
        """The name of the segment that it replaces after a fault."""
        name = self.opening.get("after")
        return name if isinstance(name, str) else None

    @property
    def attempt(self) -> int:
        """How many segments its process had begun before; clocks cannot tell which of two came later."""
        number = self.opening.get("attempt")
        return number if isinstance(number, int) else 0


def read_segments(directory: str, skip: Container[str] = ()) -> list[Segment]:
    """Return the segments below `directory`, owner first, then by age, without those named in `skip`.

    Lines that a later segment of the same process repeats are left out of the earlier one.
    """
    found = [
        segment
        for name in segment_names(directory)
        if name not in skip and (segment := _read(directory, name)) is not None
    ]
    found.sort(key=lambda s: (not s.owner, s.wall, s.name))
    return without_repeats(found)


def segment_names(directory: str) -> list[str]:
    """Return the names of the segments in the folder of a journal, [] when there is no such folder."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX) and name != OUTPUT)


def is_live(directory: str) -> bool:
    """Whether a living process writes to the journal in `directory`."""
    return any(liveness.is_held(os.path.join(directory, name + LOCK_SUFFIX)) for name in segment_names(directory))


def openings(directory: str) -> list[Mapping[str, object]]:
    """Return what the first line of each segment says, without reading the rest."""
    found = []
    for name in segment_names(directory):
        path = os.path.join(directory, name + SUFFIX)
        try:
            with open_segment(path) as file:
                found.append(_opening_of(read_segment(file.readline()).lines)[0])
        except (OSError, DamagedRecord):
            continue
    return found


def says_nothing(directory: str) -> bool:
    """Whether the journal in `directory` holds no whole line and nothing that once was one."""
    return not any(s.opening or s.lines or s.problems for s in read_segments(directory))


def opening_of_owner(directory: str) -> tuple[float, Mapping[str, object]] | None:
    """Return when the run of the journal in `directory` started, as its owner says, and all that the owner says."""
    for opening in openings(directory):
        start = moment(opening.get("start"))
        if opening.get("owner") is True and start is not None:
            return start, opening
    return None


def moment(value: object) -> float | None:
    """Return `value` when it is a time that the format can write."""
    return value if isinstance(value, float) and 0 <= value < _YEAR_10000 else None


def open_segment(path: str) -> BinaryIO:
    """Open a segment for reading; NoSegment when something else has its name, and only opening that might hang."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise NoSegment(f"{os.path.basename(path)} in the journal is no file")
    return open(path, "rb")


class NoSegment(DamagedRecord):
    """Something in the folder of a journal that has the name of a segment and is no file."""


def _read(directory: str, name: str) -> Segment | None:
    path = os.path.join(directory, name)
    # Asked first: a process that ends in between has then written all that is read.
    live = liveness.is_held(path + LOCK_SUFFIX)
    try:
        with open_segment(path + SUFFIX) as file:
            touched = os.fstat(file.fileno()).st_mtime
            contents = read_segment(file.read())
    except FileNotFoundError:
        return None
    except NoSegment as problem:
        return Segment(name, {}, [], [], live, 0.0, (str(problem),))
    problems = [f"{damage.sentence} of journal segment {name}" for damage in contents.damage]
    try:
        opening, lines = _opening_of(contents.lines)
    except DamagedRecord:
        opening, lines = {}, contents.lines[1:]
        problems.append(f"the opening line of journal segment {name} cannot be read")
    payloads, numbers = [payload for _, payload in lines], [number for number, _ in lines]
    return Segment(name, opening, payloads, numbers, live, touched, tuple(problems))


def _opening_of(lines: list[tuple[int, bytes]]) -> tuple[Mapping[str, object], list[tuple[int, bytes]]]:
    """What the first line says, {} when it is lost, and the lines after it; DamagedRecord when it says nothing."""
    if not lines or lines[0][0] != 0:
        return {}, lines
    opening = unpack(lines[0][1])
    if not isinstance(opening, dict):
        raise DamagedRecord("the opening line is no mapping")
    return opening, lines[1:]


def without_repeats(segments: list[Segment]) -> list[Segment]:
    """Return the segments, each after the one that it replaces, every line in one of them only.

    1. A segment that replaces another one repeats its lines from some number on: they count there, where they are
       whole, else as the earlier one has them.
    2. Of two that replace the same one the last counts: it repeats what the other may have lacked.
    3. A segment whose opening line is lost replaces the one whose end is its beginning.
    """
    segments = [_with_opening(segment, segments) for segment in segments]  # 3
    following: dict[str, Segment] = {}
    for segment in sorted(segments, key=lambda s: s.attempt):
        if segment.after is not None:
            following[segment.after] = segment
    names = {segment.name for segment in segments}
    result = []
    for segment in segments:
        if segment.after is not None and following[segment.after] is not segment:
            result.append(replace(segment, lines=[], numbers=[]))  # 2
        elif segment.after not in names:
            result += _chain(segment, following)
    return result


def _chain(first: Segment, following: Mapping[str, Segment]) -> Iterator[Segment]:
    current = first
    while (successor := following.get(current.name)) is not None:
        start = successor.opening.get("from")
        shift = start - 1 if isinstance(start, int) else sys.maxsize
        kept = bisect_left(current.numbers, shift + 1)
        yield replace(current, lines=current.lines[:kept], numbers=current.numbers[:kept])
        current = _healed(successor, current.lines[kept:], [number - shift for number in current.numbers[kept:]])
    yield current


def _healed(segment: Segment, lines: list[bytes], numbers: list[int]) -> Segment:
    """`segment` with those of the given lines that it lacks."""
    if set(numbers) <= set(segment.numbers):
        return segment
    together = {**dict(zip(numbers, lines, strict=True)), **dict(zip(segment.numbers, segment.lines, strict=True))}
    return replace(segment, lines=[together[number] for number in sorted(together)], numbers=sorted(together))


def _with_opening(segment: Segment, others: list[Segment]) -> Segment:
    if segment.opening or not segment.lines:
        return segment
    for other in others:
        if other is segment:
            continue
        start = _overlap(other.lines, segment.lines)
        if start is not None:
            first = other.numbers[start] - segment.numbers[0] + 1
            return replace(segment, opening={**other.opening, "after": other.name, "from": first})
    return segment


def _overlap(earlier: list[bytes], later: list[bytes]) -> int | None:
    """Where the lines at the end of `earlier` begin that are the first ones of `later`, None for nowhere."""
    for start in range(len(earlier)):
        if earlier[start] == later[0] and earlier[start:] == later[: len(earlier) - start]:
            return start
    return None
