"""How much of a long list of kinds a test goes through: all with GITTRACK_FAULTS=long, else a part that fits CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LONG: Final = os.environ.get("GITTRACK_FAULTS") == "long"


def sample(kinds: Iterable[str], every: int) -> list[str]:
    """Return all of `kinds` in the long form, and each `every`th of them in the short one."""
    return list(kinds)[:: 1 if LONG else every]
