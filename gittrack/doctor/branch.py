"""The branch of the runs and what is derived from it: format, index, packing, large files, the remote."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import TYPE_CHECKING

from gittrack.codec.paths import FORMAT_FILE, FORMAT_VERSION
from gittrack.codec.text import from_yaml
from gittrack.doctor.ailment import Ailment
from gittrack.doctor.tip import tip_fault
from gittrack.errors import DamagedRecord, GittrackError
from gittrack.git.process import run_git
from gittrack.git.refs import read_ref
from gittrack.query.terms import Query
from gittrack.read.index import Index, open_index
from gittrack.read.rescan import IndexState, index_differences, index_path, index_state
from gittrack.read.returned import purged_runs, returned
from gittrack.values import shown
from gittrack.verify import is_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.quarantine import Quarantine

_SHOWN = 3
_SKEW = 300.0  # seconds that clocks may differ without anybody minding


def examine_branch(project: Project) -> Iterator[Ailment]:
    """Yield what is to be said of the branch and of all that depends on it."""
    if tip_fault(project):
        return  # which examine_tip tells
    tip = project.runs_tip()
    if tip is not None:
        newer = _format(project, tip)
        if newer is not None:
            yield newer
            return
    yield from _examine_index(project, has_runs=tip is not None)
    yield from _examine_packing(project)
    yield from _examine_remotes(project)
    for item in returned(project, purged_runs(project)):
        yield Ailment("purged", f"run {item.run[:8]}: {item.sentence}", f"gittrack purge {item.run[:8]}")


def _format(project: Project, tip: str) -> Ailment | None:
    from gittrack.git.reader import BlobReader

    with BlobReader(project.repo) as reader:
        data = reader.read(f"{tip}:{FORMAT_FILE}")
    try:
        found = from_yaml(data or b"", FORMAT_FILE)
    except DamagedRecord as error:
        return Ailment("format", str(error), "run 'gittrack check'")
    version = found.get("version") if isinstance(found, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        sentence = f"the branch has format version {shown(version)}, and this gittrack knows {FORMAT_VERSION}"
        return Ailment("format", sentence, "upgrade gittrack")
    if not isinstance(version, int):
        return Ailment("format", f"{FORMAT_FILE} of the branch is missing or damaged", "run 'gittrack check'")
    return None


def _examine_index(project: Project, *, has_runs: bool) -> Iterator[Ailment]:
    state = index_state(project)
    if state in (IndexState.UNREADABLE, IndexState.OLD):
        damaged = state == IndexState.UNREADABLE
        yield Ailment(
            "index",
            f"the index {index_path(project)} {'is damaged' if damaged else 'is that of another version'}",
            "make it anew from the branch",
            urgent=damaged,
            fix=partial(_rebuild, project),
        )
    elif has_runs:
        if state != IndexState.ABSENT:
            yield from _compare_index(project)
        yield from _examine_runs(project)


def _compare_index(project: Project) -> Iterator[Ailment]:
    try:
        differences = index_differences(project)
    except GittrackError:
        return  # the runs cannot be read, which is told there
    if differences:
        tables = ", ".join(table for _, table in differences)
        yield Ailment(
            "index",
            f"the index {index_path(project)} differs from the branch (tables: {tables}), so what is listed is wrong",
            "make it anew from the branch",
            fix=partial(_rebuild, project),
        )


def _rebuild(project: Project, quarantine: Quarantine) -> str:
    path = index_path(project)
    for suffix in ("", "-wal", "-shm"):
        if os.path.lexists(path + suffix):
            quarantine.move(path + suffix, "an index that cannot be used")
    with open_index(project) as index:
        return f"made the index anew, with {index.count()} runs"


def _examine_runs(project: Project) -> Iterator[Ailment]:
    try:
        with Index(project) as index:
            runs = list(index.documents([hit.id for hit in index.search(Query(include_deleted=True))]))
            damaged = index.damaged()
    except GittrackError as error:
        yield Ailment("branch", f"the runs cannot be read: {error}", "run 'gittrack check'")
        return
    if damaged:
        shown = ", ".join(run_id[:8] for run_id, _ in damaged[:_SHOWN]) + (", …" if len(damaged) > _SHOWN else "")
        yield Ailment("damaged-runs", f"damaged on the branch: {shown}", "'gittrack check' tells what is wrong")
    yield from _examine_clock(runs[:_SHOWN])
    yield from _examine_large_files(project, runs)


def _examine_clock(newest: list[Run]) -> Iterator[Ailment]:
    now = time.time()
    for run in newest:
        if run.start > now + _SKEW:
            moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(min(run.start, 2**33)))
            yield Ailment(
                "clock",
                f"run {run.id[:8]} {run.name} started in the future, at {moment} by the clock of "
                f"{run.host or 'its machine'}: that clock was wrong, or the one here is",
                "compare the clocks; such a run is listed as the newest until that time comes",
                urgent=False,
            )


def _examine_large_files(project: Project, runs: list[Run]) -> Iterator[Ailment]:
    large = {artifact.sha256: artifact for run in runs for artifact in run.artifacts if artifact.large}
    absent = [a for a in large.values() if is_sha256(a.sha256) and not os.path.lexists(project.large_file(a.sha256))]
    if absent:
        total = sum(artifact.size for artifact in absent) >> 20
        yield Ailment(
            "large-files",
            f"{len(absent)} large artifacts ({total} MiB) are not on this machine, such as {absent[0].path!r:.80}",
            "'git lfs fetch --all' fetches them, if the remote has them",
            urgent=False,
        )


def _examine_packing(project: Project) -> Iterator[Ailment]:
    settings = project.settings
    if settings.number("gc.auto", 1) > 0 and settings.flag("maintenance.auto", default=True):
        return
    lines = run_git(["count-objects", "-v"], repo=project.repo).decode().splitlines()
    counts = dict(line.split(": ", 1) for line in lines if ": " in line)
    yield Ailment(
        "packing",
        "git's housekeeping is turned off here (gc.auto, maintenance.auto), so runs are not packed: "
        f"{counts.get('count', '?')} loose objects take {int(counts.get('size', '0')) // 1024} MiB",
        "'git gc' packs them",
        urgent=False,
    )


def _examine_remotes(project: Project) -> Iterator[Ailment]:
    local = read_ref(project.repo, project.runs_ref)
    if local is None:
        return
    branch = project.runs_ref.removeprefix("refs/heads/")
    listed = run_git(["for-each-ref", "--format=%(refname)", f"refs/remotes/*/{branch}"], repo=project.repo)
    for ref in listed.decode("utf-8", "surrogateescape").split():
        name = ref.removeprefix("refs/remotes/")
        counted = run_git(["rev-list", "--count", "--left-right", f"{local}...{ref}"], repo=project.repo)
        ahead, behind = map(int, counted.split())
        if behind:
            yield Ailment("behind", f"{name} has {behind} commits that {branch} here lacks", urgent=False)
        if ahead:
            sentence = f"{branch} has {ahead} commits that {name} lacked when it was fetched or pushed to last"
            remedy = f"'gittrack sync {name.partition('/')[0]}' sends them"
            yield Ailment("ahead", sentence, remedy, urgent=False)
