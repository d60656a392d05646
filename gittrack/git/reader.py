"""Reads many files of a branch at once through git, without dulwich: paths, differences, contents."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from gittrack.errors import StorageError
from gittrack.git.process import run_git, start_git, stream_git
from gittrack.git.sizes import SizeReader

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
    from types import TracebackType

    from gittrack.git.repository import Repository

# The ids of git's empty tree, which it knows without the object.
_EMPTY_TREE = {
    "sha1": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "sha256": "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
# Ids asked for ahead of the answers: 60 of 66 bytes fit into the smallest pipe buffer (4 KB), so writing
# them never waits for git while git waits for us to read.
_WINDOW = 60


def empty_tree(repo: Repository) -> str:
    """Return the id of the tree without files."""
    return _EMPTY_TREE[repo.object_format]


class TreeEntry(NamedTuple):
    """A file of a tree; `kind` is blob, or commit for a submodule; the path as git stores it."""

    mode: int
    kind: str
    oid: str
    path: str


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs between two trees: status A, M, T or D; for D oid and mode are the old ones."""

    status: str
    oid: str
    path: str
    mode: int


def list_tree(repo: Repository, tip: str, path: str = "", env: Mapping[str, str] | None = None) -> Iterator[TreeEntry]:
    """Yield every file of a tree, or of one directory or file in it, in git's order."""
    args = ["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tip]
    if path:
        args += ["--", path]
    for line in stream_git(args, repo=repo, env=env):
        facts, _, name = line.partition(b"\t")
        mode, kind, oid = facts.decode("ascii").split(" ")
        yield TreeEntry(int(mode, 8), kind, oid, _decode(name))


def changed_paths(repo: Repository, old: str | None, new: str) -> list[Change]:
    """Return the paths that differ between two commits or trees; `old` None stands for the empty tree."""
    return list(stream_changes(repo, old or empty_tree(repo), new))


def stream_changes(repo: Repository, old: str, new: str) -> Iterator[Change]:
    """Yield the paths that differ between two commits or trees; raises GitError at the end where git cannot tell."""
    args = ["diff-tree", "-r", "-z", "--no-renames", "--end-of-options", old, new]
    pieces = stream_git(args, repo=repo)
    for facts in pieces:
        old_mode, new_mode, old_oid, new_oid, status = facts.decode("ascii")[1:].split(" ")
        mode, oid = (old_mode, old_oid) if status == "D" else (new_mode, new_oid)
        yield Change(status, oid, _decode(next(pieces)), int(mode, 8))


@dataclass(frozen=True, slots=True)
class Added:
    """An object below a tree: its path there, and whether it is a tree itself."""

    path: bytes
    oid: str
    is_tree: bool


def added_objects(repo: Repository, old: str | None, new: str) -> list[Added]:
    """Return the trees and blobs below the tree `new` that are not at the same place below `old`."""
    args = ["diff-tree", "-r", "-t", "-z", "--no-renames", "--diff-filter=d", "--end-of-options"]
    fields = run_git([*args, old or _EMPTY_TREE[repo.object_format], new], repo=repo).split(b"\0")
    facts = ((field.decode("ascii").split(" "), path) for field, path in zip(fields[::2], fields[1::2], strict=False))
    return [Added(path, oid, mode == "040000") for (_, mode, _, oid, _), path in facts if mode != "160000"]


def every_commit(repo: Repository, *, holding: str) -> list[str]:
    """Return the ids of all commits in the repository, reachable or not, whose tree has the file `holding`."""
    listing = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)"]
    found = (line.partition(b" ") for line in stream_git(listing, repo=repo, separator=b"\n"))
    commits = [oid.decode("ascii") for kind, _, oid in found if kind == b"commit"]
    asked = "".join(f"{oid}:{holding}\n" for oid in commits).encode()
    answers = run_git(["cat-file", "--batch-check=%(objecttype)"], repo=repo, stdin=asked).splitlines()
    return [oid for oid, answer in zip(commits, answers, strict=True) if answer == b"blob"]


def objects_at(repo: Repository, names: Sequence[str]) -> list[str | None]:
    """Return the id of each object, named 'ID^{tree}' or 'ID:path', in one line; None where there is none."""
    asked = "".join(f"{name}\n" for name in names).encode()
    answers = run_git(["cat-file", "--batch-check=%(objectname)"], repo=repo, stdin=asked)
    out = answers.decode("utf-8", "replace").splitlines()
    return [line if " " not in line else None for line in out]


def differing_pairs(repo: Repository, pairs: Collection[tuple[str, str]], paths: Sequence[str]) -> set[tuple[str, str]]:
    """Return those pairs of trees that differ at one of `paths`, which count from the top; no file is read."""
    asked = list(pairs)
    if not asked:
        return set()
    places = [f":(top,literal){path}" if path else ":(top)" for path in paths]
    feed = "".join(f"{old} {new}\n" for old, new in asked).encode()
    command = ["diff-tree", "--stdin", "--name-only", "--no-renames", "--end-of-options", "--", *places]
    lines = run_git(command, repo=repo, stdin=feed).decode("utf-8", "replace").splitlines()
    found: set[tuple[str, str]] = set()
    place = -1
    for line in lines:
        # Each pair is repeated, and followed by what differs.
        if place + 1 < len(asked) and line == " ".join(asked[place + 1]):
            place += 1
        else:
            found.add(asked[place])
    return found


