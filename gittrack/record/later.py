"""What is said of a run after it started: tags, notes, a name, deletion; through its journal while it runs."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gittrack.capture.machine import host
from gittrack.codec import paths
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.codec.times import milliseconds, write_time
from gittrack.errors import GittrackError, RunNotFound, StorageError
from gittrack.git.branch import Addition, View, append
from gittrack.git.maintenance import maintain
from gittrack.model import Author, Note, Record
from gittrack.record.clock import joined_clock
from gittrack.record.folder import is_live, opening_of_owner
from gittrack.record.journal import Journal, opening_of
from gittrack.record.publish import Files, frame_files, next_lamport, publish, records_on
from gittrack.replay import fold
from gittrack.values import check_key, check_run_name, check_text, tag_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gittrack.project import Project


def set_tags(project: Project, run_id: str, tags: Mapping[str, object]) -> None:
    """Set tags of a run, running or ended; None removes one."""
    from gittrack.capture.redact import redact_tag

    project.redact_as_configured()
    checked = dict(
        redact_tag(check_key("tag", key), None if value is None else tag_value(key, value))
        for key, value in tags.items()
    )
    words = " ".join(key if value is None else f"{key}={value}" for key, value in checked.items())
    _say(project, run_id, Record(tags=checked), "tag", words)


def add_note(project: Project, run_id: str, text: str) -> None:
    """Add a remark to a run, running or ended."""
    from gittrack.capture.redact import redact_text

    project.redact_as_configured()
    text = redact_text(check_text("a note", text, lines=True))
    note = Note(text, milliseconds(time.time()), _author(project))
    _say(project, run_id, Record(notes=(note,)), "note", text.partition("\n")[0])


def rename(project: Project, run_id: str, name: str) -> None:
    """Give a run another name."""
    from gittrack.capture.redact import redact_text

    project.redact_as_configured()
    name = redact_text(check_run_name(name))
    _say(project, run_id, Record(name=name), "rename", name)


def set_deleted(project: Project, run_id: str, *, deleted: bool) -> None:
    """Mark a run as deleted, or as not deleted any more; nothing is removed from the branch."""
    _say(project, run_id, Record(deleted=deleted), "delete" if deleted else "restore", "")


def mark_purged(project: Project, snapshots: Mapping[str, Sequence[str]]) -> None:
    """Say of runs (id -> snapshots) that these snapshots are removed for good; all of it in one commit."""
    now = milliseconds(time.time())

    def make(view: View) -> Addition | None:
        files: Files = {}
        for run_id, commits in snapshots.items():
            present = records_on(view, run_id)
            known = {commit for record in present for commit in record.purged}
            new = tuple(commit for commit in commits if commit not in known)
            if present and new:
                record = Record(purged=new, lamport=next_lamport(present), time=now, author=_author(project))
                data = to_yaml(record_to_plain(record))
                files[f"{paths.run_directory(run_id)}/{paths.later_stem(record.lamport, data)}.yaml"] = data
        if not files:
            return None
        message = f"purge the snapshots of {len(files)} run{'' if len(files) == 1 else 's'}\n"
        return Addition({**frame_files(view), **files}, message, project.author, now)

    append(project.repo, project.runs_ref, make, committer=project.committer, start=project.base_tip)


def _author(project: Project) -> Author:
    return Author(project.author.name, project.author.email)


def _say(project: Project, run_id: str, record: Record, verb: str, words: str) -> None:
    directory = project.journal_of(run_id)
    if is_live(directory):
        _say_to_journal(project, run_id, record)
        if is_live(directory):
            return
        publish(project, run_id)  # it ended meanwhile
        return
    record = replace(record, time=milliseconds(time.time()), author=_author(project))

    def make(view: View) -> Addition:
        present = records_on(view, run_id)
        if not present:
            raise RunNotFound(f"run {run_id[:8]} is not on the branch of this repository; see 'gittrack log'")
        later = replace(record, lamport=next_lamport(present))
        data = to_yaml(record_to_plain(later))
        files: Files = frame_files(view)
        files[f"{paths.run_directory(run_id)}/{paths.later_stem(later.lamport, data)}.yaml"] = data
        run = fold(present)
        subject = f"{verb} {run_id[:8]} {run.name} {words}".strip()
        message = f"{subject[:120]}\n\nRun: {run_id}\n"
        return Addition(files, message, project.author, record.time or run.start)

    append(project.repo, project.runs_ref, make, committer=project.committer, start=project.base_tip)
    with contextlib.suppress(GittrackError, OSError):
        maintain(project.repo, project.runs_ref, project.settings)


def _say_to_journal(project: Project, run_id: str, record: Record) -> None:
    owner = opening_of_owner(project.journal_of(run_id))
    clock = None if owner is None else joined_clock(owner[1], host())
    journal = Journal(project.journal_of(run_id), opening_of(run_id, owner=False), clock)
    if record.tags:
        journal.event("tags", tags=dict(record.tags))
    if record.name:
        journal.event("set", name=record.name)
    if record.deleted is not None:
        journal.event("deleted", deleted=record.deleted)
    for note in record.notes:
        by = {"name": note.author.name, "email": note.author.email} if note.author else {}
        journal.event("note", text=note.text, time=write_time(note.time), by=by)
    journal.event("close")
    durable = journal.sync()
    fault = journal.fault
    journal.close()
    if not durable:
        raise StorageError(f"nothing was recorded: the journal cannot be written ({fault}); try again")
