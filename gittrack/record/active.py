"""Which run a call belongs to: one active run per context, joined runs, ranks, forks and the process's end."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError, InvalidValue, NoActiveRun
from gittrack.model import FAILED, FINISHED, Launch
from gittrack.project import open_project
from gittrack.record.begin import begin, join_journal, resume
from gittrack.record.outcome import outcome
from gittrack.record.reproduction import is_being_reproduced, is_worker, take
from gittrack.record.run import ActiveRun
from gittrack.record.silent import SilentRun
from gittrack.record.telling import say, warn
from gittrack.values import check_text, plain_params, plain_tags, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.project import Project

RUN_ID = "GITTRACK_RUN_ID"
REPOSITORY = "GITTRACK_REPO"
EXPERIMENT = "GITTRACK_EXPERIMENT"
# '<pid>:<run id>:<repository>': for worker processes that multiprocessing starts afresh.
WORKER = "GITTRACK_WORKER"
# The name that `gittrack run --name` gave to the run: it wins over what the program says.
RUN_NAME = "GITTRACK_RUN_NAME"
RANKS = ("RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MV2_COMM_WORLD_RANK")

_stack: ContextVar[tuple[ActiveRun, ...]] = ContextVar("gittrack_active_runs", default=())
_open: list[ActiveRun] = []
_experiment: str | None = None
_joined: set[str] = set()
_watching = False
_started = 0


def start_run(
    run_name: str | None = None,
    *,
    experiment: str | None = None,
    run_id: str | None = None,
    parent: str | ActiveRun | None = None,
    nested: bool = False,
    tags: Mapping[str, object] | None = None,
    description: str | None = None,
    params: object = None,
    repo: str | os.PathLike[str] | None = None,
) -> ActiveRun:
    """Start a run, or go on with the run `run_id`, and make it the active one; end it by `with` or end_run().

    Under GITTRACK_RUN_ID (inside `gittrack run`) the first run that a process starts is that very run, by the name that
    `gittrack run --name` gave it; under `gittrack reproduce` a new run has a name of its own, whatever `run_name` says.
    A run that nobody ends ends with the process: finished, failed after an uncaught exception, killed after
    SIGINT or SIGTERM; sys.exit(n) looks like an ordinary end then, while `with` sees it.
    Processes of a rank other than 0 record nothing of their own. `repo` is a path inside the
    repository, the current directory by default. Raises GittrackError when there is no repository,
    no git identity, no such run, or when a run is active and `nested` is False.
    """
    checked_params = None if params is None else plain_params(params)
    checked_tags = plain_tags(tags or {})
    if description is not None:
        check_text("a description", description, lines=True)
    active = _stack.get()
    if active and not nested and not active[-1].ended:
        raise GittrackError(
            f"run {active[-1].id[:8]} is active; end it with gittrack.end_run(), or start a child with nested=True"
        )
    if parent is None and nested and active:
        parent = active[-1]
    run = _opened(run_name, experiment, run_id, parent, repo)
    _stack.set((*active, run))
    _open.append(run)
    _watch(run)
    try:
        if description is not None:
            run.set_description(description)
        if checked_tags:
            run.set_tags(checked_tags)
        if checked_params is not None:
            run.log_params(checked_params)
    except GittrackError as error:  # a resumed run that has other params
        run.end(FAILED, str(error))
        raise
    return run


def _opened(
    name: str | None,
    experiment: str | None,
    run_id: str | None,
    parent: str | ActiveRun | None,
    repo: str | os.PathLike[str] | None,
) -> ActiveRun:
    experiment = experiment or _experiment or os.environ.get(EXPERIMENT) or None
    ordinal = _ordinal()
    given = os.environ.get(RUN_ID) or None
    if given is not None and run_id is None and given not in _joined:
        run_id, name = given, os.environ.get(RUN_NAME) or name
    if run_id is not None:
        _joined.add(run_id)
        project = open_project(repo if repo is not None else os.environ.get(REPOSITORY) or None)
        joined = join_journal(project, run_id, name, experiment)
        if joined is not None:
            return joined
        if rank() == 0 and is_being_reproduced():
            # What is to be done again must not be gone on with: it is compared with what comes of this.
            return _begin(project, None, experiment, None, Launch(ordinal=ordinal, worker=is_worker()))
        if rank() == 0:
            return resume(project, run_id, name, experiment, may_be_new=run_id == given)
        warn(f"run {run_id[:8]} is not running in this repository; rank {rank()} records nothing")
    if rank() != 0:
        return SilentRun(name or "", experiment or "")
    if parent is None and given is not None:
        parent = given
    above = parent.id if isinstance(parent, ActiveRun) else parent
    return _begin(open_project(repo), name, experiment, above, Launch(ordinal=ordinal, worker=is_worker()))


def _begin(project: Project, name: str | None, experiment: str | None, parent: str | None, launch: Launch) -> ActiveRun:
    if not is_being_reproduced():
        return begin(project, name, experiment, parent, launch=launch)
    # The names that the program gives are those of the runs that are done again: with two of them, neither could be
    # asked for by its name any more.
    ticket = take(launch.ordinal)
    if ticket is None:
        return begin(project, None, experiment, parent, launch=launch)
    return begin(project, None, experiment, parent, run_id=ticket.new_id, launch=launch, reproduces=ticket.run_id)


def _ordinal() -> int:
    """How many runs this process has started or joined before."""
    global _started  # noqa: PLW0603 - a count of the process
    _started += 1
    return _started - 1


def join(run_id: str, repo: str) -> ActiveRun:
    """Return the running run `run_id` for this process, so that a Run may be sent to a worker process."""
    for run in _open:
        if run.id == run_id:
            return run
    joined = join_journal(open_project(repo), run_id, None, None)
    if joined is None:
        raise NoActiveRun(f"run {run_id[:8]} is not running any more")
    _open.append(joined)
    _watch(joined)
    return joined


def rank() -> int:
    """Return the rank of this process in its job, 0 when it is alone."""
    for name in RANKS:
        value = os.environ.get(name, "")
        if value.isdecimal() and len(value) < 10:
            return int(value)
    return 0


def set_experiment(name: str | None) -> None:
    """Set the experiment of the runs that this process starts from now on; None for the default."""
    global _experiment  # noqa: PLW0603 - a setting of the process, as MLflow's
    _experiment = None if name is None else check_text("an experiment's name", name, limit=250)


def active_run() -> ActiveRun | None:
    """Return the active run of this context; else the only one that this process has open; else None."""
    active = _stack.get()
    if active and not active[-1].ended:
        return active[-1]
    still = tuple(run for run in active if not run.ended)
    if still:
        return still[-1]
    if len(_open) == 1:
        return _open[0]
    return _worker_run() if not _open else None


def current() -> ActiveRun:
    """Return the active run; start one, ended with the process, where there is none (as MLflow does)."""
    active = _stack.get()
    if active and not active[-1].ended:
        return active[-1]
    found = active_run()
    if found is not None:
        return found
    if _open:
        raise NoActiveRun(
            f"{len(_open)} runs are open in other contexts of this process; call the method of the one you mean"
        )
    run = start_run()
    if run.repository and run.id != os.environ.get(RUN_ID):
        say(f"no run was active: {run.id[:8]} {run.name} was started, and ends with this process")
    return run


def end_run(status: str | None = None) -> None:
    """End the active run, finished unless `status` says otherwise; nothing when there is none."""
    run = active_run()
    if run is not None:
        run.end(_status(status))


def _status(status: str | None) -> str:
    if status is None:
        return FINISHED
    if not isinstance(status, str):
        raise InvalidValue(f"a status is text, not {shown(status)}")
    return status.lower()  # MLflow writes FINISHED


def forget(run: ActiveRun) -> None:
    """Take an ended run out of the books."""
    if run in _open:
        _open.remove(run)
    _stack.set(tuple(r for r in _stack.get() if r is not run))
    if os.environ.get(WORKER, "").startswith(f"{os.getpid()}:{run.id}:"):
        del os.environ[WORKER]


def _watch(run: ActiveRun) -> None:
    """See to it that the run ends with its process, and that workers of multiprocessing find it."""
    global _watching  # noqa: PLW0603 - hooks of the process, set once
    if WORKER not in os.environ and run.repository:
        os.environ[WORKER] = f"{os.getpid()}:{run.id}:{run.repository}"
    from gittrack.record.signals import watch_signals

    watch_signals(_interrupt_all)
    if _watching:
        return
    _watching = True
    import atexit

    atexit.register(_end_all)
    if "multiprocessing" in sys.modules:
        # A worker process of multiprocessing leaves without atexit.
        from multiprocessing import parent_process
        from multiprocessing.util import Finalize

        if parent_process() is not None:
            Finalize(None, _end_all, exitpriority=-100)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_continue_in_child)


def _worker_run() -> ActiveRun | None:
    """The run of the process that started this one through multiprocessing, if that has one."""
    value = os.environ.get(WORKER)
    if value is None or "multiprocessing" not in sys.modules:
        return None
    from multiprocessing import parent_process

    pid, run_id, repo = value.split(":", 2)
    above = parent_process()
    if above is None or str(above.pid) != pid:
        return None
    return join(run_id, repo)


def _end_all() -> None:
    # An interactive session that showed a traceback goes on; a script that did so has died of it.
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    for run in reversed(_open[:]):
        run.end(*outcome(error))


def _interrupt_all() -> None:
    for run in reversed(_open[:]):
        run.interrupt()


def _continue_in_child() -> None:
    global _watching  # noqa: PLW0603 - hooks of the process, set anew when the child starts a run of its own
    from gittrack.record.signals import unwatch_signals

    unwatch_signals()
    _watching = False
    for run in _open:
        run.continue_in_child()
    # A run that the child starts itself is watched anew; handlers of the parent were inherited.
    os.environ.pop(WORKER, None)
