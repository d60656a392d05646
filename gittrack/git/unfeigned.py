"""A history as its objects tell it: nothing that shows git other objects, or other parents, is believed."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.git.process import run_git, run_git_status, stream_git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from gittrack.git.repository import Repository

# `git replace`, and grafts: what they feign is a matter of this clone.
ENV: Final = {"GIT_NO_REPLACE_OBJECTS": "1", "GIT_GRAFT_FILE": os.devnull}
# A file of the commit graph says what parents and trees commits have, and is not held against them.
_UNFEIGNED: Final = ("-c", "core.commitGraph=false", "-c", "advice.graftFileDeprecated=false")

_AT_ONCE: Final = 1_000  # commits


class Change(NamedTuple):
    """What a commit did to a path, by git's letter A, M, T or D: the objects before and after it."""

    status: str
    old: str
    new: str
    path: str


class Step(NamedTuple):
    """A commit, held against each of its parents: a path that is new for all of them is there as often as those."""

    commit: str
    parents: tuple[str, ...]
    author: str
    changes: list[Change]


def walk_steps(
    repo: Repository, tip: str, paths: Sequence[str] = (), progress: Callable[[int, int], None] | None = None
) -> Iterator[Step]:
    """Yield every commit of the history of `tip`, each before its parents, with its changes below `paths`, or all.

    `progress` is told of commits, (done, total). Raises GitError where the history cannot be read.
    """
    listed = run_git([*_UNFEIGNED, "rev-list", "--topo-order", "--end-of-options", tip], repo=repo, env=ENV)
    commits = listed.decode("ascii").split()
    chunks = [commits[start : start + _AT_ONCE] for start in range(0, len(commits), _AT_ONCE)]
    done = 0
    for chunk, out in zip(chunks, _ahead(lambda chunk: _shown(repo, chunk, paths), chunks), strict=True):
        yield from _steps(out)
        done += len(chunk)
        if progress is not None:
            progress(done, len(commits))


def _ahead(ask: Callable[[list[str]], bytes], chunks: Iterable[list[str]]) -> Iterator[bytes]:
    """Yield what `ask` answers to each chunk, in order; as many at a time are asked as there are processors."""
    waiting: deque[Future[bytes]] = deque()
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        for chunk in chunks:
            waiting.append(pool.submit(ask, chunk))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _shown(repo: Repository, commits: list[str], paths: Sequence[str]) -> bytes:
    shown = ["--raw", "-m", "--no-renames", "--no-abbrev", "--diff-filter=AMDT", "-z", "--no-show-signature"]
    # Each by itself: of a walk along paths git leaves out the side of a merge that ended otherwise.
    asked = ["--no-walk=unsorted", "--stdin", "--encoding=UTF-8", "--format=%x01%H%x02%P%x02%an <%ae>"]
    command = [*_UNFEIGNED, "log", *asked, *shown, "--", *paths]
    return run_git(command, repo=repo, stdin="".join(f"{commit}\n" for commit in commits).encode(), env=ENV)


def _steps(out: bytes) -> Iterator[Step]:
    step: Step | None = None
    pieces = iter(out.split(b"\0"))
    for piece in pieces:
        if piece.startswith(b"\x01"):
            found = _step(piece)
            if step is not None and step.commit != found.commit:
                yield step
            # A merge comes once for each of its parents.
            step = found if step is None or step.commit != found.commit else step
        elif step is not None and (facts := piece.lstrip(b"\n")).startswith(b":"):
            _, _, old, new, status = facts.decode("ascii").split(" ")
            step.changes.append(Change(status, old, new, os.fsdecode(next(pieces))))
    if step is not None:
        yield step


def _step(piece: bytes) -> Step:
    commit, parents, author = piece[1:].split(b"\x02", 2)
    return Step(commit.decode("ascii"), tuple(parents.decode("ascii").split()), author.decode("utf-8", "replace"), [])


def changed_between(repo: Repository, old: str, new: str) -> list[Change]:
    """Return what was changed or removed from one commit to another."""
    args = ["diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", "--diff-filter=MDT", "--end-of-options", old, new]
    pieces = stream_git(args, repo=repo, env=ENV)
    found = []
    for facts in pieces:
        _, _, before, after, status = facts.decode("ascii").split(" ")
        found.append(Change(status, before, after, os.fsdecode(next(pieces))))
    return found


def replacements(repo: Repository) -> dict[str, str]:
    """Return what `git replace` shows in place of which objects."""
    lines = run_git(["for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/replace/"], repo=repo)
    pairs = (line.partition(" ") for line in lines.decode("ascii").splitlines())
    return {old: new for old, _, new in pairs}


def grafts(repo: Repository) -> list[str]:
    """Return the commits that the file of grafts gives other parents."""
    try:
        with open(os.path.join(repo.common_dir, "info", "grafts"), encoding="ascii", errors="replace") as file:
            return [line.split()[0] for line in file if line.strip() and not line.startswith("#")]
    except FileNotFoundError:
        return []


def cut_off(repo: Repository) -> frozenset[str]:
    """Return the commits whose parents a shallow clone has not."""
    try:
        with open(os.path.join(repo.common_dir, "shallow"), encoding="ascii", errors="replace") as file:
            return frozenset(file.read().split())
    except FileNotFoundError:
        return frozenset()


def leads_to(repo: Repository, tip: str, commit: str) -> bool:
    """Tell whether the history of `tip` holds `commit`; False for what is no commit."""
    return run_git_status([*_UNFEIGNED, "merge-base", "--is-ancestor", commit, tip], repo=repo, env=ENV)[0] == 0
