"""The names of refs: those that keep commits alive, of the user's and of working trees, and those of running runs."""

from __future__ import annotations

from typing import Final

CODE: Final = "refs/gittrack/code"
SNAPSHOTS: Final = "refs/gittrack/snapshots"
LIVE: Final = "refs/gittrack/live"  # below it, on a remote RUN, and as it was fetched REMOTE/RUN
