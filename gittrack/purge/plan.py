"""What a purge removes and what stays of it: looked up before anything is changed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.check import id_of
from gittrack.codec.paths import run_directory
from gittrack.errors import GittrackError, RunNotFound, UsageError
from gittrack.git.ancestry import is_ancestor, remote_branches
from gittrack.git.holders import commits_touching, count_from, object_sizes, worktree_on, younger_than
from gittrack.git.pin_refs import SNAPSHOTS
from gittrack.git.pins import pinned
from gittrack.git.reader import changed_paths, list_tree
from gittrack.git.snapshot import base_of
from gittrack.git.unneeded import existing
from gittrack.git.worktrees import is_shallow
from gittrack.model import RUNNING
from gittrack.read.returned import purged_runs, returned, snapshots_told
from gittrack.read.specifier import PREFIX_LENGTH
from gittrack.record.folder import is_live

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gittrack.catalog import Catalog
    from gittrack.model import Artifact, Run
    from gittrack.project import Project


_STARTING: Final = 600.0  # seconds; a run pins its snapshot first and tells of itself then


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes: `runs` (id -> name, '' of a damaged one), `snapshots`, `large` files by SHA-256, and how much it is.

    `marked` are the runs that stay and whose snapshots go (id -> snapshots), `shared` the snapshots that stay because
    another run (its id) was made with the very same, `young` those that stay because no run tells of them yet;
    `staying` are the snapshots of all runs that stay. `commits` is
    how many commits of the branch are written anew, `touching` those that hold something of the runs. `contents`
    are the files (blob -> path), `size` is their bytes with those of the large ones. `already` are runs
    that were purged before.
    """

    runs: Mapping[str, str]
    snapshots: tuple[str, ...]
    large: Mapping[str, int]
    marked: Mapping[str, tuple[str, ...]]
    shared: Mapping[str, str]
    staying: tuple[str, ...]
    touching: tuple[str, ...]
    commits: int
    contents: Mapping[str, str]
    size: int
    young: tuple[str, ...] = ()
    already: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.runs or self.snapshots)

    def is_within(self, other: Plan) -> bool:
        """Whether nothing goes that does not go by `other` too."""
        pairs = [(self.runs, other.runs), (self.snapshots, other.snapshots), (self.marked, other.marked)]
        return all(set(mine) <= set(others) for mine, others in pairs)


def plan_runs(catalog: Catalog, specs: Sequence[str]) -> Plan:
    """Return what goes with the runs that `specs` mean, also when one is damaged or came back after a purge.

    Raises RunNotFound, and GittrackError for a run that is running.
    """
    project = catalog.project
    everything = catalog.runs(include_deleted=True)
    known = {run.id: run for run in everything}
    found = [_id(catalog, spec) for spec in specs]
    ids = list(dict.fromkeys(run_id for run_id, already in found if not already))
    _check_branch(project, ids)
    for run_id in ids:
        _check_ended(project, known.get(run_id), run_id)
    going = [known[run_id] for run_id in ids if run_id in known]
    staying = [run for run in everything if run.id not in ids]
    users = _users(staying)
    back = snapshots_told(project, returned(project, [run_id for run_id in ids if run_id not in known]))
    snapshots = list(dict.fromkeys([*(snapshot for run in going for snapshot in snapshots_of(run)), *back]))
    large = _large(artifact for run in going for artifact in run.artifacts)
    for sha256 in _large(artifact for run in staying for artifact in run.artifacts):
        large.pop(sha256, None)
    paths = [run_directory(run_id) for run_id in ids]
    tip = project.runs_tip()
    touching = commits_touching(project.repo, tip, paths) if tip and paths else []
    gone = tuple(snapshot for snapshot in snapshots if snapshot not in users)
    contents = _contents(project, tip, paths, _bases(going, gone))
    return Plan(
        runs={run_id: known[run_id].name if run_id in known else "" for run_id in ids},
        snapshots=gone,
        large=large,
        marked={},
        shared={snapshot: users[snapshot] for snapshot in snapshots if snapshot in users},
        staying=tuple(users),
        touching=tuple(touching),
        commits=count_from(project.repo, tip, touching) if tip and touching else 0,
        contents=contents,
        size=object_sizes(project.repo, contents) + sum(large.values()),
        already=tuple(run_id for run_id, already in found if already),
    )


