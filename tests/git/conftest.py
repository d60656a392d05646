"""What several tests of the git layer watch."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that this process fsyncs, in their order, for as long as the test runs."""
    names: dict[int, str] = {}
    paths: list[str] = []
    real_open, real_fsync = os.open, os.fsync

    def watched_open(path: str | bytes, flags: int, mode: int = 0o777) -> int:
        fd = real_open(path, flags, mode)
        names[fd] = os.fsdecode(path)
        return fd

    def watched_fsync(fd: int) -> None:
        paths.append(names[fd])
        real_fsync(fd)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "fsync", watched_fsync)
    return paths
