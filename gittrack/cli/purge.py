"""`gittrack purge`: runs, or only their snapshots, removed for good; what may still hold them is told."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import visible
from gittrack.cli.source import complete_run, json_option, open_runs, print_json, say, tell_problems
from gittrack.cli.wording import counted, size
from gittrack.errors import EXIT_EXPECTED, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gittrack.project import Project
    from gittrack.purge.carry_out import Outcome
    from gittrack.purge.job import Job
    from gittrack.purge.plan import Plan

_SHOWN: Final = 5  # paths

EPILOG = """\b
Examples:
  gittrack purge 3fa2                   one run: its files, its journal, its snapshot
  gittrack purge --snapshots            every snapshot; the runs themselves stay
  gittrack purge --snapshots 3fa2 -n    what would go

'gittrack rm' only hides a run. This writes the history of the branch anew without it, and removes the bytes from the
object database of this repository; other runs stay as they are. The commit that the run was made on is your own and
stays too. What a branch or a worktree still leads to is named, and goes with the next purge after that is gone.
Remotes, other clones and backups keep what they have: the commands that overwrite the remotes are told at the end. A
secret that has been pushed counts as leaked all the same: revoke it. A purge that was interrupted is brought to its end
by the next one.
"""


@click.command("purge", epilog=EPILOG)
@click.argument("specs", metavar="[RUN]...", nargs=-1, shell_complete=complete_run)
@click.option("--snapshots", is_flag=True, help="Only the snapshots of the runs, of all that have ended by default.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("-n", "--dry-run", is_flag=True, help="Only tell what would go.")
@json_option
@click.pass_context
def command(
    context: click.Context, specs: tuple[str, ...], snapshots: bool, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Remove runs, or their snapshots, for good."""
    from gittrack.project import open_project
    from gittrack.purge.carry_out import one_purge
    from gittrack.purge.job import Job

    project = open_project()
    if not (specs or snapshots or os.path.exists(project.purging) or os.path.exists(project.held)):
        raise UsageError("name the runs to purge, or --snapshots for the snapshots of all")
    if not (yes or dry_run) and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("there is no terminal to ask on; say --yes, or look first with --dry-run")
    with one_purge(project):
        if not dry_run and _finish(project, specs, snapshots=snapshots, as_json=as_json):
            return
        plan = _plan(specs, snapshots=snapshots)
        if not (dry_run or plan.is_empty):
            _tell_plan(plan, err=True)
            plan = plan if yes else _agreed(context, plan, specs, snapshots=snapshots)
        # What an earlier purge had to leave goes now, if nothing leads to it any more.
        if dry_run or (plan.is_empty and not os.path.exists(project.held)):
            _show(plan, as_json=as_json)
            return
        _carry_out(project, Job.of(plan, specs), as_json=as_json)


def _plan(specs: tuple[str, ...], *, snapshots: bool) -> Plan:
    from gittrack.purge.plan import plan_runs, plan_snapshots

    with open_runs() as catalog:
        plan = plan_snapshots(catalog, specs) if snapshots else plan_runs(catalog, specs)
        tell_problems(catalog)
        return plan


def _agreed(context: click.Context, plan: Plan, specs: tuple[str, ...], *, snapshots: bool) -> Plan:
    """Ask, and return what goes by the time of the answer, which may take hours; where that is more, ask again."""
    while True:
        if not click.confirm("Remove it for good?", err=True):
            context.exit(EXIT_EXPECTED)
        shown, plan = plan, _plan(specs, snapshots=snapshots)
        if plan.is_within(shown):
            _tell_shared({s: run for s, run in plan.shared.items() if s not in shown.shared}, err=True)
            return plan
        say("there is more by now")
        _tell_plan(plan, err=True)


def _finish(project: Project, specs: tuple[str, ...], *, snapshots: bool, as_json: bool) -> bool:
    """Bring a purge to its end that was interrupted; tell whether it was the one that is asked for now."""
    from gittrack.purge.job import load_job

    job = load_job(project.purging)
    if job is None:
        return False
    say("a purge was interrupted before its end; going on with it")
    same = snapshots is not bool(job.runs) and set(specs) == set(job.specs)
    done = same or not (specs or snapshots)
    _carry_out(project, job, as_json=as_json and done)
    return done


def _carry_out(project: Project, job: Job, *, as_json: bool) -> None:
    from gittrack.purge.carry_out import carry_out

    with _Steps() as steps:
        outcome = carry_out(project, job, steps)
    _report(project, job, outcome, as_json=as_json)


