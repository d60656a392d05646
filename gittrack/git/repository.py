"""Where the repository is, what its configuration says, and who the user is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gittrack.errors import RepositoryError
from gittrack.git.process import OBJECTS, QUARANTINE, git_failure, last_line, run_git, run_git_status

if TYPE_CHECKING:
    from collections.abc import Mapping

# git repeats an option that it does not know. Paths may hold newlines, so lines would not tell them apart.
_BETWEEN = "--gittrack-between"
# --show-toplevel fails where there is no work tree, so it comes last: the rest has been printed by then.
_FACTS = ("--is-bare-repository", "--show-object-format", "--absolute-git-dir", "--git-common-dir", "--show-toplevel")
_IDENT = re.compile(r"(.*?) ?<([^<>]*)> \d+ [-+]\d+", re.DOTALL)
_SUFFIXES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off", ""})
NO_IDENTITY = (
    "git does not know who you are; run: git config --global user.name 'Your Name', "
    "and: git config --global user.email you@example.com"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A git repository: `git_dir` is that of this worktree, `common_dir` the one that all worktrees share."""

    common_dir: str
    git_dir: str
    worktree: str | None
    object_format: str = "sha1"
    ref_format: str = "files"
    object_variables: Mapping[str, str] = field(default_factory=dict, hash=False)  # what the environment told

    @property
    def state_dir(self) -> str:
        """Where gittrack keeps what is not in git: the journal, the index, locks."""
        return os.path.join(self.common_dir, "gittrack")

    @property
    def lfs_dir(self) -> str:
        """The standard LFS store of this repository."""
        return os.path.join(self.common_dir, "lfs")

    @property
    def objects_dir(self) -> str:
        """The object database that new objects go to."""
        return self.object_variables.get(OBJECTS[0]) or os.path.join(self.common_dir, "objects")

    @property
    def more_objects(self) -> list[str]:
        """The object databases that the environment names for reading."""
        return [path for path in self.object_variables.get(OBJECTS[1], "").split(os.pathsep) if path]

    @property
    def hash_len(self) -> int:
        """The length of an object id in bytes."""
        return 32 if self.object_format == "sha256" else 20


@dataclass(frozen=True, slots=True)
class Signature:
    """A name and an e-mail address, as git knows a person."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole git configuration that holds for a repository, includes resolved."""

    values: Mapping[str, tuple[str, ...]]

    def get(self, key: str) -> str | None:
        """Return the value that wins (the last one), or None."""
        values = self.get_all(key)
        return values[-1] if values else None

    def get_all(self, key: str) -> tuple[str, ...]:
        """Return every value of `key`, in git's order; section and name match in any case."""
        return self.values.get(_canonical(key), ())

    def flag(self, key: str, default: bool) -> bool:  # noqa: FBT001 - named for what it returns
        """Return a boolean by git's rules; raises RepositoryError if it is none."""
        value = self.get(key)
        if value is None:
            return default
        word = value.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        return self.number(key, 0) != 0

    def number(self, key: str, default: int) -> int:
        """Return an integer, with git's suffixes k, m and g; raises RepositoryError if it is none."""
        value = self.get(key)
        if value is None:
            return default
        word = value.strip().lower()
        scale = _SUFFIXES.get(word[-1:], 1)
        try:
            return int(word[:-1] if scale > 1 else word) * scale
        except ValueError:
            raise RepositoryError(
                f"the git setting {key} is {value!r}, which is not a number; correct it with git config {key}"
            ) from None

    def remote_url(self, branch: str | None) -> str | None:
        """Return the URL, as configured, of the branch's remote, else of origin, else of the only remote."""
        named = self.get(f"branch.{branch}.remote") if branch else None
        if named and named != ".":
            # A branch may also track a URL that no remote has.
            return self._url(named) or (named if _looks_like_url(named) else None)
        if origin := self._url("origin"):
            return origin
        urls = [key for key in self.values if key.startswith("remote.") and key.endswith(".url")]
        return self.get_all(urls[0])[0] if len(urls) == 1 else None

    def _url(self, remote: str) -> str | None:
        # git fetches from the first one; further ones are only pushed to.
        urls = self.get_all(f"remote.{remote}.url")
        return urls[0] if urls else None


