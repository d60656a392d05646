"""Files of a tree found by walking down from its top, without a process and the rest; commits by a part of their id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git, run_git_status
from gittrack.git.store import MissingObject
from gittrack.git.tree import find_entry, parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.git.repository import Repository
    from gittrack.git.store import ObjectStore
    from gittrack.git.tree import Entry

_NO_LAZY_FETCH: Final = {"GIT_NO_LAZY_FETCH": "1"}  # git 2.36 and newer; an older one asks the remote


def files_on_the_way(store: ObjectStore, tree: str, directory: str) -> Iterator[tuple[str, str]]:
    """Yield (path, id) of the files at the top of `tree`, and in each folder on the way down to `directory`.

    A tree that is not here, as in a partial clone, ends the walk.
    """
    steps = [step for step in directory.split("/") if step not in ("", ".", "..")]
    prefix = ""
    for step in (*steps, ""):
        try:
            data = store.read(tree)[1]
        except MissingObject:
            return
        for entry in parse_tree(data, store.repo.hash_len):
            if entry.mode in (0o100644, 0o100755):
                yield prefix + entry.name.decode("utf-8", "replace"), entry.oid
        below = find_entry(data, store.repo.hash_len, step.encode("utf-8", "surrogateescape"))
        if below is None or not below.is_directory:
            return
        tree, prefix = below.oid, f"{prefix}{step}/"


def object_at(store: ObjectStore, tree: str, path: str) -> Entry | None:
    """Return the entry at `path` below `tree`, None where there is none."""
    *folders, name = path.split("/")
    for folder in folders:
        entry = find_entry(store.read(tree)[1], store.repo.hash_len, folder.encode("utf-8", "surrogateescape"))
        if entry is None or not entry.is_directory:
            return None
        tree = entry.oid
    return find_entry(store.read(tree)[1], store.repo.hash_len, name.encode("utf-8", "surrogateescape"))


def commits_named(repo: Repository, names: Sequence[str]) -> dict[str, str]:
    """Return name -> id for those of `names`, hexadecimal beginnings of ids, that mean one commit here."""
    if not names:
        return {}
    asked = "".join(f"{name}^{{commit}}\n" for name in names).encode()
    answers = run_git(["cat-file", "--batch-check=%(objectname)"], repo=repo, stdin=asked).decode("ascii", "replace")
    found = zip(names, answers.splitlines(), strict=False)
    return {name: answer for name, answer in found if " " not in answer}


def has_commit(repo: Repository, commit: str) -> bool:
    """Tell whether a commit is here with its whole tree, without fetching what a partial clone left out."""
    # The tree's blobs are fetched by the checkout itself, as git does in a partial clone.
    return run_git_status(["cat-file", "-e", f"{commit}^{{tree}}"], repo=repo, env=_NO_LAZY_FETCH)[0] == 0
