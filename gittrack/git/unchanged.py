"""Whether files on disk are still what a tree holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git
from gittrack.git.reader import list_tree

if TYPE_CHECKING:
    from gittrack.git.repository import Repository

# Or git would write the user's index. It then also names files whose content is the same and whose time is not.
_NO_REFRESH: Final = ("-c", "diff.autoRefreshIndex=false")


def is_as_in(repo: Repository, tree: str, path: str) -> bool:
    """Tell whether a file, or all there is in a directory, ignored files too, is as `tree` has it."""
    literal = f":(top,literal){path}"
    asked = ["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", "--end-of-options", tree, "--", literal]
    names = run_git([*_NO_REFRESH, *asked], repo=repo).split(b"\0")[:-1]
    if names and not _same(repo, tree, path, names):
        return False
    others = ["ls-files", "--others", "-z", "--", literal]  # without an exclude, so that nothing is passed over
    return not run_git(others, repo=repo)


def _same(repo: Repository, tree: str, path: str, names: list[bytes]) -> bool:
    """Whether files that git takes for changed have the content that they have in the tree."""
    if any(b"\n" in name for name in names):
        return False
    found = (
        run_git(["hash-object", "--stdin-paths"], repo=repo, stdin=b"\n".join(names) + b"\n").decode("ascii").split()
    )
    kept = {entry.path: entry.oid for entry in list_tree(repo, tree, path)}
    return [kept.get(name.decode("utf-8", "surrogateescape")) for name in names] == found
