"""A process is killed before and after each of its calls that change the repository; the next command completes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.conftest import Ended, Lab

MOMENTS = ("kill-before", "kill-after")
LONG = os.environ.get("GITTRACK_FAULTS") == "long"
# What a first run makes anew, such as the branch, a later one finds; CI is content with the longer way.
BEFORE = [False, True] if LONG else [False]
# Here CI takes every second call: test_kill_at_each_system_call.py takes the real ones.
STRIDE = 1 if LONG else 2
MOST = 1000  # calls; a finish makes about a hundred


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("used", BEFORE)
def test_of_a_finish(lab: Lab, used: bool, moment: str) -> None:
    for at in range(1, MOST, STRIDE):
        repo = lab.repo(used=used)
        ended = lab.scene("record", repo, plan={"kind": moment, "at": at}, facts={"arm": "end"})
        seen = lab.check(repo, ended.acks)
        assert len(seen.runs) == 1 + used
        assert {status for status, *_ in seen.runs.values()} == {"finished"} or at == 1
        if not _killed(ended):
            break
    assert 40 < at < MOST - 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_resumed_part(lab: Lab, moment: str) -> None:
    for at in range(1, MOST, STRIDE):
        repo = lab.repo(used=True)
        ended = lab.scene("resume", repo, plan={"kind": moment, "at": at}, facts={"run": lab.first})
        seen = lab.check(repo, ended.acks)
        assert seen.runs[lab.first][1] == [0, 1, 2, 3, 100, 101, 102]
        if not _killed(ended):
            break
    assert 30 < at < MOST - 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_start(lab: Lab, moment: str) -> None:
    for at in range(1, MOST, STRIDE):
        repo = lab.repo()
        plan = {"kind": moment, "at": at}
        ended = lab.scene("record", repo, plan=plan)
        seen = lab.check(repo, ended.acks)
        assert len(seen.runs) <= 1
        if any(status == "crashed" and len(steps) == 4 for status, steps, *_ in seen.runs.values()):
            break  # from here on it is the finish
    assert 8 < at < MOST - 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_recovery(lab: Lab, moment: str) -> None:
    crashed = lab.repo(used=True)
    left = lab.scene("crash", crashed)
    for at in range(1, MOST, STRIDE):
        repo = lab.copy(crashed)
        ended = lab.scene("log", repo, plan={"kind": moment, "at": at})
        seen = lab.check(repo, left.acks)
        assert sorted(status for status, *_ in seen.runs.values()) == ["crashed", "finished"]
        if not _killed(ended):
            break
    assert 30 < at < MOST - 2


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_a_tag(lab: Lab, moment: str) -> None:
    facts: Mapping[str, object] = {"run": lab.first}
    for at in range(1, MOST, STRIDE):
        repo = lab.repo(used=True)
        ended = lab.scene("tag", repo, plan={"kind": moment, "at": at}, facts=facts)
        seen = lab.check(repo, ended.acks)
        assert len(seen.runs) == 1
        if at % 8 == 1 and not seen.runs[lab.first][2].get("stage"):
            again = lab.scene("tag", repo, facts=facts)
            assert lab.check(repo, again.acks).runs[lab.first][2]["stage"] == "final"
        if not _killed(ended):
            break
    assert 20 < at < MOST - 2


def _killed(ended: Ended) -> bool:
    assert ended.killed or ended.code == 0, ended.err
    return ended.killed
