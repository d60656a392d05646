"""Whether files on disk are still what a tree holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git, run_git_status

if TYPE_CHECKING:
    from gittrack.git.repository import Repository


_NO_REFRESH: Final = ("-c", "diff.autoRefreshIndex=false")  # or it would write the user's index


def is_as_in(repo: Repository, tree: str, path: str) -> bool:
    """Tell whether a file, or all there is in a directory, ignored files too, is as `tree` has it."""
    literal = f":(top,literal){path}"
    code, _, _ = run_git_status(
        [*_NO_REFRESH, "diff", "--quiet", "--no-ext-diff", "--end-of-options", tree, "--", literal], repo=repo
    )
    if code:
        return False
    others = ["ls-files", "--others", "-z", "--", literal]  # without an exclude, so that nothing is passed over
    return not run_git(others, repo=repo)
