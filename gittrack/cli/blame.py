"""`gittrack blame`: which commits moved a metric, by how much, and what changed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gittrack.cli.comparison import value_text, version_text
from gittrack.cli.judging import metric_name, summary_option
from gittrack.cli.pager import show_page
from gittrack.cli.render import Column, fit, render, screen, visible
from gittrack.cli.selection import Selection
from gittrack.cli.source import (
    color_option,
    complete_any_metric,
    complete_experiment,
    json_option,
    open_runs,
    print_json,
    say,
    tell_problems,
)
from gittrack.cli.wording import counted, short_number
from gittrack.errors import UsageError
from gittrack.judge.direction import Direction, guess
from gittrack.read.difference import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gittrack.cli.render import Screen
    from gittrack.git.diff import ChangedFile
    from gittrack.model import Input, Value
    from gittrack.read.difference import Change
    from gittrack.trace.blame import Asked, Blame, Explained

DEFAULT_COUNT: Final = 10
_LISTED: Final = 6  # files, params or packages of a move
_CELL: Final = 40
EPILOG = """\b
Examples:
  gittrack blame acc                          what moved acc most on the way to HEAD
  gittrack blame loss --min v1.0..main -n 3   the three largest moves since v1.0
  gittrack blame acc --where "params.model = 'tree'"
  gittrack blame acc --no-first-parent        the commits of merged branches too

