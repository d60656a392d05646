"""The names of the refs that keep commits alive: of the user's own, and of working trees as they were."""

from __future__ import annotations

from typing import Final

CODE: Final = "refs/gittrack/code"
SNAPSHOTS: Final = "refs/gittrack/snapshots"
