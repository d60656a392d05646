"""Where the code of a run is in the history of today: rewritten, squashed or committed since, it is still found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import REWRITES, parse_rewrite
from gittrack.git.ancestry import (
    is_in_history,
    newest_with_patch,
    own_history,
    patch_of,
    snapshot_branches,
    trees_after,
    whole_history,
)
from gittrack.git.process import GitError
from gittrack.git.reader import list_tree

if TYPE_CHECKING:
    from gittrack.model import Run
    from gittrack.project import Project

COMMIT: Final = "commit"
REWRITE: Final = "recorded rewrite"
TREE: Final = "same tree"
PATCH: Final = "same patch"
NOWHERE: Final = "on no branch"
_HOPS: Final = 100  # rewrites of rewrites
_SLACK: Final = 86_400.0  # seconds that two clocks may differ


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A commit of a branch or tag that stands for the code of a run, and how it was found.

    COMMIT: it is the commit that was HEAD. REWRITE, TREE, PATCH: that one is on no branch any more, and this one took
    its place, as git told when it was rewritten, or as its tree or its patch tells. NOWHERE: no branch or tag leads to
    it or to another one. `committed` is the commit, if any, that has the very tree of a run that was made on
    uncommitted changes, or that took the place of the one that had it.
    """

    commit: str | None = None
    how: str = ""
    committed: str | None = None


def whereabouts(project: Project, run: Run) -> Whereabouts:
    """Look for the code of a run in the user's history: by commit, recorded rewrites, tree and patch, in that order."""
    try:
        return _found(project, run)
    except GitError:  # a shallow or partial clone: what is not here cannot be compared
        return Whereabouts()


def _found(project: Project, run: Run) -> Whereabouts:
    repo, commit, ref, snapshot = project.repo, run.code.commit, project.runs_ref, run.code.snapshot
    # A branch at a snapshot is where somebody looks at a run: nothing went on from there.
    own = own_history(ref, snapshot_branches(repo))
    present = commit is not None and is_in_history(repo, commit, own)
    if present and not run.code.dirty:
        return Whereabouts(commit, COMMIT)
    after = [(new, tree) for new, tree in trees_after(repo, commit, run.start - _SLACK, ref) if new != snapshot]
    same = _with_tree(after, run.code.tree)
    committed = (same or _committed(project, run)) if run.code.dirty else None
    if commit is None or present:
        return Whereabouts(commit, COMMIT if present else "", committed)
    new, how = _successor(project, commit, None if run.code.dirty else same, [other for other, _ in after])
    return Whereabouts(new, how, committed)


def _successor(project: Project, commit: str, same: str | None, candidates: list[str]) -> tuple[str | None, str]:
    """The commit that took the place of one that no branch of the user's has, `same` the one with its tree."""
    if (new := _rewritten(project, commit)) is not None:
        return new, REWRITE
    if same is not None:
        return same, TREE
    if (new := _with_patch(project, commit, candidates)) is not None:
        return new, PATCH
    # Only as somebody pushed it, or below its own snapshot.
    fetched = is_in_history(project.repo, commit, whole_history(project.runs_ref))
    return (commit, COMMIT) if fetched else (None, NOWHERE)


def recorded_rewrites(project: Project, shard: str = "") -> list[tuple[str, str]]:
    """Return the recorded pairs (old commit, new commit), or those whose old one starts with the two digits `shard`.

    What became a commit was the tree of uncommitted changes before.
    """
    tip = project.runs_tip()
    if tip is None:
        return []
    folder = f"{REWRITES}/{shard}/" if shard else f"{REWRITES}/"
    entries = list_tree(project.repo, tip, folder)
    return [pair for entry in entries if (pair := parse_rewrite(entry.path.rpartition("/")[2])) is not None]


def _with_tree(after: list[tuple[str, str]], tree: str | None) -> str | None:
    return next((commit for commit, found in after if found == tree), None)


def _committed(project: Project, run: Run) -> str | None:
    """The commit that was made of uncommitted changes, as the hook post-commit told, and rewritten since."""
    tree = run.code.tree
    return None if tree is None or run.code.left_out else _rewritten(project, tree)


def _rewritten(project: Project, commit: str) -> str | None:
    """Follow the recorded rewrites to the first commit that a branch leads to."""
    seen, waiting = {commit}, [commit]
    while waiting and len(seen) < _HOPS:
        old = waiting.pop(0)
        news = [new for before, new in recorded_rewrites(project, old[:2]) if before == old and new not in seen]
        for new in news:
            if is_in_history(project.repo, new, whole_history(project.runs_ref)):
                return new
        seen.update(news)
        waiting += news
    return None


def _with_patch(project: Project, commit: str, candidates: list[str]) -> str | None:
    patch = patch_of(project.repo, commit)
    return None if patch is None else newest_with_patch(project.repo, patch, candidates)
