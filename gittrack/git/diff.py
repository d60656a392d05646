"""What differs between two trees, as the user's own `git diff` shows it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git, run_git_status, stream_bytes

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from gittrack.git.repository import Repository

# What the user sets for diffs and paths; of other commands git it describes no repository.
_KEPT: Final = (
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
)
_NO_PROGRAMS: Final = ("--no-ext-diff", "--no-textconv")


@dataclass(frozen=True, slots=True)
class Trees:
    """Two commits or trees; `env` is the environment in which git finds the objects of both."""

    before: str
    after: str
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """Which part of a difference is wanted, and how: options of `git diff`, and paths relative to `directory`.

    Only with `programs` do the external diff and text conversion programs of the user's configuration run.
    `width` is that of the terminal, None where there is none.
    """

    options: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    directory: str | None = None
    color: bool = False
    programs: bool = False
    width: int | None = None


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that differs: git's letter for how, its path, the one before where it was renamed or copied.

    `added` and `deleted` lines are None for a binary file.
    """

    status: str
    path: str
    before: str | None
    added: int | None
    deleted: int | None


def differs(repo: Repository, trees: Trees, view: View) -> bool:
    """Tell whether the two differ in what `view` looks at."""
    if trees.before == trees.after:
        return False
    args = ["diff", "--quiet", *_NO_PROGRAMS, *view.options, trees.before, trees.after, "--", *view.paths]
    code, _, err = run_git_status(args, repo=repo, cwd=view.directory, env=_environment(trees, view))
    if code not in (0, 1):
        from gittrack.git.process import git_failure

        raise git_failure(args, code, err)
    return code == 1


def patch(repo: Repository, trees: Trees, view: View) -> Generator[bytes, None, None]:
    """Yield what `git diff` prints, as it comes."""
    programs = ("--ext-diff", "--textconv") if view.programs else _NO_PROGRAMS
    color = f"--color={'always' if view.color else 'never'}"
    args = ["diff", color, *programs, *view.options, trees.before, trees.after, "--", *view.paths]
    yield from stream_bytes(args, repo=repo, cwd=view.directory, env=_environment(trees, view))


def changed_files(repo: Repository, trees: Trees, view: View) -> list[ChangedFile]:
    """Return the files that differ, renames as the user's configuration wants them found."""
    # One call for both: --raw comes first, then --numstat, each in the same order.
    args = ["diff", *_NO_PROGRAMS, *view.options, "--raw", "--numstat", "-z", trees.before, trees.after, "--"]
    out = run_git([*args, *view.paths], repo=repo, cwd=view.directory, env=_environment(trees, view))
    words = iter(out.split(b"\0")[:-1])
    kinds: dict[bytes, tuple[str, bytes | None]] = {}
    files = []
    for word in words:
        if word.startswith(b":"):
            status = word.rsplit(b" ", 1)[1].decode("ascii")[:1]
            first = next(words)
            renamed = status in ("R", "C")
            kinds[next(words) if renamed else first] = (status, first if renamed else None)
        else:
            files.append(_counted(word, words, kinds))
    return files


def wants_color(repo: Repository) -> bool:
    """Tell whether the user's configuration has `git diff` colour a terminal."""
    return run_git_status(["config", "--get-colorbool", "color.diff", "true"], repo=repo)[1].strip() == b"true"


def _counted(word: bytes, words: Iterator[bytes], kinds: Mapping[bytes, tuple[str, bytes | None]]) -> ChangedFile:
    added, deleted, path = word.split(b"\t", 2)
    if not path:  # of a rename: both paths follow
        next(words)
        path = next(words)
    status, before = kinds.get(path, ("M", None))
    return ChangedFile(status, _text(path), None if before is None else _text(before), _lines(added), _lines(deleted))


def _lines(count: bytes) -> int | None:
    return None if count == b"-" else int(count)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _environment(trees: Trees, view: View) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    width = {} if view.width is None else {"COLUMNS": str(view.width)}
    return {**kept, **width, **trees.env}
