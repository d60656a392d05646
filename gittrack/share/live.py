"""Runs that are running elsewhere: a ref each on the remote, taken in once checked, gone when the run has arrived.

A run `ID` that is running is the ref `refs/gittrack/live/ID` of the remote: one commit without a history, whose tree
is a branch of runs with that run alone. Here it is kept as `refs/gittrack/live/REMOTE/ID`, which nothing but
`gittrack log` and `show` looks at.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import FORMAT_FILE, README_FILE, RECORD, RUNS, is_id, purged_file, run_directory
from gittrack.errors import DamagedRecord, GittrackError
from gittrack.git.durable import make_directories, sharing_of
from gittrack.git.pin_refs import LIVE
from gittrack.git.process import run_git
from gittrack.git.reader import BlobReader, objects_at
from gittrack.git.refs import delete_ref, is_folder, swap_ref
from gittrack.git.transport import delete_refs, remote_refs
from gittrack.model import RUNNING
from gittrack.quarantine import Quarantine
from gittrack.share.admit import admissions, read_trees
from gittrack.share.aside import fetched_each, forget_aside
from gittrack.share.frame import check_frame
from gittrack.share.received import Refused
from gittrack.verify import read_records

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gittrack.git.tree import Entry
    from gittrack.project import Project
    from gittrack.share.received import Received, Shown
    from gittrack.share.remote import Remote

_SENT: Final = "live-sent"  # a folder of the state folder: a file for each run of ours that may have a ref on a remote
_MOST: Final = 1000  # runs that are taken in from one remote
_LARGEST: Final = 1 << 16  # bytes of a commit


def live_ref(run_id: str) -> str:
    """Return the ref that stands on a remote for a run that is running."""
    return f"{LIVE}/{run_id}"


def arrived(project: Project, runs: Collection[str]) -> set[str]:
    """Return those of the runs that the branch here has, or names as purged."""
    tip = project.runs_tip()
    ids = sorted(runs)
    if tip is None or not ids:
        return set()
    places = [path for run_id in ids for path in (run_directory(run_id), purged_file(run_id)[0])]
    found = objects_at(project.repo, [f"{tip}:{path}" for path in places])
    return {ids[place // 2] for place, oid in enumerate(found) if oid is not None}


# Ours


def note_sent(project: Project, run_id: str, address: str) -> None:
    """Keep in mind that the run may have a ref on a remote. OSError when the disk refuses."""
    folder = os.path.join(project.repo.state_dir, _SENT)
    make_directories(folder, sharing_of(project.repo.common_dir))
    with open(os.path.join(folder, run_id), "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(address)


def withdraw(project: Project) -> None:
    """Delete the refs of those of our runs that are on the branch now. TransportError where no remote answers."""
    folder = os.path.join(project.repo.state_dir, _SENT)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for run_id in sorted(arrived(project, [name for name in names if is_id(name)])):
        path = os.path.join(folder, run_id)
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            address = file.read()
        there = remote_refs(project.repo, address, [live_ref(run_id)])
        if not there or delete_refs(project.repo, address, there):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


# Theirs


def receive_live(project: Project, remote: Remote, there: Mapping[str, str], shown: Shown, received: Received) -> None:
    """Take in the running runs that a remote has; `there` are refs of it with their tips. What is over goes."""
    theirs = {run_id: tip for ref, tip in there.items() if is_id(run_id := ref.removeprefix(f"{LIVE}/"))}
    here = _tracked(project, remote)
    over = arrived(project, theirs.keys() | here.keys())
    received.over.clear()
    received.over |= {live_ref(run_id): theirs[run_id] for run_id in over & theirs.keys()}
    skipped = over.union(project.journaled())
    wanted = dict(sorted((run_id, tip) for run_id, tip in theirs.items() if run_id not in skipped)[:_MOST])
    for run_id in here.keys() - wanted.keys():
        delete_ref(project.repo, f"{_place(remote)}/{run_id}", here[run_id])
    news = [run_id for run_id, tip in wanted.items() if here.get(run_id) != tip]
    for run_id, tip in _admitted(project, remote, news, shown, received).items():
        swap_ref(project.repo, f"{_place(remote)}/{run_id}", here.get(run_id), tip)
    received.running = set(_tracked(project, remote))


def _place(remote: Remote) -> str:
    return f"{LIVE}/{remote.place}"


def _tracked(project: Project, remote: Remote) -> dict[str, str]:
    """The runs that are kept here as running there, with their commits."""
    if not is_folder(project.repo, LIVE):
        return {}
    form = "--format=%(objectname) %(refname)"
    lines = run_git(["for-each-ref", form, f"{_place(remote)}/"], repo=project.repo).decode().splitlines()
    return {ref.rpartition("/")[2]: oid for oid, _, ref in (line.partition(" ") for line in lines)}


def _admitted(project: Project, remote: Remote, runs: list[str], shown: Shown, received: Received) -> dict[str, str]:
    """Fetch runs and return the commits of those that are as they should be; the others are left out, and told."""
    refs = [live_ref(run_id) for run_id in runs]
    admitted = {}
    try:
        tips = fetched_each(project, remote, refs, shown, received.faults)
        with BlobReader(project.repo) as reader:
            for ref, tip in tips.items():
                run_id = ref.rpartition("/")[2]
                try:
                    _check(project, reader, run_id, tip)
                except GittrackError as error:
                    _refuse(project, run_id, ref, str(error), received)
                else:
                    admitted[run_id] = tip
    finally:
        forget_aside(project, remote, refs)
    return admitted


def _refuse(project: Project, run_id: str, ref: str, reason: str, received: Received) -> None:
    received.news.refused.add(Refused(run_id, ref, reason))
    with contextlib.suppress(OSError):  # it is told all the same
        received.notes.add(Quarantine(project, run_id).note(ref, reason))


def _check(project: Project, reader: BlobReader, run_id: str, tip: str) -> None:
    """Raise GittrackError where the commit is not that of this run as it is running, and of nothing else."""
    kind, size = reader.sizes.of([tip]).get(tip, ("", 0))
    if kind != "commit" or size > _LARGEST:
        raise DamagedRecord("it is no commit of a run that is running")
    head = (reader.read(tip) or b"").partition(b"\n\n")[0].split(b"\n")
    if any(line.startswith(b"parent ") for line in head):
        raise DamagedRecord("a run that is running has one commit, and no history")
    top = _entries(project, reader, head[0].removeprefix(b"tree ").decode("ascii", "replace"))
    check_frame(reader, top)
    if not top.keys() <= {FORMAT_FILE, README_FILE, RUNS}:
        raise DamagedRecord("it holds more than one run")
    folder = top
    for name in run_directory(run_id).split("/"):
        entry = folder.get(name)
        if entry is None or not entry.is_directory or (folder is not top and len(folder) > 1):
            raise DamagedRecord("it is not the folder of that run alone")
        folder = _entries(project, reader, entry.oid) if name != run_id else folder
    admission = next(admissions(project.repo, reader, [(run_id, folder[run_id].oid)]))
    if admission.reason:
        raise DamagedRecord(admission.reason)
    data = reader.read(f"{tip}:{run_directory(run_id)}/{RECORD}")
    run = read_records(run_id, {RECORD: data or b""}).run
    if run is None or run.status != RUNNING:
        raise DamagedRecord("it does not say that the run is running")


def _entries(project: Project, reader: BlobReader, oid: str) -> dict[str, Entry]:
    found = read_trees(project.repo, reader, [oid]).get(oid)
    if found is None:
        raise DamagedRecord("a folder of it is missing, damaged or far too large")
    return {entry.name.decode("utf-8", "surrogateescape"): entry for entry in found}
