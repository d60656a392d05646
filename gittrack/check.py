"""Everything that `gittrack check` verifies: the branch, the index made of it, and the journals here."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from gittrack.capture.machine import host
from gittrack.catalog import Catalog
from gittrack.errors import GittrackError, RunNotFound, StorageError
from gittrack.read.check import Finding, Report, check_branch, committed_ids, is_partial
from gittrack.read.index import open_index
from gittrack.read.specifier import PREFIX_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from gittrack.model import Artifact
    from gittrack.project import Project


def check(
    project: Project,
    specs: Sequence[str] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
    scanning: Callable[[int, int], None] | None = None,
) -> Report:
    """Verify all runs, or those that `specs` mean; nothing is changed but the index, which is brought to the tip.

    `progress` and `scanning` are told (done, total) of runs: while they are verified, while the index is compared.
    Raises RunNotFound for a specifier that means no run.
    """
    report = Report()
    tip = _tip(project, report)
    only = frozenset(id_of(project, tip, spec) for spec in specs)
    if tip is not None:
        check_branch(project, tip, report, only=only, progress=progress)
        if not only:
            _check_index(project, report, scanning)
    if os.path.exists(project.purging):
        report.notes.append(Finding("a purge was interrupted before its end; 'gittrack purge' goes on with it"))
    if not only:
        from gittrack.read.pins import pin_problems

        problems = pin_problems(project.repo, partial=is_partial(project))
        report.problems += [Finding(sentence, path=ref) for ref, sentence in problems]
        report.problems += _returned(project)
    for run_id in project.journaled():
        if not only or run_id in only:
            check_journal(project, run_id, report)
    return report


def _returned(project: Project) -> Iterator[Finding]:
    """What was purged and a remote still has, as it was fetched; what is back on the branch is told with the runs."""
    from gittrack.read.returned import purged_runs, returned

    with contextlib.suppress(StorageError):  # a branch that cannot be read is told already
        for item in returned(project, purged_runs(project)):
            if item.ref != project.runs_ref:
                yield Finding(item.sentence, item.run)


def _tip(project: Project, report: Report) -> str | None:
    try:
        return project.runs_tip()
    except StorageError as error:
        report.problems.append(Finding(str(error)))
        return None


def id_of(project: Project, tip: str | None, spec: str) -> str:
    """Return the id of the one run that `spec` means, be it so damaged that only the start of its id is left."""
    try:
        with Catalog(project, open_index(project), {}, []) as catalog:
            return catalog.find(spec).id
    except GittrackError as error:
        committed: Iterable[str] = () if tip is None else committed_ids(project, tip)
        prefix = spec.lower()
        found = {run_id for run_id in (*committed, *project.journaled()) if run_id.startswith(prefix)}
        if len(prefix) >= PREFIX_LENGTH and len(found) == 1:
            return found.pop()
        raise (error if isinstance(error, RunNotFound) else RunNotFound(str(error))) from None


def _check_index(project: Project, report: Report, progress: Callable[[int, int], None] | None) -> None:
    from gittrack.read.rescan import IndexState, index_differences, index_path, index_state

    remedy = f"'gittrack doctor --fix' makes it anew, or delete {index_path(project)}"
    if index_state(project) == IndexState.UNREADABLE:
        report.problems.append(Finding(f"the index of the runs is damaged; {remedy}"))
        return
    try:
        differences = index_differences(project, progress)
    except GittrackError as error:
        report.problems.append(Finding(f"the index of the runs cannot be made: {error}"))
        return
    report.problems += [
        Finding(f"the index differs from the branch (table {table}); {remedy}", run_id) for run_id, table in differences
    ]


def check_journal(project: Project, run_id: str, report: Report) -> None:
    """Verify the journal of one run, which may be running, into `report`."""
    from gittrack.record.assemble import assemble
    from gittrack.record.folder import is_live, read_segments
    from gittrack.record.foreign import foreign

    directory = project.journal_of(run_id)
    live = is_live(directory)
    try:
        _check_segments(directory, run_id, report, live=live)
        segments = read_segments(directory)
    except OSError as error:
        report.problems.append(Finding(f"the journal cannot be read: {error.strerror or error}", run_id, directory))
        return
    if not segments:
        return
    assembly = assemble(run_id, segments)
    told = {problem for segment in segments for problem in segment.problems}
    report.problems += [
        Finding(warning, run_id, directory)
        for warning in assembly.record.warnings
        if warning.startswith("a journal") and warning not in told
    ]
    report.problems += [
        Finding(sentence, run_id, directory) for sentence in staged_problems(project, run_id, assembly.record.artifacts)
    ]
    if not live and os.path.isdir(directory):
        other = foreign(project, segments, host())
        why = "it is in the journal and not on the branch yet" if other is None else other.sentence
        report.notes.append(Finding(why, run_id, directory))


def _check_segments(directory: str, run_id: str, report: Report, *, live: bool) -> None:
    from gittrack.record.folder import NoSegment, open_segment, segment_names
    from gittrack.record.segment import SUFFIX, read_segment

    for name in segment_names(directory):
        try:
            with open_segment(os.path.join(directory, name + SUFFIX)) as file:
                contents = read_segment(file.read())
        except NoSegment as problem:
            report.problems.append(Finding(str(problem), run_id))
            continue
        place = f"journal segment {name}"
        report.problems += [Finding(f"{damage.sentence} of {place}", run_id) for damage in contents.damage]
        if contents.torn and not live:
            torn = f"{place} ends in {contents.torn} bytes of a line that was never finished; they are left out"
            report.notes.append(Finding(torn, run_id))


def staged_problems(project: Project, run_id: str, artifacts: Collection[Artifact]) -> Iterator[str]:
    """Yield a sentence for each artifact that waits beside a journal and is not what was logged."""
    from gittrack.record.stage import staged
    from gittrack.verify import is_sha256

    for artifact in artifacts:
        if not is_sha256(artifact.sha256):
            yield f"artifact {artifact.path!r:.120} has no SHA-256"
            continue
        place = project.large_file(artifact.sha256) if artifact.large else ""
        place = place or staged(project.journal_of(run_id), artifact.sha256)
        problem = _content_problem(place, artifact)
        if problem:
            yield f"artifact {artifact.path!r:.120} {problem}"


def _content_problem(place: str, artifact: Artifact) -> str:
    digest = hashlib.sha256()
    try:
        with open(place, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except FileNotFoundError:
        return f"is missing from {os.path.dirname(place)}"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if digest.hexdigest() == artifact.sha256 else "is damaged"
