"""`gittrack bisect`: the first commit whose metric is worse than a threshold."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.diff import harmless
from gittrack.cli.judging import direction_in, metric_name, summary_option, tell_params
from gittrack.cli.render import fit, screen, visible
from gittrack.cli.selection import PATHS, PathsCommand, Selection
from gittrack.cli.source import (
    color_option,
    complete_experiment,
    complete_run,
    json_option,
    label,
    open_runs,
    print_json,
    say,
    tell_problems,
)
from gittrack.cli.wording import counted, short_number
from gittrack.lineage.middle import Aggregate, Line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.catalog import Catalog
    from gittrack.cli.render import Screen
    from gittrack.trace.bisect import Evidence, Listener, Need, Question, Range, Result

_SHOWN: Final = 10  # suspects, and runs of a commit
_WIDEST: Final = 60
EPILOG = """\b
Examples:
  gittrack bisect acc --max --threshold 0.9 v1.0 main       the first commit with acc below 0.9
  gittrack bisect loss --threshold 0.5 brave-otter HEAD     from the commit of a run on
  gittrack bisect acc --threshold 0.9 v1.0 main --dry-run   by recorded runs alone; what would be run next
  gittrack bisect acc --threshold 0.9 --repeat 5 v1.0 main  a metric that varies: the median of five runs
  gittrack bisect acc --threshold 0.9 v1.0 main -- src      of the commits only those that change src