class _Steps:
    """A counter for one step after the other."""

    def __init__(self) -> None:
        self._what = ""
        self._counter: Counter | None = None

    def __enter__(self) -> _Steps:  # noqa: PYI034 - Self is newer than Python 3.10
        return self

    def __exit__(self, *error: object) -> None:
        if self._counter is not None:
            self._counter.clear()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if self._counter is None or what != self._what:
            self.__exit__()
            self._what, self._counter = what, Counter(what)
        self._counter(done, total)


def _show(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(plan))
    elif plan.is_empty:
        already = ", ".join(f"run {run_id[:8]} was purged already" for run_id in plan.already)
        click.echo(f"nothing to purge{': ' if already else ''}{already}")
        _tell_young(plan, err=False)
    else:
        _tell_plan(plan, err=False)


def _document(plan: Plan) -> dict[str, object]:
    return {
        "runs": [{"id": run_id, "name": name} for run_id, name in plan.runs.items()],
        "snapshots": list(plan.snapshots),
        "shared_snapshots": _pairs(plan.shared),
        "large_files": list(plan.large),
        "commits": plan.commits,
        "bytes": plan.size,
    }


def _pairs(shared: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"snapshot": snapshot, "run": run} for snapshot, run in shared.items()]


def _tell_plan(plan: Plan, *, err: bool) -> None:
    for run_id, name in plan.runs.items():
        click.echo(visible(f"run {run_id[:8]} {name}".strip()), err=err)
    for run_id in plan.marked:
        click.echo(f"snapshot of run {run_id[:8]}", err=err)
    parts = [counted(len(plan.snapshots), "snapshot")]
    parts += [counted(len(plan.large), "large file")] if plan.large else []
    parts += [f"{counted(plan.commits, 'commit')} of the branch written anew"] if plan.commits else []
    click.echo(f"{', '.join(parts)}, {size(plan.size)}", err=err)
    _tell_shared(plan.shared, err=err)
    _tell_young(plan, err=err)


def _tell_shared(shared: Mapping[str, str], *, err: bool) -> None:
    for snapshot, run in shared.items():
        click.echo(f"snapshot {snapshot[:12]} stays: run {run[:8]} was made with the very same files", err=err)


def _tell_young(plan: Plan, *, err: bool) -> None:
    if plan.young:
        what = counted(len(plan.young), "snapshot")
        click.echo(
            f"not touched: {what} of the last ten minutes that no run tells of, perhaps of one that is starting",
            err=err,
        )


def _else(job: Job) -> str:
    return "what an earlier purge left" if job.commits else "nothing"


def _report(project: Project, job: Job, outcome: Outcome, *, as_json: bool) -> None:
    from gittrack.purge.remains import holders_here, remote_copies, shared_files

    here, remotes = holders_here(project, job, outcome), remote_copies(project, job)
    shared = shared_files(project, job)
    if as_json:
        print_json(
            {
                "runs": job.runs,
                "snapshots": job.snapshots,
                "shared_snapshots": _pairs(job.spared),
                "objects": outcome.objects,
                "deleted_refs": sorted(job.tracking),
                "still_here": here,
                "shared_files": shared,
                "remotes": [{"name": r.name, "seen": r.seen, "commands": list(r.commands)} for r in remotes],
            }
        )
        return
    _tell_shared(job.spared, err=True)
    what = [counted(len(job.runs), "run")] if job.runs else []
    what += [counted(len(job.snapshots), "snapshot")] if job.snapshots else []
    click.echo(
        f"purged {' and '.join(what) or _else(job)}: {counted(outcome.objects, 'object')} removed from this repository"
    )
    for ref in sorted(job.tracking):
        say(f"{ref} held it and was deleted; the next fetch brings it back as it is there")
    for sentence in here:
        say(f"warning: {sentence}")
    if shared:
        rest = f" and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
        sentence = "files that other runs, commits or an index have too, byte for byte, stay there"
        say(f"{sentence}: {', '.join(shared[:_SHOWN])}{rest}")
    for remote in remotes:
        holds = "holds it, as of the last fetch; overwrite it there:" if remote.seen else "may hold it; look there:"
        say(f"{remote.name} {holds}")
        for line in remote.commands:
            click.echo(f"  {visible(line)}", err=True)
    if remotes:
        say("where git refuses that, or finds more there, somebody pushed meanwhile: fetch, and purge the same again")
    say("other clones, forks, backups and caches of a host keep it until they fetch and prune")
    say("a secret that was ever pushed or shared must be revoked all the same")
