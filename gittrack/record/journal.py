"""The journal of one run in one process: every call is one checksummed line, written before it returns.

A line that was written survives the death of the process; `sync` makes it survive a power cut. An I/O
fault never reaches the caller: the segment is given up, what is not known to be on disk stays in
memory, and goes into a new segment as soon as one can be written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from typing import TYPE_CHECKING, Final
from zlib import crc32

from gittrack.capture.environment import host
from gittrack.codec.document import pack
from gittrack.errors import NoActiveRun
from gittrack.git.durable import make_directories
from gittrack.record import liveness
from gittrack.record.clock import RunClock, new_clock
from gittrack.record.on_disk import folder_lock, settle, sync_directory, sync_others, unsettle, write_all
from gittrack.record.segment import LOCK_SUFFIX, SUFFIX, frame
from gittrack.record.telling import warn

if TYPE_CHECKING:
    from collections.abc import Mapping

JOURNAL_VERSION: Final = 1
SYNC_LINES: Final = 1 << 16
RETRY_SECONDS: Final = 1.0
_OF_THE_PROCESS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_LEVELS: Final = 2  # <git dir>/gittrack/journal/<run>: the first run of a repository makes them all


class Journal:
    """Appends to the segments of the run in `directory`; safe to use from many threads."""

    __slots__ = (
        "_attempts",
        "_clock",
        "_closed",
        "_fd",
        "_first_unsynced",
        "_lines",
        "_lock",
        "_missing",
        "_next_try",
        "_old_lock",
        "_opening",
        "_replaces",
        "_segment",
        "_sequence",
        "directory",
        "fault",
        "faults",
        "segments",
    )

    def __init__(self, directory: str, opening: Mapping[str, object], clock: RunClock | None = None) -> None:
        """Prepare; nothing is written before the first line. `opening` goes into each segment's first line."""
        self._clock = clock or new_clock()
        self.directory = directory
        self.segments: list[str] = []
        self.fault: OSError | None = None
        self.faults = 0
        self._opening = dict(opening)
        self._lock = threading.RLock()
        self._reset()

    def _reset(self) -> None:
        self._fd = -1
        self._segment = ""
        self._sequence = 0
        # The payloads that no fsync has covered yet, and the sequence number of the first of them.
        self._lines: list[bytes] = []
        self._first_unsynced = 1
        self._missing = 0
        self._replaces: tuple[str, int] | None = None
        self._attempts = 0
        self._old_lock = ""
        self._next_try = 0.0
        self._closed = False

    def point(self, head: str, step: int | None, seconds: float, value: float) -> None:
        """Write one point; `head` is 'm', a tab, the metric's name and a tab."""
        payload = f"{head}{'' if step is None else step}\t{seconds:.3f}\t{value!r}".encode()
        with self._lock:
            if self._closed:
                raise self._ended()
            sequence = self._sequence
            line = b"%d %d %08x %b\n" % (len(payload), sequence, crc32(payload, sequence), payload)
            try:
                self._lines.append(payload)
                if os.write(self._fd, line) == len(line):
                    self._sequence = sequence + 1
                    if len(self._lines) >= SYNC_LINES:
                        self._sync()
                    return
                fault = OSError(28, "only part of a line could be written")
            except OSError as error:
                fault = error
            except BaseException:
                self._interrupted()
                raise
            self._give_up(fault)

    def event(self, kind: str, /, **facts: object) -> None:
        """Write one event with the present time; its facts must be plain values."""
        payload = _encoded(pack({"e": kind, "at": self.now(), **facts}))
        with self._lock:
            if self._closed:
                raise self._ended()
            self._append(payload)

    def now(self) -> float:
        """Return the time by the clock of the run, which no jump of the machine's clock moves."""
        return self._clock.now()

    def check_open(self) -> None:
        """NoActiveRun after the last event."""
        if self._closed:
            raise self._ended()

    def last_event(self, kind: str, /, **facts: object) -> None:
        """Write one event after which every call of this process raises NoActiveRun."""
        with self._lock:
            self.event(kind, **facts)
            self._closed = True

    def _ended(self) -> NoActiveRun:
        run_id = str(self._opening.get("run", ""))
        return NoActiveRun(f"run {run_id[:8]} has ended; go on with it by start_run(run_id={run_id!r})")

    def ensure_open(self) -> None:
        """Hold a segment, so that nobody takes the run's folder for abandoned; a fault shows at the next line."""
        with self._lock:
            if self._fd < 0 and not self._closed:
                self._open_next(force=not self._segment)

    @property
    def unwritten(self) -> int:
        """How many lines no segment has taken: they are only in memory."""
        return self._missing

    def _append(self, payload: bytes) -> None:
        line = frame(self._sequence, payload)
        try:
            self._lines.append(payload)
            if os.write(self._fd, line) == len(line):
                self._sequence += 1
                return
            fault = OSError(28, "only part of a line could be written")
        except OSError as error:
            fault = error
        except BaseException:
            self._interrupted()
            raise
        self._give_up(fault)

    def _interrupted(self) -> None:
        """An exception of a signal's, such as KeyboardInterrupt, left open whether a line was written."""
        if self._fd >= 0:
            # A script may catch it and log on: its next line must not have the number of one that is there.
            self._abandon()
            self._next_try = 0.0

    def catch_up(self) -> None:
        """Write now what so far is only in memory; OSError when the disk still refuses."""
        with self._lock:
            if self._fd < 0 and self._lines:
                self._open_next(force=True)
                if self._fd < 0:
                    raise self.fault or OSError("the journal cannot be written")

    def sync(self) -> bool:
        """Make everything so far safe from a power cut; False when the disk refuses (`fault` says why)."""
        with self._lock:
            # The second time in a new segment, written from memory, should the first fsync have failed.
            return self._sync_all() or self._sync_all()

    def _sync_all(self) -> bool:
        if self._fd < 0 and self._lines:
            self._open_next(force=True)
        return not self._lines or (self._fd >= 0 and self._sync())

    def _sync(self) -> bool:
        try:
            os.fsync(self._fd)
            sync_others(self.directory, self._segment)
            sync_directory(self.directory)
            settle(self.directory, above=_LEVELS)
        except OSError as error:
            if error.errno in _OF_THE_PROCESS:
                # The disk was not even asked: the segment is as good as before.
                self.fault = error
                return False
            # After a failed fsync the kernel may have dropped the pages: only memory is still right.
            self._give_up(error, retry=False)
            return False
        self.fault = None
        self._first_unsynced = self._sequence
        self._lines.clear()
        return True

    def _give_up(self, fault: OSError, *, retry: bool = True) -> None:
        """Leave the segment as it is; what it may lack goes into the next one, which says so."""
        if self._fd >= 0:
            self._abandon()
            self._report(fault)
        if retry:
            self._missing += 1  # the line that was to be written
            self._open_next(force=not self._segment)

    def _abandon(self) -> None:
        self._replaces = (self._segment, self._first_unsynced)
        with contextlib.suppress(OSError):
            os.close(self._fd)
        self._fd = -1
        # The lock stays until the next segment has its own: without one the run would seem abandoned.
        self._old_lock = self._old_lock or os.path.join(self.directory, self._segment + LOCK_SUFFIX)

    def restart(self) -> None:
        """Go on in a new segment: for a signal handler, which may have interrupted a half-made write."""
        with self._lock:
            if self._fd >= 0:
                self._abandon()
                self._open_next(force=True)

    def _report(self, fault: OSError) -> None:
        if self.fault is None:
            warn(f"the journal cannot be written ({fault.strerror or fault}); values are kept in memory and retried")
        self.fault = fault
        self.faults += 1

    def open(self) -> None:
        """Write the first line now; OSError when the disk refuses, so that a start can fail early."""
        with self._lock:
            self._open_segment()

    def _open_next(self, *, force: bool = False) -> None:
        """Start a segment with everything that is not known to be on disk; on a fault try again later."""
        now = time.monotonic()
        if not force and now < self._next_try:
            return
        self._next_try = now + RETRY_SECONDS
        try:
            self._open_segment()
        except OSError as error:
            self._report(error)
        except BaseException:
            self._next_try = 0.0  # interrupted, not refused
            raise

    def _open_segment(self) -> None:
        name = os.urandom(6).hex()
        path = os.path.join(self.directory, name + SUFFIX)
        lock = os.path.join(self.directory, name + LOCK_SUFFIX)
        opening = {"e": "open", "version": JOURNAL_VERSION, **self._opening, "pid": os.getpid(), "wall": self.now()}
        opening |= self._clock.facts()
        if self._replaces is not None:
            opening["after"], opening["from"] = self._replaces
            opening["attempt"] = self._attempts = self._attempts + 1
        lines = [frame(i, payload) for i, payload in enumerate([pack(opening).encode(), *self._lines])]
        fd = -1
        try:
            with folder_lock(self.directory) as sharing:
                make_directories(self.directory, sharing)
                unsettle(self.directory)
                liveness.hold(lock)
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | _O_BINARY, 0o666)
            if sharing is not None:
                sharing.apply(lock)
                sharing.apply(path)
            write_all(fd, b"".join(lines))
        except BaseException:
            if fd >= 0:
                # Nobody may take its lines for a part of the run: the next segment repeats them all.
                os.close(fd)
            liveness.release(lock)
            for leftover in (path, lock):
                with contextlib.suppress(OSError):
                    os.unlink(leftover)
            if self._replaces is None and os.path.lexists(path):
                self._replaces = (name, 1)
            raise
        self._fd, self._segment, self._sequence = fd, name, len(lines)
        self._first_unsynced = 1
        self._missing = 0
        self.segments.append(name)
        self.fault = None
        if self._old_lock:
            liveness.release(self._old_lock)
            self._old_lock = ""

    @property
    def segment(self) -> str:
        """The name of the segment that is open now, '' when there is none."""
        return self._segment

    def close(self) -> None:
        """Close the segment and give up its lock; every later call raises NoActiveRun."""
        with self._lock:
            if self._fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(self._fd)
                liveness.release(os.path.join(self.directory, self._segment + LOCK_SUFFIX))
            if self._old_lock:
                liveness.release(self._old_lock)
            self._reset()
            self._closed = True

    def continue_in_child(self, opening: Mapping[str, object]) -> None:
        """After a fork, in the child: leave the parent's segment alone; the first line opens an own one."""
        if self._fd >= 0:
            os.close(self._fd)
        # Another thread may have held the lock at the fork; that thread does not exist here.
        self._lock = threading.RLock()
        self._opening = dict(opening)
        self.segments = []
        self.fault = None
        self.faults = 0
        self._reset()


def _encoded(text: str) -> bytes:
    r"""JSON in UTF-8; halves of UTF-16 pairs, which stand for bytes that are no UTF-8, written out as \udcXX."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return "".join(f"\\\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text).encode()


def opening_of(run_id: str, *, owner: bool, start: float | None = None) -> dict[str, object]:
    """Return what the first line of each segment of a process says; `owner` ends the run when it ends."""
    opening: dict[str, object] = {"run": run_id, "host": host(), "owner": owner}
    return opening if start is None else {**opening, "start": start}


_O_BINARY: Final = getattr(os, "O_BINARY", 0)
