"""The clock of a run: one for all processes of a machine, and a new one where nothing tells which machine it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gittrack.record import clock
from gittrack.record.clock import RunClock, joined_clock, new_clock

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_who_joins_on_the_same_machine_has_the_same_clock() -> None:
    ahead = RunClock(new_clock().offset + 1e6)
    assert joined_clock({"host": "here", **ahead.facts()}, "here") == ahead
    assert abs(joined_clock({"host": "there", **ahead.facts()}, "here").now() - time.time()) < 60


def test_where_no_boot_can_be_told_from_another_everyone_has_a_clock_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "_BOOT", str(tmp_path / "none"))
    ahead = RunClock(new_clock().offset + 1e6)
    assert ahead.facts()["boot"] == ""
    assert abs(joined_clock({"host": "here", **ahead.facts()}, "here").now() - time.time()) < 60
