"""In a repository that others push to: runs and pins are taken in only where they follow the rules of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.hooks.entry import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gittrack.project import Project
    from gittrack.share.pushed import Objection


def idle(_: Sequence[str]) -> bool:
    """Never: what is pushed stands in the input."""
    return False


def run(project: Project, _: Sequence[str], lines: Iterable[str]) -> None:
    """Refuse the whole push where one of its lines `<old> <new> <ref>` breaks a rule; other refs are not looked at."""
    from gittrack.share.remote import target_of

    for line in lines:
        old, new, ref = line.rstrip("\n").split(" ", 2)
        target = target_of(project, ref)
        objection = None if target is None else _objection(project, ref, target, _present(old), _present(new))
        if objection is not None:
            raise Refusal(f"{ref.removeprefix('refs/heads/')}: {objection}")


def _present(oid: str) -> str | None:
    return oid if oid.strip("0") else None


def _objection(project: Project, ref: str, target: str, old: str | None, new: str | None) -> Objection | None:
    from gittrack.git.reader import BlobReader
    from gittrack.git.refs import read_ref
    from gittrack.git.repository import with_incoming
    from gittrack.share.pushed import Objection, follows, news_problem, pins_problem, runs_problem

    purges = project.settings.flag("gittrack.allowPurge", default=False)
    if new is None:
        # An inbox goes once somebody has taken in what it held.
        fine = purges or ref != target
        return None if fine else Objection("", "", "it is not deleted here, for what was committed never changes")
    repo = with_incoming(project.repo)
    if not purges and (objection := follows(repo, old, new)) is not None:
        return objection
    if target != project.runs_ref:
        return pins_problem(repo, old or read_ref(project.repo, target), new)
    with BlobReader(repo) as reader:
        if old is None and ref != target and (shared := read_ref(project.repo, target)) is not None:
            return news_problem(repo, reader, shared, new)
        return runs_problem(repo, reader, old, new, purges=purges)[0]
