"""What commits of the branch changed or removed, although a committed path never changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.paths import RUNS, is_id, run_directory
from gittrack.git.reader import list_tree, objects_at, rewritten_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from gittrack.git.repository import Repository

_SHOWN: Final = 3


class Alteration(NamedTuple):
    """A commit that changed or removed files of a run, which are not as they were first; one of them is `path`.

    `left_out` tells of a whole run that a merge did not take in, as happens to one that fails the checks of a pull.
    """

    run: str
    commit: str
    path: str
    sentence: str
    left_out: bool


class _Altered(NamedTuple):
    path: str
    oid: str  # of what was there first
    present: bool


def alterations(repo: Repository, tip: str, only: Collection[str] = ()) -> Iterator[Alteration]:
    """Yield, a commit and run at a time, what differs at `tip` from what was committed first.

    `only` are the ids of the runs to look at, by default all. Raises GitError where the history cannot be read.
    """
    folders = [run_directory(run_id) for run_id in sorted(only)] or [RUNS]
    first: dict[str, tuple[str, str]] = {}  # path -> (commit, object before it); newest first, so the oldest stays
    for commit, change in rewritten_paths(repo, tip, folders):
        first[change.path] = (commit, change.oid)
    groups: dict[tuple[str, str], list[_Altered]] = {}
    now = _present(repo, tip, first)
    for path, (commit, oid) in first.items():
        if now.get(path) != oid:
            groups.setdefault((_run_of(path), commit), []).append(_Altered(path, oid, path in now))
    left_out = _left_out(repo, tip, groups)
    for (run, commit), altered in sorted(groups.items()):
        if (run, commit) in left_out:
            sentence = f"the merge {commit[:12]} left it out; gittrack/quarantine in the git folder has the reason"
        else:
            sentence = _sentence(commit, altered)
        yield Alteration(run, commit, altered[0].path, sentence, (run, commit) in left_out)


def _left_out(repo: Repository, tip: str, groups: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those runs that neither the tip nor the side which merged them has."""
    asked = [(run, commit) for run, commit in groups if run]
    if not asked:
        return set()
    folders = [run_directory(run) for run, _ in asked]
    names = (
        f"{revision}:{folder}"
        for (_, commit), folder in zip(asked, folders, strict=True)
        for revision in (tip, f"{commit}^1")
    )
    found = objects_at(repo, [*names, *(f"{commit}^2^{{tree}}" for _, commit in asked)])
    pairs = zip(found[: 2 * len(asked) : 2], found[1 : 2 * len(asked) : 2], found[2 * len(asked) :], strict=True)
    return {one for one, (now, before, merged) in zip(asked, pairs, strict=True) if not now and not before and merged}


def _present(repo: Repository, tip: str, paths: dict[str, tuple[str, str]]) -> dict[str, str]:
    """The objects that the folders of `paths` hold at the tip."""
    folders = {path.rpartition("/")[0] for path in paths}
    return {entry.path: entry.oid for folder in sorted(folders) for entry in list_tree(repo, tip, f"{folder}/")}


def _run_of(path: str) -> str:
    parts = path.split("/")
    return parts[2] if len(parts) > 3 and is_id(parts[2]) else ""


def _sentence(commit: str, altered: list[_Altered]) -> str:
    counts = Counter(one.present for one in altered)
    what = [f"{word} {counts[present]}" for present, word in ((True, "changed"), (False, "removed")) if counts[present]]
    first = sorted(altered)[:_SHOWN]
    shown = ", ".join(one.path.split("/", 3)[-1] for one in first) + (", …" if len(altered) > _SHOWN else "")
    return (
        f"commit {commit[:12]} {' and '.join(what)} of its files ({shown}), and what is committed never changes; "
        f"'git show {first[0].oid[:12]}' has what was in {first[0].path.split('/', 3)[-1]}"
    )
