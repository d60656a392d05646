"""`gittrack reproduce`: run a recorded run again, and say whether it came out the same."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.progress import Counter
from gittrack.cli.render import Column, render, screen, visible
from gittrack.cli.source import complete_run, json_option, label, open_runs, print_json, say, tell_problems
from gittrack.cli.wording import short_number

if TYPE_CHECKING:
    from gittrack.catalog import Catalog
    from gittrack.model import Number
    from gittrack.reproduce.again import Options, Outcome
    from gittrack.reproduce.plan import Plan

EPILOG = """\b
Examples:
  gittrack reproduce latest                  the same code, data and command, in a worktree of its own
  gittrack reproduce brave-otter --env       in a fresh environment with the recorded packages
  gittrack reproduce 3fa2 --rtol 1e-3        small differences count as the same
  gittrack reproduce 3fa2 --dry-run          print the shell script that does the same
  gittrack reproduce 3fa2 --new-data         the old code on the data of today
  gittrack reproduce 3fa2 -- python train.py another command for the recorded one

\b
Inputs are checked by their hash first, but for --new-data. Files that git ignores, and what was left out of the
snapshot, are not in the worktree: recorded inputs are linked into it from your own working tree, and so is what
--link names. The new run has a name of its own and tells which one it reproduces. Exit code 0 only if every metric
came out the same, or within --rtol.
"""
_SHOWN: Final = 5


def _number_that_compares(_: click.Context, __: click.Parameter, value: float) -> float:
    if value != value:
        raise click.BadParameter("nan is no tolerance; give a number such as 1e-3.")
    return value


@click.command(
    "reproduce", epilog=EPILOG, context_settings={"ignore_unknown_options": False, "allow_interspersed_args": True}
)
@click.argument("spec", metavar="RUN", shell_complete=complete_run)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
@click.option(
    "--env", "fresh", is_flag=True, help="Make a fresh environment of the recorded packages: uv, or venv and pip."
)
@click.option(
    "--rtol",
    type=click.FloatRange(min=0),
    callback=_number_that_compares,
    default=0.0,
    metavar="X",
    help="Relative difference that counts as the same.",
)
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Judge this metric only; repeatable.")
@click.option(
    "--link",
    "links",
    multiple=True,
    metavar="PATH",
    help="Link a file or folder of your working tree that the kept code does not hold; repeatable.",
)
@click.option(
    "--new-data", is_flag=True, help="Take the inputs as they are in your working tree now, and name those that differ."
)
@click.option("--keep", is_flag=True, help="Keep the worktree and the environment.")
@click.option("-n", "--dry-run", is_flag=True, help="Print the shell script that would do it, and do nothing.")
@json_option
def command(
    spec: str,
    command: tuple[str, ...],
    fresh: bool,
    rtol: float,
    metrics: tuple[str, ...],
    links: tuple[str, ...],
    new_data: bool,
    keep: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run a recorded run again, from the same code and data, and compare the metrics."""
    from gittrack.reproduce.again import Options, plan_of

    catalog = open_runs()
    run = catalog.find(spec)
    tell_problems(catalog)
    counter = Counter("checking inputs", sizes=True)
    options = Options(command, fresh, _links(catalog, links), new_data, rtol, metrics, counter, say)
    plan = plan_of(catalog, run, options)
    if dry_run:
        _print_script(catalog, plan, as_json=as_json)
        return
    outcome = _carried_out(catalog, plan, options, keep=keep)
    _tell(plan, outcome, as_json=as_json)
    sys.exit(0 if outcome.reproduced else 1)


def _print_script(catalog: Catalog, plan: Plan, *, as_json: bool) -> None:
    from gittrack.git.submodules import submodules
    from gittrack.reproduce.script import script

    repo = catalog.project.repo
    text = "".join(f"{line}\n" for line in script(plan, repo.common_dir, repo.worktree, submodules(repo, plan.commit)))
    if as_json:
        facts = {"run": plan.run.id, "commit": plan.commit, "directory": plan.directory, "command": list(plan.command)}
        print_json({**facts, "script": text})
    else:
        click.echo(text, nl=False)


