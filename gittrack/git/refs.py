"""Reads refs without dulwich, and moves them by durable compare-and-swap."""

from __future__ import annotations

import os
import random
import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gittrack.errors import StorageError
from gittrack.git.abandoned import WATCH, announced, lock_state
from gittrack.git.ages import file_clock
from gittrack.git.durable import fsync_directories, fsync_file, storage_error
from gittrack.git.lock import held_lock
from gittrack.git.packs import open_packs
from gittrack.git.process import last_line, run_git, run_git_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.git.repository import Repository

_SYMREF = b"ref: "
_SYMREF_DEPTH = 5
_ID = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")
_LOCK_DEADLINE = 10.0  # seconds to wait for somebody else's lock on the ref
_STALE = 600.0  # seconds; no git holds a ref's lock for so long, so its owner was killed


def read_ref(repo: Repository, ref: str) -> str | None:
    """Return the id that a full ref name points to, or None if it does not exist."""
    if repo.ref_format != "files":
        return run_git(["rev-parse", "--verify", "--quiet", ref], repo=repo, ok=(0, 1)).decode().strip() or None
    name = ref
    for _ in range(_SYMREF_DEPTH):
        line = _loose_ref(repo, name)
        if line is None:
            # Packing writes packed-refs before it removes the loose file, so this order misses nothing ...
            line = find_packed(read_packed(repo), name) or _loose_ref(repo, name)  # ... unless it was unpacked just now
        if line is None or not line.startswith(_SYMREF):
            return _commit_id(ref, line)
        name = os.fsdecode(line[len(_SYMREF) :]).strip()
    raise StorageError(f"{ref} is a symbolic ref that leads in a circle; correct it with git symbolic-ref")


def _commit_id(ref: str, line: bytes | None) -> str | None:
    """The id in `line`; one that is none, such as an empty file after a power cut, is not taken for 'no ref'."""
    if line is None or _ID.fullmatch(line):
        return None if line is None else line.decode("ascii")
    raise StorageError(f"{ref} is damaged: it holds {line[:60]!r} and not the id of a commit; run 'gittrack doctor'")


def swap_ref(repo: Repository, ref: str, old: str | None, new: str) -> bool:
    """Move `ref` from `old` (None: it must not exist) to `new` if it still is there; durable when True.

    Waits a while for a lock that another process holds. Raises StorageError if it cannot be written.
    """
    if repo.ref_format != "files":
        return _swap_by_git(repo, ref, old, new)
    path = os.path.join(repo.common_dir, *ref.split("/"))
    if old is None and is_folder(repo, ref):
        raise _name_taken(ref)  # dulwich looks only at the names above
    missing = _missing_parents(path)
    with announced(repo, path, new):
        swapped = _swap_patiently(repo, ref, old, new)
    if swapped:
        _settle(repo, path, missing)
    return swapped


def _swap_patiently(repo: Repository, ref: str, old: str | None, new: str) -> bool:
    deadline = time.monotonic() + _LOCK_DEADLINE
    while (swapped := _attempt(repo, ref, old, new)) is None:
        if time.monotonic() > deadline:
            path = os.path.join(repo.common_dir, *ref.split("/"))
            raise StorageError(
                f"another process holds {path}.lock; if no git runs here, delete that file and try again"
            )
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter, not a secret
    return swapped


def replace_ref(repo: Repository, ref: str, new: str) -> None:
    """Point a ref that cannot be read to `new`, whatever it holds; durable. StorageError where that cannot be done."""
    if repo.ref_format != "files":
        run_git(["-c", "core.fsync=all", "update-ref", "--no-deref", ref, new], repo=repo)
        return
    path = os.path.join(repo.common_dir, *ref.split("/"))
    lock = f"{path}.lock"
    missing = _missing_parents(path)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        # As git does it: whoever has made the lock file may put it in the ref's place.
        with open(lock, "x", encoding="ascii") as file, _removed_on_failure(lock):
            file.write(f"{new}\n")
            file.flush()
        with _removed_on_failure(lock):
            fsync_file(lock)
            os.replace(lock, path)
    except OSError as error:
        raise storage_error(error, path) from error
    _settle(repo, path, missing)


@contextmanager
def _removed_on_failure(path: str) -> Iterator[None]:
    try:
        yield
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise


def delete_ref(repo: Repository, ref: str, old: str) -> bool:
    """Delete `ref` and its reflog if it still points to `old`; durable when True."""
    args = ["-c", "core.fsync=all", "update-ref", "--no-deref", "-d", ref, old]
    code, _, err = run_git_status(args, repo=repo)
    if code and read_ref(repo, ref) == old:
        raise StorageError(f"{ref} could not be deleted: {last_line(err)}")
    fsync_directories([repo.common_dir, os.path.dirname(os.path.join(repo.common_dir, *ref.split("/")))])
    return code == 0


def sync_ref(repo: Repository, ref: str) -> None:
    """Make a ref durable that another process moved, perhaps without asking the disk."""
    if repo.ref_format != "files":
        return
    path = os.path.join(repo.common_dir, *ref.split("/"))
    try:
        fsync_file(path)
        fsync_directories([os.path.dirname(path)])
    except FileNotFoundError:
        fsync_file(os.path.join(repo.common_dir, "packed-refs"))
        fsync_directories([repo.common_dir])


