"""From the journal to the branch: the segments of a run become files, objects, one commit, one moved ref.

The names of the published segments stand in the record itself, so whoever comes second, another
process or the same one after a crash, sees that there is nothing left to do.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.capture.machine import host
from gittrack.capture.output import read_log
from gittrack.codec import paths
from gittrack.codec.record import record_from_plain, record_to_plain
from gittrack.codec.text import from_yaml, to_yaml
from gittrack.codec.times import milliseconds
from gittrack.errors import DamagedRecord, GittrackError
from gittrack.git.branch import Addition, View, append
from gittrack.git.maintenance import maintain
from gittrack.git.repository import Signature
from gittrack.git.store import ObjectStore
from gittrack.model import CRASHED, Artifact, Record, Run
from gittrack.record.assemble import Assembly, assemble
from gittrack.record.auto_push import push_where_asked
from gittrack.record.folder import Segment, read_segments
from gittrack.record.foreign import foreign, written_elsewhere
from gittrack.record.salvage import kept_of, salvage, set_aside
from gittrack.record.segment import LOCK_SUFFIX, SUFFIX
from gittrack.record.stage import BLOBS, staged
from gittrack.replay import fold
from gittrack.values import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.project import Project
    from gittrack.record.journal import Journal
from gittrack.record.liveness import is_held
from gittrack.record.on_disk import folder_lock
from gittrack.record.telling import warn

Files = dict[str, "bytes | os.PathLike[str]"]


def publish(project: Project, run_id: str, journal: Journal | None = None) -> str | None:
    """Commit what the journal holds of a run, except segments of other living processes; then delete it.

    `journal` is the calling process's own, which is closed once the commit stands. A run without an
    end becomes crashed. Returns the commit, or None when the branch already had everything.
    """
    own = journal.segments if journal else []
    directory = project.journal_of(run_id)
    taken: list[Segment] = []
    gone: set[str] = set()

    def make(view: View) -> Addition | None:
        present = records_on(view, run_id)
        known = {name for record in present for name in record.journal}
        segments = read_segments(directory)
        gone.update({*own} - {segment.name for segment in segments})
        left = {s.name for s in segments if s.live} | _may_go_on(project, segments)
        taken[:] = [s for s in segments if s.name in known or s.name in own or s.name not in left]
        new = [s for s in taken if s.name not in known]
        return _addition(project, run_id, salvage(project, run_id, new), present, view) if new else None

    commit = append(project.repo, project.runs_ref, make, committer=project.committer, start=project.base_tip)
    if journal is not None:
        journal.close()
    if gone:
        _tell_of_the_living(project, run_id, gone)
    set_aside(project, run_id, written_elsewhere(taken, host()))
    delete_segments(directory, [s.name for s in taken])
    if commit is not None:
        with contextlib.suppress(GittrackError, OSError):  # the run is safe, whatever becomes of these
            push_where_asked(project)
            maintain(project.repo, project.runs_ref, project.settings)
    return commit


def _tell_of_the_living(project: Project, run_id: str, gone: set[str]) -> None:
    kept = kept_of(project, run_id, gone)
    warn(
        f"run {run_id[:8]} had been taken for dead and committed while this process was silent; what it logged since "
        + (f"may be missing there, and is kept in {kept}" if kept else "may be missing there")
    )


def _may_go_on(project: Project, segments: list[Segment]) -> set[str]:
    """The names of the segments that another machine may still be writing."""
    elsewhere = written_elsewhere(segments, host())
    return {segment.name for segment in elsewhere if foreign(project, [segment], host()) is not None}


def records_on(view: View, run_id: str) -> list[Record]:
    """Return the records of a run at a tip, [] when the branch does not have it."""
    folder = paths.run_directory(run_id)
    base = view.read(f"{folder}/{paths.RECORD}")
    if base is None:
        return []
    records = [record_from_plain(from_yaml(base, paths.RECORD), paths.RECORD)]
    for entry in view.names(f"{folder}/{paths.LATER}"):
        if entry.endswith(".yaml") and paths.parse_later(entry):
            name = f"{paths.LATER}/{entry}"
            data = view.read(f"{folder}/{name}")
            if data is not None:
                with contextlib.suppress(DamagedRecord):
                    records.append(record_from_plain(from_yaml(data, name), name))
    return records


def committed(project: Project, run_id: str) -> list[Record]:
    """Return the records of a run at the present tip of the branch."""
    with ObjectStore(project.repo) as store:
        return records_on(View(store, project.runs_tip()), run_id)


def next_lamport(records: list[Record]) -> int:
    """Return the logical time after all of `records`."""
    return 1 + max(record.lamport for record in records)


def frame_files(view: View) -> Files:
    """Return format.yaml and README.md for a branch that has none; GittrackError for a newer format."""
    data = view.read(paths.FORMAT_FILE)
    if data is None:
        if view.tip is not None and view.names("") and paths.RUNS not in view.names(""):
            raise GittrackError(
                "the branch for runs holds something else; set another with 'git config gittrack.branch NAME'"
            )
        return {paths.FORMAT_FILE: paths.format_file(), paths.README_FILE: paths.readme_file()}
    found = from_yaml(data, paths.FORMAT_FILE)
    version = found.get("version") if isinstance(found, dict) else None
    if not isinstance(version, int) or version > paths.FORMAT_VERSION:
        raise GittrackError(f"the branch has format version {shown(version)}; this gittrack reads 1: upgrade gittrack")
    return {}


def _addition(
    project: Project,
    run_id: str,
    segments: list[Segment],
    present: list[Record],
    view: View,
) -> Addition:
    directory = project.journal_of(run_id)
    assembly = assemble(run_id, segments)
    record = assembly.record
    if not present and record.start is None:
        # Only points of workers, whose run was never begun here: they wait for it.
        raise DamagedRecord(f"the journal of run {run_id} has no start; it is kept in {directory}")
    if record.status is None and (not present or any(s.owner for s in segments)):
        end = max(record.end or 0.0, _last_output(directory))
        record = replace(record, status=CRASHED, end=end, error="the process vanished without ending the run")
    if present:
        record = replace(record, start=None, part=record.start, lamport=next_lamport(present))
    if record.status is None:
        record = replace(record, end=None)
    files = frame_files(view)
    folder = paths.run_directory(run_id)
    record, beside = with_companions(directory, assembly, record)
    data = to_yaml(record_to_plain(record))
    prefix = ""
    if present:
        stem = paths.later_stem(record.lamport, data)
        files[f"{folder}/{stem}.yaml"] = data
        prefix = stem + "/"
    else:
        files[f"{folder}/{paths.RECORD}"] = data
    files.update({f"{folder}/{prefix}{path}": content for path, content in beside.items()})
    run = fold([*present, record])
    author = project.author if run.author is None else Signature(run.author.name, run.author.email)
    return Addition(files, _message(run, resumed=bool(present)), author, run.end or run.start)


def with_companions(directory: str, assembly: Assembly, record: Record) -> tuple[Record, Files]:
    """Return `record`, which is that of the assembly, with where its files are, and these by their path beside it."""
    found = _companions(directory, assembly)
    record = replace(
        record,
        metrics={name: replace(m, files=(found.names[name],)) for name, m in record.metrics.items()},
        artifacts=found.artifacts,
        output=(paths.OUTPUT,) if paths.OUTPUT in found.files else (),
    )
    return record, found.files


def _last_output(directory: str) -> float:
    """When the command last printed something that was kept, 0 if never."""
    times = [0.0]
    for ending in ("", ".1", ".2"):
        with contextlib.suppress(OSError):
            times.append(os.stat(os.path.join(directory, paths.OUTPUT + ending)).st_mtime)
    return milliseconds(max(times))


class _Companions:
    """The files that lie beside a record, by their path relative to it, each metric's file, and the artifacts."""

    def __init__(self) -> None:
        self.files: Files = {}
        self.names: dict[str, str] = {}
        self.artifacts: tuple[Artifact, ...] = ()


