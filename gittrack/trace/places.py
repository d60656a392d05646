"""Which commits of a history the runs stand at, rewritten ones and those committed since included."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gittrack.git.ancestry import is_in_history, own_history, snapshot_branches
from gittrack.read.revisions import heirs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gittrack.catalog import Catalog
    from gittrack.git.dag import Commit
    from gittrack.model import Code, Run
    from gittrack.query.terms import Query


@dataclass(frozen=True, slots=True)
class Places:
    """Where runs stand: `commits` tells it of the commit that was HEAD, `trees` of the very tree that ran.

    `alike` are commits that have one of those trees, wherever they are; `followed` tells of the trees of uncommitted
    changes which commit took the place of the one that was made of them.
    """

    commits: Mapping[str, str]
    trees: Mapping[str, str]
    alike: frozenset[str] = frozenset()
    followed: Mapping[str, str] = field(default_factory=dict)

    def of(self, run: Run) -> str | None:
        """Return the commit at which a run stands: the one that has its very files, or else the one it was made on."""
        code = run.code
        own = self.commits.get(code.commit or "")
        return (self.of_files(run) or self._followed(code) or own) if code.dirty else own

    def _followed(self, code: Code) -> str | None:
        return None if code.left_out else self.followed.get(code.tree or "")

    def of_files(self, run: Run) -> str | None:
        """Return the commit whose very files a run was made with, whatever they were called then."""
        code = run.code
        if code.tree is None:
            return None if code.dirty else self.commits.get(code.commit or "")
        return None if code.dirty and code.left_out else self.trees.get(code.tree)

    def query(self, query: Query) -> Query:
        """Return `query` for the runs that may stand here."""
        return replace(query, commits=self.alike.union(self.commits), trees=frozenset((*self.trees, *self.followed)))


def places_of(catalog: Catalog, commits: Sequence[Commit]) -> Places:
    """Return which runs stand at some commits; of several with the same files the oldest is the one that has them."""
    codes = catalog.codes()
    here = {commit.id for commit in commits}
    wanted = codes.dirty | {tree for tree in codes.commits.values() if tree}
    trees: dict[str, str] = {}
    for commit in commits:
        if commit.tree in wanted:
            trees.setdefault(commit.tree, commit.id)
    alike = frozenset(commit for commit, tree in codes.commits.items() if tree in trees)
    heirs = heirs_of(catalog.project, [*codes.commits, *codes.dirty])
    followed = {tree: min(found) for tree in codes.dirty if (found := heirs.get(tree, set()) & here)}
    standing_at = dict(_standing(catalog, codes.commits, here, trees, heirs))
    return Places(standing_at, trees, alike, followed)


def standing(catalog: Catalog, places: Places, query: Query, limit: int | None) -> tuple[dict[str, list[Run]], bool]:
    """Return the runs that stand at each commit, in the order of `query`, and whether there are more than `limit`."""
    found: dict[str, list[Run]] = {}
    count = 0
    for run in catalog.documents(catalog.hits(places.query(query))):
        commit = places.of(run)
        if commit is None:
            continue
        if count == limit:
            return found, True
        found.setdefault(commit, []).append(run)
        count += 1
    return found, False


def _standing(
    catalog: Catalog,
    made_with: Mapping[str, str | None],
    here: set[str],
    trees: Mapping[str, str],
    heirs: Mapping[str, set[str]],
) -> Iterator[tuple[str, str]]:
    for commit, tree in made_with.items():
        if commit in here:
            yield commit, commit
        elif found := heirs.get(commit, set()) & here:
            yield commit, min(found)
        elif (same := trees.get(tree or "")) and not _is_elsewhere(catalog, commit):
            yield commit, same


def _is_elsewhere(catalog: Catalog, commit: str) -> bool:
    return is_in_history(
        catalog.project.repo, commit, own_history(catalog.project.runs_ref, snapshot_branches(catalog.project.repo))
    )
