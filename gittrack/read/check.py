"""Every run of the branch verified, one after the other: what is wrong, and what is only worth knowing."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import (
    FORMAT_FILE,
    FORMAT_VERSION,
    PURGED,
    README_FILE,
    REWRITES,
    RUNS,
    is_id,
    parse_purged,
    parse_rewrite,
    run_directory,
)
from gittrack.codec.text import from_yaml
from gittrack.errors import DamagedRecord, StorageError
from gittrack.git.reader import BlobReader
from gittrack.git.tree import DIRECTORY, FILE, Entry
from gittrack.git.verified import absent, commit_tree, missing_objects, read_trees, read_verified, walk
from gittrack.read.altered import alterations
from gittrack.values import shown
from gittrack.verify import Verdict, content_problem, is_record, path_problem, read_records

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from gittrack.model import Artifact
    from gittrack.project import Project

_SHARD = re.compile(r"[0-9a-f]{2}")
_CHUNK: Final = 1 << 20
_MISSING_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is off: with the `run` (its id) and the `path` on the branch that it is about, or ''."""

    sentence: str
    run: str = ""
    path: str = ""


@dataclass(slots=True)
class Report:
    """What a check saw: `problems` make it fail, `notes` do not."""

    runs: int = 0
    files: int = 0
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


