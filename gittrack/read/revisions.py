"""The runs of a revision range: made with a commit that git finds in it, or finds again there after a rewrite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.git.ancestry import commits_within, outside_history, snapshot_branches, trees_within, whole_history
from gittrack.read.whereabouts import recorded_rewrites

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gittrack.project import Project

_SMALL: Final = 20_000  # commits of a range in which trees are looked for


@dataclass(frozen=True, slots=True)
class Codes:
    """What the runs of a repository were made with.

    `commits` are those that were HEAD, each with its tree where a run on a clean tree told it; `dirty` the trees of
    uncommitted changes.
    """

    commits: Mapping[str, str | None]
    dirty: frozenset[str]


def codes_within(project: Project, codes: Codes, revisions: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return those commits, and those trees of uncommitted changes, that `revisions` such as main..feature hold.

    A commit that was rewritten counts for the one that took its place: as git told when it was rewritten, or, where it
    is on no branch any more, as its tree tells. Raises UsageError for what is no revision.
    """
    heirs = heirs_of(project, [*codes.commits, *codes.dirty])
    found, is_small = commits_within(project.repo, set(codes.commits).union(*heirs.values()), revisions, _SMALL)
    held = {commit for commit in codes.commits if commit in found or heirs.get(commit, set()) & found}
    # A second walk, which of a long range would cost as much as the first one.
    trees = trees_within(project.repo, revisions) if is_small else set()
    alike = [commit for commit, tree in codes.commits.items() if commit not in held and tree in trees]
    lost = outside_history(project.repo, alike, whole_history(project.runs_ref, snapshot_branches(project.repo)))
    return frozenset(held | lost), frozenset(
        tree for tree in codes.dirty if tree in trees or heirs.get(tree, set()) & found
    )


def heirs_of(project: Project, commits: Iterable[str]) -> dict[str, set[str]]:
    """Return what took the place of each commit, as git told when it was rewritten; nothing where nothing was.

    `commits` may have trees of uncommitted changes among them, whose place commits took.
    """
    successors: dict[str, set[str]] = {}
    for old, new in recorded_rewrites(project):
        successors.setdefault(old, set()).add(new)
    return {commit: set(_heirs(commit, successors)) for commit in commits} if successors else {}


def _heirs(commit: str, successors: Mapping[str, set[str]]) -> Iterator[str]:
    """What took the place of a commit, and of that, and so on."""
    seen = {commit}
    waiting = [commit]
    while waiting:
        for new in successors.get(waiting.pop(), set()) - seen:
            seen.add(new)
            waiting.append(new)
            yield new
