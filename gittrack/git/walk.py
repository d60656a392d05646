"""A walk through the history of a revision, the newest commits first, as far as somebody wants to go."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from gittrack.errors import UsageError
from gittrack.git.process import run_git_status, stream_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.git.repository import Repository


def commit_of(repo: Repository, revision: str) -> str:
    """Return the commit that a revision such as main~2 means; UsageError when it means none."""
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    code, out, _ = run_git_status(asked, repo=repo)
    if code:
        raise UsageError(f"{revision!r:.200} is no commit here; a branch of a remote may have to be fetched first")
    return out.decode("ascii").strip()


def ancestors(repo: Repository, commit: str, without: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield (commit, its tree) of what `commit` leads to and none of `without` does, in the order of git log."""
    args = ["rev-list", "--format=%H %T", commit, *(f"^{other}" for other in without), "--"]
    with closing(stream_git(args, repo=repo, separator=b"\n")) as lines:
        for line in lines:
            first, _, second = line.decode("ascii").partition(" ")
            if second and first != "commit":
                yield first, second
