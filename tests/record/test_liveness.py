"""Who holds a segment's lock, where the disk does not tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gittrack.record import liveness

if TYPE_CHECKING:
    from pathlib import Path


def test_no_file_is_held_by_nobody(tmp_path: Path) -> None:
    assert not liveness.is_held(str(tmp_path / "ab12.lock"))


def test_what_cannot_be_looked_at_counts_as_held(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    assert liveness.is_held(str(circle / "ab12.lock"))


def test_a_lock_that_cannot_be_taken_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "ab12.lock").mkdir()
    with pytest.raises(OSError, match=r"Is a directory.*ab12\.lock"):
        liveness.hold(str(tmp_path / "ab12.lock"))
    assert str(tmp_path / "ab12.lock") not in liveness._held
