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
from gittrack.git.process import run_git
from gittrack.git.refs import read_ref
from gittrack.git.status import current_branch
from gittrack.git.transport import BEATEN, REJECTED, SAME, Sent, TransportError, push_refs, remote_refs
from gittrack.share.received import Received

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from gittrack.git.transport import Pushed
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.share.chosen import Sending
    from gittrack.share.received import Shown
    from gittrack.share.remote import Remote

    class _Sources(Protocol):
        """Tells what is pushed, by the ref of theirs: a ref or a commit of ours; `again` after others were faster."""

        def __call__(self, *, again: bool) -> dict[str, str]: ...


_TRIES: Final = 200  # each time somebody else got through, so as many may be pushing at once
_LONGEST_WAIT: Final = 2.0  # seconds
_STUCK: Final = 10  # times that the other side failed to move a ref, for a reason that may pass
_PATIENCE: Final = 600.0  # seconds for another gittrack here that is at the same


@dataclass(slots=True)
class Exchanged:
    """What came, and what became of each ref that was pushed; `said` is all that was said of a refusal.

    `chosen` tells of the runs, where some alone were sent.
    """

    received: Received = field(default_factory=Received)
    sent: dict[str, Sent] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    chosen: Sending | None = None

    @property
    def rejected(self) -> list[Sent]:
        """What the other side did not take."""
        return [sent for sent in self.sent.values() if sent.state == REJECTED]


def pull(project: Project, remote: Remote, shown: Shown) -> Exchanged:
    """Take in what the remote has. Raises as `receive` does."""
    exchanged = Exchanged()
    with _alone(project):
        _receive(project, remote, shown, exchanged)
    return exchanged


def push(project: Project, remote: Remote, shown: Shown, *, withheld: tuple[str, ...] = ()) -> Exchanged:
    """Send what is here, but for the refs in `withheld`; what others sent meanwhile is taken in first.

    Raises TransportError where the remote cannot be reached, GittrackError where others are faster for too long.
    """
    exchanged = Exchanged()
    with _alone(project):
        _send(project, remote, shown, exchanged, _everything(project, remote, shown, exchanged, withheld))
    return exchanged


def push_chosen(
    project: Project, remote: Remote, runs: Sequence[Run], shown: Shown, *, withheld: tuple[str, ...] = ()
) -> Exchanged:
    """Send these runs alone, on top of what the remote has; nothing is taken in, no ref of ours moves.

    Raises as `push` does, and GittrackError for a run that is not committed yet.
    """
    from gittrack.share.chosen import Sending, build

    exchanged = Exchanged(chosen=Sending(runs))

    def sources(*, again: bool) -> dict[str, str]:  # noqa: ARG001 - built on what is there now, at each try
        assert exchanged.chosen is not None
        found = build(project, remote, exchanged.chosen, withheld, shown.transfer)
        exchanged.received.faults = exchanged.chosen.faults
        return found

    with _alone(project):
        _send(project, remote, shown, exchanged, sources)
    return exchanged


def sync(project: Project, remote: Remote, shown: Shown, *, withheld: tuple[str, ...] = ()) -> Exchanged:
    """Take in what the remote has, then send what is here, but for the refs in `withheld`. Raises as `push` does."""
    exchanged = Exchanged()
    with _alone(project):
        _receive(project, remote, shown, exchanged)
        _send(project, remote, shown, exchanged, _everything(project, remote, shown, exchanged, withheld))
    return exchanged


