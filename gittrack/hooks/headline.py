"""The one run of several that a line is about, and its results in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.judge.direction import Direction, guess
from gittrack.model import FINISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Number, Run
    from gittrack.project import Project

_MOST: Final = 3  # results


def metric_of(project: Project) -> tuple[str, Direction | None]:
    """Return the metric by which runs are judged (`git config gittrack.metric`), and which way it is better.

    The name tells, or `min:` or `max:` before it; ('', None) where none is set.
    """
    name = project.settings.get("gittrack.metric") or ""
    for direction in Direction:
        if name.startswith(f"{direction.value}:"):
            return name.partition(":")[2], direction
    return name, guess(name)


def leading(project: Project, runs: Sequence[Run]) -> Run | None:
    """Return the best of `runs`, which come newest first; the newest where nothing tells the best one.

    Only what has finished counts, and no reproduction of another run; None where that is none of them.
    """
    able = [run for run in runs if run.status == FINISHED and run.reproduces is None]
    metric, direction = metric_of(project)
    values = {run.id: run.metrics[metric].last for run in able if metric in run.metrics}
    best = direction.best(values.values()) if direction is not None else None
    return next((run for run in able if best is not None and values.get(run.id) == best), able[0] if able else None)


def results(project: Project, run: Run) -> str:
    """Return 'acc=0.93 loss=0.21': the metric that counts, else the first few; '' for a run without any."""
    metric, _ = metric_of(project)
    names = [metric] if metric in run.metrics else sorted(run.metrics)[:_MOST]
    return " ".join(f"{_word(name)}={_short(run.metrics[name].last)}" for name in names)


def _word(name: str) -> str:
    return "".join(char if char.isprintable() and char not in " =" else "_" for char in name)


def _short(value: Number) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"
