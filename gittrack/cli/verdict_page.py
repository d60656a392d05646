"""The report of a gate: Markdown for a pull request, or plain values for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gittrack.cli.sheet import escaped, markdown_lines
from gittrack.cli.wording import counted, short_number, short_value
from gittrack.gate import files_that_differ, params_that_differ
from gittrack.read.whereabouts import COMMIT
from gittrack.values import full_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.gate import Outcome, Side
    from gittrack.judge.gate import Judgement
    from gittrack.model import Run, Value

_NAMED: Final = 5  # runs of a commit
_PARAMS: Final = 30
_LONGEST: Final = 200  # characters of a param
_NOTHING: Final = "-"


def report(outcome: Outcome) -> list[str]:
    """Return the lines of the report, in Markdown."""
    return [f"### gittrack gate: {'passed' if outcome.passes else 'failed'}", "", *_verdict(outcome), *_params(outcome)]


def document(outcome: Outcome) -> dict[str, object]:
    """Return the outcome as a JSON object."""
    question = outcome.question
    return {
        "passed": outcome.passes,
        "problem": outcome.problem,
        "aggregate": question.aggregate.value,
        "summary": question.summary,
        "metrics": [_judgement(judgement) for judgement in outcome.judgements],
        "candidate": _side_document(outcome.candidate),
        "baseline": _side_document(outcome.baseline),
        "params": [
            {"name": change.name, "baseline": list(change.baseline), "candidate": list(change.candidate)}
            for change in params_that_differ(outcome)
        ],
    }


def _judgement(judgement: Judgement) -> dict[str, object]:
    rule = judgement.rule
    return {
        "metric": rule.metric,
        "direction": rule.direction.value,
        "tolerance": rule.tolerance,
        "relative": rule.relative,
        "baseline": judgement.baseline,
        "candidate": judgement.candidate,
        "change": judgement.change,
        "bound": judgement.bound,
        "verdict": judgement.word,
        "passed": judgement.passes,
    }


def _side_document(side: Side) -> dict[str, object]:
    runs = [
        {
            "id": run.id,
            "name": run.name,
            "commit": run.code.commit,
            "dirty": run.code.dirty,
            "how": (side.how or {}).get(run.id, COMMIT),
        }
        for run in side.runs
    ]
    return {
        "revision": side.revision,
        "revision_commit": side.commit,
        "commit": side.found.commit if side.found else None,
        "back": side.found.back if side.found else None,
        "files_differ": side.differs,
        "runs": runs,
    }


def _verdict(outcome: Outcome) -> Iterator[str]:
    if outcome.problem is not None:
        yield escaped(outcome.problem)
        yield ""
    else:
        rows = [_row(judgement) for judgement in outcome.judgements]
        heading = ["metric", "baseline", "candidate", "change", "at worst", "verdict"]
        yield from markdown_lines(heading, rows, [False, True, True, True, True, False])
        yield ""
    yield f"- candidate: {_side(outcome.candidate, outcome)}"
    yield f"- baseline: {_side(outcome.baseline, outcome)}"
    sentence = files_that_differ(outcome)
    if sentence is not None:
        yield f"- warning: {sentence}"


def _row(judgement: Judgement) -> list[str]:
    rule = judgement.rule
    before, after = judgement.baseline, judgement.candidate
    write = short_number
    if before is not None and after is not None and before != after and short_number(before) == short_number(after):
        write = full_value
    word = judgement.word if judgement.passes else f"**{judgement.word}**"
    numbers = [_NOTHING if number is None else write(number) for number in (before, after)]
    change = _NOTHING if judgement.change is None else f"{'+' if judgement.change > 0 else ''}{write(judgement.change)}"
    bound = _NOTHING if judgement.bound is None else write(judgement.bound)
    return [f"{escaped(rule.metric)} ({rule.direction.value})", *numbers, change, bound, word]


def _side(side: Side, outcome: Outcome) -> str:
    where = f"{escaped(side.revision)} is `{side.commit[:7]}`"
    if side.found is None:
        return f"{where}; no run"
    if side.found.back:
        place = f"{counted(side.found.back, 'commit')} before it"
        where += f"; the nearest commit with runs is `{side.found.commit[:7]}`, {place}"
    stands_for = f" ({outcome.question.aggregate.value})" if len(side.runs) > 1 else ""
    more = f" and {len(side.runs) - _NAMED} more" if len(side.runs) > _NAMED else ""
    return f"{where}; {counted(len(side.runs), 'run')}{stands_for}: {', '.join(_named(side))}{more}"


def _named(side: Side) -> Iterator[str]:
    for run in side.runs[:_NAMED]:
        yield f"`{run.id[:8]}` {escaped(run.name)}{_remark(run, (side.how or {}).get(run.id, COMMIT))}"


def _remark(run: Run, how: str) -> str:
    """The star of a run that ran something else than the commit, and what makes it this commit's run all the same."""
    if how == COMMIT:
        return "\\*" if run.code.dirty else ""
    commit = f"`{(run.code.commit or '')[:7]}`"
    return f" (uncommitted on {commit}, {how})" if run.code.dirty else f" (of {commit}, {how})"


def _params(outcome: Outcome) -> Iterator[str]:
    changes = params_that_differ(outcome) if outcome.problem is None else []
    if not changes:
        return
    yield ""
    rows = [
        [escaped(change.name), *(_values(values) for values in (change.baseline, change.candidate))]
        for change in changes[:_PARAMS]
    ]
    yield from markdown_lines(["param", "baseline", "candidate"], rows, [False] * 3)
    if len(changes) > _PARAMS:
        yield ""
        yield f"{len(changes) - _PARAMS} more params differ."


def _values(values: tuple[Value, ...]) -> str:
    text = ", ".join(short_value(value) for value in values)
    return escaped(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…") or _NOTHING
