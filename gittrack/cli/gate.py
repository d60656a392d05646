"""`gittrack gate`: exit with 1 when the runs of a change are worse than those of its base, for any CI."""

from __future__ import annotations

import sys
import time
from math import isfinite
from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.judging import counting, direction_in, metric_name, statuses_option, summary_option, tell_params
from gittrack.cli.pager import write_utf8
from gittrack.cli.source import complete_any_metric, json_option, open_runs, print_json, say, tell_problems
from gittrack.errors import GittrackError, UsageError
from gittrack.judge.direction import Direction
from gittrack.judge.gate import Aggregate, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.catalog import Catalog
    from gittrack.gate import Outcome
    from gittrack.query.terms import Condition

_SUFFIXES: Final = {":min": Direction.MIN, ":max": Direction.MAX}
EPILOG = """\b
Examples:
  gittrack gate --metric acc --baseline main                      HEAD must not be worse than main
  gittrack gate --metric acc --max --baseline main --tolerance 0.01
  gittrack gate --metric loss:min --metric acc:max --baseline v1.0 --tolerance 0.02 --relative
  gittrack gate --metric acc --baseline origin/main --where "params.data = 'full'" --report gate.md

\b
Prints a report in Markdown. Exit code 0: no metric is worse by more than the tolerance. 1: one is, or there is no run
to judge, or to judge by. A warning names the params that differ between the two, for then it may be not the code that
made the difference; --ignore-param says which may.

\b
The candidate's runs are those of the nearest commit, from --candidate back to where the baseline's history begins, that
has any; the baseline's those of the nearest commit from --baseline back. The report names both. A commit that was
rewritten is found as in 'gittrack show'. A run on uncommitted changes counts for the commit that has them, else for the
one it was made on, with a star. Runs made with the very files of the commit are never mixed with others; where there
are only others, a warning says so. See docs/gate.md, with examples for GitHub and GitLab.
"""


@click.command("gate", epilog=EPILOG)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    required=True,
    metavar="NAME[:min|:max]",
    shell_complete=complete_any_metric,
    help="Judge this one; repeatable.",
)
@click.option("--min", "least", is_flag=True, help="Less is better, of each metric that does not say so itself.")
@click.option("--max", "most", is_flag=True, help="More is better, likewise.")
@click.option("--baseline", required=True, metavar="REV", help="What to judge by: main, v1.0, HEAD~1, …")
@click.option("--candidate", default="HEAD", metavar="REV", help="What to judge; HEAD unless given.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="X",
    help="By how much it may be worse; 0 unless given.",
)
@click.option("--relative", is_flag=True, help="The tolerance is a part of the baseline's value: 0.02 is 2 %.")
@click.option(
    "--aggregate",
    type=click.Choice([aggregate.value for aggregate in Aggregate]),
    default=Aggregate.MEAN.value,
    help="What stands for several runs of a commit: their mean (unless given), the best, or the last, the newest.",
)
@summary_option
@click.option("-w", "--where", multiple=True, metavar="FILTER", help="Only runs that meet it count.")
@statuses_option
@click.option(
    "--ignore-param",
    "ignored",
    multiple=True,
    metavar="GLOB",
    help="Params that may differ between the two, such as seed or 'data.*'; repeatable.",
)
@click.option("--require-run", is_flag=True, help="The candidate itself must have runs, made with its very files.")
@click.option(
    "--report", "path", type=click.Path(dir_okay=False), metavar="FILE", help="Write the report there as well."
)
@json_option
def command(
    metrics: tuple[str, ...],
    least: bool,
    most: bool,
    baseline: str,
    candidate: str,
    tolerance: float,
    relative: bool,
    aggregate: str,
    summary: str,
    where: tuple[str, ...],
    all_statuses: bool,
    ignored: tuple[str, ...],
    require_run: bool,
    path: str | None,
    as_json: bool,
) -> None:
    """Fail when the runs of a change are worse than those of its base."""
    from gittrack.cli.verdict_page import document, report
    from gittrack.gate import Question, decide, files_that_differ, params_that_differ

    if not isfinite(tolerance):
        raise UsageError("--tolerance is a number, such as 0.01")
    catalog = open_runs()
    condition = _condition(catalog, where, all_statuses=all_statuses)
    rules = tuple(
        Rule(*_metric(catalog, text, least=least, most=most), tolerance=tolerance, relative=relative)
        for text in metrics
    )
    question = Question(rules, candidate, baseline, Aggregate(aggregate), summary, condition, require_run, ignored)
    outcome = decide(catalog, question)
    tell_problems(catalog)
    sentence = files_that_differ(outcome)
    if sentence is not None:
        say(f"warning: {sentence}")
    if outcome.problem is None:
        tell_params([change.name for change in params_that_differ(outcome)], "of the baseline and the candidate")
    text = "".join(f"{line}\n" for line in report(outcome))
    if as_json:
        print_json(document(outcome))
    else:
        write_utf8(text)
    if path is not None:
        _write(path, text)
    _finish(outcome)


def _metric(catalog: Catalog, text: str, *, least: bool, most: bool) -> tuple[str, Direction]:
    """The name of a metric and which way it is better, from the end of it, from the options, or from its name."""
    name, direction = text[:-4], _SUFFIXES.get(text[-4:])
    if name and direction:
        return metric_name(catalog, name), direction
    name = metric_name(catalog, text)
    return name, direction_in(catalog, name, least=least, most=most)


def _condition(catalog: Catalog, where: Sequence[str], *, all_statuses: bool) -> Condition | None:
    from gittrack.query.parse import parse_filter
    from gittrack.query.terms import both

    chosen = both(*(parse_filter(text, time.time(), catalog.bare) for text in where))
    return both(counting(chosen, all_statuses=all_statuses), chosen)


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise GittrackError(f"the report cannot be written to {path!r:.200}: {error.strerror or error}") from None


def _finish(outcome: Outcome) -> None:
    if outcome.problem is not None:
        raise GittrackError(outcome.problem)
    if not outcome.passes:
        failed = ", ".join(f"{j.rule.metric} is {j.word}" for j in outcome.judgements if not j.passes)
        say(f"the gate is closed: {failed}")
        sys.exit(1)
