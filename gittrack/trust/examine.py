"""The verification: the history walked once, the signatures of what added the runs, and what was altered since."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gittrack.catalog import Catalog
from gittrack.check import id_of
from gittrack.codec.paths import PURGED, RECORD, parse_purged, run_directory
from gittrack.errors import GittrackError, StorageError
from gittrack.git.process import GitError
from gittrack.git.reader import list_tree
from gittrack.git.signatures import UNCHECKED, UNKNOWN, UNSIGNED, Seal, seals
from gittrack.git.unfeigned import ENV, cut_off, walk_steps
from gittrack.query.fields import field_of
from gittrack.query.terms import Query
from gittrack.read.index import open_index
from gittrack.trust.alterations import Alterations
from gittrack.trust.origins import trace
from gittrack.trust.report import ORDER, Finding, Report, Sealed, SealedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gittrack.project import Project
    from gittrack.trust.origins import History, Origin

_FEW: Final = 50  # runs whose folders alone are looked at
_SHALLOW: Final = Finding(
    "",
    "",
    "",
    "this clone is shallow: who signed what came before is not known here; 'git fetch --unshallow' brings it",
)
_NOBODY: Final = Finding(
    "",
    "",
    "",
    "nothing says whose ssh keys are whose; 'git config gpg.ssh.allowedSignersFile FILE' names a file that does",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Who is told how far it is, (done, total) of commits and of signatures."""

    commits: Callable[[int, int], None] | None = None
    signatures: Callable[[int, int], None] | None = None


def examine(
    project: Project, words: Sequence[str] = (), *, allowed_signers: str | None = None, shown: Shown | None = None
) -> Report:
    """Verify all runs of the branch, or those that `words` mean: runs, or revision ranges of the code.

    Nothing is changed but the index, which is brought to the tip. Raises RunNotFound for a word that means no run,
    StorageError where the history cannot be read.
    """
    shown = shown or Shown()
    report = Report()
    tip = project.runs_tip()
    only = _only(project, tip, words)
    if tip is None or (words and not only):
        return report
    folders = [run_directory(run_id) for run_id in sorted(only)] if len(only) <= _FEW else []
    history = _traced(project, tip, folders, shown)
    report.commits = history.commits
    purged = {run_id for e in list_tree(project.repo, tip, PURGED, ENV) if (run_id := parse_purged(e.path)) is not None}
    report.problems, report.notes = Alterations(project, tip, history, purged, only).find()
    chosen = {run: origin for run, origin in history.origins.items() if run not in purged and (not only or run in only)}
    commits = list(dict.fromkeys(commit for origin in chosen.values() for commit in origin.commits))
    vouching = _vouching(project, allowed_signers)
    found = seals(project.repo, commits, allowed_signers=vouching, progress=shown.signatures)
    cut = cut_off(project.repo).intersection(commits)
    # The commit at which a shallow clone ends seems to have added all that came before it.
    found |= dict.fromkeys(cut, Seal(UNCHECKED))
    report.notes += [_SHALLOW] if cut else []
    unknown = any(seal.verdict == UNKNOWN for seal in found.values())
    report.notes += [_NOBODY] if unknown and vouching == os.devnull else []
    names = _names(project, chosen)
    report.runs = [SealedRun(run, names.get(run, ""), _records(chosen[run], found)) for run in chosen]
    return report


def _traced(project: Project, tip: str, folders: Sequence[str], shown: Shown) -> History:
    try:
        return trace(walk_steps(project.repo, tip, folders, shown.commits))
    except GitError as error:
        raise StorageError(f"the history of the runs cannot be read: {error}; 'gittrack check' tells more") from None


def _only(project: Project, tip: str | None, words: Sequence[str]) -> frozenset[str]:
    """The ids of the runs that are meant, none for all."""
    found = {id_of(project, tip, word) for word in words if not _is_range(word)}
    ranges = [word for word in words if _is_range(word)]
    if ranges:
        with Catalog(project, open_index(project), {}, []) as catalog:
            found |= {hit.id for hit in catalog.hits(catalog.within(Query(include_deleted=True), ranges))}
    return frozenset(found)


def _is_range(word: str) -> bool:
    return ".." in word or word.startswith("^")


def _vouching(project: Project, allowed_signers: str | None) -> str | None:
    """The file of allowed signers that git has to be told; without any git would not even look at ssh signatures."""
    if allowed_signers is None and project.settings.get("gpg.ssh.allowedSignersFile") is None:
        return os.devnull
    return allowed_signers


def _records(origin: Origin, found: dict[str, Seal]) -> tuple[Sealed, ...]:
    places: dict[str, list[str]] = {RECORD: origin.first}
    for path, commit in sorted(origin.later):
        places.setdefault(path, []).append(commit)
    return tuple(_best(path, commits, found) for path, commits in places.items())


def _best(path: str, commits: Sequence[str], found: dict[str, Seal]) -> Sealed:
    """Of the commits that added the very same file in several clones, the one with the best signature."""
    if not commits:
        return Sealed(path, "", Seal(UNSIGNED))
    commit = max(commits, key=lambda commit: ORDER.index(found[commit].verdict))
    return Sealed(path, commit, found[commit])


def _names(project: Project, runs: Collection[str]) -> dict[str, str]:
    """The names of runs; a branch that cannot be read has none, and is verified all the same."""
    try:
        with Catalog(project, open_index(project), {}, []) as catalog:
            hits = [hit for hit in catalog.hits(Query(include_deleted=True)) if hit.id in runs]
            return {hit.id: str(name) for hit, (name,) in catalog.cells(hits, [field_of("name")])}
    except GittrackError:
        return {}