def _receive(project: Project, remote: Remote, shown: Shown, exchanged: Exchanged) -> None:
    from gittrack.share.receive import receive  # what it loads costs more than a push that nobody was faster than

    receive(project, remote, shown, exchanged.received)


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Let no other gittrack of this repository use the same incoming refs in the block; StorageError after a while."""
    path = os.path.join(project.repo.state_dir, "share.lock")
    with held_lock(path, _PATIENCE, sharing=sharing_of(project.repo.common_dir)) as held:
        if not held:
            raise StorageError("another gittrack is pushing or pulling here, or this disk knows no locks; wait for it")
        yield


def _everything(
    project: Project, remote: Remote, shown: Shown, exchanged: Exchanged, withheld: tuple[str, ...]
) -> _Sources:
    """All that is here; what others sent meanwhile becomes a part of it before a further try."""

    def sources(*, again: bool) -> dict[str, str]:
        if again:
            _receive(project, remote, shown, exchanged)
        refs = [ref for ref in remote.refs if ref not in withheld]
        return {ref: ref for ref in refs if read_ref(project.repo, ref) is not None}

    return sources


def _send(project: Project, remote: Remote, shown: Shown, exchanged: Exchanged, sources: _Sources) -> None:
    """Push what `sources` names, and again what it then names for the refs at which others were faster."""
    going = sources(again=False)
    todo = list(going)
    if todo:
        _send_code_first(project, remote, shown, exchanged)
    stuck = 0
    for attempt in range(_TRIES):
        todo = _without_stuck(remote, todo, exchanged)
        if not todo:
            return
        pushed = push_refs(project.repo, remote.address, {ref: going[ref] for ref in todo}, shown.transfer)
        late = [sent for sent in pushed.refs if sent.state == BEATEN]
        stuck = stuck + 1 if any(sent.word.startswith("[remote") for sent in late) else 0
        _note(exchanged, pushed, give_up=stuck > _STUCK)
        todo = [sent.ref for sent in late] if stuck <= _STUCK else []
        if todo:
            time.sleep(random.uniform(0.0, min(_LONGEST_WAIT, 0.02 * 2 ** min(attempt, 10))))  # noqa: S311 - jitter
            going = sources(again=True)
    if todo:
        raise GittrackError(f"others kept pushing to {remote.name}; the runs are safe here, try again in a while")


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

    It may hold what was purged here, which only overwriting removes: all else that is there was taken in, so
    overwriting that very tip loses nothing. Or it is nothing that can be taken in.
    """
    received = exchanged.received
    for ref in refs:
        short = ref.removeprefix("refs/heads/")
        if ref in received.held:
            command = f"git push --force-with-lease={short}:{received.held[ref]} {shlex.quote(remote.address)} {short}"
            exchanged.sent[ref] = Sent(ref, REJECTED, f"it still has what was purged here; overwrite it: {command}")
        elif ref in received.faults:
            exchanged.sent[ref] = Sent(ref, REJECTED, "what is there could not be taken in")
    return [ref for ref in refs if ref not in received.held and ref not in received.faults]


def _send_code_first(project: Project, remote: Remote, shown: Shown, exchanged: Exchanged) -> None:
    """Give an empty remote the current branch: a host makes the first one that it gets its default branch.

    Where no code is to be sent, or there is none, GittrackError.
    """
    if not _is_empty(project, remote):
        return
    branch = current_branch(project.repo)
    ref = f"refs/heads/{branch}"
    if branch is None or ref == remote.runs or read_ref(project.repo, ref) is None or CODE not in remote.pins:
        raise GittrackError(
            f"{remote.name} is empty, and the first branch that it gets becomes its default one; "
            f"push your code first: git push {remote.name} BRANCH"
        )
    pushed = push_refs(project.repo, remote.address, {ref: ref}, shown.transfer)
    _note(exchanged, pushed, give_up=True)
    if exchanged.rejected:
        raise TransportError(f"{remote.name} did not take {branch}: {exchanged.rejected[0].word}", pushed.said)


def _is_empty(project: Project, remote: Remote) -> bool:
    """Whether the remote has no branch; asked only where none was ever fetched, for asking takes time."""
    if read_ref(project.repo, f"refs/remotes/{remote.name}/{remote.runs.removeprefix('refs/heads/')}") is not None:
        return False
    if run_git(["for-each-ref", "--count=1", f"refs/remotes/{remote.name}/"], repo=project.repo):
        return False
    return not remote_refs(project.repo, remote.address, ["HEAD", "refs/heads/*"])
