"""Runs held against each other, or a run against what is here now: read, captured and compared."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.codec.paths import PACKAGES
from gittrack.errors import GittrackError, NotFetched
from gittrack.git.diff import Trees
from gittrack.model import Run
from gittrack.read.difference import (
    Difference,
    compare_environments,
    compare_inputs,
    compare_packages,
    compare_runs,
)
from gittrack.read.source import source_commit, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gittrack.catalog import Catalog
    from gittrack.judge.direction import Direction
    from gittrack.model import Input
    from gittrack.project import Project
    from gittrack.read.side_by_side import Row
    from gittrack.record.present import Present


def differences(catalog: Catalog, before: Run, after: Run) -> Difference:
    """Return what differs between two runs, the code aside."""
    return compare_runs(before, after, (packages_of(catalog, before), packages_of(catalog, after)))


def differences_now(
    catalog: Catalog, run: Run, problems: list[str], progress: Callable[[int, int | None], None] | None = None
) -> Difference:
    """Return how the environment of its command, and the data that it read, are different from what a run had.

    What cannot be read is told in `problems`. `progress` is told of the bytes of inputs.
    """
    from gittrack.capture.interpreter import environment_of

    now = environment_of(run.command, chosen=catalog.project.settings.get_all("gittrack.environment"))
    # The lock files are part of the code, which is compared whole.
    environment = compare_environments(run.environment, replace(now, locks=run.environment.locks))
    inputs = _inputs_now(catalog.project, run, problems, progress)
    before = [item for item in run.inputs if item.name in inputs]
    return Difference(
        environment=environment,
        packages=compare_packages(packages_of(catalog, run), now.packages),
        inputs=compare_inputs(before, [item for item in inputs.values() if item is not None]),
    )


def side_by_side(
    catalog: Catalog, runs: Sequence[Run], direction: Callable[[str], Direction | None], summary: str
) -> list[Row]:
    """Return a row for each thing that is known of runs, at least one; see read/side_by_side.py."""
    from gittrack.read.side_by_side import rows_of

    return rows_of(runs, [packages_of(catalog, run) for run in runs], direction, summary)


def trees_of(project: Project, before: Run, after: Run | Present) -> Trees:
    """Return the code of a run and of another one, or of the working tree.

    NotFetched where git does not have it, and it is not known to be the same.
    """
    if isinstance(after, Run):
        return _trees_of_runs(project, before, after)
    return Trees(source_of(project, before), after.tree, after.env)


def _trees_of_runs(project: Project, before: Run, after: Run) -> Trees:
    one, other = source_commit(before.code), source_commit(after.code)
    if one is not None and one == other:
        return Trees(one, one)
    try:
        return Trees(source_of(project, before), source_of(project, after))
    except NotFetched:
        if before.code.tree is None or before.code.tree != after.code.tree:
            raise
        return Trees(before.code.tree, before.code.tree)


def packages_of(catalog: Catalog, run: Run) -> Sequence[str]:
    """Return the requirement lines that were recorded for a run."""
    return (catalog.file(run, PACKAGES) or b"").decode("utf-8", "replace").splitlines()


def _inputs_now(
    project: Project, run: Run, problems: list[str], progress: Callable[[int, int | None], None] | None
) -> dict[str, Input | None]:
    """Each input that can be read, as it is now; None for what is not here."""
    found: dict[str, Input | None] = {}
    for item in run.inputs:
        try:
            found[item.name] = _input_now(project, run, item, progress)
        except GittrackError as error:
            problems.append(str(error))
    return found


def _input_now(
    project: Project, run: Run, item: Input, progress: Callable[[int, int | None], None] | None
) -> Input | None:
    from gittrack.capture.inputs import StatCache, describe_input

    path = os.path.join(project.repo.worktree or "", run.code.directory, item.path)
    if "\0" in path or not os.path.exists(path):
        return None
    cache = StatCache(os.path.join(project.repo.state_dir, "stat.sqlite"))
    return replace(describe_input(path, item.name, cache=cache, progress=progress), path=item.path)