def plan_snapshots(catalog: Catalog, specs: Sequence[str]) -> Plan:
    """Return which snapshots go: those of the runs that `specs` mean, or all that no running run has."""
    project = catalog.project
    _check_branch(project, ())
    everything = catalog.runs(include_deleted=True)
    named = list({run.id: run for run in map(catalog.find, specs)}.values())
    for run in named:
        _check_ended(project, run, run.id)
    going = named or [run for run in everything if not _is_running(project, run, run.id)]
    staying = [run for run in everything if run not in going]
    users = _users(staying)
    snapshots = [snapshot for run in going for snapshot in snapshots_of(run)]
    alone = [] if specs else [s for s in pinned(project.repo, SNAPSHOTS) if s not in snapshots and s not in users]
    young = younger_than(project.repo, alone, _STARTING)
    snapshots += [snapshot for snapshot in alone if snapshot not in young]  # those of runs that are gone
    gone = tuple(snapshot for snapshot in dict.fromkeys(snapshots) if snapshot not in users)
    here = set(existing(project.repo, gone))
    marked = {run.id: tuple(s for s in snapshots_of(run) if s in gone and s not in run.purged) for run in going}
    marked = {run_id: commits for run_id, commits in marked.items() if commits}
    told = {snapshot for commits in marked.values() for snapshot in commits}
    bases = {snapshot: base_of(project.repo, snapshot) for snapshot in alone if snapshot in here}
    contents = _contents(project, None, (), bases | _bases(going, gone))
    return Plan(
        runs={},
        snapshots=tuple(snapshot for snapshot in gone if snapshot in here or snapshot in told),
        large={},
        marked=marked,
        shared={snapshot: users[snapshot] for snapshot in dict.fromkeys(snapshots) if snapshot in users},
        staying=tuple(users),
        touching=(),
        commits=0,
        contents=contents,
        size=object_sizes(project.repo, contents),
        young=tuple(young),
    )


def _users(runs: Iterable[Run]) -> dict[str, str]:
    """Each snapshot that is not gone of runs, with the id of one."""
    return {snapshot: run.id for run in runs for snapshot in snapshots_of(run) if snapshot not in run.purged}


def snapshots_of(run: Run) -> list[str]:
    """Return the snapshots of a run and of the times that it was resumed."""
    return [code.snapshot for code in (run.code, *(part.code for part in run.parts)) if code.snapshot]


def _id(catalog: Catalog, spec: str) -> tuple[str, bool]:
    """The id that `spec` means, and whether that run was purged already and is not back, here or from a remote."""
    try:
        return catalog.find(spec).id, False
    except UsageError:
        raise
    except GittrackError as error:  # damaged, purged, or there is none
        tip = catalog.project.runs_tip()
        try:
            return id_of(catalog.project, tip, spec), False
        except RunNotFound:
            purged = [run_id for run_id in purged_runs(catalog.project) if run_id.startswith(spec.lower())]
            if len(spec) < PREFIX_LENGTH or len(purged) != 1:
                raise error from None
            return purged[0], not returned(catalog.project, purged)


def _check_branch(project: Project, going: Collection[str]) -> None:
    place = worktree_on(project.repo, project.runs_ref)
    if place is not None:
        raise GittrackError(f"the branch for runs is checked out in {place}; switch to another one there first")
    if is_shallow(project.repo):
        raise GittrackError(
            "the history of this clone is cut off; run 'git fetch --unshallow' first, or purge elsewhere"
        )
    _check_remotes(project, {*going, *purged_runs(project)})


def _check_remotes(project: Project, unwanted: Collection[str]) -> None:
    """GittrackError where a remote has more than is here and than the `unwanted` runs: overwriting would lose it."""
    repo, branch = project.repo, project.runs_ref.removeprefix("refs/heads/")
    here = project.runs_tip()
    folders = tuple(f"{run_directory(run_id)}/" for run_id in unwanted)
    for ref, tip in remote_branches(repo, branch):
        if here is not None and is_ancestor(repo, tip, here):
            continue
        if any(c.status != "D" and not c.path.startswith(folders) for c in changed_paths(repo, here, tip)):
            name = ref.removeprefix("refs/remotes/")
            merge = f"git -C ../runs merge --allow-unrelated-histories {shlex.quote(name)}"
            raise GittrackError(
                f"{name} has runs that are not here; merge them into {branch} first, then purge again: "
                f"git worktree add ../runs {shlex.quote(branch)} && {merge} && git worktree remove ../runs"
            )


def _check_ended(project: Project, run: Run | None, run_id: str) -> None:
    if _is_running(project, run, run_id):
        raise GittrackError(f"run {run_id[:8]} is still running; purge it when it has ended")


def _is_running(project: Project, run: Run | None, run_id: str) -> bool:
    return (run is not None and run.status == RUNNING) or is_live(project.journal_of(run_id))


def _large(artifacts: Iterable[Artifact]) -> dict[str, int]:
    return {artifact.sha256: artifact.size for artifact in artifacts if artifact.large}


def _bases(runs: Iterable[Run], snapshots: Iterable[str]) -> dict[str, str | None]:
    """Each snapshot with the commit that it was made on."""
    wanted = set(snapshots)
    codes = [code for run in runs for code in (run.code, *(part.code for part in run.parts))]
    return {code.snapshot: code.commit for code in codes if code.snapshot in wanted and code.snapshot}


def _contents(
    project: Project, tip: str | None, folders: Sequence[str], bases: Mapping[str, str | None]
) -> dict[str, str]:
    """The files in the folders of the branch, and those of the snapshots that differ from the commit below."""
    repo = project.repo
    found = {entry.oid: entry.path for folder in folders for entry in list_tree(repo, tip, folder)} if tip else {}
    for snapshot, base in bases.items():
        here = existing(repo, [snapshot, *([base] if base else [])])
        if snapshot in here:
            changes = changed_paths(repo, base if base in here else None, snapshot)
            found |= {change.oid: change.path for change in changes if change.status != "D"}
    return found
