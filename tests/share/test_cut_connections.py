"""Connections that break at any byte, and servers that are killed: what was recorded arrives, later.

The long form (GITTRACK_FAULTS=long) has 500 rounds of four clones, or as many as GITTRACK_ROUNDS says.
"""

from __future__ import annotations

import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from gittrack.errors import GittrackError
from tests.share.conftest import git_out
from tests.share.cutting import CuttingProxy
from tests.share.servers import Inetd, git_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.share.conftest import Clone, Hub

LONG: Final = os.environ.get("GITTRACK_FAULTS") == "long"
ROUNDS: Final = int(os.environ.get("GITTRACK_ROUNDS", "500" if LONG else "2"))
POINTS: Final = 200 if LONG else 10
CLONES: Final = 4


@dataclass(frozen=True)
class Link:
    """A hub behind a server that can be killed, behind a network that can be cut."""

    hub: Hub
    server: Inetd
    network: CuttingProxy

    def clone(self, name: str) -> Clone:
        clone = self.hub.clone(name)
        git_out(clone.path, "remote", "set-url", "origin", f"git://127.0.0.1:{self.network.port}/hub.git")
        return clone


@pytest.fixture
def link(hub: Hub) -> Iterator[Link]:
    """The hub, served to whoever comes through the network."""
    with git_daemon(hub.path.parent) as (server, inetd), closing(CuttingProxy(server.port)) as network:
        yield Link(hub, inetd, network)


def attempt(clone: Clone) -> bool:
    """Sync; tell whether it was said that all arrived."""
    try:
        return not clone.sync().rejected
    except GittrackError:
        return False


def test_cut_at_any_byte(link: Link) -> None:
    mine, theirs = link.clone("mine"), link.hub.clone("theirs")
    for clone in (theirs, mine):
        clone.record(f"first of {clone.path.name}")
        assert attempt(clone)
    link.network.mend()
    mine.record("measured")
    theirs.record("theirs")
    assert attempt(theirs)
    assert attempt(mine)
    whole = link.network.passed
    outcomes = []

    for point in range(POINTS):
        theirs.record(f"theirs {point}")
        assert attempt(theirs)
        name = f"mine {point}"
        mine.record(name)
        link.network.mend()
        if point < POINTS - 1:
            link.network.cut_after(whole * point // (POINTS - 1))
        arrived = attempt(mine)
        outcomes.append(arrived)
        assert name in mine.names()
        assert not arrived or mine.tip() == git_out(link.hub.path, "rev-parse", "gittrack/runs")

        link.network.mend()
        assert attempt(mine)
        assert theirs.pull().rejected == []
        assert mine.tree() == theirs.tree() == link.hub.tree()

    assert outcomes[0] is False
    assert set(outcomes) == {True, False}
    expected = [f"{who} {point}" for who in ("mine", "theirs") for point in range(POINTS)]
    assert mine.names() == sorted(["first of mine", "first of theirs", "measured", "theirs", *expected])
    for path in (mine.path, link.hub.path):
        git_out(path, "fsck", "--strict")


def as_after_a_crash(hub: Hub) -> None:
    """What an administrator does after a server was killed: git never takes away the locks of the dead."""
    for lock in [*hub.path.glob("refs/**/*.lock"), *hub.path.glob("*.lock")]:
        lock.unlink()


def test_every_run_arrives_everywhere_over_a_network_that_breaks(link: Link) -> None:
    chance = random.Random(6)  # noqa: S311 - the same each time
    clones = [link.clone(f"clone-{number}") for number in range(CLONES)]
    acknowledged: set[str] = set()
    told: list[bool] = []
    killed: list[int] = []
    with ThreadPoolExecutor(CLONES) as people:
        for number in range(1, ROUNDS + 1):
            acknowledged |= {clone.record(f"{clone.path.name} {number}") for clone in clones}
            link.network.mend()
            link.network.cut_after(chance.randrange(0, 60_000) if number > 1 else 2_000)  # too little for all four
            link.network.call_after(chance.randrange(0, 30_000), lambda: killed.append(link.server.kill()))
            arrived = list(people.map(attempt, clones))
            told += arrived
            on_hub = runs_of(link.hub.path)
            assert all(
                runs_of(clone.path) <= on_hub for clone, all_sent in zip(clones, arrived, strict=True) if all_sent
            )

            as_after_a_crash(link.hub)
            link.network.mend()
            assert all(attempt(clone) for clone in (*clones, *clones[:-1]))
            assert {clone.tree() for clone in clones} == {link.hub.tree()}
            assert runs_of(link.hub.path) == acknowledged
            if number in (ROUNDS, 100, 200, 300, 400):
                went = f"{sum(told)} syncs went through, {len(told) - sum(told)} did not, {sum(killed)} servers killed"
                sys.stdout.write(f"{number} rounds, {len(acknowledged)} runs, {went}\n")
    git_out(link.hub.path, "fsck", "--strict")
    assert False in told


def runs_of(path: Path) -> set[str]:
    """The ids of the runs on the branch, none where there is no branch."""
    if not git_out(path, "for-each-ref", "refs/heads/gittrack/runs"):
        return set()
    lines = git_out(path, "ls-tree", "-rd", "--name-only", "gittrack/runs").split()
    return {line.split("/")[2] for line in lines if line.startswith("runs/") and line.count("/") == 2}
