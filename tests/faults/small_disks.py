"""Disks that really are full, out of inodes or read-only: a tmpfs with limits, a small ext4 in an image file."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Final

from tests.faults.disks import patiently, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE: Final = 8 << 20  # bytes
INODES: Final = 700
_BLOCK: Final = 4096


def obstacle(*tools: str) -> str:
    """What is missing to mount a disk of `tools` here, '' when nothing is."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "a small disk needs root, for mount"
    missing = [tool for tool in ("mount", "umount", *tools) if shutil.which(tool) is None]
    if missing:
        return f"a small disk needs {', '.join(missing)} (packages mount, e2fsprogs)"
    return "" if not tools or os.path.exists("/dev/loop-control") else "a small disk needs loop devices"


class SmallDisk:
    """A mounted disk; `top` is its uppermost folder."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._fillers = 0

    def fill(self) -> None:
        """Take all the room that there is."""
        with self._filler().open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (1 << 20, _BLOCK, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"\1" * size)
            os.fsync(file.fileno())

    def fill_inodes(self) -> None:
        """Make files until there can be no more; there is room in those that are there."""
        with contextlib.suppress(OSError):
            while True:
                self._filler().touch()

    def free(self) -> None:
        """Give back what was taken."""
        for filler in self.top.glob("filler*"):
            filler.unlink()

    def remount(self, option: str) -> None:
        """Make it read-only ('ro'), which no open file may stand against, or writable ('rw')."""
        run("mount", "-o", f"remount,{option}", str(self.top))

    def _filler(self) -> Path:
        self._fillers += 1
        return self.top / f"filler{self._fillers}"


@contextlib.contextmanager
def tmpfs(folder: Path) -> Iterator[SmallDisk]:
    """A disk in memory of SIZE and INODES, below `folder`."""
    top = folder / "small"
    top.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={SIZE},nr_inodes={INODES}", "tmpfs", str(top))
    try:
        yield SmallDisk(top)
    finally:
        patiently("umount", str(top))


class _Image(SmallDisk):
    """A file system in a file."""

    def __init__(self, top: Path, image: Path) -> None:
        super().__init__(top)
        self._image = image

    def mount(self) -> None:
        patiently("mount", "-o", "loop", str(self._image), str(self.top))

    def settle(self) -> None:
        """Have everything that is there now on disk."""
        run("sync", "-f", str(self.top))

    def restart(self) -> None:
        """Come back after a fault, as after a new start of the machine."""
        patiently("umount", str(self.top))
        self.mount()


@contextlib.contextmanager
def ext4(folder: Path) -> Iterator[_Image]:
    """A real file system of SIZE, which notices late that it is full, below `folder`."""
    top, image = folder / "small", folder / "small.img"
    top.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    # Nothing kept back for root, who runs this.
    run("mkfs.ext4", "-q", "-F", "-m", "0", str(image))
    made = _Image(top, image)
    made.mount()
    try:
        yield made
    finally:
        patiently("umount", str(top))
        image.unlink()


DISKS: Final = {"tmpfs": tmpfs, "ext4": ext4}
