"""Processes that start, log, end, resume, tag and list are killed at any moment, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.conftest import Lab

ROUNDS = 10_000 if os.environ.get("GITTRACK_FAULTS") == "long" else 500
SHARE = 125  # rounds in one test, so that several workers have something to do
EACH = 25  # rounds in one repository
LOOK = 5  # rounds between two looks at it
LONGEST = 0.2  # seconds


@pytest.mark.parametrize("share", range(ROUNDS // SHARE))
def test_kill_at_random(lab: Lab, share: int) -> None:
    dice = random.Random(f"share {share}")  # noqa: S311 - no secret
    killed = 0
    for _ in range(SHARE // EACH):
        repo = lab.repo()
        told: list[Path] = []
        for number in range(1, EACH + 1):
            facts = {"seed": dice.randrange(1 << 30)}
            ended = lab.scene("mixed", repo, facts=facts, killed_after=dice.uniform(0.0, LONGEST))
            assert ended.killed, ended.err
            killed += 1
            told.append(ended.acks)
            if number % LOOK == 0:
                lab.check(repo, *told)
    assert killed == SHARE