def is_folder(repo: Repository, ref: str) -> bool:
    """Whether there is a ref below this name, which leaves no room for one of the name itself."""
    if repo.ref_format != "files":
        return bool(run_git(["for-each-ref", "--count=1", f"{ref}/"], repo=repo))
    if b" " + os.fsencode(ref) + b"/" in read_packed(repo):
        return True
    # Deleted branches leave empty folders behind.
    return any(files for _, _, files in os.walk(os.path.join(repo.common_dir, *ref.split("/"))))


def _loose_ref(repo: Repository, ref: str) -> bytes | None:
    root = repo.git_dir if ref == "HEAD" or ref.startswith(("refs/bisect/", "refs/worktree/")) else repo.common_dir
    try:
        with open(os.path.join(root, *ref.split("/")), "rb") as file:
            return file.readline().strip()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except PermissionError as error:
        if os.path.isdir(error.filename):
            return None  # what Windows says of a directory
        raise storage_error(error, error.filename) from error
    except OSError as error:
        raise storage_error(error, error.filename or ref) from error


def find_packed(text: bytes, ref: str) -> bytes | None:
    """Return the id of a ref in the text of packed-refs, None when it is not there."""
    end = text.find(b" " + os.fsencode(ref) + b"\n")
    if end < 0:
        return None
    return text[text.rfind(b"\n", 0, end) + 1 : end]


def read_packed(repo: Repository) -> bytes:
    """Return the text of packed-refs, nothing when there is none; StorageError when it cannot be read."""
    try:
        with open(os.path.join(repo.common_dir, "packed-refs"), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise storage_error(error, error.filename or "packed-refs") from error


def _attempt(repo: Repository, ref: str, old: str | None, new: str) -> bool | None:
    """Try once to move a ref; None asks for another try, when what was in the way may be gone."""
    from dulwich.file import FileLocked

    path = os.path.join(repo.common_dir, *ref.split("/"))
    try:
        return _swap_once(repo, ref, old, new)
    except FileLocked:
        _break_stale_lock(repo, f"{path}.lock")
        return None
    except FileNotFoundError as error:
        if not os.path.isdir(repo.common_dir):
            raise storage_error(error, path) from error
        return None  # 'git pack-refs' removes empty directories; dulwich makes them again
    except OSError as error:
        if os.path.isdir(path) and _remove_empty(path):
            return None
        raise _ref_error(error, ref, path) from error


def _swap_once(repo: Repository, ref: str, old: str | None, new: str) -> bool:
    from dulwich.objects import ObjectID
    from dulwich.protocol import ZERO_SHA
    from dulwich.refs import Ref

    from gittrack.git.container import RefsContainer

    # None would mean 'whatever it is now' to dulwich.
    expected = ZERO_SHA if old is None else ObjectID(old.encode())
    return RefsContainer(repo).set_if_equals(Ref(os.fsencode(ref)), expected, ObjectID(new.encode()))


def _swap_by_git(repo: Repository, ref: str, old: str | None, new: str) -> bool:
    # dulwich's update of a reftable is not atomic. Without '-c' git does not ask the disk.
    expected = old or "0" * (2 * repo.hash_len)
    args = ["-c", "core.fsync=all", "update-ref", "--no-deref", ref, new, expected]
    deadline = time.monotonic() + _LOCK_DEADLINE
    while True:
        code, _, err = run_git_status(args, repo=repo)
        if code == 0:
            return True
        if read_ref(repo, ref) != old:
            return False
        if time.monotonic() > deadline:
            reason = err.decode("utf-8", "replace").strip()
            raise StorageError(f"{ref} could not be moved: {reason}; run 'git fsck'")
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - jitter, not a secret


def _settle(repo: Repository, path: str, missing: list[str]) -> None:
    """Make the moved ref's name durable (dulwich does so for its content) and give it the shared modes."""
    sharing = open_packs(repo).sharing
    if sharing is not None:
        for made in (*missing, path):
            sharing.apply(made)
    fsync_directories([os.path.dirname(path), *map(os.path.dirname, missing)])


def _missing_parents(path: str) -> list[str]:
    missing = []
    directory = os.path.dirname(path)
    while not os.path.isdir(directory) and not os.path.exists(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    return missing


def _break_stale_lock(repo: Repository, lock: str) -> None:
    """Remove the lock of a writer that was killed long ago: nothing else ever would.

    Its age alone may be that of a clock that jumped: it must also stay as it is for longer than any git needs.
    """
    if not _is_stale(repo, lock):
        return
    sharing = open_packs(repo).sharing
    # One at a time, or a slow process would remove the new lock of a fast one.
    with held_lock(os.path.join(repo.state_dir, "unlock.lock"), sharing=sharing) as held:
        seen = lock_state(lock)
        time.sleep(WATCH)
        if held and seen is not None and lock_state(lock) == seen:
            with suppress(FileNotFoundError):
                os.unlink(lock)


def _is_stale(repo: Repository, lock: str) -> bool:
    try:
        # A lock from the future is as dead as one from the past: a clock was put back since.
        return abs(file_clock(repo.state_dir) - os.stat(lock).st_mtime) > _STALE
    except OSError:
        return False


def _ref_error(error: OSError, ref: str, path: str) -> StorageError:
    if isinstance(error, (NotADirectoryError, IsADirectoryError, FileExistsError)):
        return _name_taken(ref)
    return storage_error(error, path)


def _name_taken(ref: str) -> StorageError:
    return StorageError(f"{ref} cannot be made: a part of its name is another branch; rename that branch")


def _remove_empty(path: str) -> bool:
    """Remove a directory that deleted branches left behind, as git does; tell whether it was empty."""
    for directory, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(directory)
        except OSError:
            return False
    return True
