"""The name of the inbox of this clone: refs of a remote that nobody else pushes to."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Final

from gittrack.errors import StorageError
from gittrack.git.durable import make_directories, sharing_of

if TYPE_CHECKING:
    from gittrack.project import Project

_NAME: Final = re.compile(r"[0-9a-f]{16}")


def inbox_name(project: Project) -> str:
    """Return the name, made up at the first use; a copy of the clone has the same, which costs it only time."""
    path = os.path.join(project.repo.state_dir, "clone-id")
    name = _read(path)
    if name is None:
        sharing = sharing_of(project.repo.common_dir)
        try:
            make_directories(project.repo.state_dir, sharing)
            with open(f"{path}.{os.getpid()}", "w", encoding="ascii") as file:
                file.write(f"{secrets.token_hex(8)}\n")
            if sharing is not None:
                sharing.apply(file.name)
            os.replace(file.name, path)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
        name = _read(path)  # of two who made it at once, one is there
    return name or secrets.token_hex(8)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            name = file.read().strip()
    except OSError:
        return None
    return name if _NAME.fullmatch(name) else None