def _companions(directory: str, assembly: Assembly) -> _Companions:
    result = _Companions()
    stems: set[str] = set()
    for name, data in assembly.series.items():
        stem = paths.metric_stem(name, stems)
        stems.add(stem.lower())
        result.names[name] = f"{paths.METRICS}/{stem}.tsv"
        result.files[result.names[name]] = data
    moved = paths.artifact_files(artifact.path for artifact in assembly.record.artifacts)
    result.artifacts = tuple(replace(a, file=moved.get(a.path, "")) for a in assembly.record.artifacts)
    for artifact in result.artifacts:
        content: bytes | os.PathLike[str]
        if artifact.large:
            content = paths.pointer(artifact.sha256, artifact.size)
        else:
            with open(staged(directory, artifact.sha256), "rb") as file:
                content = file.read()
        result.files[paths.artifact_place(artifact)] = content
    if assembly.packages:
        result.files[paths.PACKAGES] = "".join(f"{line}\n" for line in assembly.packages).encode()
    output = read_log(os.path.join(directory, paths.OUTPUT))
    if output:
        result.files[paths.OUTPUT] = output
    return result


def _message(run: Run, *, resumed: bool) -> str:
    trailers: Mapping[str, str | None] = {
        "Run": run.id,
        "Status": run.status,
        "Experiment": run.experiment,
        "Code": run.code.commit,
    }
    what = f"resumed, {run.status}" if resumed else run.status
    lines = [f"run {run.id[:8]} {run.name} {what}", ""]
    lines += [f"{key}: {value}" for key, value in trailers.items() if value]
    return "\n".join(lines) + "\n"


def delete_segments(directory: str, segments: list[str]) -> None:
    """Remove published segments; the rest of the folder only when no segment is left in it."""
    for name in segments:
        for suffix in (SUFFIX, LOCK_SUFFIX):
            _unlink(os.path.join(directory, name + suffix))
    with contextlib.suppress(OSError), folder_lock(directory):
        _discard(directory)


def _discard(directory: str) -> None:
    """Remove the folder of a journal, unless a segment is in it, or a process that is about to write one."""
    left = os.listdir(directory)
    for name in left:
        if name.endswith(SUFFIX) and name != paths.OUTPUT:
            return
        if name.endswith(LOCK_SUFFIX) and is_held(os.path.join(directory, name)):
            return
    blobs = os.path.join(directory, BLOBS)
    if BLOBS in left:
        for name in os.listdir(blobs):
            _unlink(os.path.join(blobs, name))
        os.rmdir(blobs)
    for name in left:
        if name != BLOBS:
            _unlink(os.path.join(directory, name))
    os.rmdir(directory)


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
