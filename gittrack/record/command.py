"""`gittrack run`: any program, unchanged, as a run; what it prints, its arguments and its files are kept."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gittrack.capture.arguments import params_from_arguments
from gittrack.capture.files import MetricPoint, read_metrics, read_params
from gittrack.capture.launch import check_command
from gittrack.capture.output import OutputCopy
from gittrack.capture.redact import add_patterns, redact_text, secrets_of
from gittrack.capture.terminal import CommandResult, run_command
from gittrack.codec.paths import OUTPUT
from gittrack.errors import GittrackError
from gittrack.git.durable import sharing_of
from gittrack.model import FAILED, FINISHED, KILLED, Launch, LeftOut, Value
from gittrack.record.active import REPOSITORY, RUN_ID, RUN_NAME, rank
from gittrack.record.begin import begin
from gittrack.record.telling import warn
from gittrack.values import check_key, check_text, plain_params, plain_tags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gittrack.model import Run
    from gittrack.project import Project
    from gittrack.record.run import ActiveRun

ERROR_LINES = 6
_INTERRUPTS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGQUIT", "SIGXCPU")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked to be recorded with the command; paths are relative to the current directory.

    `progress` is told of the bytes of the inputs, and `begin` is called when all is ready for the command.
    """

    name: str | None = None
    experiment: str | None = None
    description: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    params_files: tuple[str, ...] = ()
    metrics_files: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    reproduces: str | None = None
    progress: Callable[[int, int | None], None] | None = None
    begin: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the command ended; `run` is None where another rank of the job records it.

    `name` is the run's in the end: a program that joins it may give it one. `left_out` are the files that its snapshot
    lacks. `stopped` tells that gittrack itself was sent a signal to stop before its end. `unmeasured` tells that it has
    no metric, and that none was to be read from a file.
    """

    exit_code: int
    run: ActiveRun | None = None
    name: str = ""
    left_out: tuple[LeftOut, ...] = ()
    stopped: bool = False
    unmeasured: bool = False


def run_recorded(project: Project, argv: Sequence[str], wishes: Wishes) -> Outcome:
    """Run `argv` and record it; GittrackError, before it is started, when it cannot be recorded or found."""
    if rank() != 0:
        return Outcome(run_command(argv, on_output=_nothing).exit_code)
    project.redact_as_configured()
    add_patterns(re.escape(secret) for secret in secrets_of(argv, os.environ))
    params = _checked_params(argv, wishes)
    before = {path: _written_when(path) for path in wishes.metrics_files}
    run = begin(
        project,
        wishes.name,
        wishes.experiment,
        os.environ.get(RUN_ID),
        command=argv,
        launch=_launch(wishes),
        reproduces=wishes.reproduces,
    )
    try:
        _say_wishes(run, params, wishes)
        result = _run(project, run, argv, keep_name=bool(wishes.name or wishes.reproduces))
    except BaseException as error:
        run.end(FAILED, redact_text(str(error)))
        raise
    status, reason = _verdict(result)
    for problem in _collect(run, wishes, before):
        warn(problem)
        run.add_warning(problem)
    run.end(status, reason if status == FINISHED else _with_last_lines(project, run, reason))
    whole = _committed(project, run)
    name = run.name if whole is None else whole.name
    unmeasured = whole is not None and not whole.metrics and not wishes.metrics_files
    return Outcome(result.exit_code, run, name, run.left_out, result.stopped, unmeasured)


def _committed(project: Project, run: ActiveRun) -> Run | None:
    """The run with what programs that joined it have logged; None where it is not on the branch."""
    from gittrack.record.publish import committed
    from gittrack.replay import fold

    try:
        records = committed(project, run.id)
        return fold(records) if records else None
    except (GittrackError, OSError):  # it was told of already, when the run ended
        return None


def _launch(wishes: Wishes) -> Launch:
    params, inputs, metrics, artifacts = (
        tuple(map(redact_text, paths))
        for paths in (wishes.params_files, wishes.inputs, wishes.metrics_files, wishes.artifacts)
    )
    return Launch(wrapped=True, params=params, inputs=inputs, metrics=metrics, artifacts=artifacts)


def _nothing(chunk: bytes) -> None:
    pass


def _checked_params(argv: Sequence[str], wishes: Wishes) -> dict[str, Value]:
    """Return the params of the files and of the command line; what is wrong is told before there is a run."""
    check_command(argv[0])
    plain_tags(wishes.tags)
    if wishes.description is not None:
        check_text("a description", wishes.description, lines=True)
    for path in wishes.inputs:
        if not os.path.exists(path):
            raise GittrackError(f"input {path!r} does not exist; check the path (now in {os.getcwd()})")
    params: dict[str, Value] = {}
    for path in wishes.params_files:
        params |= plain_params(read_params(path))
    # What a file and the command line both set, a program takes from the command line.
    return params | {key: value for key, value in params_from_arguments(argv).items() if _is_key(key)}


def _say_wishes(run: ActiveRun, params: Mapping[str, Value], wishes: Wishes) -> None:
    if wishes.description is not None:
        run.set_description(wishes.description)
    if wishes.tags:
        run.set_tags(wishes.tags)
    if params:
        run.log_params(params)
    for path in wishes.inputs:
        run.log_input(path, progress=wishes.progress)
    if wishes.begin is not None:
        wishes.begin()


def _is_key(key: str) -> bool:
    try:
        check_key("param", key)
    except GittrackError:
        return False
    return True


def _run(project: Project, run: ActiveRun, argv: Sequence[str], *, keep_name: bool) -> CommandResult:
    env = {**os.environ, RUN_ID: run.id, REPOSITORY: project.repo.worktree or project.repo.common_dir}
    env.pop(RUN_NAME, None)  # of a run that this one is a part of
    if keep_name:
        env[RUN_NAME] = run.name
    sharing = sharing_of(project.repo.common_dir)
    copy = OutputCopy(os.path.join(project.journal_of(run.id), OUTPUT), made=sharing.apply if sharing else None)
    try:
        result = run_command(argv, env=env, on_output=copy, on_errors=copy.errors, on_tick=copy.catch_up)
    finally:
        copy.close()
    fault = copy.error or result.fault
    if fault is not None:
        warn(f"the output of run {run.id[:8]} is not complete: {getattr(fault, 'strerror', None) or fault}")
    return result


def _verdict(result: CommandResult) -> tuple[str, str | None]:
    number = result.signal
    if number is None and result.exit_code > 128:
        # A shell reports a signal that killed its child this way.
        number = result.exit_code - 128
    name = next((s.name for s in signal.Signals if s.value == number), None) if number else None
    if name in _INTERRUPTS:
        return KILLED, f"ended by {name}"
    if result.exit_code == 0:
        return FINISHED, None
    return FAILED, f"ended by {name}" if result.signal and name else f"exit code {result.exit_code}"


def _with_last_lines(project: Project, run: ActiveRun, reason: str | None) -> str:
    from gittrack.capture.output import read_log

    text = read_log(os.path.join(project.journal_of(run.id), OUTPUT)).decode("utf-8", "replace")
    return "\n".join([reason or "", *text.rstrip().splitlines()[-ERROR_LINES:]])


def _written_when(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _collect(run: ActiveRun, wishes: Wishes, before: Mapping[str, tuple[int, int, int] | None]) -> list[str]:
    """Read the files that the command left; return a sentence for each that is not there or not readable."""
    problems = []
    for path in wishes.metrics_files:
        if before[path] is not None and before[path] == _written_when(path):
            # What an earlier run left would be recorded as this one's.
            problems.append(f"metrics file {path!r} is not recorded: this command did not write it")
            continue
        problems += _attempt(f"metrics file {path!r}", path, lambda path: log_points(run, read_metrics(path)))
    for path in wishes.artifacts:
        problems += _attempt(f"artifact {path!r}", path, run.log_artifact)
    return problems


def _attempt(what: str, path: str, action: Callable[[str], None]) -> list[str]:
    try:
        action(path)
    except GittrackError as error:
        return [f"{what} is not recorded: {error}"]
    except OSError as error:
        return [f"{what} is not recorded: {error.strerror or error}"]
    return []


def log_points(run: ActiveRun, points: Sequence[MetricPoint]) -> None:
    """Log points that were read from a file or a pipe."""
    for point in points:
        run.log_metric(point.name, point.value, point.step)
