"""What a process has written of a run, committed when it ends, or left in the journal for the next command."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gittrack.record.telling import warn

if TYPE_CHECKING:
    from gittrack.project import Project
    from gittrack.record.journal import Journal


class _Committing(threading.local):
    """Whether this thread is committing a run."""

    now = False


_committing = _Committing()


def commit_part(project: Project, run_id: str, journal: Journal, *, owner: bool) -> None:
    """Commit the run that `journal` is closed of; a part of one that others still write to only closes."""
    if _committing.now:
        # In a signal handler that came while this thread commits another run: the next command commits this.
        journal.sync()
        journal.close()
        return
    _committing.now = True
    try:
        _publish(project, run_id, journal, owner=owner)
    finally:
        _committing.now = False


def _publish(project: Project, run_id: str, journal: Journal, *, owner: bool) -> None:
    from gittrack.record.folder import is_live
    from gittrack.record.publish import publish

    try:
        # A run without its last values and its end must not be committed while there is hope for them.
        journal.catch_up()
        if owner:
            publish(project, run_id, journal)
        elif journal.segment:
            journal.close()
            if not is_live(journal.directory):
                publish(project, run_id)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the training must not die of it
        lost = 0 if journal.sync() else journal.unwritten
        reason = (problem.strerror or str(problem)) if isinstance(problem, OSError) else str(problem)
        loss = f" its last {lost} entries could not be written and are lost;" if lost else ""
        warn(
            f"run {run_id[:8]} could not be committed ({reason});{loss} "
            "what is in the journal is committed by the next gittrack command"
        )
    finally:
        journal.close()


def reason_of(journal: Journal) -> str:
    """Why a journal could not be written."""
    fault = journal.fault
    return "the disk refuses" if fault is None else (fault.strerror or str(fault))
