"""Files that stand for data kept elsewhere: Git LFS pointers and the .dvc files of DVC."""

from __future__ import annotations

import os
from typing import Final

from gittrack.capture.lazy import Lazy

# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: small, and its first line says what it is.
_LFS: Final = Lazy(r"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\nsize \d+\n")
_LFS_MOST: Final = 1024
# https://dvc.org/doc/user-guide/project-structure/dvc-files: `outs` is a list with one entry.
_DVC: Final = Lazy(r"^(?:- |  )md5:\s*([0-9a-f]{32}(?:\.dir)?)\s*$")
_DVC_MOST: Final = 1 << 16


def lfs_pointer(data: bytes) -> str | None:
    """Return the SHA-256 that a Git LFS pointer tells of, None where `data` is none."""
    if len(data) > _LFS_MOST:
        return None
    found = _LFS.re.fullmatch(data.decode("utf-8", "replace"))
    return found[1] if found else None


def dvc_object(path: str) -> str | None:
    """Return the MD5 by which DVC keeps the file or directory `path`, which may be a .dvc file; None without one."""
    plain = path.rstrip("/\\")
    pointer = plain if plain.endswith(".dvc") else f"{plain}.dvc"
    try:
        if not os.path.isfile(pointer) or os.path.getsize(pointer) > _DVC_MOST:
            return None
        with open(pointer, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return None
    if "outs:" not in lines:
        return None
    found = [match[1] for line in lines[lines.index("outs:") :] if (match := _DVC.re.match(line))]
    return found[0] if len(found) == 1 else None
