"""Who leads to a commit: refs, reflogs, worktrees."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git, stream_git
from gittrack.git.unneeded import existing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from gittrack.git.repository import Repository

_BATCH: Final = 200  # commits in one command line
_OLDEST_FIRST: Final = ("rev-list", "--topo-order", "--reverse", "--parents")
_OID: Final = re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{64})\b")


def commits_touching(repo: Repository, tip: str, paths: Sequence[str]) -> list[str]:
    """Return the commits of a history that changed anything below `paths`, the newest first."""
    args = ["rev-list", "--topo-order", "--full-history", "--end-of-options", tip, "--", *paths]
    return run_git(args, repo=repo).decode("ascii").split()


def count_from(repo: Repository, tip: str, commits: Iterable[str]) -> int:
    """Return how many commits of a history are, or come after, one of `commits`."""
    lines = stream_git([*_OLDEST_FIRST, "--end-of-options", tip], repo=repo, separator=b"\n")
    return sum(1 for _ in _at_or_after(lines, commits))


def reaching(repo: Repository, tips: Iterable[str], commits: Iterable[str]) -> set[str]:
    """Return those of the tips, as far as they are here, from which one of the commits is reached."""
    here, wanted = existing(repo, tips), existing(repo, commits)
    if not here or not wanted:
        return set()
    stdin = "".join(f"{oid}\n" for oid in here).encode()
    lines = run_git([*_OLDEST_FIRST, "--stdin"], repo=repo, stdin=stdin).splitlines()
    return set(here).intersection(_at_or_after(lines, wanted))


def _at_or_after(lines: Iterable[bytes], commits: Iterable[str]) -> Iterator[str]:
    """Yield, of lines with a commit and its parents, the oldest first, which are, or come after, one of `commits`."""
    found = set(commits)
    for line in lines:
        oid, *parents = line.decode("ascii").split()
        if oid in found or not found.isdisjoint(parents):
            found.add(oid)
            yield oid


def younger_than(repo: Repository, commits: Iterable[str], seconds: float) -> list[str]:
    """Return those of the commits that are here and were made within `seconds` of now, by either's clock."""
    stdin = "".join(f"{oid}\n" for oid in existing(repo, commits)).encode()
    if not stdin:
        return []
    args = ["log", "--no-walk=unsorted", "--format=%H %ct", "--no-show-signature", "--stdin"]
    pairs = (line.split() for line in run_git(args, repo=repo, stdin=stdin).decode("ascii").splitlines())
    return [oid for oid, made in pairs if abs(time.time() - int(made)) < seconds]


def refs_holding(repo: Repository, commits: Iterable[str], patterns: Sequence[str] = ()) -> dict[str, str]:
    """Return the refs, of those that match `patterns`, that lead to one of the commits: name -> where it points."""
    here = existing(repo, commits)
    found: dict[str, str] = {}
    for start in range(0, len(here), _BATCH):
        words = [f"--contains={commit}" for commit in here[start : start + _BATCH]]
        out = run_git(["for-each-ref", "--format=%(objectname) %(refname)", *words, *patterns], repo=repo)
        pairs = (line.split(" ", 1) for line in out.decode("utf-8", "surrogateescape").splitlines())
        found |= {ref: oid for oid, ref in pairs}
    return found


def paths_in_refs(repo: Repository, paths: Sequence[str], patterns: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return (ref, where it points, path) for each of the paths that the tree of a ref has that matches `patterns`."""
    out = run_git(["for-each-ref", "--format=%(objectname) %(refname)", *patterns], repo=repo)
    refs = [line.split(" ", 1) for line in out.decode("utf-8", "surrogateescape").splitlines()]
    asked = [(ref, oid, path) for oid, ref in refs for path in paths]
    stdin = "".join(f"{oid}:{path}\n" for _, oid, path in asked).encode()
    answers = run_git(["cat-file", "--batch-check=%(objecttype)"], repo=repo, stdin=stdin).splitlines() if asked else []
    return [found for found, answer in zip(asked, answers, strict=True) if answer in (b"tree", b"blob")]


def reflogs_holding(repo: Repository, commits: Collection[str]) -> list[str]:
    """Return the names of the reflogs with an entry from which one of the commits is reached."""
    args = ["log", "--walk-reflogs", "--all", "--format=%H %gD", "--no-show-signature"]
    entries = [line.split(" ", 1) for line in run_git(args, repo=repo).decode("utf-8", "replace").splitlines()]
    holding = reaching(repo, {oid for oid, _ in entries}, commits)
    return sorted({name.rpartition("@{")[0] for oid, name in entries if oid in holding})


def expire_reflog(repo: Repository, ref: str) -> None:
    """Forget where a ref was before."""
    run_git(["reflog", "expire", "--expire=all", "--expire-unreachable=all", ref], repo=repo)


def has_reflog(repo: Repository, ref: str) -> bool:
    """Tell whether git keeps a log of a ref."""
    return os.path.exists(os.path.join(repo.common_dir, "logs", *ref.split("/")))


def worktree_on(repo: Repository, ref: str) -> str | None:
    """Return the folder of the worktree that has a branch checked out, None where there is none."""
    for block in _worktrees(repo):
        if f"branch {ref}" in block:
            return block[0].removeprefix("worktree ")
    return None


def worktrees_holding(repo: Repository, commits: Collection[str]) -> list[tuple[str, bool]]:
    """Return (folder, whether it is checked out there) of each worktree from which one of the commits is reached.

    Where it is not checked out, the log of what was tells of it; that of this very worktree is no matter here.
    """
    found = []
    for git_dir, folder in _git_dirs(repo):
        head = _words(os.path.join(git_dir, "HEAD"))[:1]
        own = os.path.realpath(git_dir) == os.path.realpath(repo.git_dir)
        log = [] if own else _OID.findall(" ".join(_words(os.path.join(git_dir, "logs", "HEAD"))))
        holding = reaching(repo, {*filter(_OID.fullmatch, head), *log}, commits)
        if holding:
            found.append((folder, not holding.isdisjoint(head)))
    return found


def _git_dirs(repo: Repository) -> Iterator[tuple[str, str]]:
    """Yield where git keeps what belongs to a worktree alone, and the folder of that worktree."""
    yield repo.common_dir, next(_worktrees(repo))[0].removeprefix("worktree ")
    folder = os.path.join(repo.common_dir, "worktrees")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        git_dir = os.path.join(folder, name)
        place = " ".join(_words(os.path.join(git_dir, "gitdir"), separator="\n"))
        yield git_dir, os.path.dirname(os.path.join(git_dir, place))


def _words(path: str, separator: str | None = None) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip().split(separator)
    except OSError:
        return []


def _worktrees(repo: Repository) -> Iterator[list[str]]:
    out = run_git(["worktree", "list", "--porcelain"], repo=repo).decode("utf-8", "surrogateescape")
    return (block.split("\n") for block in out.split("\n\n") if block)


def object_sizes(repo: Repository, oids: Iterable[str]) -> int:
    """Return the sum of the sizes of those of the objects that are here, each once."""
    stdin = "".join(f"{oid}\n" for oid in dict.fromkeys(oids)).encode()
    out = run_git(["cat-file", "--batch-check=%(objectsize)"], repo=repo, stdin=stdin) if stdin else b""
    return sum(int(line) for line in out.splitlines() if line.isdigit())
