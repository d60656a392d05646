"""Many processes record, complete and read while git collects, repacks and packs refs: none lost, none twice."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.faults.conftest import Lab

LONG = os.environ.get("GITTRACK_FAULTS") == "long"
WRITERS, RUNS, RECOVERERS, ROUNDS = (64, 20, 8, 20) if LONG else (8, 5, 2, 1)
COLLECT = "while ! test -e stop; do git gc -q --prune=now; git repack -adq; git pack-refs --all; done"


@pytest.mark.parametrize("number", range(ROUNDS))
def test_many_writers(lab: Lab, number: int) -> None:
    repo = lab.repo()
    stop = repo / "stop"
    writers = [("many", {"runs": RUNS})] * WRITERS
    # Their runs have no end and wait to be completed by somebody.
    crashed: list[tuple[str, dict[str, object]]] = [("crash", {})] * RECOVERERS
    others = [("recoverer", {"until": str(stop)})] * RECOVERERS
    with subprocess.Popen(["sh", "-c", COLLECT], cwd=repo, stderr=subprocess.PIPE) as collector:
        told = []
        for order, ended in enumerate(lab.scenes(repo, [*writers, *crashed, *others])):
            assert ended.code == 0 or ended.killed, ended.err
            told.append(ended.acks)
            if order == WRITERS + RECOVERERS - 1:
                stop.touch()
        errors = collector.communicate()[1].decode()
    seen = lab.check(repo, *told)
    assert len(seen.runs) == WRITERS * RUNS + RECOVERERS
    assert sorted(status for status, *_ in seen.runs.values()).count("finished") == WRITERS * RUNS
    # A git that repacks may find another's pack gone; it must never find a damaged one.
    assert "corrupt" not in errors
