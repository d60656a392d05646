"""Some runs alone, on top of what a remote has: no ref of this repository moves, and nothing else of it goes along."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gittrack.codec.paths import FORMAT_FILE, README_FILE, RUNS
from gittrack.errors import DamagedRecord, GittrackError
from gittrack.git.ancestry import outside_history
from gittrack.git.branch import View, commit_bytes, tree_of
from gittrack.git.pin_refs import SNAPSHOTS
from gittrack.git.pins import chain_with, check_chain
from gittrack.git.reader import BlobReader
from gittrack.git.refs import read_ref
from gittrack.git.signing import write_commit
from gittrack.git.store import ObjectStore
from gittrack.git.transport import TransportError, remote_refs
from gittrack.git.tree import DIRECTORY, Entry, find_entry, serialize
from gittrack.git.verified import absent
from gittrack.share.aside import fetched_aside, forget_aside
from gittrack.share.union import Union

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.git.transport import Progress
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.share.remote import Remote

_FRAME: Final = (FORMAT_FILE, README_FILE)


@dataclass(slots=True)
class Sending:
    """Runs that were chosen, and what is to be said of them: ids that are new there, and those that do not go."""

    runs: Sequence[Run]
    new: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)  # there, so they stay out
    refused: dict[str, str] = field(default_factory=dict)  # nobody could take them in -> why
    lost_code: set[str] = field(default_factory=set)  # what they were made with is not here
    faults: dict[str, str] = field(default_factory=dict)  # refs of theirs that nothing can be put on top of -> why


def build(
    project: Project, remote: Remote, sending: Sending, withheld: Sequence[str], progress: Progress | None
) -> dict[str, str]:
    """Return the commits to push, by the ref of theirs: on top of what is there now, with the chosen runs and pins.

    Raises TransportError where the remote cannot be reached, GittrackError where its branch is none of runs.
    """
    refs = [ref for ref in remote.refs if ref not in withheld]
    sending.faults.clear()
    try:
        there = _there(project, remote, refs, sending, progress)
        runs = _runs_commit(project, there.get(remote.runs), sending)
        found = {} if runs is None else {remote.runs: runs}
        for ref in refs:
            if ref != remote.runs and ref not in sending.faults and runs is not None:
                _add_pins(project, ref, there.get(ref), sending, found)
        return found
    finally:
        forget_aside(project, remote, refs)


def _there(
    project: Project, remote: Remote, refs: Sequence[str], sending: Sending, progress: Progress | None
) -> dict[str, str]:
    """Where the refs of theirs are, each with its history here; pins apart, for git may refuse what comes with them."""
    there = remote_refs(project.repo, remote.address, refs)
    fetched = fetched_aside(project, remote, [remote.runs] if remote.runs in there else [], progress)
    for ref in there.keys() - {remote.runs}:
        try:
            fetched |= fetched_aside(project, remote, [ref], progress)
        except TransportError as error:
            sending.faults[ref] = str(error)
    return fetched


# Runs


def _runs_commit(project: Project, theirs: str | None, sending: Sending) -> str | None:
    """The commit with their tree and the chosen runs; theirs where it has all of them, None for nothing at all."""
    with ObjectStore(project.repo) as store, BlobReader(project.repo) as reader:
        union = Union(store, reader, {})
        base = None if theirs is None else tree_of(store, theirs)
        if base is not None:
            union.check(base)
        tree = union.of(base, _tree_of_chosen(project, store, sending.runs))
        new = union.news.new | union.news.more
        sending.new |= new
        sending.purged |= union.news.gone_there
        sending.refused |= {refused.run: refused.reason for refused in union.news.refused}
        if tree == base or not new:
            return theirs
        now = time.time()
        who = (project.author, now), (project.committer, now)
        parents = [] if theirs is None else [theirs]
        data = commit_bytes(tree, parents, _message([run for run in sending.runs if run.id in new]), *who)
        commit = write_commit(store, data, project.committer)
        store.sync()
        return commit


def _tree_of_chosen(project: Project, store: ObjectStore, runs: Sequence[Run]) -> str:
    """The id of a tree with what says what a branch it is, and the runs; GittrackError for one not committed yet."""
    view = View(store, project.runs_tip())
    hash_len = project.repo.hash_len
    shards: dict[str, list[Entry]] = {}
    for run in runs:
        folder = view.tree(f"{RUNS}/{run.id[:2]}")
        entry = None if folder is None else find_entry(folder, hash_len, run.id.encode())
        if entry is None:
            raise GittrackError(f"run {run.id[:8]} is still running; it can be sent once it has ended")
        shards.setdefault(run.id[:2], []).append(entry)
    folders = [_folder(store, name, entries) for name, entries in shards.items()]
    top = view.tree("") or b""
    frame = [entry for name in _FRAME if (entry := find_entry(top, hash_len, name.encode())) is not None]
    tree = store.write("tree", serialize([*frame, _folder(store, RUNS, folders)]))
    store.sync()  # it is read by git next
    return tree


def _folder(store: ObjectStore, name: str, entries: Sequence[Entry]) -> Entry:
    return Entry(DIRECTORY, name.encode(), store.write("tree", serialize(entries)))


def _message(runs: Sequence[Run]) -> str:
    if len(runs) > 1:
        return f"send {len(runs)} runs\n"
    subject = f"send {runs[0].id[:8]} {' '.join(runs[0].name.split())}"
    return f"{subject[:120]}\n\nRun: {runs[0].id}\n"


# Pins


def _add_pins(project: Project, ref: str, theirs: str | None, sending: Sending, found: dict[str, str]) -> None:
    """Put a chain that keeps what the chosen runs were made with into `found`, where there is anything to keep."""
    codes = dict(_codes(ref, sending.runs))
    lost = set(absent(project.repo, list(codes)))
    sending.lost_code |= {codes[commit] for commit in lost}
    here = [commit for commit in codes if commit not in lost]
    try:
        if theirs is not None:
            check_chain(project.repo, theirs, read_ref(project.repo, ref))
    except DamagedRecord as error:
        sending.faults[ref] = str(error)
        return
    new = here if theirs is None else outside_history(project.repo, here, [theirs])
    with ObjectStore(project.repo) as store:
        tip = chain_with(store, theirs, [c for c in here if c in new], committer=project.committer)
        store.sync()
    if tip is not None:
        found[ref] = tip


def _codes(ref: str, runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    for run in runs:
        for code in (run.code, *(part.code for part in run.parts)):
            commit = code.snapshot if ref == SNAPSHOTS else code.commit
            if commit is not None and commit not in run.purged:
                yield commit, run.id
