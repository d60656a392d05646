"""The push in the background at the end of runs: `python -m gittrack.share.auto`; what became of it stands in a log."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.errors import GittrackError

if TYPE_CHECKING:
    from gittrack.project import Project
    from gittrack.share.remote import Remote

LOCK: Final = "auto-push.lock"
WANTED: Final = "auto-push-wanted"  # a file of the state folder: something was committed since the last push
_LOG: Final = "auto-push.log"
_KEPT: Final = 200  # lines of the log
_PUSHED: Final = "pushed"
_FAILED: Final = "failed: "
_HEARTBEAT: Final = "heartbeat: "


class Outcome(NamedTuple):
    """A push in the background: when, as the log says it, and why it failed, '' where it did not."""

    when: str
    fault: str


def main() -> None:
    """Push until nothing is wanted any more; where another process is at it, that one does."""
    from gittrack.git.durable import sharing_of
    from gittrack.git.lock import held_lock
    from gittrack.project import open_project

    project = open_project()
    wanted = os.path.join(project.repo.state_dir, WANTED)
    # Looked at again without the lock: who came meanwhile saw it held, and went.
    while os.path.exists(wanted):
        with held_lock(os.path.join(project.repo.state_dir, LOCK), sharing=sharing_of(project.repo.common_dir)) as held:
            if not held:
                return
            with contextlib.suppress(FileNotFoundError):
                os.unlink(wanted)
                fault = _push(project)
                _log(project, f"{_FAILED}{fault}" if fault else _PUSHED)
                if not fault:
                    _withdraw(project)


def _push(project: Project) -> str:
    """Push, and return why it failed, '' where it did not; what could not be pushed goes with the next one."""
    from gittrack.git.transport import at_most_silent
    from gittrack.share.cargo import usual_cargo
    from gittrack.share.received import Shown
    from gittrack.share.remote import find_remote
    from gittrack.share.send import push

    try:
        # Nobody asked for a branch of code to be published.
        cargo = replace(usual_cargo(project), branch_first=False)
        with at_most_silent(project.silence):
            exchanged = push(project, find_remote(project, None), Shown(), cargo)
    except (GittrackError, OSError) as error:
        return str(error)
    refused = [f"{sent.ref} was not taken: {sent.word}" for sent in exchanged.rejected]
    kept = exchanged.contents.fault if exchanged.contents is not None and exchanged.contents.failed else ""
    return "; ".join([*refused, *([kept] if kept else [])])


def _withdraw(project: Project) -> None:
    """Delete on the remote what heartbeats sent of runs that have arrived; where that fails, the next push does."""
    from gittrack.git.transport import at_most_silent
    from gittrack.share.live import withdraw

    with contextlib.suppress(GittrackError, OSError), at_most_silent(project.silence):
        withdraw(project)


def log_heartbeat(project: Project, fault: str) -> None:
    """Keep in the log why a run that is running could not be pushed, which is no outcome of a push at an end."""
    _log(project, f"{_HEARTBEAT}{fault}")


def note_arrived(project: Project, remote: Remote) -> None:
    """Let a push that arrived outdate one in the background that failed, where it went to the same remote."""
    from gittrack.share.remote import find_remote

    last = last_outcome(project)
    if last is not None and last.fault:
        with contextlib.suppress(GittrackError):  # without a usual remote
            if find_remote(project, None).address == remote.address:
                _log(project, _PUSHED)


def _log(project: Project, said: str) -> None:
    path = os.path.join(project.repo.state_dir, _LOG)
    line = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {' '.join(said.split())}\n"
    new = f"{path}.{os.getpid()}.tmp"  # heartbeats of several runs, and a push, may tell at once
    with contextlib.suppress(OSError):  # the disk is full: there will be more to tell of than this
        with open(new, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines([*_lines(path)[1 - _KEPT :], line])
        os.replace(new, path)


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readlines()
    except OSError:
        return []


def last_outcome(project: Project) -> Outcome | None:
    """Return what became of the last push in the background, None where there was none."""
    lines = [line.strip().partition(" ") for line in _lines(os.path.join(project.repo.state_dir, _LOG))]
    pushes = [(when, said) for when, _, said in lines if not said.startswith(_HEARTBEAT)]
    if not pushes:
        return None
    when, said = pushes[-1]
    return Outcome(when, said.removeprefix(_FAILED) if said.startswith(_FAILED) else "")


if __name__ == "__main__":
    main()
