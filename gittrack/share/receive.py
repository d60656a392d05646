"""What another repository has and this one has not: fetched aside, checked, united with what is here."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from gittrack.codec.paths import reworded, run_directory
from gittrack.errors import DamagedRecord, GittrackError
from gittrack.git.ancestry import is_ancestor
from gittrack.git.branch import advance, commit_bytes, tree_of
from gittrack.git.pin_refs import LIVE, SNAPSHOTS
from gittrack.git.pins import chain_without, merge_pins
from gittrack.git.reader import BlobReader
from gittrack.git.refs import read_ref
from gittrack.git.rewriting import NewObjects, history_without
from gittrack.git.settled import settle_tip
from gittrack.git.signing import write_commit
from gittrack.git.store import ObjectStore
from gittrack.git.transport import TransportError, remote_refs
from gittrack.git.worktrees import is_shallow
from gittrack.quarantine import Quarantine
from gittrack.share.aside import fetched_aside, fetched_each, forget_aside, is_here
from gittrack.share.live import receive_live
from gittrack.share.union import Union

if TYPE_CHECKING:
    from gittrack.project import Project
    from gittrack.share.admit import Admission
    from gittrack.share.received import News, Received, Shown
    from gittrack.share.remote import Remote


def receive(project: Project, remote: Remote, shown: Shown, received: Received) -> None:
    """Take in what the remote has, inboxes and running runs too, into `received`.

    Raises TransportError where it cannot be reached, GittrackError where its branch is none that can be read here.
    """
    received.held.clear()
    received.faults.clear()
    received.folded.clear()
    patterns = [f"{start}*" for start in (*remote.inboxes, f"{LIVE}/")]
    there = remote_refs(project.repo, remote.address, [*remote.refs, *patterns])
    received.tip = there.get(remote.runs)
    targets = {ref: target for ref in sorted(there) if (target := remote.target(ref)) is not None}
    wanted = [ref for ref, target in targets.items() if not is_here(project, target, there[ref])]
    received.folded |= {ref: there[ref] for ref, target in targets.items() if ref != target and ref not in wanted}
    try:
        if remote.runs in wanted:
            tip = fetched_aside(project, remote, [remote.runs], shown.transfer)[remote.runs]
            _unite(project, tip, shown, received)
        _receive_inboxes(
            project, remote, [ref for ref in wanted if targets[ref] == remote.runs != ref], shown, received
        )
        _receive_pins(project, remote, [ref for ref in wanted if targets[ref] in remote.pins], shown, received)
    finally:
        forget_aside(project, remote, wanted)
    receive_live(project, remote, there, shown, received)


def _receive_inboxes(project: Project, remote: Remote, refs: list[str], shown: Shown, received: Received) -> None:
    """Take in what machines of others have sent for themselves; one that cannot be taken in stops no other."""
    for ref, tip in fetched_each(project, remote, refs, shown, received.faults).items():
        try:
            _unite(project, tip, shown, received, inbox=ref)
        except GittrackError as error:
            received.faults[ref] = str(error)


def _receive_pins(project: Project, remote: Remote, refs: list[str], shown: Shown, received: Received) -> None:
    """Pins come after the runs and apart from them: with them comes code, which git may refuse for an old fault."""
    for ref, tip in fetched_each(project, remote, refs, shown, received.faults).items():
        try:
            _take_pins(project, ref, remote.target(ref) or ref, tip, received)
        except (TransportError, DamagedRecord) as error:
            received.faults[ref] = str(error)


def _take_pins(project: Project, theirs: str, ref: str, their_tip: str, received: Received) -> None:
    """Merge a chain of pins, without the snapshots that were purged here and that the remote still has."""
    with NewObjects(project.repo) as new:
        purged = _purged_snapshots(project) if ref == SNAPSHOTS else frozenset()
        tip = chain_without(project.repo, their_tip, purged, new) if purged else their_tip
        new.flush()
        before = read_ref(project.repo, ref)
        if tip is not None:
            merge_pins(project.repo, ref, tip, committer=project.committer)
    if theirs != ref:
        received.folded[theirs] = their_tip
    elif tip != their_tip:
        received.held[ref] = their_tip
    if read_ref(project.repo, ref) != before:
        received.pins.add(ref)


def _purged_snapshots(project: Project) -> frozenset[str]:
    try:
        with open(project.purged_snapshots, encoding="ascii") as file:
            return frozenset(file.read().split())
    except FileNotFoundError:
        return frozenset()


# The runs


def _unite(project: Project, theirs: str, shown: Shown, received: Received, *, inbox: str | None = None) -> None:
    """Move our branch to the union with `theirs`, on top of whatever others record meanwhile.

    An inbox of which something is left out stays apart from our history, so that it is told each time.
    """
    admitted: dict[tuple[str, str], Admission] = {}
    with BlobReader(project.repo) as reader, NewObjects(project.repo) as new:
        made: list[News] = []
        with ObjectStore(project.repo) as store:
            # Before the lock: of a branch of 100,000 runs it takes a minute, and others want to record.
            here = project.lost_tip() or read_ref(project.repo, project.runs_ref)
            ours = None if here is None else tree_of(store, here)
            Union(store, reader, admitted).admit(ours, tree_of(store, theirs), shown.checked)

        def build(store: ObjectStore, tip: str | None) -> str | None:
            base = project.lost_tip() if tip is None else tip
            union = Union(store, reader, admitted)
            made[:] = [union.news]
            ours = None if base is None else tree_of(store, base)
            tree = union.of(ours, tree_of(store, theirs))
            sides = [
                None if base is None else _without(project, base, union.news.gone_here, new),
                _without(project, theirs, union.news.gone_there, new),
            ]
            if inbox is not None and union.news.refused and base is not None:
                sides[1] = None
            new.flush()
            settle_tip(project.repo, project.runs_ref, theirs)
            return _joined(project, store, tree, *sides)

        advance(project.repo, project.runs_ref, build)
    if inbox is None and made[0].gone_there:
        received.held[project.runs_ref] = theirs
    elif inbox is not None and made[0].refused:
        received.faults[inbox] = "it stays there, for something of it was left out"
    elif inbox is not None:
        received.folded[inbox] = theirs
    _remember(project, theirs, made[0], received)


def _without(project: Project, tip: str, runs: set[str], new: NewObjects) -> str | None:
    """The history without runs that were purged, which would come back with it; a cut-off one has to stay as it is."""
    if not runs or is_shallow(project.repo):
        return tip
    paths = [run_directory(run_id) for run_id in sorted(runs)]
    return history_without(project.repo, tip, paths, new, reword=lambda message: reworded(message, sorted(runs)))


def _joined(project: Project, store: ObjectStore, tree: str, ours: str | None, theirs: str | None) -> str:
    """The commit with that tree that leads to both sides: one of the two where that does, else a new one."""
    if ours is not None and theirs is not None:
        if is_ancestor(project.repo, theirs, ours):
            theirs = None
        elif is_ancestor(project.repo, ours, theirs):
            ours = None
    parents = [tip for tip in (ours, theirs) if tip is not None]
    if len(parents) == 1 and tree_of(store, parents[0]) == tree:
        return parents[0]
    now = time.time()
    who = (project.author, now), (project.committer, now)
    return write_commit(store, commit_bytes(tree, parents, "merge runs\n", *who), project.committer)


def _remember(project: Project, theirs: str, news: News, received: Received) -> None:
    """Add what one union brought to what came before, and keep the reasons of what was refused."""
    mine = received.news
    mine.more |= news.more - mine.new
    mine.new |= news.new
    mine.conflicts |= news.conflicts
    mine.refused |= news.refused
    mine.gone_here |= news.gone_here
    for item in sorted(news.refused):
        with contextlib.suppress(OSError):  # it is told all the same
            note = Quarantine(project, item.run or "refused").note(f"{theirs}:{item.path}", item.reason)
            received.notes.add(note)
