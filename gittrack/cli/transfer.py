"""What `push`, `pull` and `sync` have in common: options, and the work with its progress on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import visible
from gittrack.cli.source import print_json, say
from gittrack.errors import EXIT_EXPECTED, GittrackError

if TYPE_CHECKING:
    from gittrack.project import Project
    from gittrack.share.received import Shown
    from gittrack.share.remote import Remote
    from gittrack.share.send import Exchanged

_F = TypeVar("_F", bound=Callable[..., object])


def remote_argument(command: _F) -> _F:
    """Add the argument REMOTE."""
    return click.argument("remote", metavar="[REMOTE]", required=False)(command)


def remote_options(command: _F) -> _F:
    """Add the options --no-code and --no-snapshots."""
    for add in (
        click.option("--no-snapshots", is_flag=True, help="Leave out the snapshots of uncommitted changes."),
        click.option("--no-code", is_flag=True, help="Leave out the commits that runs were made with."),
    ):
        command = add(command)
    return command


def open_committed() -> Project:
    """Open the project; runs whose process is gone are committed first."""
    from gittrack.project import open_project

    project = open_project()
    if project.journaled():
        _commit_journals(project)
    return project


def find(project: Project, remote: str | None, *, code: bool, snapshots: bool) -> Remote:
    """Return the remote that is meant."""
    from gittrack.share.remote import find_remote

    return find_remote(project, remote, code=code, snapshots=snapshots)


def _commit_journals(project: Project) -> None:
    from gittrack.capture.machine import host
    from gittrack.record.recover import recover

    try:
        problems = list(recover(project, host()).problems)
    except (GittrackError, OSError) as error:
        problems = [f"journals of runs that have ended could not be committed: {error}"]
    for problem in problems:
        say(f"warning: {problem}")


def sending_options(command: _F) -> _F:
    """Add the options of what only goes to a remote."""
    return click.option("--no-lfs", is_flag=True, help="Leave out the contents of large artifacts.")(command)


def exchange(
    project: Project, remote: Remote, work: Callable[[Shown], Exchanged], *, as_json: bool, quiet: bool = False
) -> None:
    """Do the work, its progress on the terminal, and tell what came and went; exit 1 where something was refused."""
    from gittrack.cli.exchanged import document_of, tell
    from gittrack.git.transport import TransportError
    from gittrack.share.received import Shown

    line = _Line()
    try:
        with Counter("checking runs") as counter:
            exchanged = work(Shown(line if sys.stderr.isatty() and not quiet else None, counter))
    except TransportError as error:
        line.clear()
        for said in error.said:
            click.echo(visible(said), err=True)
        raise
    line.clear()
    tell(exchanged, remote, quiet=quiet or as_json)
    if as_json:
        print_json(document_of(project, exchanged, remote))
    if exchanged.rejected or (exchanged.contents is not None and exchanged.contents.failed):
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
