"""What came from a remote and went to it, in sentences and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.render import visible
from gittrack.cli.source import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.git.transport import Sent
    from gittrack.project import Project
    from gittrack.share.chosen import Sending
    from gittrack.share.contents import Contents
    from gittrack.share.remote import Remote
    from gittrack.share.send import Exchanged

_SHOWN: Final = 10


def tell(exchanged: Exchanged, remote: Remote, *, quiet: bool) -> None:
    """Tell what came and went; with `quiet` only what is wrong."""
    show = _nothing if quiet else click.echo
    _tell_received(exchanged, remote, show)
    _tell_running(exchanged, remote, show)
    _tell_left_out(exchanged, remote)
    if exchanged.chosen is not None:
        _tell_chosen(exchanged.chosen, remote)
    if exchanged.contents is not None:
        _tell_contents(exchanged.contents, remote, show)
    _tell_sent(exchanged, remote, show)
    inboxes = sum(ref.startswith("refs/heads/") for ref in exchanged.folded)
    if inboxes:
        show(f"folded in {inboxes} inbox{'' if inboxes == 1 else 'es'} of {visible(remote.name)}")


def _nothing(_: str) -> None:
    """Take the place of a printer."""


def document_of(project: Project, exchanged: Exchanged, remote: Remote) -> dict[str, object]:
    """Return what came and went as it is printed by --json."""
    from gittrack.share.sent import runs_sent

    received = exchanged.received
    news = received.news
    return {
        "remote": remote.name,
        "refs": [{"ref": sent.ref, "state": sent.state, "word": sent.word} for sent in _in_order(exchanged, remote)],
        "sent": sorted(runs_sent(project, exchanged, remote)),
        "large_artifacts": _contents_document(exchanged.contents),
        "received": sorted(news.new),
        "received_more": sorted(news.more),
        "running": sorted(received.running),
        "received_pins": sorted(received.pins),
        "folded": list(exchanged.folded),
        "quarantined": [
            {"run": item.run or None, "path": item.path, "reason": item.reason} for item in sorted(news.refused)
        ],
        "not_received": [{"ref": ref, "reason": reason} for ref, reason in sorted(received.faults.items())],
    }


def _contents_document(contents: Contents | None) -> dict[str, object]:
    count = 0 if contents is None else contents.count
    fault = "" if contents is None else contents.fault
    return {"sent": 0 if fault else count, "left": count if fault else 0, "reason": fault or None}


def _tell_chosen(chosen: Sending, remote: Remote) -> None:
    for run_id in sorted(chosen.purged):
        say(f"warning: run {run_id[:8]} was purged by others and is not sent to {remote.name}")
    for run_id, reason in sorted(chosen.refused.items()):
        say(f"warning: run {run_id[:8]} is not sent: {reason}")
    for run_id in sorted(chosen.lost_code):
        say(f"warning: the code of run {run_id[:8]} is not here, and does not go along")


def _tell_contents(contents: Contents, remote: Remote, show: Callable[[str], None]) -> None:
    if not contents.count:
        return
    from gittrack.cli.wording import counted

    what = counted(contents.count, "large artifact")
    if not contents.fault:
        show(f"sent {what} to {visible(remote.name)} by git-lfs")
        return
    for line in contents.lines:
        click.echo(visible(line), err=True)
    say(f"{'error' if contents.failed else 'warning'}: {what} of runs did not go to {remote.name}: {contents.fault}")


def _tell_received(exchanged: Exchanged, remote: Remote, show: Callable[[str], None]) -> None:
    received = exchanged.received
    news = received.news
    is_silent = not exchanged.sent and exchanged.chosen is None
    if is_silent and not received.pins and not received.running and news == type(news)():
        show(f"{visible(remote.name)} has nothing new" if exchanged.asked else "there are no runs here to send")
    if news.new or news.more:
        from gittrack.cli.wording import counted

        more = f"more of {counted(len(news.more), 'run')}" if news.more else ""
        parts = [part for part in (counted(len(news.new), "run") if news.new else "", more) if part]
        show(f"received {' and '.join(parts)} from {visible(remote.name)}")
    elif received.pins:
        show(f"received code of runs from {visible(remote.name)}")


def _tell_running(exchanged: Exchanged, remote: Remote, show: Callable[[str], None]) -> None:
    running = exchanged.received.running
    if running:
        from gittrack.cli.wording import counted

        show(f"{counted(len(running), 'run')} still running, as {visible(remote.name)} tells; see gittrack log")


def _tell_left_out(exchanged: Exchanged, remote: Remote) -> None:
    received = exchanged.received
    news = received.news
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


def _tell_sent(exchanged: Exchanged, remote: Remote, show: Callable[[str], None]) -> None:
    from gittrack.git.transport import NEW, REJECTED, SAME

    if exchanged.rejected:
        for line in exchanged.said:
            click.echo(visible(line), err=True)
    if exchanged.sent and all(sent.state == SAME for sent in exchanged.sent.values()):
        what = "everything that is here" if exchanged.chosen is None else "all of that"
        show(f"{visible(remote.name)} has {what}")
    for sent in _in_order(exchanged, remote):
        ref = visible(sent.ref.removeprefix("refs/heads/"))
        name = visible(remote.name)
        if sent.ref in exchanged.received.held:
            say(f"error: {ref} was not sent to {remote.name}: {sent.word}")
        elif sent.state == REJECTED:
            say(f"error: {remote.name} did not take {ref}: {sent.word}; the runs are safe here")
        elif sent.state != SAME:
            show(f"sent {ref} to {name} ({'new' if sent.state == NEW else visible(sent.word)})")


def _in_order(exchanged: Exchanged, remote: Remote) -> list[Sent]:
    """What became of each ref, the code's branch first, then the runs and the pins."""
    places = {ref: place for place, ref in enumerate(remote.refs)}
    return sorted(exchanged.sent.values(), key=lambda sent: places.get(sent.ref, -1))
