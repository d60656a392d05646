"""The contents of large artifacts, which git does not carry: git-lfs sends them to the LFS store of a remote.

A remote that is known to have those of a commit is asked only for what came after it. They go before the refs do,
because hosts refuse a pointer whose content they do not have.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.capture.pointers import lfs_pointer
from gittrack.git.ancestry import is_oid
from gittrack.git.reader import BlobReader, empty_tree, stream_changes
from gittrack.git.transport import TransportError, has_lfs, push_lfs
from gittrack.git.verified import absent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.share.remote import Remote

_ARTIFACT: Final = re.compile(r"runs/[0-9a-f]{2}/[0-9a-f]{32}/(?:later/[^/]+/)?artifacts/.+", re.DOTALL)
_POINTER_MOST: Final = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """How many contents were sent, or would have been: `fault` tells why they were not, `lines` what was said of it."""

    count: int = 0
    fault: str = ""
    lines: tuple[str, ...] = ()
    failed: bool = False  # git-lfs is there and could not do it


def send_contents(project: Project, remote: Remote, runs: Iterable[Run] | None) -> Contents:
    """Send what this machine has of the large artifacts of `runs`, or of all that `remote` does not have for None."""
    if not os.path.isdir(os.path.join(project.repo.lfs_dir, "objects")):
        return Contents()
    tip = project.runs_tip() if runs is None else None
    oids = _of_runs(runs) if runs is not None else _since(project, _memory(project, remote), tip)
    here = [oid for oid in dict.fromkeys(oids) if os.path.exists(project.large_file(oid))]
    if here and not has_lfs(project.repo):
        return Contents(len(here), "git-lfs is not installed; install it and push again, or push with --no-lfs")
    try:
        push_lfs(project.repo, remote.address, here)
    except TransportError as error:
        return Contents(len(here), str(error), error.said, failed=True)
    if tip is not None:
        _remember(project, remote, tip)
    return Contents(len(here))


def _of_runs(runs: Iterable[Run]) -> list[str]:
    return [artifact.sha256 for run in runs for artifact in run.artifacts if artifact.large]


def _since(project: Project, before: str | None, tip: str | None) -> list[str]:
    """The contents that a commit tells of, and the one before it does not."""
    if tip is None or tip == before:
        return []
    changes = stream_changes(project.repo, before or empty_tree(project.repo), tip)
    blobs = list(dict.fromkeys(c.oid for c in changes if c.status != "D" and _ARTIFACT.fullmatch(c.path)))
    with BlobReader(project.repo) as reader:
        small = [oid for oid, (_, size) in reader.sizes.of(blobs).items() if size <= _POINTER_MOST]
        return [oid for _, data in reader.read_many(small) if (oid := lfs_pointer(data)) is not None]


def _memory(project: Project, remote: Remote) -> str | None:
    """The commit whose contents the remote has; None where that is not known, or the commit is gone since."""
    try:
        with open(_note(project, remote), encoding="ascii", errors="replace") as file:
            tip = file.read().strip()
    except OSError:
        return None
    return tip if is_oid(tip) and not absent(project.repo, [tip]) else None


def _remember(project: Project, remote: Remote, tip: str) -> None:
    path = _note(project, remote)
    with contextlib.suppress(OSError):  # what was sent is asked for once more
        with open(f"{path}.tmp", "w", encoding="ascii") as file:
            file.write(f"{tip}\n")
        os.replace(f"{path}.tmp", path)


def _note(project: Project, remote: Remote) -> str:
    url = project.settings.get(f"remote.{remote.address}.url") or remote.address
    return os.path.join(project.repo.state_dir, f"lfs-sent-{hashlib.sha256(url.encode()).hexdigest()[:16]}")
