"""Refs to and from other repositories, through the user's own git: its credentials, ssh, insteadOf and proxies."""

from __future__ import annotations

import os
import re
import selectors
import shlex
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from gittrack.errors import GittrackError
from gittrack.git.process import last_line, start_git, without_credentials
from gittrack.git.tracking import clobbering_spec, harmless_maps

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gittrack.git.repository import Repository

Progress: TypeAlias = "Callable[[str], None]"  # told of each line that git shows of a long transfer

NEW: Final = "new"
MOVED: Final = "moved"
SAME: Final = "same"
BEATEN: Final = "beaten"  # somebody else was faster: what they pushed has to be taken in first
REJECTED: Final = "rejected"
DELETED: Final = "deleted"

_FETCH: Final = (
    *("-c", "fetch.fsckObjects=true", "-c", "fetch.writeCommitGraph=false"),
    *("fetch", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-auto-maintenance", "--recurse-submodules=no"),
)
_PUSH: Final = ("push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no")
_FLAGS: Final = {"*": NEW, " ": MOVED, "=": SAME, "-": DELETED, "+": MOVED}
# What another push at the same moment looks like: on this side, and in the words of the receiving git.
_LATE: Final = ("fetch first", "non-fast-forward", "stale info")
_RACES: Final = ("failed to update ref", "cannot lock ref", "incorrect old value", "reference already exists")
_SHOWS_PROGRESS: Final = re.compile(r"(remote: )?[A-Z][a-z]+ (objects|deltas|content)\b.*|(remote: )?Total \d.*")
_CHUNK: Final = 1 << 12
_LFS_AT_ONCE: Final = 500  # ids on a command line

_silence: Final[ContextVar[float | None]] = ContextVar("silence", default=None)


class TransportError(GittrackError):
    """Another repository could not be reached, or refused; `said` has all lines of what git and the other side said."""

    def __init__(self, sentence: str, said: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.said = tuple(said)


class Sent(NamedTuple):
    """What became of a ref that was pushed: NEW, MOVED, SAME, DELETED, BEATEN or REJECTED, and git's word for it."""

    ref: str
    state: str
    word: str


class Pushed(NamedTuple):
    """What became of each ref, and all that git and the other side said."""

    refs: list[Sent]
    said: tuple[str, ...]


@contextmanager
def at_most_silent(seconds: float | None) -> Iterator[None]:
    """Give git up, with a TransportError, where it says nothing for so long in the block: nobody is there to do it.

    A transfer that goes on says so each second. git-lfs has limits of its own, and gets None.
    """
    token = _silence.set(seconds)
    try:
        yield
    finally:
        _silence.reset(token)


def remote_refs(repo: Repository, remote: str, names: Sequence[str]) -> dict[str, str]:
    """Return where those of the refs point that the remote has, by their full names; TransportError without an answer.

    'HEAD' may be among them, and patterns such as 'refs/heads/*'.
    """
    code, out, said = _run(repo, ["ls-remote", "--quiet", "--", remote, *names], None)
    if code:
        raise _failure("reached", remote, said)
    pairs = (line.split("\t", 1) for line in out.decode("utf-8", "surrogateescape").splitlines() if "\t" in line)
    patterns = [name for name in names if name.endswith("*")]
    found = {name: oid for oid, name in pairs}
    # git takes a name for the end of one: also 'refs/heads/x/refs/heads/main' would answer to 'refs/heads/main'.
    return {
        name: oid
        for name, oid in found.items()
        if name in names or any(name.startswith(pattern[:-1]) for pattern in patterns)
    }


def fetch_refs(repo: Repository, remote: str, refs: Mapping[str, str], progress: Progress | None = None) -> None:
    """Fetch refs of a remote into refs of this repository (theirs -> ours), which are overwritten; git checks objects.

    Raises TransportError where the remote does not have one, or git refuses what it holds.
    """
    specs = [f"+{theirs}:{ours}" for theirs, ours in refs.items()]
    # Beside these git would write by all that remote.<name>.fetch says, over refs that hold what no remote has.
    maps = [f"--refmap={spec}" for spec in harmless_maps(repo, remote) or [""]]
    code, _, said = _run(repo, [*_FETCH, *maps, *_shown(progress), "--", remote, *specs], progress)
    if code:
        raise _failure("fetched from", remote, said)


def push_refs(
    repo: Repository,
    remote: str,
    refs: Mapping[str, str],
    progress: Progress | None = None,
    *,
    leases: Mapping[str, str] | None = None,
) -> Pushed:
    """Push to refs of a remote (theirs -> a ref or commit of ours, '' to delete it).

    What is there is never overwritten, but for refs that still are where `leases` says.
    Raises TransportError where the remote cannot be reached or takes nothing at all, or where git would write over
    refs of ours.
    """
    if (spec := clobbering_spec(repo, remote, refs)) is not None:
        raise TransportError(
            f"remote.{remote}.fetch has {spec}, by which git writes over refs that may hold what {remote} has not; "
            f"take that away: git config --fixed-value --unset-all remote.{remote}.fetch {shlex.quote(spec)}"
        )
    held = [f"--force-with-lease={ref}:{tip}" for ref, tip in (leases or {}).items()]
    specs = [f"{ours}:{theirs}" for theirs, ours in refs.items()]
    code, out, said = _run(repo, [*_PUSH, *held, *_shown(progress), "--", remote, *specs], progress)
    lines = out.decode("utf-8", "replace").splitlines()
    sent = [_sent(line) for line in lines if line.count("\t") == 2]
    if code and not any(item.state in (BEATEN, REJECTED) for item in sent):
        raise _failure("pushed to", remote, said)
    return Pushed(sent, said)


def delete_refs(repo: Repository, remote: str, refs: Mapping[str, str]) -> list[str]:
    """Delete those refs of a remote that still are where `refs` says, and return them; none where it refuses."""
    try:
        pushed = push_refs(repo, remote, dict.fromkeys(refs, ""), leases=refs)
    except TransportError:
        return []
    return [sent.ref for sent in pushed.refs if sent.state == DELETED]


def has_lfs(repo: Repository) -> bool:
    """Whether git-lfs is installed."""
    return _run(repo, ["lfs", "version"], None)[0] == 0


def push_lfs(repo: Repository, remote: str, oids: Sequence[str]) -> None:
    """Send contents of the LFS store to that of a remote, which has some of them perhaps. TransportError on failure."""
    address = Path(remote).as_uri() if os.path.isabs(remote) else remote  # git-lfs takes a bare path for an ssh host
    for start in range(0, len(oids), _LFS_AT_ONCE):
        words = ["lfs", "push", "--object-id", address, *oids[start : start + _LFS_AT_ONCE]]
        with at_most_silent(None):
            code, _, said = _run(repo, words, None)
        if code:
            raise _failure("given the large artifacts", remote, said)


def _sent(line: str) -> Sent:
    flag, names, word = line.split("\t")
    ref = names.rpartition(":")[2]
    if flag in _FLAGS:
        return Sent(ref, _FLAGS[flag], word)
    here = word.startswith("[rejected]") and any(reason in word for reason in _LATE)
    there = word.startswith("[remote") and any(reason in word for reason in _RACES)
    return Sent(ref, BEATEN if here or there else REJECTED, word)


def _shown(progress: Progress | None) -> tuple[str, ...]:
    return () if progress is None and _silence.get() is None else ("--progress",)


def _failure(what: str, remote: str, said: Sequence[str]) -> TransportError:
    reason = last_line("\n".join(said).encode()) or "git says nothing of why"
    name = without_credentials(remote)
    return TransportError(f"{name} could not be {what}: {reason}", said)


def _run(repo: Repository, args: Sequence[str], progress: Progress | None) -> tuple[int, bytes, tuple[str, ...]]:
    """Return exit code, output and lines of error output; `progress` gets those that git means for a moment."""
    # On a terminal git may ask for a password, as it does when the user calls it.
    is_watched = sys.stdin is not None and sys.stdin.isatty()
    asks = {"GIT_TERMINAL_PROMPT": os.environ.get("GIT_TERMINAL_PROMPT", "1")} if is_watched else {}
    with start_git(args, repo=repo, env=asks) as process:
        try:
            said = tuple(_lines(process, progress))
            assert process.stdout is not None
            out = process.stdout.read()
        except BaseException:
            process.kill()
            raise
    return process.returncode, out, said


def _lines(process: subprocess.Popen[bytes], progress: Progress | None) -> list[str]:
    assert process.stderr is not None
    said = []
    rest = b""
    # Not by read(), which would wait for a whole chunk before it shows a line.
    while chunk := _chunk(process.stderr.fileno()):
        *lines, rest = re.split(rb"[\r\n]", rest + chunk)
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            if _SHOWS_PROGRESS.fullmatch(text):
                if progress is not None:
                    progress(text)
            elif text:
                said.append(without_credentials(text))
    return [*said, *([without_credentials(rest.decode("utf-8", "replace"))] if rest else [])]


def _chunk(pipe: int) -> bytes:
    """What comes next, b'' at the end; Windows cannot tell whether anything will, so it waits there."""
    patience = _silence.get()
    if patience is not None and sys.platform != "win32":
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            if not waiting.select(patience):
                raise TransportError(f"nothing was heard from there for {patience:g} s; is it reachable?")
    return os.read(pipe, _CHUNK)
