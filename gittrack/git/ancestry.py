"""Commits by what they are and where they stand: on a branch, with a tree, with a patch, after another one."""

from __future__ import annotations

import re
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from gittrack.errors import UsageError
from gittrack.git.process import GitError, run_git, run_git_status, stream_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from gittrack.git.repository import Repository

_OID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# The body of the message of a commit that keeps a working tree.
SNAPSHOT_MARK: Final = "The files as they were when a run started; made by gittrack."
_MOST: Final = 20_000  # commits that are looked at; a run is looked for among those that came after it
_BLOCK: Final = 200  # commits whose patches are made at once


def own_history(runs_ref: str, but: Iterable[str] = ()) -> list[str]:
    """Return git's words for the user's branches, those in `but` and the runs aside, and tags."""
    branch = runs_ref.removeprefix("refs/heads/")
    return [*(f"--exclude={name}" for name in (branch, *but)), "--branches", "--tags"]


def whole_history(runs_ref: str, but: Iterable[str] = ()) -> list[str]:
    """Return git's words for all branches and tags, also those of remotes as they were fetched; never the runs."""
    return [*own_history(runs_ref, but), f"--exclude=*/{runs_ref.removeprefix('refs/heads/')}", "--remotes"]


def snapshot_branches(repo: Repository) -> list[str]:
    """Return the user's branches that are at a snapshot: where somebody looks at a run, and nothing went on from."""
    asked = ["for-each-ref", "--format=%(refname:lstrip=2)%00%(contents:body)%00", "refs/heads"]
    code, out, _ = run_git_status(asked, repo=repo)
    fields = [] if code else out.decode("utf-8", "surrogateescape").split("\0")
    pairs = zip(fields[::2], fields[1::2], strict=False)
    return [name.lstrip("\n") for name, body in pairs if body == f"{SNAPSHOT_MARK}\n"]


def is_oid(text: str) -> bool:
    """Tell whether a text is the whole id of an object, and so no option of git's, wherever it came from."""
    return _OID.fullmatch(text) is not None


def is_in_history(repo: Repository, commit: str, history: Sequence[str]) -> bool:
    """Tell whether something of `history` (see above) leads to `commit`; False when it is not here."""
    if not is_oid(commit):
        return False
    code, out, _ = run_git_status(["rev-list", "--max-count=1", commit, "--not", *history], repo=repo)
    return code == 0 and not out


def outside_history(repo: Repository, commits: Collection[str], history: Sequence[str]) -> set[str]:
    """Return those of `commits` that are here, and to which nothing of `history` (see above) leads."""
    if not commits:
        return set()
    asked = "".join(f"{commit}\n" for commit in commits if is_oid(commit)).encode()
    # The second --not turns the first one off for what is read.
    command = ["rev-list", "--ignore-missing", "--not", *history, "--not", "--stdin"]
    out = run_git(command, repo=repo, stdin=asked)
    return set(commits) & set(out.decode("ascii").split())


def is_ancestor(repo: Repository, commit: str, tip: str) -> bool:
    """Tell whether the history of `tip` holds `commit`; False when either is not here."""
    return is_oid(commit) and run_git_status(["merge-base", "--is-ancestor", commit, tip], repo=repo)[0] == 0


def is_surely_ancestor(repo: Repository, commit: str, tip: str) -> bool:
    """As `is_ancestor`, by a walk no longer than what came after `commit`; where clocks were wrong it may say no."""
    if not is_oid(commit):
        return False
    code, out, _ = run_git_status(["rev-list", "--max-count=1", commit, "--not", tip], repo=repo)
    return code == 0 and not out


def commit_and_tree(repo: Repository, revision: str) -> tuple[str, str]:
    """Return the ids of a commit and of its tree; GitError where `revision` is none."""
    out = run_git(["rev-list", "--max-count=1", "--format=%H %T", "--end-of-options", revision], repo=repo)
    *_, commit, tree = out.decode("ascii").split()
    return commit, tree


