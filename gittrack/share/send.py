"""Runs and pins pushed to another repository: on top of what others pushed meanwhile, never over it."""

from __future__ import annotations

import os
import random
import shlex
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gittrack.errors import GittrackError, StorageError
from gittrack.git.durable import sharing_of
from gittrack.git.lock import held_lock
from gittrack.git.pin_refs import CODE
from gittrack.git.process import run_git, without_credentials
from gittrack.git.refs import read_ref
from gittrack.git.status import current_branch
from gittrack.git.transport import BEATEN, REJECTED, SAME, Sent, TransportError, delete_refs, push_refs, remote_refs
from gittrack.share.cargo import EVERYTHING
from gittrack.share.kept import refuse_altered
from gittrack.share.received import Received

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gittrack.git.transport import Pushed
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.share.cargo import Cargo
    from gittrack.share.chosen import Sending
    from gittrack.share.contents import Contents
    from gittrack.share.received import Shown
    from gittrack.share.remote import Remote

_TRIES: Final = 200  # each time somebody else got through, so as many may be pushing at once
_LONGEST_WAIT: Final = 2.0  # seconds
_STUCK: Final = 10  # times that the other side failed to move a ref, for a reason that may pass
PATIENCE: Final = 600.0  # seconds for another gittrack here that is at the same


@dataclass(slots=True)
class Exchanged:
    """What came, and what became of each ref that was pushed; `said` is all that was said of a refusal.

    `chosen` tells of the runs, where some alone were sent; `contents` of large artifacts; `folded` of inboxes that
    are no longer there, because what they held was taken in and pushed; `asked` whether the remote was for news.
    """

    received: Received = field(default_factory=Received)
    sent: dict[str, Sent] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    chosen: Sending | None = None
    contents: Contents | None = None
    folded: tuple[str, ...] = ()
    asked: bool = False

    @property
    def rejected(self) -> list[Sent]:
        """What the other side did not take."""
        return [sent for sent in self.sent.values() if sent.state == REJECTED]


def pull(project: Project, remote: Remote, shown: Shown) -> Exchanged:
    """Take in what the remote has. Raises as `receive` does."""
    sender = _Sender(project, remote, shown, EVERYTHING)
    with _alone(project):
        sender.receive()
    return sender.exchanged


def push(
    project: Project, remote: Remote, shown: Shown, cargo: Cargo = EVERYTHING, *, patience: float = PATIENCE
) -> Exchanged:
    """Send what is here, but for what `cargo` leaves out; what others sent meanwhile is taken in first.

    Raises TransportError where the remote cannot be reached, GittrackError where others are faster for too long, and
    StorageError where another gittrack here is at it for more than `patience` seconds, and GittrackError where a file
    of a run that the remote has was altered here.
    """
    sender = _Sender(project, remote, shown, cargo)
    with _alone(project, patience):
        sender.send()
        sender.note_arrived()
    return sender.exchanged


def push_chosen(
    project: Project,
    remote: Remote,
    runs: Sequence[Run],
    shown: Shown,
    cargo: Cargo = EVERYTHING,
    *,
    patience: float = PATIENCE,
) -> Exchanged:
    """Send these runs alone, on top of what the remote has; nothing is taken in, no ref of ours moves.

    Raises as `push` does, and GittrackError for a run that is not committed yet.
    """
    sender = _ChosenSender(project, remote, shown, cargo, runs)
    with _alone(project, patience):
        sender.send()
    return sender.exchanged


def sync(project: Project, remote: Remote, shown: Shown, cargo: Cargo = EVERYTHING) -> Exchanged:
    """Take in what the remote has, then send what is here, but for what `cargo` leaves out. Raises as `push` does.

    Inboxes whose runs and pins are in what was pushed are deleted, if they still are where they were.
    """
    sender = _Sender(project, remote, shown, cargo)
    with _alone(project):
        sender.refuse_altered()  # before a union has it beside what it was
        sender.receive()
        sender.send()
        sender.drop_inboxes()
        sender.drop_live()
        sender.note_arrived()
    return sender.exchanged


@contextmanager
def _alone(project: Project, patience: float = PATIENCE) -> Iterator[None]:
    """Let no other gittrack of this repository use the same incoming refs in the block; StorageError after a while."""
    path = os.path.join(project.repo.state_dir, "share.lock")
    with held_lock(path, patience, sharing=sharing_of(project.repo.common_dir)) as held:
        if not held:
            raise StorageError("another gittrack is pushing or pulling here, or this disk knows no locks; wait for it")
        yield


