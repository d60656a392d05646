"""What git itself moves here when refs travel: by remote.<name>.fetch it writes over refs, whatever they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.git.process import run_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gittrack.git.repository import Repository

_TRACKING: Final = "refs/remotes/"  # copies of what a remote has; everywhere else may lie what no remote has
_NOT_SET: Final = 1


def harmless_maps(repo: Repository, remote: str) -> list[str]:
    """Return the refspecs of a remote that write to nothing but copies of what it has."""
    return [spec for spec in _specs(repo, remote) if spec.rpartition(":")[2].startswith(_TRACKING)]


def clobbering_spec(repo: Repository, remote: str, refs: Iterable[str]) -> str | None:
    """Return a refspec by which a push to `refs` of a remote would write over the refs of those names here."""
    wanted = set(refs)
    return next((spec for spec in _specs(repo, remote) if any(_target(spec, ref) == ref for ref in wanted)), None)


def _specs(repo: Repository, remote: str) -> Iterator[str]:
    out = run_git(["config", "-z", "--get-all", f"remote.{remote}.fetch"], repo=repo, ok=(0, _NOT_SET))
    return (spec for spec in out.decode("utf-8", "surrogateescape").split("\0") if ":" in spec)


def _target(spec: str, ref: str) -> str | None:
    """Where a refspec leads `ref`, None where it is not about it."""
    theirs, _, ours = spec.removeprefix("+").rpartition(":")
    if "*" not in theirs:
        return ours if theirs == ref else None
    start, _, end = theirs.partition("*")
    if len(ref) < len(start) + len(end) or not (ref.startswith(start) and ref.endswith(end)):
        return None
    return ours.replace("*", ref[len(start) : len(ref) - len(end)])
