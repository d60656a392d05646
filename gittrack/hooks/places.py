"""Where git looks for the hooks of a repository, and whether that place is gittrack's to write in."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git, run_git_status
from gittrack.hooks.stub import line_for

if TYPE_CHECKING:
    from gittrack.git.repository import Repository
    from gittrack.project import Project

OWN: Final = "own"  # of this repository alone, and no part of what it tracks
SHARED: Final = "shared"  # outside of it: other repositories may use it too
TRACKED: Final = "tracked"  # in the working tree, and not ignored
HUSKY: Final = "husky"  # made anew by every 'husky', which calls the scripts of the folder above
OFF: Final = "off"  # a setting that leaves git without hooks
LINK: Final = "a link"  # the setting, where the folder in the git directory leads elsewhere
_ONE_REPOSITORY: Final = frozenset({"local", "worktree"})


@dataclass(frozen=True, slots=True)
class Place:
    """The folder that git takes hooks from, what `kind` it is, and the `setting` that names it, '' for git's own."""

    folder: str
    kind: str = OWN
    setting: str = ""

    def path(self, hook: str) -> str:
        """Where git looks for a hook."""
        return os.path.join(self.folder, hook)

    def script(self, hook: str) -> str:
        """The file that a person edits to have something done by a hook."""
        return os.path.join(os.path.dirname(self.folder), hook) if self.kind == HUSKY else self.path(hook)

    def refusal(self, hook: str, own: str) -> str:
        """Why no stub is put here, and what helps; `own` is the folder for hooks in the git directory."""
        alone = f"have hooks of this repository alone: git config --local core.hooksPath {shlex.quote(own)}"
        if self.setting == LINK:
            alone = f"have a folder in place of the link: rm {shlex.quote(own)}"
        if self.kind == SHARED:
            return (
                f"git takes hooks from {self.folder} ({self.setting}), which other repositories may share: "
                f"install into it with --shared, or {alone}"
            )
        if self.kind == OFF:
            return f"git takes no hooks here ({self.setting}): unset that, or {alone}"
        script = self.script(hook)
        return f"git takes hooks from the working tree ({self.setting}): add to {script} the line: {line_for(hook)}"


def own_folder(repo: Repository) -> str:
    """The folder for hooks in the git directory, which all worktrees share."""
    return os.path.join(repo.common_dir, "hooks")


def hooks_place(project: Project) -> Place:
    """Find where git looks for hooks, by core.hooksPath and by what is a link."""
    repo = project.repo
    code, out, _ = run_git_status(["config", "-z", "--show-scope", "--type=path", "--get", "core.hooksPath"], repo=repo)
    if code:
        own = own_folder(repo)
        return Place(own, _kind(repo, own, alone=True), LINK if os.path.islink(own) else "")
    scope, value = os.fsdecode(out).split("\0")[:2]
    setting = f"core.hooksPath, {scope}"
    folder = os.path.normpath(os.path.join(repo.worktree or repo.common_dir, value)) if value else ""
    if not folder or folder == os.devnull:
        return Place(folder or os.devnull, OFF, setting)
    return Place(folder, _kind(repo, folder, alone=scope in _ONE_REPOSITORY), setting)


def is_bare(project: Project) -> bool:
    """Whether this repository is one to push to, with or without worktrees beside it."""
    return project.settings.flag("core.bare", default=project.repo.worktree is None)


def _kind(repo: Repository, folder: str, *, alone: bool) -> str:
    real = os.path.realpath(folder)
    if _is_within(real, repo.common_dir) or _is_within(real, repo.git_dir):
        return OWN
    if repo.worktree is None or not _is_within(real, repo.worktree):
        return SHARED
    if os.path.isfile(os.path.join(real, "h")) or os.path.isfile(os.path.join(real, "husky.sh")):
        return HUSKY
    if _is_tracked(repo, real):
        return TRACKED
    return OWN if alone else SHARED


def _is_within(path: str, folder: str) -> bool:
    path, folder = os.path.normcase(path), os.path.normcase(folder)
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _is_tracked(repo: Repository, folder: str) -> bool:
    """Whether files of the folder are tracked, or would be by 'git add'."""
    listed = run_git(["--literal-pathspecs", "ls-files", "-z", "--", folder], repo=repo)
    inside = os.path.join(folder, "post-commit")
    return bool(listed) or run_git_status(["check-ignore", "-q", "--", inside], repo=repo)[0] != 0
