"""Before a push: runs of the commits that are pushed go along; a secret in runs that are pushed stays here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.errors import GittrackError
from gittrack.hooks.entry import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project

_OURS: Final = ("refs/gittrack/", "refs/heads/gittrack/")
_MODES: Final = ("runs", "all", "off")


class Push(NamedTuple):
    """A line of git's: which commit goes to which ref, and where that is now; None for nothing."""

    local: str | None
    ref: str
    there: str | None


def idle(_: Sequence[str]) -> bool:
    """Never: what is pushed stands in the input."""
    return False


def run(project: Project, arguments: Sequence[str], lines: Iterable[str]) -> str | None:
    """Look at runs and pins that are pushed themselves; for commits of the code send the runs along.

    `arguments` are the remote's name, or its URL where it has none, and its URL. Raises Refusal for a secret.
    """
    pushes = [push for line in lines if (push := _parsed(line)) is not None]
    if not pushes:
        return _waiting(project, arguments[0] if arguments else "")
    ours = [push for push in pushes if push.ref == project.runs_ref or push.ref.startswith(_OURS)]
    for push in ours:
        _vet(project, push)
    mode = _mode(project)
    code = [push for push in pushes if push not in ours and push.local is not None]
    if not code or mode == "off" or project.runs_tip() is None:
        return None
    named = arguments[0] if arguments else None
    if ours and project.settings.get("gittrack.remote") in (None, named):
        return None  # git is about to move what would be moved under its feet, and would fail
    from gittrack.hooks.along import send_along

    return send_along(project, named, code, everything=mode == "all")


def _waiting(project: Project, remote: str) -> str | None:
    """A word where the code is there already, and runs that were made since are not."""
    from gittrack.git.reader import adds_paths
    from gittrack.git.refs import read_ref

    here = read_ref(project.repo, project.runs_ref)
    there = read_ref(project.repo, f"refs/remotes/{remote}/{project.runs_ref.removeprefix('refs/heads/')}")
    elsewhere = project.settings.get("gittrack.remote") not in (None, remote)
    if here is None or there is None or elsewhere or _mode(project) == "off":
        return None
    if here == there or not adds_paths(project.repo, there, here, "runs"):
        return None
    return f"runs that are here are not on {remote} yet; 'gittrack push {remote}' sends them"


def _parsed(line: str) -> Push | None:
    words = line.rstrip("\n").split(" ")
    if len(words) != 4:
        return None
    _, local, ref, there = words
    return Push(local if local.strip("0") else None, ref, there if there.strip("0") else None)


def _mode(project: Project) -> str:
    mode = (project.settings.get("gittrack.prePush") or _MODES[0]).lower()
    if mode not in _MODES:
        raise GittrackError(f"git config gittrack.prePush is {mode!r:.40}; it is one of runs, all and off")
    return mode


def _vet(project: Project, push: Push) -> None:
    """Refuse what others would not take in, and what must not leave this repository."""
    if push.local is None:
        return
    from gittrack.git.lookup import commits_named
    from gittrack.git.pin_refs import SNAPSHOTS
    from gittrack.git.reader import BlobReader
    from gittrack.share.pushed import runs_problem
    from gittrack.share.remote import target_of
    from gittrack.share.secrets import fault_of_snapshots, secret_of_runs

    objection = None
    there = commits_named(project.repo, [push.there]).get(push.there) if push.there is not None else None
    target = target_of(project, push.ref)
    if target == project.runs_ref:
        with BlobReader(project.repo) as reader:
            objection, moved = runs_problem(project.repo, reader, there, push.local, purges=True)
            objection = objection or secret_of_runs(project, reader, moved)
    elif target == SNAPSHOTS:
        objection = fault_of_snapshots(project, there, push.local)
    if objection is not None:
        raise Refusal(f"{push.ref.removeprefix('refs/heads/')}: {objection}")
