"""One git repository as gittrack sees it: where the runs, the journal and the large files are."""

from __future__ import annotations

import os
from functools import cached_property

from gittrack.codec.paths import check_id, is_id
from gittrack.errors import UsageError
from gittrack.git.repository import Repository, Settings, Signature, committer, discover, identity, settings

DEFAULT_BRANCH = "gittrack/runs"


class Project:
    """A repository, with what is asked of git at most once in a process."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo
        self.journal = os.path.join(repo.state_dir, "journal")

    @cached_property
    def settings(self) -> Settings:
        """The git configuration."""
        return settings(self.repo)

    @cached_property
    def author(self) -> Signature:
        """Who git says makes commits here; RepositoryError when it does not know."""
        return identity(self.repo)

    @cached_property
    def committer(self) -> Signature:
        """Whom git names as the committer; RepositoryError when it does not know."""
        return committer(self.repo)

    @cached_property
    def runs_ref(self) -> str:
        """The branch that holds the runs (`git config gittrack.branch`)."""
        name = self.settings.get("gittrack.branch") or DEFAULT_BRANCH
        if name.startswith(("-", "/", "refs/")) or ".." in name or name.endswith(("/", ".lock")) or " " in name:
            raise UsageError(f"git config gittrack.branch: {name!r} is not a branch name such as {DEFAULT_BRANCH!r}")
        return "refs/heads/" + name

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
    place = os.path.abspath(path) if path is not None else os.getcwd()
    key = (place, *(os.environ.get(name) for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")))
    project = _opened.get(key)
    if project is None or not os.path.isdir(project.repo.common_dir):
        project = _opened[key] = Project(discover(place))
    return project