def parents_of(commit: bytes) -> list[str]:
    """Return the ids of the parents in a raw commit."""
    lines = commit.partition(b"\n\n")[0].split(b"\n")
    return [line[7:].decode("ascii", "replace") for line in lines if line.startswith(b"parent ")]


def rewritten_paths(repo: Repository, tip: str, paths: Sequence[str]) -> Iterator[tuple[str, Change]]:
    """Yield (commit, change) for what the history of `tip` changed or removed below `paths`, newest first.

    A merge is held against each of its parents. The id in a change is that of the object before it.
    """
    shown = ["--raw", "-m", "--no-renames", "--diff-filter=MDT", "--no-abbrev", "-z", "--no-show-signature"]
    commit = ""
    pieces = stream_git(
        ["log", "--format=%x01%H", "--topo-order", *shown, "--end-of-options", tip, "--", *paths], repo=repo
    )
    for piece in pieces:
        if piece.startswith(b"\x01"):
            commit = piece[1:].decode("ascii")
        elif piece.lstrip(b"\n").startswith(b":"):
            mode, _, oid, _, status = piece.decode("ascii").strip()[1:].split(" ")
            yield commit, Change(status, oid, _decode(next(pieces)), int(mode, 8))


def adds_paths(repo: Repository, old: str, new: str, folder: str) -> bool:
    """Tell whether a commit has files below `folder` that an older one has not; folders that are alike are not read."""
    listed = ["diff-tree", "-r", "--name-only", "--diff-filter=A", "--end-of-options", old, new, "--", folder]
    return bool(run_git(listed, repo=repo))


class _CutShortError(StorageError):
    """Git ended in the middle of an object, which it could not unpack."""


class BlobReader:
    """One `git cat-file --batch` process that hands out contents; started at the first read."""

    def __init__(self, repo: Repository, env: Mapping[str, str] | None = None) -> None:
        self._repo = repo
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self.sizes = SizeReader(repo)

    def __enter__(self) -> BlobReader:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; a later read starts another."""
        self.sizes.close()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:
                pass

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, by id or by a name such as 'TIP:path', or None if there is none."""
        if "\n" in name:
            return None  # no object has such a name, and a path that does is read by its id
        self._ask([name])
        return self._answer()

    def read_many(self, oids: Sequence[str]) -> Generator[tuple[str, bytes], None, None]:
        """Yield (id, content) in the order of `oids`; those that are not there, or are damaged, are left out."""
        from gittrack.git.partial import fetch_missing

        fetch_missing(self._repo, oids)
        asked = answered = 0
        try:
            while answered < len(oids):
                try:
                    if asked - answered <= _WINDOW // 2:
                        batch = oids[asked : answered + _WINDOW]
                        self._ask(batch)
                        asked += len(batch)
                    content = self._answer()
                except StorageError as error:
                    # git ends at an object that it cannot unpack: the others are asked of a new process.
                    if not isinstance(error, _CutShortError) and asked == answered:
                        raise
                    content, asked = self._read_alone(oids[answered]), answered + 1
                answered += 1
                if content is not None:
                    yield oids[answered - 1], content
        finally:
            if asked != answered:
                self.close()  # left half-way: the answers under way belong to nobody

    def _read_alone(self, oid: str) -> bytes | None:
        try:
            return self.read(oid)
        except _CutShortError:
            return None

    def _ask(self, names: Sequence[str]) -> None:
        if not names:
            return
        if self._process is None:
            self._process = start_git(
                ["cat-file", "--batch"],
                repo=self._repo,
                env=self._env,
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"".join(os.fsencode(name) + b"\n" for name in names))
            self._process.stdin.flush()
        except OSError as error:
            raise self._failed() from error

    def _answer(self) -> bytes | None:
        assert self._process is not None
        assert self._process.stdout is not None
        header = self._process.stdout.readline()
        fields = header.rsplit(b" ", 2)
        if header.endswith((b" missing\n", b" ambiguous\n")):
            return None
        if len(fields) != 3 or not fields[2].strip().isdigit():
            raise self._failed()
        size = int(fields[2])
        content = self._process.stdout.read(size + 1)
        if len(content) != size + 1:
            self.close()
            raise _CutShortError(
                f"object {os.fsdecode(fields[0])} of {self._repo.common_dir} is damaged; run 'git fsck'"
            )
        return content[:-1]

    def _failed(self) -> StorageError:
        from gittrack.git.partial import left_out

        self.close()
        what = f"git cat-file ended while objects of {self._repo.common_dir} were read; run 'git fsck'"
        return StorageError(left_out(self._repo) or what)


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
