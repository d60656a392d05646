"""Which repository runs go to and come from, and which refs travel."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.errors import UsageError
from gittrack.git.pin_refs import CODE, SNAPSHOTS
from gittrack.git.process import without_credentials
from gittrack.git.status import current_branch
from gittrack.project import DEFAULT_BRANCH

if TYPE_CHECKING:
    from gittrack.project import Project


_INBOX: Final = "refs/heads/gittrack/inbox"
_INBOX_OF_PINS: Final = "refs/gittrack/inbox"


@dataclass(frozen=True, slots=True)
class Remote:
    """Another repository: what git is told (a name, URL or path), what a person is, and the refs that travel.

    A URL with a password in it is told to git alone: the `name` is printed, also into the logs of others' machines.
    """

    address: str
    name: str
    runs: str
    pins: tuple[str, ...]

    @property
    def refs(self) -> tuple[str, ...]:
        """All refs that travel."""
        return (self.runs, *self.pins)

    @property
    def inboxes(self) -> tuple[str, ...]:
        """What the refs begin with that one machine alone pushes to, those of runs first."""
        return (f"{self._inbox_of_runs}/", f"{_INBOX_OF_PINS}/") if self.pins else (f"{self._inbox_of_runs}/",)

    @property
    def _inbox_of_runs(self) -> str:
        return _INBOX if self.runs == f"refs/heads/{DEFAULT_BRANCH}" else f"{self.runs}-inbox"

    def inbox(self, ref: str, name: str) -> str:
        """Return the ref that takes the place of `ref`, one of those that travel, in the inbox of that name."""
        return f"{self._inbox_of_runs}/{name}" if ref == self.runs else f"{_INBOX_OF_PINS}/{name}/{_last(ref)}"

    def target(self, theirs: str) -> str | None:
        """Return the ref that one of theirs is taken into, itself or an inbox of it; None for any other."""
        if theirs in self.refs:
            return theirs
        if theirs.startswith(f"{self._inbox_of_runs}/"):
            return self.runs
        within = theirs.startswith(f"{_INBOX_OF_PINS}/")
        return next((ref for ref in self.pins if within and _last(ref) == _last(theirs)), None)

    def incoming(self, ref: str) -> str:
        """Return the ref of this repository under which one of theirs is kept until it is checked."""
        return f"refs/gittrack/incoming/{self.place}/{ref.removeprefix('refs/')}"

    @property
    def place(self) -> str:
        """The part of the names of refs here that stands for it."""
        return place_of(self.name)


def place_of(name: str) -> str:
    """Return what stands for a remote of that name, or URL or path, in the names of refs here."""
    from hashlib import sha256  # a hook that has nothing to do comes by here without it

    return name if name.isalnum() else sha256(name.encode()).hexdigest()[:16]


def target_of(project: Project, ref: str) -> str | None:
    """Return what a ref of that name stands for in any repository: the runs or a chain of pins, also in an inbox."""
    return Remote("", "", project.runs_ref, (CODE, SNAPSHOTS)).target(ref)


def _last(ref: str) -> str:
    return ref.rpartition("/")[2]


def find_remote(project: Project, named: str | None, *, code: bool = True, snapshots: bool = True) -> Remote:
    """Return the remote that `named` means, or the usual one; `code` and `snapshots` tell which pins travel.

    The usual one is `gittrack.remote`, else that of the current branch, else origin, else the only one. UsageError
    where there is none.
    """
    known = known_remotes(project)
    address = named or _usual(project, known)
    if address not in known and not _is_elsewhere(address):
        have = f"there are {', '.join(known)}" if known else "there is none yet; add one: git remote add origin URL"
        raise UsageError(f"no remote is called {address!r:.100}; {have}")
    where = address if address in known or not os.path.isdir(address) else os.path.abspath(address)
    pins = [ref for ref, wanted in ((CODE, code), (SNAPSHOTS, snapshots)) if wanted]
    return Remote(where, without_credentials(address), project.runs_ref, tuple(pins))


def is_remote(project: Project, word: str) -> bool:
    """Whether a word names a remote, or has the look of a URL or path."""
    return word in known_remotes(project) or _is_elsewhere(word)


def known_remotes(project: Project) -> list[str]:
    """Return the names of the remotes that git has."""
    keys = (key for key in project.settings.values if key.startswith("remote.") and key.endswith((".url", ".pushurl")))
    return sorted({key[len("remote.") :].rpartition(".")[0] for key in keys})


def _usual(project: Project, known: list[str]) -> str:
    settings = project.settings
    branch = current_branch(project.repo)
    of_branch = settings.get(f"branch.{branch}.remote") if branch else None
    for name in (settings.get("gittrack.remote"), of_branch if of_branch != "." else None):
        if name:
            return name
    if "origin" in known or not known:
        return "origin"
    if len(known) > 1:
        raise UsageError(f"name one of the remotes {', '.join(known)}, or set one: git config gittrack.remote NAME")
    return known[0]


def _is_elsewhere(address: str) -> bool:
    """Whether it is no name but a URL or a path."""
    return "/" in address or ":" in address or os.path.isdir(address)
