"""One git repository as gittrack sees it: where the runs, the journal and the large files are."""

from __future__ import annotations

import os
import re
from functools import cached_property
from typing import TYPE_CHECKING

from gittrack.codec.paths import check_id, is_id
from gittrack.errors import RepositoryError, StorageError, UsageError
from gittrack.git.process import run_git
from gittrack.git.refs import is_folder, read_ref
from gittrack.git.repository import Repository, Settings, Signature, committer, discover, identity, settings
from gittrack.git.settled import lost_tip

if TYPE_CHECKING:
    from gittrack.git.signing import Committer

DEFAULT_BRANCH = "gittrack/runs"
SIGN_TIMEOUT = 30  # seconds, for a key that wants to be touched
SILENCE_TIMEOUT = 60  # seconds, for a host that thinks before it answers
_HEADS = "refs/heads/"
# What git forbids (git help check-ref-format), and what would be taken for something else.
_NO_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|^refs/|(?:^|/)\.|(?:\.lock|\.)(?:/|$)|/$")


class Project:
    """A repository, with what is asked of git at most once in a process."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.journal = os.path.join(repo.state_dir, "journal")
        self.purging = os.path.join(repo.state_dir, "purging.json")  # a purge that is not at its end
        self.held = os.path.join(repo.state_dir, "purge-held.json")  # what something else led to when one ended
        self.purged_snapshots = os.path.join(repo.state_dir, "purged-snapshots")  # those that were purged here

    @cached_property
    def settings(self) -> Settings:
        """The git configuration."""
        return settings(self.repo)

    @cached_property
    def author(self) -> Signature:
        """Who git says makes commits here; RepositoryError when it does not know."""
        return identity(self.repo)

    @cached_property
    def committer(self) -> Committer:
        """Whom git names as the committer, and whether commits are signed; RepositoryError when it does not know."""
        from gittrack.git.signing import Committer  # readers commit nothing

        who = committer(self.repo)
        signs = self.settings.flag("gittrack.sign", default=False)
        patience = float(self.settings.number("gittrack.signTimeout", SIGN_TIMEOUT)) if signs else None
        return Committer(who.name, who.email, patience)

    @property
    def silence(self) -> float | None:
        """How many seconds a remote may say nothing to what nobody watches, None for as long as it likes."""
        return float(self.settings.number("gittrack.silenceTimeout", SILENCE_TIMEOUT)) or None

    @cached_property
    def runs_ref(self) -> str:
        """The branch that holds the runs (`git config gittrack.branch`)."""
        name = self.settings.get("gittrack.branch") or DEFAULT_BRANCH
        if _NO_BRANCH.search(name) or name in ("HEAD", "@"):
            raise UsageError(f"git config gittrack.branch: {name!r} is not a branch name such as {DEFAULT_BRANCH!r}")
        return _HEADS + name

    def redact_as_configured(self) -> None:
        """Redact in this process what `git config gittrack.redact` tells of; UsageError for what is no expression."""
        patterns = self.settings.get_all("gittrack.redact")
        if patterns:
            from gittrack.capture.redact import add_patterns

            try:
                add_patterns(patterns)
            except ValueError as error:
                raise UsageError(f"git config gittrack.redact: {error}; correct it") from None

    def check_runs_ref(self) -> None:
        """RepositoryError when another branch takes the place where the branch for runs, or its folder, would be."""
        try:
            there = read_ref(self.repo, self.runs_ref) is not None
        except StorageError:
            there = True  # damaged, but in its place: a run waits in its journal until the ref is mended
        if there:
            return
        parts = self.runs_ref.removeprefix(_HEADS).split("/")
        for end in range(1, len(parts)):
            name = "/".join(parts[:end])
            if read_ref(self.repo, _HEADS + name) is not None:
                raise RepositoryError(
                    f"the branch {name!r} leaves no room for {'/'.join(parts)!r}: rename it "
                    f"(git branch -m {name} OTHER) or keep runs elsewhere (git config gittrack.branch NAME)"
                )
        if is_folder(self.repo, self.runs_ref):
            name = "/".join(parts)
            raise RepositoryError(
                f"branches below {name + '/'!r} leave no room for {name!r}: rename them or keep runs elsewhere "
                "(git config gittrack.branch NAME)"
            )

    def runs_tip(self) -> str | None:
        """Return the commit to read runs from, None when there is none.

        A fresh clone has no local branch yet: then the branch of that name of the only remote that has one counts.
        """
        tip = read_ref(self.repo, self.runs_ref)
        return self.remote_tip() if tip is None else tip

    def base_tip(self) -> str | None:
        """Return the commit that the branch for runs grows from where it is not there; None for a first run.

        Runs are deleted by `gittrack rm`, so a branch that is gone goes on where it was; else it goes on where a
        remote's is.
        """
        return self.lost_tip() or self.remote_tip()

    def lost_tip(self) -> str | None:
        """Return the last commit of the branch for runs, which still is here although the branch is gone."""
        return lost_tip(self.repo, self.runs_ref)

    def remote_tip(self) -> str | None:
        """Return the tip of the branch for runs of the only remote that has one, as it was fetched last."""
        found = self.remote_branches()
        return found[0][0] if len(found) == 1 else None

    def shown_ref(self) -> str:
        """Return the name by which git knows the branch that runs are read from: 'gittrack/runs', or a remote's."""
        branch = self.runs_ref.removeprefix(_HEADS)
        if read_ref(self.repo, self.runs_ref) is not None:
            return branch
        found = self.remote_branches()
        return found[0][1] if len(found) == 1 else branch

    def remote_branches(self) -> list[tuple[str, str]]:
        """(commit, short name) of the branch for runs of each remote that has one."""
        branch = self.runs_ref.removeprefix(_HEADS)
        form = "--format=%(objectname) %(refname:lstrip=2)"
        lines = run_git(["for-each-ref", form, f"refs/remotes/*/{branch}"], repo=self.repo).decode().splitlines()
        return [(commit, name) for commit, _, name in (line.partition(" ") for line in lines)]

    def journaled(self) -> list[str]:
        """The ids of the runs that have a journal here."""
        try:
            return sorted(name for name in os.listdir(self.journal) if is_id(name))
        except OSError:
            return []

    def journal_of(self, run_id: str) -> str:
        """The folder of one run's journal."""
        return os.path.join(self.journal, check_id(run_id))

    def large_file(self, sha256: str) -> str:
        """Where the standard LFS store keeps a file."""
        return os.path.join(self.repo.lfs_dir, "objects", sha256[:2], sha256[2:4], sha256)


_opened: dict[tuple[str | None, ...], Project] = {}


def open_project(path: str | os.PathLike[str] | None = None) -> Project:
    """Return the project around `path` (the current directory), found once; RepositoryError without one."""
    try:
        place = os.path.abspath(path or os.curdir)
    except FileNotFoundError:
        raise RepositoryError("the current directory no longer exists; change into the repository") from None
    key = (place, *(os.environ.get(name) for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")))
    project = _opened.get(key)
    if project is None or not os.path.isdir(project.repo.common_dir):
        project = _opened[key] = Project(discover(place))
    return project
