"""The objects that nothing needs but a history that is being removed, and never one that something else holds."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.pins import is_pin
from gittrack.git.process import run_git, run_git_status, stream_git
from gittrack.git.reader import BlobReader, parents_of
from gittrack.git.snapshot import is_snapshot
from gittrack.git.tree import parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.git.repository import Repository
    from gittrack.git.rewriting import Progress

_HOLDERS: Final = ("--all", "--reflog", "--indexed-objects")  # of every worktree
_UNREACHABLE: Final = re.compile(rb"unreachable (commit|tree|tag) ([0-9a-f]+)")
_SUBMODULE: Final = 0o160000


@dataclass(frozen=True, slots=True)
class Unneeded:
    """What can go, and the unreachable commits of the user's that need other objects of it, which stay for them."""

    objects: frozenset[str]
    held_by: tuple[str, ...] = ()


def unneeded(
    repo: Repository, roots: Iterable[str], *, holding: str, partial: bool, progress: Progress | None = None
) -> Unneeded:
    """Return the objects that are reached from `roots`, and from no ref, HEAD, reflog or index of any worktree.

    What commits of the user's need that are themselves unreachable, as a lost stash, stays as well. Unreachable commits
    that gittrack made, which are pins, snapshots or have the file `holding`, count as nothing, and so do trees that no
    commit has. In a `partial` clone objects may be missing. Raises GitError where others are.
    """
    missing = ["--missing=allow-any"] if partial else []
    present = existing(repo, roots)
    if not present:
        return Unneeded(frozenset())
    named = "".join(f"{oid}\n" for oid in present).encode()
    # --not leaves out less than it could: only what lies at the edge of the others' history.
    listed = run_git(
        ["rev-list", "--objects", "--no-object-names", *missing, "--stdin", "--not", *_HOLDERS], repo=repo, stdin=named
    )
    found = set(listed.decode("ascii").split())
    lost = _unreachable(repo) - found
    for number, oid in enumerate(reachable(repo, missing)):
        found.discard(oid)
        lost.discard(oid)
        if progress is not None and number % 1000 == 0:
            progress(number, None)
    return _without_lost(repo, found, lost, holding)


def still_unneeded(repo: Repository, objects: Iterable[str], *, partial: bool) -> list[str]:
    """Return those of the objects that nothing needs by now; for the case that some of them are gone already."""
    found = set(objects)
    for oid in reachable(repo, ["--missing=allow-any"] if partial else []):
        found.discard(oid)
    return sorted(found)


def existing(repo: Repository, oids: Iterable[str]) -> list[str]:
    """Return those of the objects that are here, alternates included, without fetching any."""
    asked = "".join(f"{oid}\n" for oid in dict.fromkeys(oids)).encode()
    if not asked:
        return []
    env = {"GIT_NO_LAZY_FETCH": "1"}
    lines = run_git(["cat-file", "--batch-check=%(objectname)"], repo=repo, stdin=asked, env=env).decode().splitlines()
    return [line for line in lines if not line.endswith(" missing")]


def reachable(repo: Repository, missing: Iterable[str] = ()) -> Iterator[str]:
    """Yield every object that a ref, a HEAD, a reflog or an index of any worktree holds."""
    lines = stream_git(["rev-list", "--objects", "--no-object-names", *missing, *_HOLDERS], repo=repo, separator=b"\n")
    return (line.decode("ascii") for line in lines)


def _unreachable(repo: Repository) -> set[str]:
    """The commits, trees and tags that nothing leads to, and perhaps some that only another worktree's index has."""
    args = ["fsck", "--connectivity-only", "--unreachable", "--no-dangling", "--no-progress"]
    # Its exit code tells of damage, which is no concern here.
    _, out, _ = run_git_status(args, repo=repo)
    return {match[2].decode("ascii") for match in _UNREACHABLE.finditer(out)}


def _without_lost(repo: Repository, found: set[str], lost: set[str], holding: str) -> Unneeded:
    with BlobReader(repo) as reader:
        contents = dict(reader.read_many(sorted(lost)))
    edges = {oid: list(_edges(data, repo.hash_len)) for oid, data in contents.items()}
    reaching = _reaching(edges, found)
    commits = [oid for oid in reaching if _is_commit_or_tag(contents[oid])]
    ours = _made_by_gittrack(repo, {oid: contents[oid] for oid in commits}, holding)
    users = [oid for oid in commits if oid not in ours]
    going = found | ours | {oid for oid in reaching if not _is_commit_or_tag(contents[oid])}
    if not users:
        return Unneeded(frozenset(going))
    named = "".join(f"{oid}\n" for oid in users).encode()
    args = ["rev-list", "--objects", "--no-object-names", "--missing=allow-any", "--stdin", "--not", *_HOLDERS]
    needed = set(run_git(args, repo=repo, stdin=named).decode("ascii").split())
    return Unneeded(frozenset(going - needed), tuple(users))


def _edges(data: bytes, hash_len: int) -> Iterator[str]:
    """What a commit, tag or tree leads to."""
    if data.startswith(b"tree "):
        yield data[5 : data.index(b"\n")].decode("ascii")
        yield from parents_of(data)
    elif data.startswith(b"object "):
        yield data[7 : data.index(b"\n")].decode("ascii")
    else:
        yield from (entry.oid for entry in parse_tree(data, hash_len) if entry.mode != _SUBMODULE)


def _is_commit_or_tag(data: bytes) -> bool:
    return data.startswith((b"tree ", b"object "))


def _reaching(edges: dict[str, list[str]], found: set[str]) -> set[str]:
    """Which of the objects that `edges` start from lead to something in `found`."""
    holders: dict[str, list[str]] = defaultdict(list)
    for oid, below in edges.items():
        for target in below:
            holders[target].append(oid)
    reaching: set[str] = set()
    todo = [oid for oid in holders if oid in found]
    while todo:
        for oid in holders.get(todo.pop(), ()):
            if oid not in reaching:
                reaching.add(oid)
                todo.append(oid)
    return reaching


def _made_by_gittrack(repo: Repository, commits: dict[str, bytes], holding: str) -> set[str]:
    asked = "".join(f"{oid}:{holding}\n" for oid in commits).encode()
    answers = run_git(["cat-file", "--batch-check=%(objecttype)"], repo=repo, stdin=asked).splitlines() if asked else []
    runs = {oid for oid, answer in zip(commits, answers, strict=True) if answer == b"blob"}
    return runs | {oid for oid, data in commits.items() if is_pin(repo, data) or is_snapshot(data)}
