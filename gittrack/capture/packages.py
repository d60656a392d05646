"""The installed packages as exact requirement lines, from the names of the folders that installers leave.

importlib.metadata opens and parses a file for each package; the name and the version stand in the
folder's name already (PEP 376, PEP 427), so that a listing of each directory of sys.path is enough.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from gittrack.capture.lazy import Lazy
from gittrack.capture.redact import redact_url

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIST = Lazy(r"([A-Za-z0-9][\w.-]*)-(v?[0-9][\w.+!]*)\.dist-info", re.ASCII)
_EGG = Lazy(r"([A-Za-z0-9][\w.]*(?:-[A-Za-z][\w.]*)*)-([0-9][\w.+!]*)(?:-py[0-9.]+.*)?\.egg(?:-info)?", re.ASCII)
_DEVELOPED = Lazy(r"([A-Za-z0-9][\w.-]*)\.egg-info", re.ASCII)


def installed_packages(path: Sequence[str]) -> tuple[str, ...]:
    """Return sorted lines `name==1.2`, `name @ git+url@commit` or `-e path` for what lies on `path`.

    Where a package is there twice the first on `path` counts, as for an import. A source tree that only
    holds what a build left (`name.egg-info`) counts when nothing else tells of the package.
    """
    # The time of a directory changes with each install, so that a notebook's %pip is seen.
    return _scan(tuple((folder, _changed(folder)) for folder in dict.fromkeys(p or os.getcwd() for p in path)))


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _scan(folders: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    developed: dict[str, str] = {}
    for folder, changed in folders:
        egg = _EGG.re.fullmatch(os.path.basename(folder))
        if egg is not None:
            found.setdefault(_normal(egg[1]), f"{_normal(egg[1])}=={_version(egg[2])}")
        if not changed:
            continue
        try:
            entries = sorted(os.listdir(folder))
        except OSError:  # a zip file, or not ours to read
            continue
        for entry in entries:
            if entry.endswith(".dist-info"):
                _add_dist(found, folder, entry)
            elif entry.endswith((".egg-info", ".egg")):
                _add_egg(found, developed, folder, entry)
    return tuple(sorted({**developed, **found}.values()))


def _add_dist(found: dict[str, str], folder: str, entry: str) -> None:
    match = _DIST.re.fullmatch(entry)
    if match is None or (name := _normal(match[1])) in found:  # '~ip-23.dist-info': left by a broken install
        return
    line = f"{name}=={_version(match[2])}"
    try:
        with open(os.path.join(folder, entry, "direct_url.json"), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        found[name] = line
        return
    found[name] = _direct(name, text) or line


def _add_egg(found: dict[str, str], developed: dict[str, str], folder: str, entry: str) -> None:
    match = _EGG.re.fullmatch(entry)
    if match is not None:
        if entry.endswith(".egg-info"):  # an .egg counts only where it is itself on sys.path
            found.setdefault(_normal(match[1]), f"{_normal(match[1])}=={_version(match[2])}")
        return
    match = _DEVELOPED.re.fullmatch(entry)
    if match is not None:
        developed.setdefault(_normal(match[1]), f"-e {folder}")


def _normal(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _version(text: str) -> str:
    """The version in a folder's name, where '-' is written as '_' (PEP 427)."""
    public, plus, local = text.lower().partition("+")
    return public.replace("_", "-") + plus + re.sub(r"[-_]", ".", local)


def _direct(name: str, text: str) -> str | None:
    """The requirement for what direct_url.json (PEP 610) tells of; None when it cannot be understood."""
    import json

    try:
        data = json.loads(text)
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("url"), str):
        return None
    url = redact_url(data["url"])
    below = f"#subdirectory={data['subdirectory']}" if isinstance(data.get("subdirectory"), str) else ""
    directory, vcs, archive = (
        part if isinstance(part := data.get(key), dict) else {} for key in ("dir_info", "vcs_info", "archive_info")
    )
    if directory.get("editable") is True:
        return f"-e {_local_path(url)}{below}"
    if vcs:
        revision = vcs.get("commit_id") or vcs.get("requested_revision") or ""
        return f"{name} @ {vcs.get('vcs', 'git')}+{url}{'@' if revision else ''}{revision}{below}"
    hashed = archive.get("hash")
    if isinstance(hashed, str) and not below:
        below = "#" + hashed
    return f"{name} @ {url}{below}"


def _local_path(url: str) -> str:
    if not url.startswith("file://"):
        return url
    path = url.removeprefix("file://")
    if "%" in path:
        from urllib.parse import unquote  # rare, and slow to import

        path = unquote(path)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path