class _Sender:
    """One exchange with a remote: everything that is here, on top of what is there."""

    def __init__(self, project: Project, remote: Remote, shown: Shown, cargo: Cargo) -> None:
        self.project = project
        self.remote = remote
        self.shown = shown
        self.cargo = cargo
        self.exchanged = Exchanged()
        self.delivered: dict[str, str] = {}  # inboxes of theirs that were a part of what then arrived -> tip
        self.over: dict[str, str] = {}  # refs of theirs of running runs that have arrived themselves -> tip

    def receive(self) -> None:
        """Take in what the remote has."""
        from gittrack.share.receive import receive  # what it loads costs more than a push that nobody was faster than

        self.exchanged.asked = True
        receive(self.project, self.remote, self.shown, self.exchanged.received)

    def refuse_altered(self, runs: Collection[str] | None = None) -> None:
        """Raise GittrackError where what the remote has of the runs was altered here."""
        inbox = self.cargo.inbox
        refs = [self.remote.runs, *([self.remote.inbox(self.remote.runs, inbox)] if inbox is not None else [])]
        refuse_altered(self.project, self.remote, refs, self.exchanged.received.tip, runs)

    def sources(self, *, again: bool) -> dict[str, str]:
        """Return what is pushed, by the ref of theirs: a ref or a commit of ours; `again` after others were faster."""
        if again:
            self.receive()
        self.refuse_altered()
        refs = [ref for ref in self.remote.refs if ref not in self.cargo.withheld]
        inbox = self.cargo.inbox
        return {
            ref if inbox is None else self.remote.inbox(ref, inbox): ref
            for ref in refs
            if read_ref(self.project.repo, ref) is not None
        }

    def contents(self) -> Contents:
        """Send the contents of large artifacts."""
        from gittrack.share.contents import send_contents

        return send_contents(self.project, self.remote, None)

    def leases(self, refs: Sequence[str]) -> Mapping[str, str]:
        """Where refs of theirs are that may be overwritten there: inboxes, of which we have all that is in them."""
        folded = self.exchanged.received.folded
        return {ref: folded[ref] for ref in refs if ref in folded}

    def send(self) -> None:
        """Push what `sources` names, and again what it then names for the refs at which others were faster."""
        going = self.sources(again=False)
        todo = list(going)
        if todo:
            _send_code_first(self)
            if self.cargo.contents and os.path.isdir(self.project.repo.lfs_dir):
                self.exchanged.contents = self.contents()
        stuck = 0
        for attempt in range(_TRIES):
            todo = _without_stuck(self.remote, todo, self.exchanged)
            if not todo:
                return
            specs = {ref: going[ref] for ref in todo}
            leases = self.leases(todo)
            pushed = push_refs(self.project.repo, self.remote.address, specs, self.shown.transfer, leases=leases)
            late = [sent for sent in pushed.refs if sent.state == BEATEN]
            stuck = stuck + 1 if any(sent.word.startswith("[remote") for sent in late) else 0
            _note(self.exchanged, pushed, give_up=stuck > _STUCK)
            self.note_delivered(pushed)
            todo = [sent.ref for sent in late] if stuck <= _STUCK else []
            if todo:
                time.sleep(random.uniform(0.0, min(_LONGEST_WAIT, 0.02 * 2 ** min(attempt, 10))))  # noqa: S311 - jitter
                going = self.sources(again=True)
        if todo:
            raise GittrackError(f"others kept pushing to {self.remote.name}; the runs are safe here, try again later")

    def note_delivered(self, pushed: Pushed) -> None:
        """Keep which inboxes had been taken in before a push that arrived; one that comes in later has not gone along.

        That happens where others were faster at one ref alone: then all inboxes are taken in again, and only that ref
        is pushed again.
        """
        arrived = {sent.ref for sent in pushed.refs if sent.state not in (REJECTED, BEATEN)}
        folded = self.exchanged.received.folded
        self.delivered |= {ref: tip for ref, tip in folded.items() if self.remote.target(ref) in arrived}
        if self.remote.runs in arrived:
            self.over |= self.exchanged.received.over

    def drop_live(self) -> None:
        """Delete the refs of runs that were running and have arrived; others ignore them, so that none does harm."""
        if self.over:
            delete_refs(self.project.repo, self.remote.address, self.over)

    def drop_inboxes(self) -> None:
        """Delete the inboxes that were taken in, where what took them in has arrived, and nobody pushed to them since.

        One that cannot be deleted harms nobody: it is taken in again, and brings nothing.
        """
        if self.delivered:
            self.exchanged.folded = tuple(sorted(delete_refs(self.project.repo, self.remote.address, self.delivered)))

    def note_arrived(self) -> None:
        """Outdate a push in the background that failed, where now all of it has arrived."""
        from gittrack.share.auto import note_arrived

        contents = self.exchanged.contents
        if not self.exchanged.rejected and not (contents is not None and contents.failed):
            note_arrived(self.project, self.remote)


