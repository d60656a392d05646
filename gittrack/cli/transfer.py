"""What `push`, `pull` and `sync` have in common: options, progress, and what came and went in sentences."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import visible
from gittrack.cli.source import say
from gittrack.cli.wording import counted
from gittrack.errors import EXIT_EXPECTED, GittrackError

if TYPE_CHECKING:
    from gittrack.project import Project
    from gittrack.share.receive import Shown
    from gittrack.share.remote import Remote
    from gittrack.share.send import Exchanged

_F = TypeVar("_F", bound=Callable[..., object])

_SHOWN = 10


def remote_options(command: _F) -> _F:
    """Add the argument REMOTE and the options --no-code and --no-snapshots."""
    for add in (
        click.option("--no-snapshots", is_flag=True, help="Leave out the snapshots of uncommitted changes."),
        click.option("--no-code", is_flag=True, help="Leave out the commits that runs were made with."),
        click.argument("remote", metavar="[REMOTE]", required=False),
    ):
        command = add(command)
    return command


def find(remote: str | None, *, code: bool, snapshots: bool) -> tuple[Project, Remote]:
    """Open the project, and the remote that is meant; runs whose process is gone are committed first."""
    from gittrack.project import open_project
    from gittrack.share.remote import find_remote

    project = open_project()
    there = find_remote(project, remote, code=code, snapshots=snapshots)
    if project.journaled():
        _commit_journals(project)
    return project, there


def _commit_journals(project: Project) -> None:
    from gittrack.capture.machine import host
    from gittrack.record.recover import recover

    try:
        problems = list(recover(project, host()).problems)
    except (GittrackError, OSError) as error:
        problems = [f"journals of runs that have ended could not be committed: {error}"]
    for problem in problems:
        say(f"warning: {problem}")


def withheld(project: Project) -> tuple[str, ...]:
    """Return the refs that the configuration keeps here."""
    from gittrack.git.pins import SNAPSHOTS

    return () if project.settings.flag("gittrack.pushsnapshots", default=True) else (SNAPSHOTS,)


def exchange(work: Callable[[Shown], Exchanged], remote: Remote) -> None:
    """Do the work, its progress on the terminal, and tell what came and went; exit 1 where something was refused."""
    from gittrack.git.transport import TransportError
    from gittrack.share.receive import Shown

    line = _Line()
    try:
        with Counter("checking runs") as counter:
            exchanged = work(Shown(line if sys.stderr.isatty() else None, counter))
    except TransportError as error:
        line.clear()
        _tell_said(error.said)
        raise
    line.clear()
    _tell_received(exchanged, remote)
    _tell_sent(exchanged, remote)
    if exchanged.rejected:
        click.get_current_context().exit(EXIT_EXPECTED)


class _Line:
    """What git shows of a transfer, on one line of the terminal."""

    def __init__(self) -> None:
        self._shown = False

    def __call__(self, text: str) -> None:
        self._shown = True
        sys.stderr.write(f"\r{visible(text)}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _tell_received(exchanged: Exchanged, remote: Remote) -> None:
    received = exchanged.received
    news = received.news
    if not exchanged.sent and news == type(news)():
        click.echo(f"{visible(remote.name)} has nothing new")
    if news.new or news.more:
        more = f"more of {counted(len(news.more), 'run')}" if news.more else ""
        parts = [part for part in (counted(len(news.new), "run") if news.new else "", more) if part]
        click.echo(f"received {' and '.join(parts)} from {visible(remote.name)}")
    for run_id in sorted(news.gone_here):
        say(f"run {run_id[:8]} was purged by others and is off the branch here too; purge it to remove its bytes")
    for run_id, path in sorted(news.conflicts):
        say(f"warning: run {run_id[:8]}: others had other bytes where one file is; both are kept, one as {path}")
    for refused in sorted(news.refused)[:_SHOWN]:
        what = f"run {refused.run[:8]}" if refused.run else refused.path
        say(f"warning: {what} of {remote.name} was left out: {refused.reason}")
    if len(news.refused) > _SHOWN:
        say(f"warning: {len(news.refused) - _SHOWN} more were left out")
    if received.notes:
        say(f"the reasons are kept in {min(received.notes)}")
    for ref in received.held if not exchanged.sent else ():
        say(f"warning: {remote.name} still has what was purged here, in {ref}; gittrack push tells how to overwrite it")
    for ref, reason in received.faults.items():
        say(f"warning: {ref} of {remote.name} was not taken in: {reason}")


def _tell_sent(exchanged: Exchanged, remote: Remote) -> None:
    from gittrack.git.transport import NEW, REJECTED, SAME

    if exchanged.rejected:
        _tell_said(exchanged.said)
    if exchanged.sent and all(sent.state == SAME for sent in exchanged.sent.values()):
        click.echo(f"{visible(remote.name)} has everything that is here")
    places = {ref: place for place, ref in enumerate(remote.refs)}
    for sent in sorted(exchanged.sent.values(), key=lambda sent: places.get(sent.ref, -1)):
        ref = visible(sent.ref.removeprefix("refs/heads/"))
        name = visible(remote.name)
        if sent.ref in exchanged.received.held:
            say(f"error: {ref} was not sent to {remote.name}: {sent.word}")
        elif sent.state == REJECTED:
            say(f"error: {remote.name} did not take {ref}: {sent.word}; the runs are safe here")
        elif sent.state != SAME:
            click.echo(f"sent {ref} to {name} ({'new' if sent.state == NEW else visible(sent.word)})")


def _tell_said(lines: tuple[str, ...]) -> None:
    for line in lines:
        click.echo(visible(line), err=True)
