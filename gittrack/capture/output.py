"""Keeps a bounded copy of what a command printed, free of terminal control and of secrets."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from gittrack.capture.cleaner import LINE_LIMIT, OutputCleaner
from gittrack.capture.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

__all__ = ["LINE_LIMIT", "BoundedLog", "LogFile", "OutputCleaner", "OutputCopy", "read_log"]

HEAD: Final = 512 * 1024
TAIL: Final = 512 * 1024

_OFFSET_SIZE: Final = 21

_SHARE: Final = 0.1
_MOST_CREDIT: Final = 0.5
_KEY_BEGINS: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?s:(?!-----END ).)*")


class BoundedLog:
    """Keeps the first `head` and the last `tail` bytes of what is written to it, in memory."""

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._head_limit = head
        self._tail_limit = tail
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0

    def write(self, data: bytes) -> None:
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        self._total += len(data)
        if len(self._tail) > 2 * self._tail_limit:  # not at each write: cutting copies the rest
            del self._tail[: len(self._tail) - self._tail_limit]

    def value(self) -> bytes:
        return _join(bytes(self._head), _last(self._tail, self._tail_limit), self._total)


class LogFile:
    """Appends to `path` and, beyond `head` bytes, in turn to `path.1` and `path.2`, `tail` bytes each.

    The one that is not being filled is full, so both together always hold the last `tail` bytes, at
    whatever moment the process dies. `read_log` reads them. The first OSError is kept in `error` and
    ends the writing: what is tracked must not stop what is tracking it. An existing log is continued.
    `made` is called with the path of each file once it is there.
    """

    def __init__(
        self, path: str | PathLike[str], head: int = HEAD, tail: int = TAIL, made: Callable[[str], None] | None = None
    ) -> None:
        self.error: OSError | None = None
        self._path = os.fspath(path)
        self._made = made
        self._head_limit = head
        self._tail_limit = tail
        self._file: int | None = None
        self._room = 0
        self._slot = 0  # 0: the head; 1 and 2: the tails
        self._total = 0

    def write(self, data: bytes) -> None:
        if self.error is not None or not data:
            return
        try:
            self._write(memoryview(data))
        except OSError as error:
            self.error = error
            self.close()

    def skip(self, count: int) -> None:
        """Count bytes that are not written; neither they nor what came before is kept but in the head."""
        self._total += count
        self._room = 0

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                os.close(file)
            except OSError as error:
                self.error = self.error or error

    def _write(self, data: memoryview) -> None:
        if self._file is None:
            self._open()
        while data:
            if self._room <= 0:
                self._turn()
            assert self._file is not None
            written = os.write(self._file, data[: self._room])
            self._room -= written
            self._total += written
            data = data[written:]

    def _open(self) -> None:
        self._file = self._open_for_append(self._path)
        self._total = os.fstat(self._file).st_size
        self._room = self._head_limit - self._total
        tails = _tails(self._path)
        if tails:
            offset, self._slot, content = tails[-1]
            self._total = offset + len(content)
            self._room = self._tail_limit - len(content)
            os.close(self._file)
            self._file = self._open_for_append(f"{self._path}.{self._slot}")

    def _turn(self) -> None:
        """Go on in the other tail, which holds the older bytes and is emptied."""
        self.close()
        self._slot = 2 if self._slot == 1 else 1
        self._file = self._open_for_append(f"{self._path}.{self._slot}", os.O_TRUNC)
        os.write(self._file, b"%020d\n" % self._total)
        self._room = self._tail_limit

    def _open_for_append(self, path: str, flags: int = 0) -> int:
        binary: int = getattr(os, "O_BINARY", 0)  # only Windows has it, and would rewrite newlines without
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | binary | flags, 0o666)
        if self._made is not None:
            self._made(path)
        return file


def read_log(path: str | PathLike[str], tail: int = TAIL) -> bytes:
    """Return the log at `path`, with a line that says how much is missing between its head and tail."""
    path = os.fspath(path)
    head = _content(path)
    tails = _tails(path)
    if not tails:
        return head
    total = tails[-1][0] + len(tails[-1][2])
    if len(tails) == 2 and tails[0][0] + len(tails[0][2]) != tails[1][0]:
        tails = tails[1:]
    end = b"".join(content for _, _, content in tails)
    return _join(head, _last(end, tail), total)


class OutputCopy:
    """Cleans and redacts what a command prints and writes it to the log at `path`.

    Call it with the chunks of standard output, and `errors` with those of standard error, where they
    are read apart: lines of the two then never run into each other. A line reaches the disk when it is
    complete, for a secret that is cut in half is not recognised; `kill -9` loses the unfinished line.

    Redacting is slower than printing. A flood of output is therefore written late, and what would be
    left out of the log anyway is dropped unseen, so that the copy takes at most a tenth of the command's
    time. Call `catch_up` about once a second for what waits when the output stops.
    """

    def __init__(
        self, path: str | PathLike[str], head: int = HEAD, tail: int = TAIL, made: Callable[[str], None] | None = None
    ) -> None:
        self._log = LogFile(path, head, tail, made)
        self._tail_limit = tail
        self._output = _Stream()
        self._errors = _Stream()
        self._waiting: deque[bytes] = deque()
        self._waiting_size = 0
        self._credit = _MOST_CREDIT  # seconds that may go into redacting
        self._credited = time.perf_counter()

    @property
    def error(self) -> OSError | None:
        """What stopped the writing of the log, if anything did."""
        return self._log.error

    def __call__(self, chunk: bytes) -> None:
        self._add(self._output.feed(chunk))

    def errors(self, chunk: bytes) -> None:
        self._add(self._errors.feed(chunk))

    def catch_up(self) -> None:
        """Write what waits, as far as there is time for it."""
        now = time.perf_counter()
        self._credit = min(_MOST_CREDIT, self._credit + _SHARE * (now - self._credited))
        while self._waiting and self._credit > 0:
            self._write_next()
            now, start = time.perf_counter(), now
            self._credit -= now - start
        self._credited = now

    def close(self) -> None:
        """Write everything that waits and the unfinished lines, and close the log."""
        self._add(b"\n".join(rest for rest in (self._output.finish(), self._errors.finish()) if rest))
        while self._waiting:
            self._write_next()
        self._log.close()

    def _add(self, cleaned: bytes) -> None:
        if not cleaned or self._log.error is not None:
            return
        self._waiting.append(cleaned)
        self._waiting_size += len(cleaned)
        self.catch_up()
        while self._waiting and self._waiting_size - len(self._waiting[0]) > self._tail_limit:
            self._log.skip(len(self._take()))

    def _write_next(self) -> None:
        self._log.write(redact_text(self._take().decode()).encode())

    def _take(self) -> bytes:
        part = self._waiting.popleft()
        self._waiting_size -= len(part)
        return part


class _Stream:
    """One stream of a command, cleaned, with each private key kept in one part."""

    def __init__(self) -> None:
        self._cleaner = OutputCleaner()
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        text = self._held + self._cleaner.feed(chunk)
        self._held = b""
        begin = text.rfind(b"-----BEGIN ")
        if begin >= 0 and len(text) - begin < LINE_LIMIT and _KEY_BEGINS.fullmatch(text, begin):
            text, self._held = text[:begin], text[begin:]
        return text

    def finish(self) -> bytes:
        return self._held + self._cleaner.finish()


def _join(head: bytes, tail: bytes, total: int) -> bytes:
    """Join the two ends of `total` bytes; around a gap both are cut to whole lines where they have any."""
    if len(head) + len(tail) >= total:
        return head + tail
    head = head[: head.rfind(b"\n") + 1] or head.decode(errors="ignore").encode()
    tail = tail[tail.find(b"\n") + 1 :] or tail
    tail = tail.lstrip(bytes(range(0x80, 0xC0)))  # the rest of a character that was cut
    gap = b"[... %d bytes left out ...]\n" % (total - len(head) - len(tail))
    return head + (b"" if head.endswith(b"\n") else b"\n") + gap + tail


def _last(data: bytes | bytearray, count: int) -> bytes:
    return bytes(data[max(0, len(data) - count) :])


def _tails(path: str) -> list[tuple[int, int, bytes]]:
    """Return offset in the log, slot and content of the tails that are there, oldest first."""
    found = []
    for slot in (1, 2):
        data = _content(f"{path}.{slot}")
        offset = data[:_OFFSET_SIZE]
        if len(offset) == _OFFSET_SIZE and offset[:-1].isdigit():
            found.append((int(offset), slot, data[_OFFSET_SIZE:]))
    return sorted(found)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
