"""The commit nearest to a revision, back in its history, that has runs: its own, or those of one that it replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.git.ancestry import is_in_history, own_history, patches_of, snapshot_branches
from gittrack.git.walk import ancestors
from gittrack.read.revisions import heirs_of
from gittrack.read.whereabouts import COMMIT, PATCH, REWRITE, TREE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gittrack.project import Project

_SMALL: Final = 20_000  # commits whose trees are looked at
_FEW: Final = 200  # commits, and commits of runs, whose patches are


class Made(NamedTuple):
    """The code that runs were made with: HEAD, and the tree of it or, where `dirty`, of the working tree."""

    commit: str | None
    tree: str | None
    dirty: bool


@dataclass(frozen=True, slots=True)
class Nearest:
    """A commit that has runs, `back` commits from where the search began; `how` tells what leads from each code to it.

    `tree` is that of the commit: where a code has another one, its runs were made with other files.

    COMMIT: it was HEAD. REWRITE, TREE, PATCH: as in read/whereabouts.py; TREE also where it has what was uncommitted.
    """

    commit: str
    tree: str
    back: int
    how: Mapping[Made, str]


def nearest(
    project: Project, made: Collection[Made], commit: str, *, without: Sequence[str] = (), kept: Sequence[str] = ()
) -> Nearest | None:
    """Return the first commit of `git log commit --not without` that runs with one of these codes belong to.

    `made` has the newest first: of many commits that were rewritten, only the newest are found by their patch. What the
    user's branches, or the commits in `kept`, lead to was not rewritten.
    """
    own = {code.commit for code in made}
    window: list[tuple[str, str]] = []
    back = -1
    found = False
    for back, (each, tree) in enumerate(ancestors(project.repo, commit, without)):
        found = each in own
        if found or back < _SMALL:
            window.append((each, tree))
        if found:
            break
    lost = _Lost(project, [*own_history(project.runs_ref, snapshot_branches(project.repo)), commit, *without, *kept])
    places = _places(project, made, window, lost)
    if not places:
        return None
    first = min(place for place, _ in places.values())
    how = {code: how for code, (place, how) in places.items() if place == first}
    return Nearest(*window[first], back if found and first == len(window) - 1 else first, how)


def _places(
    project: Project, made: Collection[Made], window: Sequence[tuple[str, str]], lost: _Lost
) -> dict[Made, tuple[int, str]]:
    """The place in the window of each code that belongs to a commit of it, and how it was found."""
    commits = {commit: place for place, (commit, _) in reversed(list(enumerate(window)))}
    trees = {tree: place for place, (_, tree) in reversed(list(enumerate(window)))}
    heirs = heirs_of(project, {code.commit for code in made if code.commit})
    found: dict[Made, tuple[int, str]] = {}
    for code in made:
        if code.dirty and code.tree in trees:
            found[code] = trees[code.tree], TREE
        elif code.commit in commits:
            found[code] = commits[code.commit], COMMIT
        elif new := [commits[heir] for heir in heirs.get(code.commit or "", ()) if heir in commits]:
            place, same = min(new), trees.get(code.tree or "")
            found[code] = (place, REWRITE) if same is None or window[place][1] == code.tree else (same, TREE)
        elif not code.dirty and code.tree in trees and lost.is_so(code.commit):
            found[code] = trees[code.tree], TREE
    nearer = min((place for place, _ in found.values()), default=len(window))
    rest = [code for code in made if code not in found]
    found.update(_by_patch(project, rest, [commit for commit, _ in window[: min(nearer, _FEW)]], lost))
    return found


def _by_patch(
    project: Project, made: Sequence[Made], commits: Sequence[str], lost: _Lost
) -> Iterator[tuple[Made, tuple[int, str]]]:
    old = list(dict.fromkeys(code.commit for code in made if code.commit))[:_FEW]
    if not old or not commits:
        return
    places = {patch: commits.index(commit) for patch, commit in reversed(patches_of(project.repo, commits))}
    patches = {commit: patch for patch, commit in patches_of(project.repo, old)} if places else {}
    for code in made:
        patch = patches.get(code.commit or "")
        if patch in places and lost.is_so(code.commit):
            yield code, (places[patch], PATCH)


class _Lost:
    """Whether nothing of a history leads to a commit any more; asked once for each."""

    def __init__(self, project: Project, history: Sequence[str]) -> None:
        self._project = project
        self._history = history
        self._known: dict[str, bool] = {}

    def is_so(self, commit: str | None) -> bool:
        if commit is None:
            return False
        if commit not in self._known:
            self._known[commit] = not is_in_history(self._project.repo, commit, self._history)
        return self._known[commit]
