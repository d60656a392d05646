"""The clock of a run: the wall clock as it was when the run began, driven on by the monotonic one; no jump shows."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOOT = "/proc/sys/kernel/random/boot_id"


@dataclass(frozen=True, slots=True)
class RunClock:
    """Tells seconds since the epoch; all processes of a run on one machine share it, as far as they can."""

    offset: float

    def now(self) -> float:
        """Return the time; it never goes back."""
        return monotonic() + self.offset

    def facts(self) -> dict[str, object]:
        """Return what the opening line tells, for those that join."""
        return {"boot": boot(), "clock": self.offset}


def new_clock(not_before: float = 0.0) -> RunClock:
    """Return a clock that shows the present time, or `not_before` where the machine's clock went back behind it."""
    return RunClock(max(time(), not_before) - monotonic())


def joined_clock(opening: Mapping[str, object], host: str) -> RunClock:
    """Return the clock of the process that wrote `opening`, where the same boot of the same machine drives it."""
    offset = opening.get("clock")
    here = opening.get("host") == host and opening.get("boot") == boot() != ""
    return RunClock(offset) if here and isinstance(offset, float) else new_clock()


def boot() -> str:
    """Return what tells one boot of this machine from another, '' where nothing does."""
    try:
        with open(_BOOT, encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
