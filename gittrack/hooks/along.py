"""The runs of the commits that are being pushed, sent to where these go; what stands in the way is one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError
from gittrack.hooks.background import is_soon_read, set_off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.git.reader import BlobReader
    from gittrack.hooks.pre_push import Push
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.share.pushed import Moved
    from gittrack.share.remote import Remote
    from gittrack.share.send import Exchanged

_FEW: Final = 400  # commits of which each is asked for
_PATIENCE: Final = 3.0  # seconds for another gittrack that is at it; the code that is pushed waits meanwhile


def send_along(project: Project, named: str | None, pushes: Sequence[Push], *, everything: bool) -> str | None:
    """Send the runs of the commits that are pushed, or all of them, and say how it went; None for nothing to be said.

    They go to the remote that is pushed to, or to `gittrack.remote`. The code is not kept waiting for a reason that
    is theirs.
    """
    from gittrack.share.remote import find_remote

    if not is_soon_read(project):
        set_off(project)
        return "the runs stay here this time: there are many, and the index of them is being made"
    keep = project.settings.flag("gittrack.pushSnapshots", default=True)
    remote = find_remote(project, project.settings.get("gittrack.remote") or named, snapshots=keep)
    revisions = None if everything else _range(project, remote, pushes)
    if revisions is not None and _is_without_runs(project, revisions):
        return None
    runs = _runs_of(project, revisions)
    moved = _unknown_there(project, remote, runs)
    if not moved:
        return None
    from gittrack.git.transport import at_most_silent

    try:
        with at_most_silent(project.silence):
            problem = _problem(project, remote, moved, pushes)
            return problem or _sent(project, remote, [run for run in runs if run.id in moved], everything=everything)
    except GittrackError as error:
        return f"the runs stay here: {error}"


def _is_without_runs(project: Project, revisions: Sequence[str]) -> bool:
    """Whether that is quickly found to be so."""
    from gittrack.git.ancestry import first_of_range
    from gittrack.read.quick import surely_has_none

    found = first_of_range(project.repo, revisions, _FEW + 1)
    trees = [tree for _, tree in found]
    return len(found) <= _FEW and surely_has_none(project, commits=[commit for commit, _ in found], trees=trees)


def _runs_of(project: Project, revisions: Sequence[str] | None) -> list[Run]:
    """The committed runs whose code is in a revision range, or all of them."""
    from gittrack.catalog import open_catalog
    from gittrack.query.terms import Query

    with open_catalog() as catalog:
        query = Query(include_deleted=True)
        if revisions is not None:
            query = catalog.within(query, revisions)
        found = list(catalog.search(query))
    running = set(project.journaled())
    return [run for run in found if run.id not in running]


def _range(project: Project, remote: Remote, pushes: Sequence[Push]) -> list[str]:
    """What is pushed, without what the remote has, as far as that is known here."""
    from gittrack.git.ancestry import fetched_from
    from gittrack.git.lookup import commits_named

    new = commits_named(project.repo, [push.local for push in pushes if push.local is not None])
    there = commits_named(project.repo, [push.there for push in pushes if push.there is not None])
    fetched = fetched_from(project.repo, remote.address, but=project.runs_ref.removeprefix("refs/heads/"))
    return [*new.values(), *(f"^{commit}" for commit in dict.fromkeys([*there.values(), *fetched]))]


def _unknown_there(project: Project, remote: Remote, runs: Sequence[Run]) -> dict[str, Moved]:
    """Those of the runs that the remote did not have as they are here, when it was asked last."""
    from gittrack.codec.paths import run_directory
    from gittrack.git.reader import objects_at
    from gittrack.share.pushed import Moved

    branch = project.runs_ref.removeprefix("refs/heads/")
    sides = [project.runs_tip() or "", f"refs/remotes/{remote.address}/{branch}"]
    trees = [objects_at(project.repo, [f"{side}:{run_directory(run.id)}" for run in runs]) for side in sides]
    facts = zip(runs, *trees, strict=True)
    return {run.id: Moved(run.id, here, there or "") for run, here, there in facts if here and here != there}


def _problem(project: Project, remote: Remote, moved: dict[str, Moved], pushes: Sequence[Push]) -> str | None:
    from gittrack.git.reader import BlobReader
    from gittrack.git.transport import remote_refs

    with BlobReader(project.repo) as reader:
        secret = _secret(project, reader, moved)
    if secret is not None:
        return secret
    # The first branch of a host becomes its default one: that has to be the code's, which comes after this.
    if all(push.there is None for push in pushes) and not remote_refs(
        project.repo, remote.address, ["HEAD", "refs/heads/*"]
    ):
        return f"{remote.name} has no branch yet; 'gittrack push {remote.name}' sends the runs once it has"
    return None


def _secret(project: Project, reader: BlobReader, moved: dict[str, Moved]) -> str | None:
    from gittrack.share.secrets import secret_of_runs

    found = secret_of_runs(project, reader, moved.values())
    return None if found is None else f"the runs stay here: {found}"


def _sent(project: Project, remote: Remote, runs: Sequence[Run], *, everything: bool) -> str | None:
    from gittrack.share.cargo import Cargo
    from gittrack.share.received import Shown
    from gittrack.share.send import push, push_chosen

    # A branch that nobody pushes there stays here, also where the runs go to a repository of their own that is empty.
    cargo = Cargo(contents=project.settings.flag("gittrack.pushLfs", default=True), branch_first=False)
    if everything:
        return _told(push(project, remote, Shown(), cargo, patience=_PATIENCE), remote, len(runs))
    exchanged = push_chosen(project, remote, runs, Shown(), cargo, patience=_PATIENCE)
    return _told(exchanged, remote, len(exchanged.chosen.new) if exchanged.chosen is not None else 0)


def _told(exchanged: Exchanged, remote: Remote, count: int) -> str | None:
    if exchanged.rejected:
        first = exchanged.rejected[0]
        ref = first.ref.removeprefix("refs/heads/")
        return f"{remote.name} did not take {ref}: {first.word}; the runs are safe here"
    return f"sent {count} run{'s' if count > 1 else ''} to {remote.name}" if count else None