\b
GOOD and BAD are revisions or runs. A commit is good where its metric is as good as the threshold, or better. Recorded
runs that were made with the very files of a commit tell first; where there are none, the command of the nearest run is
run there, in a worktree of its own, and recorded, so that a search that is interrupted goes on where it was. A commit
that cannot be run is skipped, as by 'git bisect skip'. HEAD, the index and your files stay as they are. Exit code 0
only if one commit was found. A warning names the params that differ between the runs of good and of bad commits, for
then it may be not the code that made the difference. See docs/history.md.
"""


@click.command("bisect", cls=PathsCommand, epilog=EPILOG)
@click.argument("metric")
@click.argument("good", metavar="GOOD", shell_complete=complete_run)
@click.argument("bad", metavar="BAD", shell_complete=complete_run)
@click.option(
    "--threshold", type=float, required=True, metavar="X", help="What divides good from bad; X itself is good."
)
@click.option("--min", "least", is_flag=True, help="Less is better.")
@click.option("--max", "most", is_flag=True, help="More is better.")
@click.option(
    "--aggregate",
    type=click.Choice([each.value for each in Aggregate]),
    default=Aggregate.MEDIAN.value,
    help="What stands for several runs of a commit: their median unless given.",
)
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Have at least N runs of a commit.")
@summary_option
@click.option("-w", "--where", multiple=True, metavar="FILTER", help="Only runs that meet it, as for gittrack log.")
@click.option("--experiment", metavar="NAME", shell_complete=complete_experiment, help="Only runs of this experiment.")
@click.option("-n", "--dry-run", is_flag=True, help="Run nothing: go as far as recorded runs lead.")
@json_option
@color_option
def command(
    metric: str,
    good: str,
    bad: str,
    threshold: float,
    least: bool,
    most: bool,
    aggregate: str,
    repeat: int,
    summary: str,
    where: tuple[str, ...],
    experiment: str | None,
    dry_run: bool,
    as_json: bool,
    color: str,
) -> None:
    """Find the first commit between GOOD and BAD whose metric crosses a threshold."""
    from gittrack.trace.bisect import Bisection, Question, Range, commit_of

    catalog = open_runs()
    metric = metric_name(catalog, metric)
    line = Line(direction_in(catalog, metric, least=least, most=most), threshold, Aggregate(aggregate))
    paths: tuple[str, ...] = click.get_current_context().meta.get(PATHS, ())
    query = Selection(where=where, experiment=experiment, paths=paths).query(catalog)
    tell_problems(catalog)
    span = Range(commit_of(catalog, good), commit_of(catalog, bad), query.paths)
    question = Question(metric, line, replace(query, paths=()), repeat, summary)
    bisection = Bisection(catalog, question, span, _listener(metric), dry=dry_run)
    say(f"{counted(bisection.count, 'commit')} between {span.good[:7]} and {span.bad[:7]}")
    result = bisection.search()
    differing = _differing((*bisection.ends, *result.steps))
    tell_params(differing, "of good and of bad commits")
    if as_json:
        print_json(_document(question, span, result) | {"params_that_differ": differing})
    else:
        _tell(catalog, question, result, screen(color))
    sys.exit(0 if result.found else 1)


def _differing(known: Sequence[Evidence]) -> list[str]:
    """The params of which the runs of good commits have other values than those of bad ones."""
    from gittrack.gate import differing_params
    from gittrack.lineage.bisect import Verdict

    good, bad = (
        [run for evidence in known if evidence.verdict is verdict for run in evidence.runs]
        for verdict in (Verdict.GOOD, Verdict.BAD)
    )
    return [change.name for change in differing_params(good, bad)] if good and bad else []


def _listener(metric: str) -> Listener:
    from gittrack.trace.bisect import Listener

    def before(need: Need, left: int) -> None:
        words = fit(visible(shlex.join(need.run.command)), _WIDEST)
        say(f"running '{words}' at {need.commit[:7]}; {counted(left, 'commit')} in question")

    return Listener(lambda evidence: say(_step(metric, evidence)), before)


def _step(metric: str, evidence: Evidence) -> str:
    head = f"{evidence.commit[:7]} {evidence.verdict.value}: "
    if evidence.value is None:
        return head + evidence.problem
    shown = ", ".join(label(run) for run in evidence.runs[:_SHOWN]) + (", …" if len(evidence.runs) > _SHOWN else "")
    how = "recorded" if not evidence.made else "made now" if evidence.made == len(evidence.runs) else "some made now"
    return f"{head}{metric} {short_number(evidence.value)}, {counted(len(evidence.runs), 'run')} ({how}): {shown}"


def _tell(catalog: Catalog, question: Question, result: Result, page: Screen) -> None:
    if result.need is not None:
        words = visible(shlex.join(result.need.run.command))
        click.echo(f"next would be {result.need.commit[:12]}, by the command of {label(result.need.run)}: {words}")
        click.echo(f"{counted(len(result.suspects), 'commit')} in question")
    elif result.found:
        click.echo("\n".join(_proof(catalog, question, result, page)))
    else:
        click.echo(f"the first bad commit is one of {len(result.suspects)}; those between could not be run:")
        for commit in result.suspects[::-1][:_SHOWN]:
            click.echo(f"  {commit}")
        if len(result.suspects) > _SHOWN:
            click.echo(f"  and {len(result.suspects) - _SHOWN} more")


def _proof(catalog: Catalog, question: Question, result: Result, page: Screen) -> Iterator[str]:
    """The commit as git shows it, and the runs that tell that it is bad and those before it are good."""
    from gittrack.git.dag import shown_commit
    from gittrack.lineage.bisect import Verdict

    first = result.suspects[0]
    yield f"{first} is the first bad commit"
    git = shown_commit(catalog.project.repo, first, color=page.ink.on)
    yield b"".join(harmless([git], color=page.ink.on)).decode("utf-8", "backslashreplace").rstrip("\n")
    yield ""
    for evidence in result.steps:
        if evidence.commit == first or evidence.verdict is Verdict.GOOD:
            yield visible(_step(question.metric, evidence))


def _document(question: Question, span: Range, result: Result) -> dict[str, object]:
    line, need = question.line, result.need
    return {
        "metric": question.metric,
        "summary": question.summary,
        "direction": line.direction.value,
        "threshold": line.threshold,
        "aggregate": line.aggregate.value,
        "good": span.good,
        "bad": span.bad,
        "found": result.found,
        "first_bad": result.suspects[0] if result.found else None,
        "suspects": result.suspects,
        "steps": [
            {
                "commit": evidence.commit,
                "verdict": evidence.verdict.value,
                "value": evidence.value,
                "runs": [run.id for run in evidence.runs],
                "made": evidence.made,
                "problem": evidence.problem or None,
            }
            for evidence in result.steps
        ],
        "next": need and {"commit": need.commit, "run": need.run.id, "command": list(need.run.command)},
    }
