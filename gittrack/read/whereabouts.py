"""Where the code of a run is in the history of today: rewritten, squashed or committed since, it is still found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import REWRITES, parse_rewrite
from gittrack.git.ancestry import is_in_history, newest_with_patch, patch_of, trees_after
from gittrack.git.process import GitError
from gittrack.git.reader import list_tree

if TYPE_CHECKING:
    from gittrack.model import Run
    from gittrack.project import Project

COMMIT: Final = "commit"
REWRITE: Final = "recorded rewrite"
TREE: Final = "same tree"
PATCH: Final = "same patch"
_HOPS: Final = 100  # rewrites of rewrites
_SLACK: Final = 86_400.0  # seconds that two clocks may differ


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A commit of a branch or tag that stands for the code of a run, and how it was found.

    COMMIT: it is the commit that was HEAD. REWRITE, TREE, PATCH: that one is on no branch any more, and this one took
    its place, as git told when it was rewritten, or as its tree or its patch tells. `committed` is the commit, if there
    is one, that has the very tree of a run that was made on uncommitted changes.
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
    commit, ref = run.code.commit, project.runs_ref
    present = commit is not None and is_in_history(project.repo, commit, ref)
    if present and not run.code.dirty:
        return Whereabouts(commit, COMMIT)
    after = trees_after(project.repo, commit, run.start - _SLACK, ref)
    same = _with_tree(after, run.code.tree)
    committed = same if run.code.dirty else None
    if commit is None or present:
        return Whereabouts(commit, COMMIT if present else "", committed)
    if (new := _rewritten(project, commit)) is not None:
        return Whereabouts(new, REWRITE, committed)
    if same is not None and not run.code.dirty:
        return Whereabouts(same, TREE)
    patched = _with_patch(project, commit, [other for other, _ in after])
    return Whereabouts(patched, PATCH if patched else "", committed)


def recorded_rewrites(project: Project, shard: str = "") -> list[tuple[str, str]]:
    """Return the recorded pairs (old commit, new commit), or those whose old one starts with the two digits `shard`."""
    tip = project.runs_tip()
    if tip is None:
        return []
    folder = f"{REWRITES}/{shard}/" if shard else f"{REWRITES}/"
    entries = list_tree(project.repo, tip, folder)
    return [pair for entry in entries if (pair := parse_rewrite(entry.path.rpartition("/")[2])) is not None]


def _with_tree(after: list[tuple[str, str]], tree: str | None) -> str | None:
    return next((commit for commit, found in after if found == tree), None)


def _rewritten(project: Project, commit: str) -> str | None:
    """Follow the recorded rewrites to the first commit that a branch leads to."""
    seen, waiting = {commit}, [commit]
    while waiting and len(seen) < _HOPS:
        old = waiting.pop(0)
        news = [new for before, new in recorded_rewrites(project, old[:2]) if before == old and new not in seen]
        for new in news:
            if is_in_history(project.repo, new, project.runs_ref):
                return new
        seen.update(news)
        waiting += news
    return None


def _with_patch(project: Project, commit: str, candidates: list[str]) -> str | None:
    patch = patch_of(project.repo, commit)
    return None if patch is None else newest_with_patch(project.repo, patch, candidates)
