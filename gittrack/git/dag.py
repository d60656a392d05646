"""Commits with their parents and trees, resolved from revisions, and drawn as a graph by git."""

from __future__ import annotations

import os
import re
import tempfile
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.git.ancestry import revisions_checked
from gittrack.git.process import run_git, run_git_status, stream_bytes, stream_git

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from gittrack.git.repository import Repository


_GRAFTED: Final = re.compile(rb"^((?:\x1b\[[0-9;]*m| |\()*)grafted(?:(?:\x1b\[[0-9;]*m)*, )?")
_NO_NAMES: Final = re.compile(rb"(?:\x1b\[[0-9;]*m|[ ()])*")


class Commit(NamedTuple):
    """A commit; of a history that was narrowed to paths the parents are the next of those that are left."""

    id: str
    tree: str
    parents: tuple[str, ...]


def commits_of(
    repo: Repository, revisions: Sequence[str], *, first_parent: bool = False, paths: Sequence[str] = ()
) -> list[Commit]:
    """Return the commits of a revision range, parents first; UsageError for what is no revision.

    With `paths`, relative to the top of the working tree, only those that change one of them.
    """
    with revisions_checked(revisions):
        return list(_commits(repo, [*_FIRST[first_parent], "--end-of-options", *revisions], paths))


def range_or_head(repo: Repository, revisions: Sequence[str], *, first_parent: bool = False) -> list[Commit]:
    """Return the commits of a revision range, that of HEAD where none is given: then none before the first commit."""
    if not revisions and resolve(repo, "HEAD") is None:
        return []
    return commits_of(repo, revisions or ("HEAD",), first_parent=first_parent)


def history_of(repo: Repository, history: Sequence[str]) -> list[Commit]:
    """Return the commits of what ancestry.whole_history tells, parents first."""
    return list(_commits(repo, history, ()))


_FIRST = {False: (), True: ("--first-parent",)}


def _commits(repo: Repository, wanted: Sequence[str], paths: Sequence[str]) -> Iterator[Commit]:
    command = ["rev-list", "--topo-order", "--reverse", "--parents", "--format=%T"]
    # As git reads them from the top, and by their very letters.
    ends = [f":(top,literal){path}" for path in paths]
    lines = stream_git([*command, *wanted, "--", *ends], repo=repo, separator=b"\n")
    for line in lines:
        _, commit, *parents = line.decode("ascii").split()
        yield Commit(commit, next(lines).decode("ascii"), tuple(parents))


def resolve(repo: Repository, revision: str) -> str | None:
    """Return the commit that a revision names, None where it names none."""
    if "\0" in revision:
        return None
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    code, out, _ = run_git_status(asked, repo=repo)
    return out.decode("ascii").strip() if code == 0 else None


def merge_base(repo: Repository, one: str, other: str) -> str | None:
    """Return a best common ancestor of two commits."""
    code, out, _ = run_git_status(["merge-base", one, other], repo=repo)
    return out.decode("ascii").split("\n")[0] if code == 0 else None


def decorated(repo: Repository) -> set[str]:
    """Return the commits that HEAD, branches, tags and branches of remotes name."""
    form = "--format=%(objectname) %(*objectname)"
    out = run_git(["for-each-ref", form, "refs/heads", "refs/tags", "refs/remotes"], repo=repo).decode("ascii")
    head = resolve(repo, "HEAD")
    return {*out.split(), *([head] if head else [])}


def drawn(
    repo: Repository, parents: Mapping[str, Sequence[str]], tips: Sequence[str], *, rows: int, color: bool
) -> Generator[bytes, None, None]:
    r"""Yield the lines of `git log --graph` for commits that have these parents, and no others.

    A line with a commit has behind the drawing, each after a \x01, its whole id, its short one with its names, and its
    subject. Then `rows` follow that end in a \x01, beside which there is room, and what git needs to lead its lines on.
    """
    form = f"%x01%H%x01%C(auto)%h%x01%d%C(reset)%x01 %s{'%n%x01' * rows}"
    with tempfile.TemporaryDirectory(prefix="gittrack-graph-") as folder:
        path = os.path.join(folder, "grafts")
        with open(path, "w", encoding="ascii") as file:
            file.writelines(f"{' '.join((commit, *above))}\n" for commit, above in parents.items())
        command = ["-c", "advice.graftFileDeprecated=false", "log", "--graph", "--topo-order", "--no-show-signature"]
        command += [f"--color={'always' if color else 'never'}", "--decorate=short", "--no-notes", "--no-patch"]
        command += [f"--format=tformat:{form}", "--encoding=UTF-8", "--end-of-options", *tips, "--"]
        rest = b""
        for chunk in stream_bytes(command, repo=repo, env={"GIT_GRAFT_FILE": path}):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from map(_ungrafted, lines)
        if rest:
            yield _ungrafted(rest)


def _ungrafted(line: bytes) -> bytes:
    """A line without the word by which git tells that it was given the parents of a commit."""
    parts = line.split(b"\x01", 4)
    if len(parts) < 5:
        return line
    drawing, commit, short, names, subject = parts
    names = _GRAFTED.sub(rb"\1", names, count=1)
    return b"\x01".join((drawing, commit, short + (b"" if _NO_NAMES.fullmatch(names) else names), subject))


def shown_commit(repo: Repository, commit: str, *, color: bool) -> bytes:
    """Return a commit as `git show --stat` prints it."""
    view = ["--stat", "--summary", "--no-ext-diff", "--no-textconv", "--no-show-signature"]
    return run_git(["show", f"--color={'always' if color else 'never'}", *view, commit, "--"], repo=repo)


def subjects(repo: Repository, commits: Sequence[str]) -> dict[str, str]:
    """Return the first line of the message of each of some commits."""
    command = ["log", "--no-walk=unsorted", "--stdin", "--encoding=UTF-8", "--no-show-signature", "--format=%H %s"]
    feed = "".join(f"{commit}\n" for commit in commits).encode()
    lines = run_git(command, repo=repo, stdin=feed).decode("utf-8", "replace").split("\n") if commits else []
    return dict((line + " ").split(" ", 1) for line in lines if line)