class _ChosenSender(_Sender):
    """Some runs alone, on top of what is there; built anew each time that others were faster."""

    def __init__(self, project: Project, remote: Remote, shown: Shown, cargo: Cargo, runs: Sequence[Run]) -> None:
        from gittrack.share.chosen import Sending

        super().__init__(project, remote, shown, cargo)
        self.sending = self.exchanged.chosen = Sending(runs)

    def sources(self, *, again: bool) -> dict[str, str]:
        from gittrack.share.chosen import build

        self.refuse_altered({run.id for run in self.sending.runs})
        found = build(self.project, self.remote, self.sending, self.cargo.withheld, self.shown.transfer)
        self.exchanged.received.faults = self.sending.faults
        return found

    def contents(self) -> Contents:
        from gittrack.share.contents import send_contents

        return send_contents(self.project, self.remote, self.sending.runs)


def _note(exchanged: Exchanged, pushed: Pushed, *, give_up: bool) -> None:
    """Keep what became of each ref, and where one was refused all that was said."""
    for sent in pushed.refs:
        refused = sent.state == REJECTED or (give_up and sent.state == BEATEN)
        before = exchanged.sent.get(sent.ref)
        if before is None or sent.state != SAME or before.state == BEATEN:
            exchanged.sent[sent.ref] = sent._replace(state=REJECTED) if refused else sent
    if exchanged.rejected:
        exchanged.said += pushed.said


def _without_stuck(remote: Remote, refs: list[str], exchanged: Exchanged) -> list[str]:
    """Leave out the refs whose other side cannot be a part of ours, so that no push on top of it is possible.

    It may hold what was purged here, which only overwriting removes: where all else that is there was taken in,
    overwriting that very tip loses nothing. Or it is nothing that can be taken in.
    """
    received = exchanged.received
    address = shlex.quote(without_credentials(remote.address))
    for ref in refs:
        short = ref.removeprefix("refs/heads/")
        if ref in received.held:
            command = f"git push --force-with-lease={short}:{received.held[ref]} {address} {short}"
            loses = ref == remote.runs and received.news.refused
            how = "overwrite it" + (", which removes what was left out there too" if loses else "")
            exchanged.sent[ref] = Sent(ref, REJECTED, f"it still has what was purged here; {how}: {command}")
        elif ref in received.faults:
            exchanged.sent[ref] = Sent(ref, REJECTED, "what is there could not be taken in")
    return [ref for ref in refs if ref not in received.held and ref not in received.faults]


def _send_code_first(sender: _Sender) -> None:
    """Give an empty remote the current branch: a host makes the first one that it gets its default branch.

    Where no code is to be sent, or there is none, GittrackError.
    """
    project, remote = sender.project, sender.remote
    if not _is_empty(project, remote):
        return
    branch = current_branch(project.repo)
    ref = f"refs/heads/{branch}"
    is_there = branch is not None and ref != remote.runs and read_ref(project.repo, ref) is not None
    if not is_there or CODE not in remote.pins or not sender.cargo.branch_first:
        raise GittrackError(
            f"{remote.name} is empty, and the first branch that it gets becomes its default one; "
            f"push your code first: git push {remote.name} BRANCH"
        )
    pushed = push_refs(project.repo, remote.address, {ref: ref}, sender.shown.transfer)
    _note(sender.exchanged, pushed, give_up=True)
    if sender.exchanged.rejected:
        refused = sender.exchanged.rejected[0]
        raise TransportError(f"{remote.name} did not take {branch}: {refused.word}", pushed.said)


def _is_empty(project: Project, remote: Remote) -> bool:
    """Whether the remote has no branch; asked only where none was ever fetched, for asking takes time."""
    if read_ref(project.repo, f"refs/remotes/{remote.name}/{remote.runs.removeprefix('refs/heads/')}") is not None:
        return False
    if run_git(["for-each-ref", "--count=1", f"refs/remotes/{remote.name}/"], repo=project.repo):
        return False
    return not remote_refs(project.repo, remote.address, ["HEAD", "refs/heads/*"])
