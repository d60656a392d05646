"""What git ignores more than by itself while a run is done again: links that are good on this machine only."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.git.repository import Repository

EXCLUDED: Final = "exclude"
_COUNT: Final = "GIT_CONFIG_COUNT"


def exclude(repo: Repository, file: str, path: str) -> None:
    """Add `path`, relative to the top, to a file of patterns, which begins as the user's own."""
    beginning = b"" if os.path.exists(file) else _own(repo)
    pattern = re.sub(r"([\\*?\[\] ])", r"\\\1", path.replace(os.sep, "/")).replace("\n", "?")
    with open(file, "ab") as patterns:
        patterns.write(beginning + os.fsencode(f"/{pattern}\n"))


def excluding(file: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that let git read the patterns of `file`; none where there is no such file."""
    if not os.path.exists(file):
        return {}
    number = int(environment.get(_COUNT) or 0)
    names = {f"GIT_CONFIG_KEY_{number}": "core.excludesFile", f"GIT_CONFIG_VALUE_{number}": file}
    return {_COUNT: str(number + 1), **names}


def _own(repo: Repository) -> bytes:
    code, out, _ = run_git_status(["config", "--type=path", "--get", "core.excludesFile"], repo=repo)
    settings = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    own = os.fsdecode(out).rstrip("\n") if code == 0 else os.path.join(settings, "git", "ignore")
    try:
        with open(own, "rb") as file:
            return file.read() + b"\n"
    except OSError:
        return b""
