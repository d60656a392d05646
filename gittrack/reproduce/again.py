"""A recorded run done again, recorded as a run of its own that is linked to the first, and judged."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gittrack.capture.interpreter import is_interpreter
from gittrack.capture.launch import check_command
from gittrack.capture.terminal import run_command
from gittrack.catalog import open_catalog
from gittrack.codec.paths import PACKAGES
from gittrack.errors import GittrackError, RunNotFound
from gittrack.git.process import PLACING
from gittrack.git.status import ignored_entries
from gittrack.judge.direction import is_of_the_machine
from gittrack.project import open_project
from gittrack.read.source import source_of
from gittrack.record.active import EXPERIMENT, REPOSITORY, RUN_ID, RUN_NAME, WORKER
from gittrack.record.command import Wishes, run_recorded
from gittrack.record.reproduction import REPRODUCES, Ticket, issue
from gittrack.reproduce.environment import make_environment, on_path, settings_of, with_interpreter
from gittrack.reproduce.excluded import EXCLUDED, excluding
from gittrack.reproduce.place import Place, changed_inputs, prepare
from gittrack.reproduce.plan import Plan, around_own, check_run, code_in_tree, command_of
from gittrack.reproduce.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gittrack.capture.inputs import Progress
    from gittrack.catalog import Catalog
    from gittrack.model import Point, Run


_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for: another `command`, a fresh environment, links, the data of now, which metrics count."""

    command: tuple[str, ...] = ()
    fresh: bool = False
    links: tuple[str, ...] = ()
    new_data: bool = False
    rtol: float = 0.0
    metrics: tuple[str, ...] = ()
    progress: Progress | None = None
    say: Callable[[str], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the new run (None where the command recorded none), the verdicts, and what went wrong."""

    run: Run | None
    verdicts: list[Verdict]
    exit_code: int
    problems: tuple[str, ...] = ()

    @property
    def reproduced(self) -> bool:
        """Whether the run ended as the first one did, and every metric holds."""
        return self.run is not None and not self.problems and all(verdict.holds for verdict in self.verdicts)


def plan_of(catalog: Catalog, run: Run, options: Options) -> Plan:
    """Return what has to be done; GittrackError where the code, the command or a metric that is named is not there."""
    check_run(run)
    for name in options.metrics:
        if name not in run.metrics:
            raise GittrackError(
                f"run {run.id[:8]} has no metric {name!r:.80}; it has {', '.join(run.metrics) or 'none'}"
            )
    packages = recorded_packages(catalog, run) if options.fresh else None
    if options.fresh and not packages:
        raise GittrackError(f"run {run.id[:8]} has no recorded packages to make an environment of; leave out --env")
    return Plan(
        run=run,
        commit=source_of(catalog.project, run),
        command=command_of(run, options.command),
        directory=run.code.directory,
        given=bool(options.command),
        packages=packages,
        links=options.links,
        new_data=options.new_data,
    )


def recorded_packages(catalog: Catalog, run: Run) -> tuple[str, ...]:
    """Return the requirement lines of a run."""
    data = catalog.file(run, PACKAGES) or b""
    return tuple(data.decode("utf-8", "replace").splitlines())


def reproduce(catalog: Catalog, plan: Plan, place: Place, options: Options) -> Outcome:
    """Run the plan in `place`, and judge what came of it. The current directory and environment are its afterwards."""
    variables = settings_of(plan.run.environment)
    command = code_in_tree(plan)
    if plan.packages is not None:
        options.say("making the recorded environment")
        env = os.path.join(place.folder, "env")
        programs = make_environment(env, plan.run.environment.python, _moved(plan.packages, place))
        variables |= on_path(programs, os.environ)
        command = with_interpreter(command, programs)
    _enter(place, variables)
    command = _found(command, plan, place)
    check_command(command[0])
    code, new_id, stopped = _run(plan, command, place, options)
    problems = changed_inputs(place, plan)
    if stopped:
        problems.append("it was sent a signal to stop before its end")
    with open_catalog(place.code) as fresh:
        new = _recorded(fresh, new_id) if new_id else None
        verdicts = judge(
            _histories(catalog, plan.run, options.metrics or plan.run.metrics),
            {} if new is None else _histories(fresh, new, new.metrics),
            options.rtol,
            () if options.metrics else [name for name in plan.run.metrics if is_of_the_machine(name)],
        )
    if new is None:
        problems.append(_missing(plan))
    elif new.status != plan.run.status:
        problems.append(f"it ended {new.status}, and the recorded run {plan.run.status}")
        problems += _not_there(place, plan)
    return Outcome(new, verdicts, code, tuple(problems))


def _recorded(catalog: Catalog, run_id: str) -> Run | None:
    try:
        return catalog.find(run_id)
    except RunNotFound:  # no process of the command took the ticket
        return None


def _not_there(place: Place, plan: Plan) -> list[str]:
    """A sentence on what git ignores in the user's own tree and the place did not have: data, perhaps."""
    own = place.repo.worktree
    if own is None:
        return []
    linked = {*plan.links, *(item.path for item in plan.run.inputs)}
    names = [name for name in ignored_entries(place.repo) if name.rstrip("/") not in linked]
    names = [name for name in names if not os.path.lexists(os.path.join(place.code, name.rstrip("/")))]
    if not names:
        return []
    listed = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return [f"git ignores these, and only your own tree has them: {listed}; --link PATH takes one along"]


def _enter(place: Place, variables: Mapping[str, str]) -> None:
    """Go to the place, and let nothing in the environment lead the command, or the recording, out of it."""
    for name in (*PLACING, RUN_ID, RUN_NAME, REPOSITORY, WORKER):
        os.environ.pop(name, None)
    os.environ.update(place.repo.object_variables)
    os.environ.update(variables)
    os.environ.update(excluding(os.path.join(place.folder, EXCLUDED), os.environ))
    os.chdir(place.directory)


def _found(command: Sequence[str], plan: Plan, place: Place) -> tuple[str, ...]:
    """The command with a program such as .venv/bin/python, which git does not hold, from the user's own tree."""
    program, *rest = command
    if os.path.dirname(program) and place.repo.worktree and not os.path.exists(program):
        own = os.path.join(place.repo.worktree, plan.directory, program)
        return (os.path.normpath(own) if os.path.exists(own) else program, *rest)
    return tuple(command)


def prepared(catalog: Catalog, plan: Plan, options: Options) -> Place:
    """Return the place to run the plan in, with the code and the inputs in it."""
    return prepare(catalog.project.repo, plan, progress=options.progress)


def _run(plan: Plan, command: Sequence[str], place: Place, options: Options) -> tuple[int, str | None, bool]:
    """Run the command; return its exit code, the id of the run that does it again, and whether that was stopped."""
    run = plan.run
    # The folder tells every process of the command that it is being reproduced, the ticket one of them the id.
    ticket = os.environ[REPRODUCES] = os.path.join(place.folder, "ticket")
    if run.launch.wrapped:
        wishes = Wishes(
            experiment=run.experiment,
            params_files=run.launch.params,
            metrics_files=run.launch.metrics,
            inputs=run.launch.inputs,
            artifacts=run.launch.artifacts,
            reproduces=run.id,
            progress=options.progress,
        )
        outcome = run_recorded(open_project(), command, wishes)
        return outcome.exit_code, outcome.run.id if outcome.run else None, outcome.stopped
    new_id = os.urandom(16).hex()
    direct = not plan.given and sys.platform != "win32" and is_interpreter(command[0])
    parent = os.getpid() if direct and not run.launch.worker else None
    issue(ticket, Ticket(run.id, new_id, run.launch.ordinal, run.launch.worker, parent))
    env = {**os.environ, EXPERIMENT: run.experiment}
    result = run_command(command, env=env, on_output=lambda _: None)
    return result.exit_code, new_id, result.stopped


def _missing(plan: Plan) -> str:
    if plan.run.launch.wrapped:
        return "the command recorded no run"
    who = "a worker of the command" if plan.run.launch.worker else "the command itself"
    number = plan.run.launch.ordinal + 1
    return f"no run to judge: {who} started {'none' if number == 1 else f'fewer than {number} runs'}"


def _histories(catalog: Catalog, run: Run, names: Sequence[str] | Mapping[str, object]) -> dict[str, list[Point]]:
    return {name: catalog.history(run, name) for name in names}


def _moved(packages: Sequence[str], place: Place) -> list[str]:
    """The packages, with what was installed from the working tree itself taken from the one at the run's code."""
    found = [(line, around_own(line, place.repo.worktree)) for line in packages]
    return [line if parts is None else place.code.join(parts) for line, parts in found]
