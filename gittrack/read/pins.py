"""The pins: that each ref's chain is whole, and so keeps every commit that it was made to keep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.errors import GittrackError
from gittrack.git.pin_refs import CODE, SNAPSHOTS
from gittrack.git.reader import BlobReader, empty_tree, parents_of
from gittrack.git.refs import read_ref
from gittrack.git.verified import missing_objects, read_verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.repository import Repository

_SHOWN: Final = 5


class _Link(NamedTuple):
    """A commit to look at; a `pin` must be one, another may also be a commit of the user's that is pinned."""

    oid: str
    pin: bool


def pin_problems(repo: Repository, *, partial: bool) -> Iterator[tuple[str, str]]:
    """Yield (ref, what is wrong) for the refs of pins that exist.

    In a `partial` clone objects may be elsewhere by design and are not looked for.
    """
    with BlobReader(repo) as reader:
        for ref in (CODE, SNAPSHOTS):
            try:
                tip = read_ref(repo, ref)
            except GittrackError as error:
                yield ref, str(error)
                continue
            if tip is not None:
                yield from ((ref, problem) for problem in _chain_problems(repo, reader, tip, partial=partial))


def _chain_problems(repo: Repository, reader: BlobReader, tip: str, *, partial: bool) -> Iterator[str]:
    ends = _shallow_ends(repo)
    broken = False
    todo, seen = [_Link(tip, pin=True)], {tip}
    while todo:
        link = todo.pop()
        _, data, fault = next(read_verified(repo, reader, "commit", [link.oid]))
        if data is None:
            broken = True
            if not partial:
                yield f"{'the pin' if link.pin else 'the pinned commit'} {link.oid[:12]} {fault}"
            continue
        tree, parents = _tree_of(data), parents_of(data)
        is_pin = tree == empty_tree(repo) and 1 <= len(parents) <= 2
        if link.pin and not is_pin:
            yield f"{link.oid[:12]} is no pin: it has {_described(repo, tree, parents)}"
        follow = is_pin and link.oid not in ends
        new = [before for before in _links(link, parents) if before.oid not in seen] if follow else []
        seen.update(before.oid for before in new)
        todo += new
    if not (broken or partial):
        yield from _missing(repo, tip)


def _shallow_ends(repo: Repository) -> frozenset[str]:
    """The commits whose parents a shallow clone was made without."""
    try:
        with open(os.path.join(repo.common_dir, "shallow"), encoding="ascii", errors="replace") as file:
            return frozenset(file.read().split())
    except OSError:
        return frozenset()


def _links(pin: _Link, parents: list[str]) -> list[_Link]:
    """A pin's parents are the pin before it and what it pins, or two pins where two chains were merged."""
    return [_Link(oid, pin=pin.pin and number == 0 and len(parents) == 2) for number, oid in enumerate(parents)]


def _tree_of(commit: bytes) -> str:
    return commit.partition(b"\n")[0].removeprefix(b"tree ").decode("ascii", "replace")


def _described(repo: Repository, tree: str, parents: list[str]) -> str:
    return f"{len(parents)} parents" if tree == empty_tree(repo) else "files"


def _missing(repo: Repository, tip: str) -> Iterator[str]:
    """What the pinned commits need, down to the last file, and the repository lacks."""
    try:
        missing = [oid[:12] for oid in missing_objects(repo, tip)]
    except GittrackError as error:
        yield f"what it pins cannot be read: {error}; run 'git fsck'"
        return
    if missing:
        shown = ", ".join(missing[:_SHOWN]) + (", …" if len(missing) > _SHOWN else "")
        yield f"{len(missing)} objects of what it pins are missing from the repository: {shown}"
