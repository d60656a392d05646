"""A disk whose power can be cut: an image file with a file system in it, mounted through a loop device."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE: Final = 320 << 20  # bytes, nearly all of them a hole; xfs takes no less than 300 MiB
PATIENCE: Final = 30.0  # seconds to wait for a loop device, and for the last process to leave
# What `xfs_io -x -c shutdown` calls, on ext4 too; called here because a process that starts would give the disk time.
_SHUTDOWN: Final = 0x8004587D
_LOG_FLUSHED, _LOG_LOST = 1, 2


@dataclass(frozen=True, slots=True)
class FileSystem:
    """How one kind of file system is made, mounted and verified."""

    make: tuple[str, ...]
    options: str
    verify: tuple[str, ...]


def _ext4(options: str, *features: str) -> FileSystem:
    # Nothing goes to the disk by itself for five minutes: what survives was asked for.
    return FileSystem(("mkfs.ext4", "-q", "-F", "-b", "4096", *features), f"commit=300,{options}", ("fsck.ext4", "-fn"))


FILE_SYSTEMS: Final = {
    "ext4": _ext4("data=ordered"),
    "ext4 with data=writeback": _ext4("data=writeback"),
    "xfs": FileSystem(("mkfs.xfs", "-q", "-f"), "rw", ("xfs_repair", "-n")),
}
TOOLS: Final = ("mkfs.ext4", "fsck.ext4", "mkfs.xfs", "xfs_repair", "mount", "umount", "sync")


def obstacle() -> str:
    """What is missing to cut a disk's power here, '' when nothing is."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "a power cut needs root, for mount"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"a power cut needs {', '.join(missing)} (packages e2fsprogs, xfsprogs, mount)"
    return "" if os.path.exists("/dev/loop-control") else "a power cut needs loop devices (/dev/loop-control)"


def cut(path: str, *, log_flushed: bool) -> None:
    """Stop the file system that holds `path` at once: what it has not been asked to keep is gone.

    With `log_flushed` the last that happens is that its journal, the names and sizes, reaches the disk.
    """
    import fcntl

    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, _SHUTDOWN, struct.pack("I", _LOG_FLUSHED if log_flushed else _LOG_LOST))
    finally:
        os.close(fd)


class Disk:
    """A mounted disk; `top` is its uppermost folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self._kind = FILE_SYSTEMS[name]
        self._mounted = False  # os.path.ismount says no where the power was cut
        self._image = folder / "disk.img"
        self.top = folder / "disk"
        self.top.mkdir()
        with self._image.open("wb") as file:
            file.truncate(SIZE)
        run(*self._kind.make, str(self._image))

    def mount(self) -> None:
        """Mount it, which replays its journal; the loop device goes with the mount, however that ends."""
        patiently("mount", "-o", f"loop,{self._kind.options}", str(self._image), str(self.top))
        self._mounted = True

    def unmount(self) -> None:
        """Unmount it, once the last process has left it."""
        if self._mounted:
            patiently("umount", str(self.top))
        self._mounted = False

    def settle(self) -> None:
        """Have everything that is there now on disk."""
        run("sync", "-f", str(self.top))

    def cut(self, *, log_flushed: bool) -> None:
        """Cut its power."""
        cut(str(self.top), log_flushed=log_flushed)

    def restart(self) -> None:
        """Come back after a cut."""
        self.unmount()
        self.mount()

    def verify(self) -> None:
        """Assert that the file system itself is whole."""
        self.unmount()
        run(*self._kind.verify, str(self._image))
        self.mount()


@contextlib.contextmanager
def disk(name: str, folder: Path) -> Iterator[Disk]:
    """A disk with a file system of that name, below `folder`; gone at the end, whatever happens."""
    made = Disk(name, folder)
    try:
        made.mount()
        yield made
    finally:
        made.unmount()
        made._image.unlink()


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}"


def patiently(*command: str) -> None:
    """Repeat a command while something is busy: all loop devices, or the last process in a folder."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return run(*command)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)