def _links(catalog: Catalog, paths: tuple[str, ...]) -> tuple[str, ...]:
    """The paths relative to the top of the working tree."""
    from gittrack.errors import UsageError

    top = catalog.project.repo.worktree
    result = []
    for path in paths:
        folder, name = os.path.split(path.rstrip(os.sep))
        # A link itself may be what is asked for, wherever it leads.
        relative = os.path.relpath(os.path.join(os.path.realpath(folder), name), top) if top else os.pardir
        if not os.path.exists(path) or relative.split(os.sep)[0] == os.pardir:
            raise UsageError(f"--link {path!r:.200} is not in this working tree")
        result.append(relative)
    return tuple(result)


def _carried_out(catalog: Catalog, plan: Plan, options: Options, *, keep: bool) -> Outcome:
    from gittrack.read.source import lost_changes
    from gittrack.reproduce.again import prepared, recorded_packages, reproduce
    from gittrack.reproduce.environment import differences
    from gittrack.reproduce.place import new_data
    from gittrack.reproduce.plan import code_in_tree

    here = os.getcwd()
    place = prepared(catalog, plan, options)
    try:
        if isinstance(options.progress, Counter):
            options.progress.clear()
        if plan.packages is None:
            found = differences(plan.command, plan.run.environment, recorded_packages(catalog, plan.run))
            if found:
                more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
                say(f"the environment is not the recorded one (--env makes that): {', '.join(found[:_SHOWN])}{more}")
        if place.problem:
            say(place.problem)
        for item in plan.run.code.left_out:
            say(f"not in the code that was kept: {item.path} ({item.why}); --link takes yours")
        entry = plan.run.code.entry or ""
        if os.path.isabs(entry) and entry in code_in_tree(plan):
            say(f"not in the code that was kept: {entry}; it is run as it is now")
        for was, now in new_data(place, plan):
            say(
                f"new data: {was.path} has sha256 {now.sha256[:12]}… and {now.size} bytes, "
                f"and the run read {was.sha256[:12]}… and {was.size} bytes"
            )
        say(f"running {label(plan.run)} again in {place.directory}")
        outcome = reproduce(catalog, plan, place, options)
        lost = (f"{item.path} of the recorded run were not there: {item.why}" for item in lost_changes(plan.run.code))
        return replace(outcome, problems=(*outcome.problems, *lost))
    finally:
        os.chdir(here)
        if keep:
            code, folder = shlex.quote(place.code), shlex.quote(place.folder)
            say(f"kept: {place.folder}; remove it with: git worktree remove --force {code} && rm -rf {folder}")
        else:
            place.remove()


def _tell(plan: Plan, outcome: Outcome, *, as_json: bool) -> None:
    new = outcome.run
    if as_json:
        print_json(
            {
                "run": plan.run.id,
                "reproduction": new.id if new else None,
                "reproduced": outcome.reproduced,
                "exit_code": outcome.exit_code,
                "problems": list(outcome.problems),
                "metrics": [asdict(verdict) for verdict in outcome.verdicts],
            }
        )
        return
    page = screen("auto")
    columns = [
        Column("metric", [visible(verdict.metric) for verdict in outcome.verdicts], 4, least=12),
        Column("recorded", [_number(verdict.recorded) for verdict in outcome.verdicts], 3, right=True),
        Column("reproduced", [_number(verdict.reproduced) for verdict in outcome.verdicts], 3, right=True),
        Column("verdict", [_word(verdict.word, verdict.apart) for verdict in outcome.verdicts], 5),
    ]
    if outcome.verdicts:
        click.echo("\n".join(render(columns, page.width, page.ink).lines))
    for problem in outcome.problems:
        say(problem)
    what = "reproduced" if outcome.reproduced else "not reproduced"
    if not outcome.verdicts:
        say("the run has no metrics: only how it ended was compared")
    click.echo(f"{what}: {label(plan.run)}{f', as {label(new)}' if new else ''}")


def _number(value: Number | None) -> str:
    return "" if value is None else short_number(value)


def _word(word: str, apart: float) -> str:
    from math import isfinite

    return f"{word} ({apart:.2g})" if apart and isfinite(apart) else word