def first_of_range(repo: Repository, revisions: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Return (commit, its tree) of the first `count` commits of a revision range; UsageError for what is none."""
    with revisions_checked(revisions):
        out = run_git(_range(revisions, f"--max-count={count}", "--format=%H %T"), repo=repo).decode("ascii")
    lines = (line.split(" ") for line in out.splitlines() if not line.startswith("commit "))
    return [(commit, tree) for commit, tree in lines]


def has_fewer_commits(repo: Repository, tip: str, count: int) -> bool:
    """Tell whether the history of `tip` has fewer than `count` commits; of a longer one no more are walked."""
    out = run_git(["rev-list", "--count", f"--max-count={count}", "--end-of-options", tip], repo=repo)
    return int(out) < count


def remote_branches(repo: Repository, branch: str) -> list[tuple[str, str]]:
    """Return (ref, commit) of the branch of that name of each remote, as it was fetched last."""
    out = run_git(["for-each-ref", "--format=%(refname) %(objectname)", f"refs/remotes/*/{branch}"], repo=repo)
    pairs = (line.rpartition(" ") for line in out.decode("utf-8", "surrogateescape").splitlines())
    return [(ref, commit) for ref, _, commit in pairs]


def fetched_from(repo: Repository, remote: str, *, but: str) -> list[str]:
    """Return the commits of the branches of a remote, as they were fetched last, without the branch `but`."""
    place = f"refs/remotes/{remote}/"
    out = run_git(["for-each-ref", "--format=%(objectname) %(refname)", place], repo=repo)
    pairs = (line.split(" ", 1) for line in out.decode("utf-8", "surrogateescape").splitlines())
    return [commit for commit, ref in pairs if ref not in (f"{place}{but}", f"{place}HEAD")]


def trees_after(repo: Repository, commit: str | None, since: float, runs_ref: str) -> list[tuple[str, str]]:
    """Return (commit, its tree) of the user's history, oldest first, without what `commit` leads to.

    Where that commit is not here, those made from `since` (seconds since the epoch) on; all of it for None.
    """
    args = ["log", "--reverse", f"--max-count={_MOST}", "--format=%H %T", *whole_history(runs_ref)]
    if commit is not None and is_oid(commit):
        here = run_git_status(["cat-file", "-e", commit], repo=repo)[0] == 0
        args += ["--not", commit] if here else [f"--since=@{int(since)}"]
    out = run_git(args, repo=repo)
    return [(words[0], words[1]) for line in out.decode("ascii").splitlines() if len(words := line.split(" ")) == 2]


def commits_within(repo: Repository, wanted: set[str], revisions: Sequence[str], most: int) -> tuple[set[str], bool]:
    """Return those of `wanted` that a revision range holds, and whether it has at most `most` commits in all.

    Raises UsageError for what is no revision.
    """
    sought = {commit.encode() for commit in wanted}
    found: set[bytes] = set()
    count = 0
    rest = b""
    with revisions_checked(revisions), closing(stream_bytes(_range(revisions), repo=repo)) as chunks:
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            found |= sought.intersection(lines)
            count += len(lines)
            if len(found) == len(sought) and count > most:
                break
    return {commit.decode("ascii") for commit in found}, count <= most


def trees_within(repo: Repository, revisions: Sequence[str]) -> set[str]:
    """Return the trees of the commits of a revision range."""
    with revisions_checked(revisions):
        lines = run_git(_range(revisions, "--format=%T"), repo=repo).decode("ascii").splitlines()
    return {line for line in lines if not line.startswith("commit ")}  # a heading, which older gits always print


def _range(revisions: Sequence[str], *options: str) -> list[str]:
    return ["rev-list", *options, "--end-of-options", *revisions, "--"]


@contextmanager
def revisions_checked(revisions: Sequence[str]) -> Iterator[None]:
    """Turn what git says of a word that is no revision into a UsageError."""
    try:
        yield
    except GitError as error:
        text = str(error)
        if any(word in text for word in ("revision", "unknown", "ambiguous", "bad object")):
            raise UsageError(
                f"{' '.join(revisions)!r:.200} is no revision of the code, such as main..feature or v1.0..; "
                "'gittrack show RUN' shows a run, and paths come after --"
            ) from None
        raise


def patch_of(repo: Repository, commit: str) -> str | None:
    """Return the patch-id of a commit, None for a merge and for one that changes nothing."""
    return next((patch for patch, _ in patches_of(repo, [commit])), None)


def newest_with_patch(repo: Repository, patch: str, commits: Sequence[str]) -> str | None:
    """Return the last of `commits`, which come oldest first, with that patch-id; what is older is not looked at."""
    for end in range(len(commits), 0, -_BLOCK):
        found = dict(patches_of(repo, commits[max(0, end - _BLOCK) : end]))
        if patch in found:
            return found[patch]
    return None


def patches_of(repo: Repository, commits: Sequence[str]) -> list[tuple[str, str]]:
    """Return (patch-id, commit) of those of `commits` that are here; merges and empty commits have none."""
    feed = "\n".join(commits).encode() + b"\n"
    diff = ["diff-tree", "--stdin", "--patch", "--root", "-r", "--no-renames", "--no-ext-diff", "--no-textconv"]
    patches = run_git(diff, repo=repo, stdin=feed)
    out = run_git(["patch-id", "--stable"], repo=repo, stdin=patches)
    return [(words[0], words[1]) for line in out.decode("ascii").splitlines() if len(words := line.split(" ")) == 2]
