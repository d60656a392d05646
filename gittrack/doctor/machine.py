"""The machine under the repository: the git program, the identity, the file system, the space on the disk."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Final

from gittrack.doctor.ailment import Ailment
from gittrack.errors import GittrackError
from gittrack.git.process import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.project import Project

# git 2.29 can tell the object format and knows --end-of-options everywhere that it is given here.
OLDEST_GIT: Final = (2, 29)
NETWORK: Final = frozenset(
    "9p afs beegfs ceph cifs fuse.ceph fuse.glusterfs fuse.s3fs fuse.sshfs glusterfs gpfs lustre ncpfs nfs nfs4 "
    "panfs pvfs2 smb3 smbfs".split()
)
_LITTLE: Final = 1 << 30
_TOO_LITTLE: Final = 100 << 20
_FEW_FILES: Final = 10_000
_TOO_FEW_FILES: Final = 1_000  # a run takes about twenty


def examine_machine(project: Project) -> Iterator[Ailment]:
    """Yield what recording needs of this machine and does not find."""
    yield from _examine_git(project)
    try:
        _ = (project.author, project.committer)
    except GittrackError as error:
        yield Ailment("identity", "no run can be committed without an author", str(error))
    if not os.access(project.repo.common_dir, os.W_OK):
        yield Ailment("read-only", f"{project.repo.common_dir} cannot be written", "check its permissions")
    yield from _examine_file_system(project)
    yield from space(project.repo.common_dir, shutil.disk_usage(project.repo.common_dir).free)
    if hasattr(os, "statvfs"):
        facts = os.statvfs(project.repo.common_dir)
        yield from inodes(project.repo.common_dir, facts.f_favail, facts.f_files)


def _examine_git(project: Project) -> Iterator[Ailment]:
    words = run_git(["version"], repo=project.repo).decode("utf-8", "replace").strip()
    found = re.search(r"(\d+)\.(\d+)", words)
    version = (int(found[1]), int(found[2])) if found else OLDEST_GIT
    if version < OLDEST_GIT:
        yield Ailment("git", f"'{words}' is older than gittrack is made for", "install git 2.29 or newer")


def _examine_file_system(project: Project) -> Iterator[Ailment]:
    kind = file_system(project.repo.common_dir)
    if kind in NETWORK:
        yield Ailment(
            "file-system",
            f"the repository is on a network file system ({kind}); where its locks do not work, a journal may be "
            "committed while its run is still running",
            "use a local disk, or see that locks work there (NFS: no 'nolock')",
            urgent=False,
        )


def file_system(path: str, mounts: str = "/proc/self/mountinfo") -> str:
    """Return the kind of file system that holds `path`, '' where this system does not tell."""
    if not sys.platform.startswith("linux"):
        return ""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    path = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        left, _, right = line.partition(" - ")
        point = _unescaped(left.split(" ")[4])
        # Of two on the same point the later one is on top.
        if len(point) >= len(best) and f"{path}/".startswith(f"{point.rstrip('/')}/"):
            best, kind = point, right.partition(" ")[0]
    return kind


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)


def space(place: str, free: int) -> Iterator[Ailment]:
    """Yield what is to be said when only `free` bytes are left."""
    if free < _LITTLE:
        yield Ailment(
            "disk",
            f"only {free >> 20} MiB are free on the disk of {place}",
            "free some: a full disk keeps runs in memory and in the journal",
            urgent=free < _TOO_LITTLE,
        )


def inodes(place: str, free: int, total: int) -> Iterator[Ailment]:
    """Yield what is to be said when only `free` more files can be made; a file system without limit has total 0."""
    if total > 0 and free < _FEW_FILES:
        yield Ailment(
            "inodes",
            f"only {free} more files can be made on the disk of {place} (df -i), however much room there is",
            "remove small files; 'git gc' packs thousands of objects into one file",
            urgent=free < _TOO_FEW_FILES,
        )
