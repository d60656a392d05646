"""What lies in the quarantine: how much, since when, and that a person may delete it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gittrack.doctor.ailment import Ailment
from gittrack.quarantine import NOTE, quarantine_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project


def examine_quarantine(project: Project) -> Iterator[Ailment]:
    """Yield one remark when something is kept there."""
    folder = quarantine_of(project)
    moments, size = [], 0
    for root, _, names in os.walk(folder):
        for name in names:
            status = os.lstat(os.path.join(root, name))
            size += status.st_size
            if name == NOTE:
                moments.append(status.st_mtime)
    if moments:
        since = time.strftime("%Y-%m-%d", time.localtime(min(moments)))
        yield Ailment(
            "quarantine",
            f"{folder} keeps what was put aside {_times(len(moments))}, {_amount(size)}, the oldest since {since}",
            f"{NOTE} in each folder there says what it is; delete what is of no use any more",
            urgent=False,
        )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _amount(size: int) -> str:
    return f"{size / 1024:.0f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"
