"""A run that is running, pushed as it is now: one commit without a history, to a ref that only this run has."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError
from gittrack.git.branch import Addition, add_commit
from gittrack.git.repository import Signature
from gittrack.git.scratch import scratch_objects
from gittrack.git.store import ObjectStore
from gittrack.git.transport import BEATEN, REJECTED, at_most_silent, push_refs, remote_refs
from gittrack.record.running import running_files
from gittrack.share.auto import log_heartbeat
from gittrack.share.live import live_ref, note_sent
from gittrack.share.remote import find_remote

if TYPE_CHECKING:
    from gittrack.git.repository import Repository
    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.record.publish import Files


class Sender:
    """Pushes one run again and again; `sent` tells that it did, `refused` that the remote takes no such ref."""

    def __init__(self, project: Project, run_id: str) -> None:
        self.sent = False
        self.refused = False
        self.address = ""
        self._project = project
        self._run_id = run_id
        self._tip = ""  # where the ref is; '' where there is none
        self._fault = ""

    def send(self) -> None:
        """Push the run as it is now. A fault is logged once, and nothing else comes of it."""
        try:
            with at_most_silent(self._project.silence):
                fault = self._send()
        except (GittrackError, OSError) as error:
            fault = str(error)
        if fault and fault != self._fault:
            log_heartbeat(self._project, f"run {self._run_id[:8]}: {fault}")
        self._fault = fault

    def _send(self) -> str:
        found = running_files(self._project, self._run_id)
        if found is None:
            return ""
        self.address = find_remote(self._project, None).address
        note_sent(self._project, self._run_id, self.address)
        repo = self._project.repo
        # Not into the repository: it would fill up with what is rubbish a moment later.
        with nullcontext(repo) if self._is_followed() else scratch_objects(repo) as repo:
            return self._push(repo, _commit(self._project, repo, *found))

    def _is_followed(self) -> bool:
        """Whether git notes here where it moved the ref there, so that the objects have to be here as well."""
        ref = live_ref(self._run_id)
        specs = self._project.settings.get_all(f"remote.{self.address}.fetch")
        sources = (spec.lstrip("+").partition(":")[0] for spec in specs)
        return any(ref.startswith(source.partition("*")[0]) for source in sources if not source.startswith("^"))

    def _push(self, repo: Repository, commit: str) -> str:
        """Move the ref, if it still is where this process brought it; return why it is not taken, '' where it is."""
        ref = live_ref(self._run_id)
        pushed = push_refs(repo, self.address, {ref: commit}, leases={ref: self._tip})
        states = {sent.state: sent.word for sent in pushed.refs}
        if BEATEN in states:
            # A push that failed half-way did arrive: the next one knows.
            self._tip = remote_refs(repo, self.address, [ref]).get(ref, "")
            return ""
        if REJECTED in states:
            self.refused = True
            return f"{ref} was not taken: {states[REJECTED]}"
        self._tip, self.sent = commit, True
        return ""


def _commit(project: Project, repo: Repository, run: Run, files: Files) -> str:
    # Without the signature that a commit of runs may have: nobody touches a key every minute.
    who = Signature(project.author.name, project.author.email)
    message = f"run {run.id[:8]} {run.name} {run.status}\n\nRun: {run.id}\nStatus: {run.status}\n"
    with ObjectStore(repo) as store:
        commit = add_commit(store, None, Addition(files, message, who, time.time()), who)
        store.sync()
    return commit
