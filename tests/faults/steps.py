"""The steps in a run's life that are struck at: what happens, in which repository, and what must be there after it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.faults.conftest import Ended, Lab, Seen

POINTS: Final = [0, 1, 2, 3]
RESUMED: Final = [*POINTS, 100, 101, 102]


@dataclass(frozen=True, slots=True)
class Ground:
    """A repository to copy for each try, what was acknowledged in it before, and what the scene is told."""

    repo: Path
    told: tuple[Path, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its scene, its ground, and `holds`, which looks at what is there after it was struck."""

    scene: str
    ground: Callable[[Lab], Ground]
    holds: Callable[[Lab, Seen, Ended], None]

    def check(self, lab: Lab, ground: Ground, repo: Path, ended: Ended) -> None:
        """Nothing acknowledged is lost or doubled, git finds nothing wrong, and `holds`."""
        self.holds(lab, lab.check(repo, *ground.told, ended.acks), ended)


def _fresh(lab: Lab) -> Ground:
    return Ground(lab.repo(), facts={"arm": "end"})


def _used(lab: Lab) -> Ground:
    return Ground(lab.repo(used=True), facts={"arm": "end", "run": lab.first})


def _unindexed(lab: Lab) -> Ground:
    return Ground(lab.repo(used=True))


def _behind(lab: Lab) -> Ground:
    """The index knows one run, the branch two."""
    repo = lab.repo(used=True)
    lab.see(repo)
    done = lab.scene("record", repo)
    return Ground(repo, (done.acks,))


def _crashed(lab: Lab) -> Ground:
    repo = lab.repo(used=True)
    return Ground(repo, (lab.scene("crash", repo).acks,))


def _to_check(lab: Lab) -> Ground:
    ground = _crashed(lab)
    return Ground(ground.repo, ground.told, {"words": ["check"]})


def _to_mend(lab: Lab) -> Ground:
    """A journal that nobody commits, a lock and an unfinished object that a killed process left, a broken index."""
    ground = _crashed(lab)
    git = ground.repo / ".git"
    leftovers = (git / "refs/heads/gittrack/runs.lock", git / "objects/tmp_obj_ab12cd")
    for path in leftovers:
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    (git / "gittrack/index.sqlite").write_bytes(b"no database\n" * 500)
    return Ground(ground.repo, ground.told, {"words": ["doctor", "--fix"]})


def _only_run(lab: Lab, seen: Seen, ended: Ended) -> None:
    assert [run[1] for run in seen.runs.values()] == [POINTS]
    assert [list(run[3]) for run in seen.runs.values()] == [["notes.txt"]]


def _two_runs(lab: Lab, seen: Seen, ended: Ended) -> None:
    assert [run[1] for run in seen.runs.values()] == [POINTS, POINTS]
    assert seen.runs[lab.first][0] == "finished"
    assert [list(run[3]) for run in seen.runs.values()] == [["notes.txt"]] * 2


def _first_and_crashed(lab: Lab, seen: Seen, ended: Ended) -> None:
    _two_runs(lab, seen, ended)
    assert sorted(run[0] for run in seen.runs.values()) == ["crashed", "finished"]


def _first(lab: Lab, seen: Seen, ended: Ended) -> None:
    assert [(run[0], run[1]) for run in seen.runs.values()] == [("finished", POINTS)]


def _resumed(lab: Lab, seen: Seen, ended: Ended) -> None:
    assert [run[1] for run in seen.runs.values()] == [RESUMED]


def _started(lab: Lab, seen: Seen, ended: Ended) -> None:
    # Of a run that was not acknowledged there may be nothing, or what it had come to.
    assert len(seen.runs) <= 1
    assert all(run[1] == POINTS[: len(run[1])] for run in seen.runs.values())


def _tagged(lab: Lab, seen: Seen, ended: Ended) -> None:
    _first(lab, seen, ended)
    assert seen.runs[lab.first][2].get("stage", "final") == "final"


STEPS: Final[Mapping[str, Step]] = {
    "finish": Step("record", _fresh, _only_run),
    "later finish": Step("record", _used, _two_runs),
    "resumed part": Step("resume", _used, _resumed),
    "start": Step("start", lambda lab: Ground(lab.repo()), _started),
    "flush": Step("flush", lambda lab: Ground(lab.repo()), _only_run),
    "tag": Step("tag", _used, _tagged),
    "recovery": Step("log", _crashed, _first_and_crashed),
    "index": Step("log", _unindexed, _first),
    "index refresh": Step("log", _behind, _two_runs),
    "check": Step("invoke", _to_check, _first_and_crashed),
    "doctor": Step("invoke", _to_mend, _first_and_crashed),
}