\b
Each commit that has finished runs is held against the nearest one before it whose runs had the same params, or else
against the nearest one. A move is the difference of the medians; one that is no larger than the spread of runs of the
same commit and params is noise, and not blamed. Where several commits lie between, the last one is named, and how many
it may have been. See docs/history.md.
"""


@click.command("blame", epilog=EPILOG)
@click.argument("metric", shell_complete=complete_any_metric)
@click.argument("revisions", metavar="[REVISION...]", nargs=-1)
@click.option("--min", "least", is_flag=True, help="Less is better.")
@click.option("--max", "most", is_flag=True, help="More is better.")
@click.option(
    "-n", "--max-count", "count", metavar="N", type=click.IntRange(min=0), default=DEFAULT_COUNT, help="Show N moves."
)
@click.option("-w", "--where", multiple=True, metavar="FILTER", help="Only runs that meet it, as for gittrack log.")
@click.option("--experiment", metavar="NAME", shell_complete=complete_experiment, help="Only runs of this experiment.")
@click.option("--no-first-parent", is_flag=True, help="Go through the commits of merged branches as well.")
@summary_option
@json_option
@color_option
def command(
    metric: str,
    revisions: tuple[str, ...],
    least: bool,
    most: bool,
    count: int,
    where: tuple[str, ...],
    experiment: str | None,
    no_first_parent: bool,
    summary: str,
    as_json: bool,
    color: str,
) -> None:
    """Show which commits moved a metric most, and what changed there."""
    from gittrack.trace.blame import Asked, blame

    if least and most:
        raise UsageError("--min and --max exclude each other; give one of them")
    catalog = open_runs()
    metric = metric_name(catalog, metric)
    direction = Direction.MIN if least else Direction.MAX if most else guess(metric)
    query = Selection(where=where, experiment=experiment).query(catalog)
    tell_problems(catalog)
    asked = Asked(metric, summary, revisions, query, not no_first_parent)
    found = blame(catalog, asked, count)
    if as_json:
        print_json(_document(asked, direction, found))
        return
    if found.moves:
        show_page("\n".join([*_lines(found.moves, direction, screen(color)), ""]), catalog.project)
    _remark(asked, found)


def _lines(moves: Sequence[Explained], direction: Direction | None, page: Screen) -> Iterator[str]:
    columns = [
        Column("commit", [each.move.after.commit[:7] for each in moves], 9, paint=page.ink.name),
        Column("change", [_signed(each.move.change) for each in moves], 8, right=True),
        Column("from", [short_number(each.move.before.middle) for each in moves], 7, right=True),
        Column("to", [short_number(each.move.after.middle) for each in moves], 7, right=True),
        Column("runs", [f"{len(each.move.before.runs)}, {len(each.move.after.runs)}" for each in moves], 2, right=True),
        Column("", [_verdict(each, direction) for each in moves], 6),
        Column("what changed", [", ".join(each.causes) or "nothing that was recorded" for each in moves], 5, least=8),
        Column("subject", [visible(each.subject) for each in moves], 3, least=12),
    ]
    shown = [column for column in columns if any(column.cells)]
    heading, *rows = render(shown, page.width, page.ink).lines
    yield heading
    for row, each in zip(rows, moves, strict=True):
        yield row
        for line in _details(each):
            yield page.ink.quiet(f"    {line if page.width is None else fit(line, page.width - 4)}")


def _signed(change: float) -> str:
    return short_number(change) if change != change or change < 0 else f"+{short_number(change)}"


def _verdict(each: Explained, direction: Direction | None) -> str:
    if direction is None:
        return ""
    return "better" if direction.better(each.move.after.middle, each.move.before.middle) else "worse"


def _details(each: Explained) -> Iterator[str]:
    """What changed, a line for each kind."""
    found = each.difference
    if each.files is None:
        yield "code: not fetched, so not compared"
    elif each.files:
        yield f"code: {_joined([_file(file) for file in each.files])}"
    for title, changes in (("params", found.params), ("environment", found.environment)):
        if changes:
            yield f"{title}: {_joined([_value(change) for change in changes])}"
    if found.packages:
        yield f"packages: {_joined([_package(change) for change in found.packages])}"
    if found.inputs:
        yield f"data: {_joined([_input(change) for change in found.inputs])}"
    if each.commits > 1:
        before = each.move.before.commit[:7]
        yield f"one of {each.commits} commits since {before}: 'gittrack bisect' runs those between"


def _joined(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(visible(text) for text in texts[:_LISTED]) + more


def _file(file: ChangedFile) -> str:
    lines = "" if file.added is None else f" +{file.added} -{file.deleted}"
    return f"{file.path}{lines}{' (new)' if file.status == 'A' else ' (gone)' if file.status == 'D' else ''}"


def _value(change: Change[Value]) -> str:
    before, after = value_text(change.before), value_text(change.after)
    return f"{change.name} {_side(before, change.before)} → {_side(after, change.after)}"


def _package(change: Change[str]) -> str:
    before, after = (version_text(change.name, side) for side in (change.before, change.after))
    return f"{change.name} {_side(before, change.before)} → {_side(after, change.after)}"


def _input(change: Change[Input]) -> str:
    before, after = ("" if isinstance(s, Absent) else f"{s.sha256[:8]}…" for s in (change.before, change.after))
    return f"{change.name} {_side(before, change.before)} → {_side(after, change.after)}"


def _side(text: str, side: object) -> str:
    return "nothing" if isinstance(side, Absent) else fit(text, _CELL)


def _remark(asked: Asked, found: Blame) -> None:
    if not found.moves:
        what = "is not moved" if found.runs > 1 else "cannot be compared: there is one run"
        say(f"{asked.metric!r:.80} {what}{' by more than the noise' if found.noise else ''}")
    if found.more:
        say(f"{counted(found.more, 'smaller move')} more: -n shows them")
    if found.noise:
        say(f"{counted(found.noise, 'move')} no larger than the spread of runs of the same code and params: not blamed")
    if found.dirty:
        say(f"{counted(found.dirty, 'run')} on uncommitted changes left out")
    if found.replaced:
        say(f"{counted(found.replaced, 'run')} of commits that were rewritten into other files left out")


def _document(asked: Asked, direction: Direction | None, found: Blame) -> dict[str, object]:
    return {
        "metric": asked.metric,
        "summary": asked.summary,
        "direction": direction and direction.value,
        "runs": found.runs,
        "dirty_runs_left_out": found.dirty,
        "replaced_runs_left_out": found.replaced,
        "within_noise": found.noise,
        "smaller": found.more,
        "moves": [_move_document(each, direction) for each in found.moves],
    }


def _move_document(each: Explained, direction: Direction | None) -> dict[str, object]:
    from dataclasses import asdict

    sides = {"before": each.move.before, "after": each.move.after}
    return {
        "commit": each.move.after.commit,
        "subject": each.subject,
        "since": each.move.before.commit,
        "commits": each.commits,
        "change": each.move.change,
        "noise": each.move.noise,
        "verdict": _verdict(each, direction) or None,
        "causes": list(each.causes),
        **{name: {"value": side.middle, "runs": list(side.runs)} for name, side in sides.items()},
        "params": [_value_document(change) for change in each.difference.params],
        "environment": [_value_document(change) for change in each.difference.environment],
        "packages": [_value_document(change) for change in each.difference.packages],
        "data": [_input_document(change) for change in each.difference.inputs],
        "code": None if each.files is None else [asdict(file) for file in each.files],
    }


def _value_document(change: Change[Value] | Change[str]) -> dict[str, Value]:
    sides: dict[str, Value | Absent] = {"before": change.before, "after": change.after}
    found: dict[str, Value] = {side: value for side, value in sides.items() if not isinstance(value, Absent)}
    return {"name": change.name} | found


def _input_document(change: Change[Input]) -> dict[str, str]:
    sides = {"before": change.before, "after": change.after}
    return {"name": change.name} | {side: item.sha256 for side, item in sides.items() if not isinstance(item, Absent)}