def check_branch(
    project: Project,
    tip: str,
    report: Report,
    *,
    only: Collection[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Verify the branch as of the commit `tip`, or of its runs those with the ids in `only`, into `report`.

    `progress(done, total)` is told of runs. Memory is bounded by the largest file, not by how many there are.
    """
    with BlobReader(project.repo) as reader:
        _BranchCheck(project, reader, report).check(tip, only, progress)


def committed_ids(project: Project, tip: str) -> Iterator[str]:
    """Yield the id of every run on the branch, readable or not."""
    with BlobReader(project.repo) as reader:
        branch = _BranchCheck(project, reader, Report())
        for shard in branch.shards(tip):
            yield from (_name(entry) for entry in branch.runs_of(*shard))


def _name(entry: Entry) -> str:
    return entry.name.decode("utf-8", "surrogateescape")


class _BranchCheck:
    """One walk over the branch. What the walk finds goes to the report."""

    def __init__(self, project: Project, reader: BlobReader, report: Report) -> None:
        self._project = project
        self._repo = project.repo
        self._reader = reader
        self._report = report
        self._commits: dict[str, list[str]] = {}  # commit -> the runs that were made with it
        self._purged: set[str] = set()  # ids
        self._snapshots: dict[str, str] = {}  # snapshots that were purged -> the run
        self._told: set[str] = set()  # ids of objects whose loss is told where they are missed
        self._large: dict[str, str] = {}  # sha256 -> what is wrong with the content in the LFS store

    def check(self, tip: str, only: Collection[str], progress: Callable[[int, int], None] | None) -> None:
        shards = self.shards(tip)
        if not self._is_readable_format(tip, empty=not shards):
            return
        wanted = [shard for shard in shards if not only or any(run_id.startswith(shard[0]) for run_id in only)]
        total = len(only) or sum(len(self.runs_of(*shard)) for shard in wanted)
        for name, oid in wanted:
            for entry in self.runs_of(name, oid, tell=True):
                if not only or _name(entry) in only:
                    self._check_run(_name(entry), entry.oid)
                    if progress is not None:
                        progress(self._report.runs, total)
        self._check_code()
        if not only:
            self._check_history(tip)
        self._check_unaltered(tip, only)

    # The frame

    def _problem(self, sentence: str, path: str = "", run: str = "") -> None:
        self._report.problems.append(Finding(sentence, run, path))

    def _tree(self, oid: str, path: str, *, tell: bool) -> list[Entry]:
        _, entries, fault = next(read_trees(self._repo, self._reader, [oid]))
        if entries is None and tell:
            self._told.add(oid)
            self._problem(f"the directory {fault}", path)
        return entries or []

    def shards(self, tip: str) -> list[tuple[str, str]]:
        """Return (name, id of its tree) of each folder of runs, once everything above them was checked."""
        top = commit_tree(self._reader, tip)
        if top is None:
            self._problem(f"the commit {tip[:12]}, the tip of the branch, cannot be read; run 'git fsck'")
            return []
        found: list[Entry] = []
        for entry in self._tree(top, "", tell=True):
            name = _name(entry)
            if name == RUNS and entry.mode == DIRECTORY:
                found = self._tree(entry.oid, RUNS, tell=True)
            elif name == REWRITES and entry.mode == DIRECTORY:
                self._check_rewrites(entry.oid)
            elif name == PURGED and entry.mode == DIRECTORY:
                self._check_purged(entry.oid)
            elif name not in (FORMAT_FILE, README_FILE) or entry.mode != FILE:
                self._problem("nothing of that name and mode belongs on the branch", name)
        shards = []
        for entry in found:
            if entry.mode == DIRECTORY and _SHARD.fullmatch(_name(entry)):
                shards.append((_name(entry), entry.oid))
            else:
                self._problem("this is no folder of runs", f"{RUNS}/{_name(entry)}")
        return shards

    def _check_rewrites(self, oid: str) -> None:
        entries = self._tree(oid, REWRITES, tell=True)
        for node in walk(self._repo, self._reader, entries):
            shard, _, name = node.path.rpartition("/")
            pair = parse_rewrite(name)
            if node.fault:
                self._problem(f"the directory {node.fault}", f"{REWRITES}/{node.path}")
            elif pair is None or node.entry.mode != FILE or shard != pair[0][:2]:
                self._problem("this is no rewrite of a commit", f"{REWRITES}/{node.path}")

    def _check_purged(self, oid: str) -> None:
        for node in walk(self._repo, self._reader, self._tree(oid, PURGED, tell=True)):
            path = f"{PURGED}/{node.path}"
            run_id = parse_purged(path)
            if node.fault:
                self._problem(f"the directory {node.fault}", path)
            elif run_id is None or node.entry.mode != FILE:
                self._problem("this is no run that was purged", path)
            else:
                self._purged.add(run_id)

    def runs_of(self, shard: str, oid: str, *, tell: bool = False) -> list[Entry]:
        """Return the runs in a folder of runs; with `tell` what else is there becomes a problem."""
        runs = []
        for entry in self._tree(oid, f"{RUNS}/{shard}", tell=tell):
            name = _name(entry)
            if entry.mode == DIRECTORY and is_id(name) and name.startswith(shard):
                runs.append(entry)
            elif tell:
                why = f"run {name[:8]} does not belong into this folder" if is_id(name) else "this is no run"
                self._problem(why, f"{RUNS}/{shard}/{name}", name if is_id(name) else "")
        return runs

    def _is_readable_format(self, tip: str, *, empty: bool) -> bool:
        try:
            data = self._reader.read(f"{tip}:{FORMAT_FILE}")
        except StorageError:
            data = None
        if data is None:
            self._problem("it is missing, or cannot be read", FORMAT_FILE)
            return not empty
        try:
            found = from_yaml(data, FORMAT_FILE)
        except DamagedRecord as error:
            self._problem(str(error), FORMAT_FILE)
            return True
        facts = found if isinstance(found, dict) else {}
        version = facts.get("version")
        if facts.get("format") != "gittrack" or not isinstance(version, int) or version < 1:
            self._problem("it does not say 'format: gittrack' and a version", FORMAT_FILE)
            return True
        if version > FORMAT_VERSION:
            self._problem(
                f"the branch has format version {shown(version)}; this gittrack knows {FORMAT_VERSION}: "
                "upgrade gittrack",
                FORMAT_FILE,
            )
        return version <= FORMAT_VERSION

    # One run

    def _check_run(self, run_id: str, oid: str) -> None:
        self._report.runs += 1
        if run_id in self._purged:
            again = f"run 'gittrack purge {run_id[:8]}' again"
            self._problem(f"it was purged and came back, and no other command shows it; {again}", run=run_id)
        folder = run_directory(run_id)
        _, entries, fault = next(read_trees(self._repo, self._reader, [oid]))
        if entries is None:
            self._told.add(oid)
            self._problem(f"the directory of the run {fault}", folder, run_id)
            return
        files: dict[str, str] = {}
        for node in walk(self._repo, self._reader, entries):
            problem = f"the directory {node.fault}" if node.fault else path_problem(node.path, node.entry.mode)
            if problem is not None:
                self._told |= {node.entry.oid} if node.fault else set()
                self._problem(problem, f"{folder}/{node.path}", run_id)
            else:
                files[node.path] = node.entry.oid
        self._report.files += len(files)
        verdict = self._check_records(run_id, files)
        self._check_companions(run_id, files, verdict)
        self._remember_code(run_id, verdict)

    def _contents(self, run_id: str, files: dict[str, str]) -> Iterator[tuple[str, bytes]]:
        answers = read_verified(self._repo, self._reader, "blob", list(files.values()))
        for path, (oid, data, fault) in zip(files, answers, strict=True):
            if data is None:
                self._told.add(oid)
                self._problem(f"the file {fault}", f"{run_directory(run_id)}/{path}", run_id)
            else:
                yield path, data

    def _check_records(self, run_id: str, files: dict[str, str]) -> Verdict:
        names = {path: oid for path, oid in files.items() if is_record(path)}
        contents = dict(self._contents(run_id, names))
        verdict = read_records(run_id, contents, unreadable=names.keys() - contents.keys())
        folder = run_directory(run_id)
        for problem in verdict.problems:
            self._problem(problem.sentence, f"{folder}/{problem.path}" if problem.path else folder, run_id)
        return verdict

    def _check_companions(self, run_id: str, files: dict[str, str], verdict: Verdict) -> None:
        folder = run_directory(run_id)
        companions = {path: oid for path, oid in files.items() if not is_record(path)}
        for path, data in self._contents(run_id, companions):
            expected = verdict.expected.get(path)
            problem = content_problem(path, data, expected)
            if problem is None and not verdict.mentions(path):
                problem = "no record of the run mentions it"
            if problem is not None:
                self._problem(problem, f"{folder}/{path}", run_id)
            elif expected is not None and expected.artifact is not None and expected.artifact.large:
                self._check_large(run_id, f"{folder}/{path}", expected.artifact)
        for path in verdict.expected.keys() - files.keys():
            self._problem("a record mentions it, but it is missing", f"{folder}/{path}", run_id)

    def _check_large(self, run_id: str, path: str, artifact: Artifact) -> None:
        place = self._project.large_file(artifact.sha256)
        if not os.path.lexists(place):
            self._report.notes.append(Finding("its content is large and not here", run_id, path))
            return
        if artifact.sha256 not in self._large:
            self._large[artifact.sha256] = _large_problem(place, artifact)
        if self._large[artifact.sha256]:
            self._problem(self._large[artifact.sha256], path, run_id)

    # What the runs need beside their files

    def _remember_code(self, run_id: str, verdict: Verdict) -> None:
        starts = [start for record in verdict.records for start in (record.start, record.part) if start is not None]
        for commit in {start.code.commit for start in starts if start.code.commit is not None}:
            self._commits.setdefault(commit, []).append(run_id)
        self._snapshots |= {commit: run_id for record in verdict.records for commit in record.purged}

    def _check_code(self) -> None:
        for commit in self._snapshots.keys() - absent(self._repo, list(self._snapshots)):
            run_id = self._snapshots[commit]
            again = f"run 'gittrack purge --snapshots {run_id[:8]}' again"
            self._problem(f"its snapshot {commit[:12]} was purged and is here; {again}", run=run_id)
        for commit in absent(self._repo, list(self._commits)):
            runs = self._commits[commit]
            others = f", and of {len(runs) - 1} more" if len(runs) > 1 else ""
            sentence = f"commit {commit[:12]}, the code of this run{others}, is not in this repository"
            self._report.notes.append(Finding(sentence, runs[0]))

    def _check_history(self, tip: str) -> None:
        """Objects that only older commits need; those of the tip were all read."""
        missing: list[str] = []
        if is_partial(self._project):
            self._report.notes.append(Finding("this is a partial clone, so older objects were not looked for"))
            return
        try:
            missing.extend(oid[:12] for oid in missing_objects(self._repo, tip) if oid not in self._told)
        except StorageError as error:
            self._problem(f"the history of the branch cannot be read: {error}; run 'git fsck'")
        if missing:
            more = ", …" if len(missing) > _MISSING_SHOWN else ""
            shown = ", ".join(missing[:_MISSING_SHOWN]) + more
            self._problem(f"{len(missing)} objects of the branch are missing from the repository: {shown}")

    def _check_unaltered(self, tip: str, only: Collection[str]) -> None:
        try:
            for found in alterations(self._repo, tip, only):
                if found.left_out:
                    self._report.notes.append(Finding(found.sentence, found.run))
                else:
                    self._problem(found.sentence, found.path, found.run)
        except StorageError:
            return  # a history that cannot be read is told already


def is_partial(project: Project) -> bool:
    """Whether git may leave objects at a remote until they are needed."""
    settings = project.settings
    remotes = [key for key in settings.values if key.startswith("remote.") and key.endswith(".promisor")]
    return settings.get("extensions.partialclone") is not None or bool(remotes)


def _large_problem(place: str, artifact: Artifact) -> str:
    """What is wrong with the content of a large artifact in the LFS store, '' for nothing."""
    digest = hashlib.sha256()
    try:
        if os.stat(place).st_size != artifact.size:
            return f"its content has another size than the record says; move {place} away and fetch it again"
        with open(place, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        return f"its content cannot be read: {error.strerror or error}; check {place}"
    if digest.hexdigest() != artifact.sha256:
        return f"its content is damaged; move {place} away and fetch it again"
    return ""