def discover(path: str | os.PathLike[str] | None = None) -> Repository:
    """Find the repository that holds `path` (default: the current directory), by git's own rules.

    GIT_DIR and GIT_WORK_TREE are honoured. Raises RepositoryError if there is none or git refuses it.
    """
    start = os.path.abspath(os.getcwd() if path is None else path)
    directory = start if os.path.isdir(start) else os.path.dirname(start)
    questions = [word for fact in _FACTS for word in (fact, _BETWEEN)]
    code, out, err = run_git_status(["rev-parse", *questions], cwd=directory)
    answers = os.fsdecode(out).split(f"\n{_BETWEEN}\n")
    if len(answers) < len(_FACTS):
        raise _refusal(directory, code, err)
    bare, object_format, git_dir, common, top = answers[: len(_FACTS)]
    git_dir = os.path.realpath(os.path.join(directory, git_dir))
    common = os.path.realpath(os.path.join(directory, common))
    worktree = os.path.realpath(top) if code == 0 and top else None
    if worktree is None and bare == "false" and os.path.basename(git_dir) == ".git":
        worktree = os.path.dirname(git_dir)  # we stand inside .git
    return Repository(common, git_dir, worktree, object_format, _ref_format(common), object_variables(directory))


def object_variables(directory: str) -> dict[str, str]:
    """Return what the environment says of where objects are, with paths that do not depend on the directory."""
    if QUARANTINE in os.environ:
        return {}
    told = {name: os.environ[name] for name in OBJECTS if os.environ.get(name)}
    return {
        name: os.pathsep.join(os.path.join(directory, path) for path in value.split(os.pathsep) if path)
        for name, value in told.items()
    }


def with_incoming(repo: Repository) -> Repository:
    """Return the repository as a hook of the receiving git sees it: with the objects that wait to be taken in.

    Only to read from; without such a hook around it is the repository as it is.
    """
    if QUARANTINE not in os.environ:
        return repo
    return replace(repo, object_variables={name: os.environ[name] for name in OBJECTS if os.environ.get(name)})


def settings(repo: Repository) -> Settings:
    """Read the configuration in one call to git, so that includes and conditions are git's own."""
    out = run_git(["config", "-z", "--list", "--includes"], repo=repo)
    values: dict[str, list[str]] = {}
    for entry in out.decode("utf-8", "surrogateescape").split("\0"):
        if entry:
            key, newline, value = entry.partition("\n")
            values.setdefault(key, []).append(value if newline else "true")
    return Settings({key: tuple(all_values) for key, all_values in values.items()})


def identity(repo: Repository) -> Signature:
    """Return the author that git would write into a commit; raises RepositoryError if there is none."""
    return _signature(repo, "GIT_AUTHOR_IDENT")


def committer(repo: Repository) -> Signature:
    """Return the committer that git would write into a commit; raises RepositoryError if there is none."""
    return _signature(repo, "GIT_COMMITTER_IDENT")


def _signature(repo: Repository, variable: str) -> Signature:
    code, out, err = run_git_status(["var", variable], repo=repo)
    if code and b"ident" not in err and b"email" not in err and b"tell me who you are" not in err:
        raise git_failure(["var"], code, err)
    match = _IDENT.match(out.decode("utf-8", "replace"))
    if code or match is None:
        raise RepositoryError(NO_IDENTITY)
    return Signature(match[1], match[2])


def _refusal(directory: str, code: int, err: bytes) -> RepositoryError:
    if b"dubious ownership" in err or b"safe.directory" in err:
        found = re.search(rb"repository at '(.*?)'", err)
        place = os.fsdecode(found[1]) if found else directory
        return RepositoryError(
            f"git does not trust the repository at {place}, which belongs to another user; "
            f"if you do, run: git config --global --add safe.directory {place}"
        )
    if (lost := re.search(rb"not a git repository: '?(.*?)'?\n", err)) is not None:
        return _lost(directory, os.fsdecode(lost[1]))
    if b"not a git repository" in err:
        return RepositoryError(f"no git repository here or above {directory}; run 'git init' first, or 'gittrack init'")
    return RepositoryError(f"git cannot open the repository at {directory}: {last_line(err) or code}")


def _lost(directory: str, git_dir: str) -> RepositoryError:
    if "GIT_DIR" in os.environ:
        return RepositoryError(f"GIT_DIR is {git_dir}, which is no git repository; correct that variable or unset it")
    place = directory
    while not os.path.isfile(os.path.join(place, ".git")) and place != os.path.dirname(place):
        place = os.path.dirname(place)
    return RepositoryError(
        f"{os.path.join(place, '.git')} points to the git directory {git_dir}, which is not there; "
        "bring it back, or remove that file and run 'git init'"
    )


def _ref_format(common_dir: str) -> str:
    # Not by --show-ref-format, which git learned in 2.45: before, one unknown option spoils the whole call.
    if not os.path.isdir(os.path.join(common_dir, "reftable")):
        return "files"
    try:
        with open(os.path.join(common_dir, "config"), "rb") as file:
            return "reftable" if b"reftable" in file.read().lower() else "files"
    except OSError:
        return "files"


def _canonical(key: str) -> str:
    section, _, rest = key.partition(".")
    subsection, dot, name = rest.rpartition(".")
    return f"{section.lower()}.{subsection}{dot}{name.lower()}"


def _looks_like_url(text: str) -> bool:
    return "/" in text or ":" in text
