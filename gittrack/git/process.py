"""The one door to the git program: a clean environment, no hooks, and errors that are one sentence."""

from __future__ import annotations

import atexit
import os
import re
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from gittrack.errors import RepositoryError, StorageError

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Mapping, Sequence

    from gittrack.git.repository import Repository

# What a hook, an alias or a receiving git leaves in the environment: it describes that command's index,
# quarantine and directory, never ours.
SCRUBBED = (
    "GIT_CONFIG",
    "GIT_DIFF_OPTS",
    "GIT_EXTERNAL_DIFF",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "LANGUAGE",
)
# Where the objects are: the user's own choice too, unless a receiving git set them up for what it takes in.
OBJECTS = ("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
QUARANTINE = "GIT_QUARANTINE_PATH"
# These name a repository: the user's own choice while one is being looked for, wrong once it is known.
LOCATING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR")
# What stands for the repository that a command is in: wrong for one that is run in another worktree.
PLACING = (*LOCATING, "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX")
# The last one turns off our own hooks, which a git from 2.54 on takes from its configuration too.
FORCED = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8", "GITTRACK_HOOKS": "0"}
NEUTRAL = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")
NO_GIT = "the git program is not installed or not on PATH; install git"

_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_CHUNK = 1 << 16


class GitError(StorageError):
    """A git command failed; the message carries git's own last line."""


def git_environment(*, located: bool, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a git process; `located` when its repository is passed to it."""
    env = {name: value for name, value in os.environ.items() if name not in SCRUBBED}
    unwanted = (*LOCATING, *OBJECTS) if located else OBJECTS if QUARANTINE in os.environ else ()
    for name in unwanted:
        env.pop(name, None)
    env.update(FORCED)
    env.update(extra or {})
    return env


def git_command(args: Sequence[str], repo: Repository | None) -> list[str]:
    """Return the whole command line for `args`, with hooks and fsmonitor off and the repository named."""
    command = ["git"]
    # 'git config' runs neither, and would list the two settings as if they were the user's.
    if args[0] != "config":
        command += NEUTRAL
    if repo is not None:
        command.append(f"--git-dir={repo.git_dir}")
        if repo.worktree is not None:
            command.append(f"--work-tree={repo.worktree}")
    return [*command, *args]


def start_git(
    args: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    repo: Repository | None = None,
    env: Mapping[str, str] | None = None,
    stdin: int = subprocess.DEVNULL,
    stderr: int = subprocess.PIPE,
    own_session: bool = False,
) -> subprocess.Popen[bytes]:
    """Start git with its output on a pipe; the caller ends it. For the common case there is `run_git`.

    In a session of its own it has no terminal to ask on, and its process group is that of all that it starts.
    """
    directory = _directory(cwd, repo)
    try:
        return subprocess.Popen(
            git_command(args, repo),
            cwd=directory,
            env=_environment_of(repo, env),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=own_session,
        )
    except FileNotFoundError as error:
        if directory is not None and not os.path.isdir(directory):
            raise RepositoryError(f"the directory {directory} does not exist; name one that does") from error
        raise RepositoryError(NO_GIT) from error
    except NotADirectoryError as error:
        raise RepositoryError(f"{directory} is not a directory; name one") from error
    except OSError as error:
        raise GitError(f"the git program could not be started: {error.strerror or error}") from error


def run_git_status(
    args: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    repo: Repository | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, bytes, bytes]:
    """Run git to its end and return its exit code, output and error output; raises only if it cannot start.

    The hooks path is neutralised, so `rev-parse --git-path hooks` does not tell the user's: ask `settings`.
    """
    mode = subprocess.DEVNULL if stdin is None else subprocess.PIPE
    with start_git(args, cwd=cwd, repo=repo, env=env, stdin=mode) as process:
        try:
            out, err = process.communicate(stdin)
        except BaseException:
            process.kill()
            raise
    return process.returncode, out, err


def run_git(
    args: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    repo: Repository | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    ok: Container[int] = (0,),
) -> bytes:
    """Run git and return its output. Raises GitError if its exit code is not in `ok`."""
    code, out, err = run_git_status(args, cwd=cwd, repo=repo, stdin=stdin, env=env)
    if code not in ok:
        raise git_failure(args, code, err)
    return out


def stream_git(
    args: Sequence[str],
    *,
    repo: Repository | None = None,
    separator: bytes = b"\0",
    env: Mapping[str, str] | None = None,
) -> Generator[bytes, None, None]:
    """Run git and yield the pieces of its output between separators, in constant memory.

    Raises GitError at the end of the output if git failed.
    """
    rest = b""
    for chunk in stream_bytes(args, repo=repo, env=env):
        *whole, rest = (rest + chunk).split(separator)
        yield from whole
    if rest:
        yield rest


def stream_bytes(
    args: Sequence[str],
    *,
    cwd: str | os.PathLike[str] | None = None,
    repo: Repository | None = None,
    env: Mapping[str, str] | None = None,
) -> Generator[bytes, None, None]:
    """Run git and yield its output as it comes; raises GitError at its end if git failed."""
    process = start_git(args, cwd=cwd, repo=repo, env=env)
    assert process.stdout is not None
    errors = _Errors(process)
    try:
        while chunk := process.stdout.read(_CHUNK):
            yield chunk
        code = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
        process.wait()
        told = errors.end()
    if code:
        raise git_failure(args, code, told)


class _Errors:
    """The error output of a process, read beside its output: a pipe that nobody reads could fill up and stop git.

    No file in the temporary folder, which looking for one would change.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self._pipe = process.stderr
        self._text = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._pipe:
            self._text = self._pipe.read()

    def end(self) -> bytes:
        """Return what was told; waits no longer than a moment for what git may have left in the background."""
        self._thread.join(1.0)
        return self._text


def git_failure(args: Sequence[str], code: int, stderr: bytes) -> GitError:
    """Return the error for a git command that ended with `code`."""
    line = last_line(stderr) or (f"it was ended by signal {-code}" if code < 0 else f"exit code {code}")
    return GitError(f"git {_subcommand(args)} failed: {line}")


def _subcommand(args: Sequence[str]) -> str:
    words = iter(args)
    for word in words:
        if word != "-c":
            return word
        next(words, None)  # its setting
    return ""


def last_line(stderr: bytes) -> str:
    """Return git's last meaningful error line, without its prefix and without credentials in URLs."""
    lines = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("hint:")]
    told = [place for place, line in enumerate(lines) if line.startswith(("fatal:", "error:"))] or [len(lines) - 1]
    if not lines:
        return ""
    line = lines[told[-1]]
    if line.endswith(";"):
        line = " ".join([line, *lines[told[-1] + 1 :][:1]])  # git breaks some of its sentences there
    for prefix in ("fatal: ", "error: "):
        line = line.removeprefix(prefix)
    return without_credentials(line)


def without_credentials(text: str) -> str:
    """Return a text without what stands for user and password in the URLs in it."""
    return _CREDENTIALS.sub("://", text)


_detached: list[subprocess.Popen[bytes]] = []


def spawn_detached(command: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str]) -> None:
    """Start a program in the background that outlives this process and is never waited for."""
    _reap()
    _detached.append(_spawn(command, cwd, env))


def run_attached(command: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str]) -> None:
    """Run a program to its end, unheard and whatever its exit code; no signal of this terminal reaches it."""
    _spawn(command, cwd, env).wait()


def _spawn(command: Sequence[str], cwd: str | None, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        creationflags=flags,
    )


def _environment_of(repo: Repository | None, extra: Mapping[str, str] | None) -> dict[str, str]:
    if repo is None:
        return git_environment(located=False, extra=extra)
    return git_environment(located=True, extra={**repo.object_variables, **(extra or {})})


def _directory(cwd: str | os.PathLike[str] | None, repo: Repository | None) -> str | None:
    if cwd is not None:
        return os.fspath(cwd)
    if repo is None:
        return None
    # Not the current directory: a long training may have lost it.
    return repo.common_dir if repo.worktree is None else repo.worktree


def _reap() -> None:
    _detached[:] = [process for process in _detached if process.poll() is None]


@atexit.register
def _release_detached() -> None:
    # They are meant to outlive us: without an exit code Popen would warn about it when it is collected.
    for process in _detached:
        process.returncode = 0
    _detached.clear()
