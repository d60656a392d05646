"""A process dies at the entry of each of its system calls, or git alone does; what was acknowledged is there after it.

Killed at the entry of a call is killed after the one before it: each call is struck before, and so each after.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.faults.steps import STEPS
from tests.faults.tracing import step, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Lab

LONG = os.environ.get("GITTRACK_FAULTS") == "long"
# CI strikes at all that change the repository in a first finish, and at a sample in the other steps.
STRIDE = {"finish": 1, "flush": 1, "start": 3, "doctor": 60}
OTHERS = 12
SHARES = [(name, share) for name in STEPS for share in range(3 if name == "finish" else 1)]
MOST = 10_000
_LAST = ("exit_group",)  # there is nothing after it


@pytest.mark.parametrize(("name", "share"), SHARES)
def test_kill_at_each_system_call(lab: Lab, name: str, share: int) -> None:
    it = STEPS[name]
    ground = it.ground(lab)
    counted, calls = step(lab, it.scene, lab.copy(ground.repo), ground.facts)
    assert (counted.signal, counted.code) == (0, 0), counted.err

    def strike(call: str, ordinal: int) -> bool:
        repo = lab.copy(ground.repo)
        ended, _ = step(lab, it.scene, repo, ground.facts, inject=f"{call}:signal=SIGKILL:when={ordinal}")
        assert ended.killed or (ended.signal, ended.code) == (0, 0), ended.err
        it.check(lab, ground, repo, ended)
        return ended.killed

    shares = sum(other == name for other, _ in SHARES)
    if LONG:
        counts = sorted(Counter(call.name for call in calls).items())[share::shares]
        tried = sum(count for _, count in counts)
        killed = sum(strike_every(strike, call, count) for call, count in counts)
    else:
        chosen = [call for call in calls if call.changes and call.touches(lab.repos)][:: STRIDE.get(name, OTHERS)]
        tried = len(chosen[share::shares])
        killed = sum(strike(call.name, call.ordinal) for call in chosen[share::shares])
    assert killed > 0.8 * tried
    tell(f"{name}: killed at {killed} of {tried} system calls, 0 lost")


def strike_every(strike: Callable[[str, int], bool], call: str, counted: int) -> int:
    """Strike at the first, second, … call of that name until there is none any more; tell at how many.

    How many there are differs a little from try to try, with the names of the objects.
    """
    if call in _LAST:
        return 0
    killed = 0
    for ordinal in range(1, MOST):
        struck = strike(call, ordinal)
        killed += struck
        if not struck and ordinal > counted:
            break
    return killed
