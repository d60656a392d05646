"""A git that gittrack started dies alone, or its disk fails: gittrack lives and says so, the next try succeeds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.faults.clear import assert_clear
from tests.faults.steps import STEPS
from tests.faults.tracing import GitUnderTrace, tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.conftest import Lab
    from tests.faults.tracing import Call

LONG = os.environ.get("GITTRACK_FAULTS") == "long"
ERRORS = ("EIO", "EMFILE", "EACCES")
FEW = ("start", "tag", "recovery", "index", "check", "doctor")
SHORT = 8  # tries for each
HALF = 4


@pytest.fixture
def traced_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitUnderTrace:
    """A git first on PATH that strace can be told to look at."""
    traced = GitUnderTrace(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{traced.folder}:{os.environ['PATH']}")
    return traced


@pytest.mark.parametrize("fault", ["dies", "meets an error"])
@pytest.mark.parametrize("name", FEW)
def test_git_alone(lab: Lab, traced_git: GitUnderTrace, name: str, fault: str) -> None:
    it = STEPS[name]
    ground = it.ground(lab)
    traced_git.plan("all")
    assert_clear(lab.scene(it.scene, lab.copy(ground.repo), facts=ground.facts))
    invocations = traced_git.traces()
    assert invocations
    rules = [(n, rule) for n, calls in enumerate(invocations, 1) for rule in rules_for(calls, lab.repos, fault)]
    met = 0
    for number, rule in rules if LONG else rules[:: len(rules) // SHORT + 1]:
        repo = lab.copy(ground.repo)
        traced_git.plan(str(number), rule)
        ended = lab.scene(it.scene, repo, facts=ground.facts)
        struck = traced_git.struck(number)
        met += any(call.injected for call in struck) or not any(call.name == "exit_group" for call in struck)
        assert_clear(ended)
        traced_git.plan("none")
        it.check(lab, ground, repo, ended)
        again = lab.scene(it.scene, repo, facts=ground.facts)
        assert (again.signal, again.code) == (0, 0), again.err
    assert met > 0
    tell(f"git alone {fault} in {name}: {met} times, 0 lost")


@pytest.mark.parametrize("name", FEW)
def test_all_die_while_git_is_in_a_call(lab: Lab, traced_git: GitUnderTrace, name: str) -> None:
    """Git is stopped in a call, so gittrack waits for it; then both are killed at once."""
    it = STEPS[name]
    ground = it.ground(lab)
    traced_git.plan("all")
    lab.scene(it.scene, lab.copy(ground.repo), facts=ground.facts)
    places = [
        (number, call.name, call.ordinal)
        for number, calls in enumerate(traced_git.traces(), 1)
        for call in calls
        if call.name != "exit_group"
    ]
    killed = 0
    for number, call, ordinal in places if LONG else places[:: len(places) // HALF + 1]:
        repo = lab.copy(ground.repo)
        traced_git.plan(str(number), f"{call}:signal=SIGSTOP:when={ordinal}")
        with traced_git.watched(number) as stops:
            child = lab.started(it.scene, repo, ground.facts)
            killed += stops()
            child.kill_group()
            ended = child.join()
        traced_git.plan("none")
        it.check(lab, ground, repo, ended)
    assert killed > 0
    tell(f"killed with git in {name}: {killed} times, 0 lost")


def rules_for(calls: list[Call], folder: Path, fault: str) -> Iterator[str]:
    """What strace is told, for each call of one git at which the fault may come."""
    for number, call in enumerate(calls):
        if fault == "dies" and call.name != "exit_group":
            yield f"{call.name}:signal=SIGKILL:when={call.ordinal}"
        elif fault == "meets an error" and call.touches(folder) and call.name != "close" and not call.failed:
            yield f"{call.name}:error={ERRORS[number % len(ERRORS)]}:when={call.ordinal}"
