"""Stands between a process and the disk: counts its calls below one folder, and spoils the one that is asked for."""

from __future__ import annotations

import builtins
import io
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_T = TypeVar("_T")

CHANGES = ("create", "write", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "utime", "chmod")


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to which call: `at` counts from 1 those named in `calls`; `lasting` spoils all later ones too."""

    # watch, kill-before, kill-after, errno, short, late; stop: the process stops when armed;
    # skip: a rename is left out, or this and all later fsyncs of its path
    kind: str = "watch"
    at: int = 0
    calls: tuple[str, ...] = CHANGES
    number: int = 0
    lasting: bool = False

    @staticmethod
    def of(plain: Mapping[str, object]) -> Plan:
        """The plan that was sent as JSON."""
        at, number, calls = plain.get("at", 0), plain.get("number", 0), plain.get("calls", CHANGES)
        assert isinstance(at, int)
        assert isinstance(number, int)
        assert isinstance(calls, (list, tuple))
        return Plan(str(plain.get("kind", "watch")), at, tuple(calls), number, plain.get("lasting") is True)


class Tap:
    """Replaces the functions of `os` that reach the disk; `trace` holds (call, path, second path) of what was done."""

    def __init__(self, root: str, plan: Plan) -> None:
        self.root = os.path.join(os.path.realpath(root), "")
        self.plan = plan
        self.count = 0
        self.hit = False
        self._armed = False
        self.trace: list[tuple[str, str, str]] = []
        self._paths: dict[int, str] = {}
        self._skipped = self._late = ""
        if plan.kind != "stop":
            self._patch()

    @property
    def armed(self) -> bool:
        """Whether calls are counted; where the plan says so, the process stops each time that this becomes true."""
        return self._armed

    @armed.setter
    def armed(self, armed: bool) -> None:
        if armed and not self._armed and self.plan.kind == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        self._armed = armed

    def _inside(self, path: object) -> str | None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, os.PathLike):
            path = os.fspath(path)
        if not isinstance(path, str):
            return None
        full = os.path.join(os.path.realpath(os.path.dirname(path) or "."), os.path.basename(path))
        return full if full.startswith(self.root) or full + os.sep == self.root else None

    def _call(self, name: str, path: str, work: Callable[[], _T], target: str = "") -> _T:
        if not self.armed:
            return work()
        plan = self.plan
        chosen = False
        if name in plan.calls:
            self.count += 1
            chosen = self.count == plan.at or (plan.lasting and 0 < plan.at <= self.count)
        if name == "fsync" and path == self._skipped:
            return None  # type: ignore[return-value]
        if chosen:
            self.hit = True
            if plan.kind == "kill-before":
                os.kill(os.getpid(), signal.SIGKILL)
            if plan.kind == "errno":
                raise OSError(plan.number, os.strerror(plan.number), path)
            if plan.kind in ("skip", "late"):
                self._skipped, self._late = (path, "") if plan.kind == "skip" else ("", path)
                self.trace.append(("left out", path, target))
                return work() if name not in ("fsync", "rename", "replace") else None  # type: ignore[return-value]
        try:
            result = work()
        finally:
            if chosen and plan.kind == "kill-after":
                os.kill(os.getpid(), signal.SIGKILL)
        self.trace.append((name, path, target))
        self._catch_up(name, path, target)
        return result

    def _catch_up(self, name: str, path: str, target: str) -> None:
        """Ask for what was put off, now that what had to wait for it has happened."""
        moved = name in ("rename", "replace") and (path == self._late or "/refs/" in target)
        if self._late and (moved or (name == "unlink" and path.endswith(".log"))):
            self.trace.append(("fsync", target if path == self._late else self._late, ""))
            self._late = ""

    def _patch(self) -> None:
        for name in ("unlink", "remove", "mkdir", "rmdir", "utime", "chmod"):
            setattr(os, name, self._on_path(getattr(os, name), "unlink" if name == "remove" else name))
        for name in ("replace", "rename", "link"):
            setattr(os, name, self._on_pair(getattr(os, name), name))
        self._patch_open()
        self._patch_descriptors()

    def _on_path(self, real: Callable[..., None], name: str) -> Callable[..., None]:
        def watched(path: object, *args: object, **options: object) -> None:
            inside = self._inside(path)
            if inside is None:
                return real(path, *args, **options)
            return self._call(name, inside, lambda: real(path, *args, **options))

        return watched

    def _on_pair(self, real: Callable[..., None], name: str) -> Callable[..., None]:
        def watched(source: object, target: object, **options: object) -> None:
            inside, aim = self._inside(source), self._inside(target)
            if aim is None:
                return real(source, target, **options)
            return self._call(name, inside or "", lambda: real(source, target, **options), aim)

        return watched

    def _patch_open(self) -> None:
        real_open, real_file, real_fdopen = os.open, builtins.open, os.fdopen

        def watched_open(path: object, flags: int, *args: object, **options: object) -> int:
            inside = self._inside(path)
            if inside is None:
                return real_open(path, flags, *args, **options)  # type: ignore[arg-type]
            name = "create" if flags & os.O_CREAT else "open"
            fd = self._call(name, inside, lambda: real_open(path, flags, *args, **options))  # type: ignore[arg-type]
            self._paths[fd] = inside
            return fd

        def watched_file(file: object, mode: str = "r", *args: object, **options: object) -> object:
            inside = self._inside(file)
            if inside is None:
                return real_file(file, mode, *args, **options)  # type: ignore[call-overload]
            name = "create" if set(mode) & set("wax") else "open"
            return self._call(name, inside, lambda: real_file(file, mode, *args, **options))  # type: ignore[call-overload]

        def watched_fdopen(fd: int, mode: str = "r", *args: object, **options: object) -> object:
            if fd in self._paths and "w" in mode and "b" in mode:
                return io.BufferedWriter(_Raw(fd, "wb"))
            return real_fdopen(fd, mode, *args, **options)  # type: ignore[call-overload]

        os.open, builtins.open, os.fdopen = watched_open, watched_file, watched_fdopen  # type: ignore[assignment]

    def _patch_descriptors(self) -> None:
        real_write, real_fsync, real_close = os.write, os.fsync, os.close

        def watched_write(fd: int, data: bytes) -> int:
            path = self._paths.get(fd)
            if path is None:
                return real_write(fd, data)
            return self._call("write", path, lambda: real_write(fd, self._shortened(data)))

        def watched_fsync(fd: int) -> None:
            path = self._paths.get(fd)
            return real_fsync(fd) if path is None else self._call("fsync", path, lambda: real_fsync(fd))

        def watched_close(fd: int) -> None:
            self._paths.pop(fd, None)
            real_close(fd)

        os.write, os.fsync, os.close = watched_write, watched_fsync, watched_close  # type: ignore[assignment]

    def _shortened(self, data: bytes) -> bytes:
        plan = self.plan
        chosen = self.count == plan.at or (plan.lasting and self.count >= plan.at)
        if plan.kind == "short" and "write" in plan.calls and self.armed and chosen and len(data) > 1:
            return bytes(data)[: len(data) // 2]
        return data


class _Raw(io.FileIO):
    """Below a buffered writer: each write is one of `os`, where the tap sees it."""

    def write(self, data: object, /) -> int:
        return os.write(self.fileno(), bytes(data))  # type: ignore[call-overload]
