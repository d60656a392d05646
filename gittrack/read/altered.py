"""What commits of the branch changed or removed, although a committed path never changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.codec.paths import RUNS, is_id, run_directory
from gittrack.git.reader import list_tree, rewritten_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from gittrack.git.repository import Repository

_SHOWN: Final = 3


class Alteration(NamedTuple):
    """A commit that changed or removed files of a run, which are not as they were first; one of them is `path`."""

    run: str
    commit: str
    path: str
    sentence: str


def alterations(repo: Repository, tip: str, only: Collection[str] = ()) -> Iterator[Alteration]:
    """Yield, a commit and run at a time, what differs at `tip` from what was committed first.

    `only` are the ids of the runs to look at, by default all. Raises GitError where the history cannot be read.
    """
    folders = [run_directory(run_id) for run_id in sorted(only)] or [RUNS]
    first: dict[str, tuple[str, str]] = {}  # path -> (commit, object before it); newest first, so the oldest stays
    for commit, change in rewritten_paths(repo, tip, folders):
        first[change.path] = (commit, change.oid)
    groups: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    now = _present(repo, tip, first)
    for path, (commit, oid) in first.items():
        if now.get(path) != oid:
            groups.setdefault((_run_of(path), commit), []).append((path, path in now))
    for (run, commit), paths in sorted(groups.items()):
        yield Alteration(run, commit, paths[0][0], _sentence(commit, paths))


def _present(repo: Repository, tip: str, paths: dict[str, tuple[str, str]]) -> dict[str, str]:
    """The objects that the folders of `paths` hold at the tip."""
    folders = {path.rpartition("/")[0] for path in paths}
    return {entry.path: entry.oid for folder in sorted(folders) for entry in list_tree(repo, tip, f"{folder}/")}


def _run_of(path: str) -> str:
    parts = path.split("/")
    return parts[2] if len(parts) > 3 and is_id(parts[2]) else ""


def _sentence(commit: str, paths: list[tuple[str, bool]]) -> str:
    counts = Counter(present for _, present in paths)
    what = [f"{word} {counts[present]}" for present, word in ((True, "changed"), (False, "removed")) if counts[present]]
    names = [path.split("/", 3)[-1] for path, _ in sorted(paths)[:_SHOWN]]
    shown = ", ".join(names) + (", …" if len(paths) > _SHOWN else "")
    return (
        f"commit {commit[:12]} {' and '.join(what)} of its files ({shown}), and what is committed never changes; "
        f"'git show {commit[:12]}^1:PATH' has what was there"
    )
