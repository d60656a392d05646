"""The page about one run: what a person wants to know of it, from top to bottom."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Final

from gittrack.cli.render import GAP, Column, Screen, fit, render, sparkline, visible, visible_lines, width_of
from gittrack.cli.wording import counted, duration, local_time, long_age, short_number, size
from gittrack.codec.paths import RECORD, run_directory
from gittrack.model import IMPORTED_FROM, RUNNING, MetricSummary, Run
from gittrack.values import flatten, full_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gittrack.catalog import Catalog

INDENT: Final = "  "
LAST_LINES: Final = 10
_ERROR_LINES: Final = 20
# Histories are read for a drawing only while that takes no noticeable time.
_DRAWN_METRICS: Final = 12
_DRAWN_POINTS: Final = 5000
_DRAWN_WIDTH: Final = 24
_NOWHERE: Final = "nowhere, only its hash"


def run_page(catalog: Catalog, run: Run, page: Screen) -> list[str]:
    """Return the lines of the page about `run`."""
    lines = [*_head(run, page), *_facts(catalog, run, time.time())]
    lines += _section("Description", visible_lines(run.description), page)
    lines += _section("Params", _pairs({key: full_value(value) for key, value in flatten(run.params)}), page)
    lines += _section("Metrics", _metrics(catalog, run, page), page)
    lines += _section("Tags", _pairs(run.tags), page)
    lines += _section("Inputs", _inputs(catalog, run, page), page)
    lines += _section("Left out of the snapshot", _left_out(run, page), page)
    lines += _section("Artifacts", _artifacts(run, page), page)
    lines += _section("Notes", list(_notes(run)), page)
    lines += _section("Error", _error(run), page)
    lines += _output(catalog, run, page)
    lines += _section("Warnings", [visible(warning) for warning in run.warnings], page)
    return [*lines, *_plain_git(catalog, run, page)]


def _head(run: Run, page: Screen) -> Iterator[str]:
    yield page.ink.name(f"run {visible(run.id)}")
    deleted = " (deleted; 'gittrack restore' brings it back)" if run.deleted else ""
    yield f"{page.ink.title(visible(run.name))}  {page.ink.status(visible(run.status))}{deleted}"


def _facts(catalog: Catalog, run: Run, now: float) -> Iterator[str]:
    facts = {
        "Experiment": run.experiment,
        "Part of": run.parent or "",
        "Started": f"{local_time(run.start)} ({long_age(run.start, now)})",
        "Took": _took(run, now),
        "Resumed": counted(len(run.parts), "time") if run.parts else "",
        "Author": f"{run.author.name} <{run.author.email}>" if run.author else "",
        "Host": " ".join(filter(None, (run.host, f"(user {run.user})" if run.user else ""))),
        "Seen": _seen(catalog, run),
        "Command": shlex.join(run.command),
        "Entry": run.code.entry or "",
        "Directory": "" if run.code.directory == "." else run.code.directory,
        "Commit": _commit(run),
        "Snapshot": _snapshot(run),
        **_today(catalog, run),
        "Reproduces": run.reproduces or "",
        "Remote": run.code.remote or "",
        "Python": " ".join(filter(None, (run.environment.python, _implementation(run)))),
        "Platform": _platform(run),
        "GPUs": ", ".join(run.environment.gpus),
    }
    for name, value in facts.items():
        if value:
            yield f"{name + ':':<12}{visible(value)}"


def _seen(catalog: Catalog, run: Run) -> str:
    """When a run that is running elsewhere was heard of last."""
    found = catalog.elsewhere.get(run.id)
    if found is None:
        return ""
    from gittrack.cli.elsewhere import seen

    return f"running elsewhere, {seen(catalog, found)}"


def _took(run: Run, now: float) -> str:
    if run.duration is not None:
        return duration(run.duration)
    return f"{duration(max(0.0, now - run.start))} so far" if run.status == RUNNING else ""


def _commit(run: Run) -> str:
    code = run.code
    if code.commit is None:
        return "not known: it was imported" if IMPORTED_FROM in run.tags else "none: the branch had no commit yet"
    place = f" on {code.branch}" if code.branch else ", detached"
    return f"{code.commit}{place}{', with uncommitted changes' if code.dirty else ''}"


def _snapshot(run: Run) -> str:
    snapshot = run.code.snapshot or ""
    return f"{snapshot}, which was purged" if snapshot in run.purged else snapshot


def _today(catalog: Catalog, run: Run) -> dict[str, str]:
    """Where the code is in the history of today, where that is another place."""
    from gittrack.read.whereabouts import COMMIT, NOWHERE, whereabouts

    found = whereabouts(catalog.project, run)
    facts = {"Committed": f"{found.committed}, the very files of the snapshot"} if found.committed else {}
    if found.how == NOWHERE:
        before = f"; it was on {run.code.branch}" if run.code.branch else ""
        facts["Now"] = f"{NOWHERE}{before}"
    elif found.how not in ("", COMMIT):
        facts["Now"] = f"{found.commit}, found by the {found.how}"
    return facts


def _left_out(run: Run, page: Screen) -> list[str]:
    if not run.code.left_out:
        return []
    columns = [
        Column("path", [visible(item.path) for item in run.code.left_out], 3, least=20),
        Column("size", [size(item.size) if item.size else "" for item in run.code.left_out], 2, right=True),
        Column("why", [visible(item.why) for item in run.code.left_out], 1),
    ]
    return render(columns, None if page.width is None else page.width - len(INDENT), page.ink).lines


def _implementation(run: Run) -> str:
    return f"({run.environment.implementation})" if run.environment.implementation else ""


def _platform(run: Run) -> str:
    env = run.environment
    cpus = counted(env.cpu_count, "CPU") if env.cpu_count else ""
    return ", ".join(filter(None, (env.platform, env.machine, env.cpu, cpus)))


def _section(title: str, lines: list[str], page: Screen) -> list[str]:
    return ["", page.ink.title(title), *(f"{INDENT}{line}".rstrip() for line in lines)] if lines else []


def _pairs(values: Mapping[str, str]) -> list[str]:
    names = [visible(name) for name in values]
    longest = min(40, max(map(width_of, names), default=0))
    lines = []
    for name, value in zip(names, values.values(), strict=True):
        lead = f"{name}{' ' * (longest - width_of(name))}{GAP}"
        # The lines of a long text stand below each other.
        first, *rest = visible_lines(value) or [""]
        lines += [lead + first, *(" " * width_of(lead) + line for line in rest)]
    return lines


def _metrics(catalog: Catalog, run: Run, page: Screen) -> list[str]:
    if not run.metrics:
        return []
    names, found = list(run.metrics), list(run.metrics.values())
    columns = [
        Column("name", [visible(name) for name in names], 9, least=12),
        Column("last", [short_number(m.last) for m in found], 8, right=True),
        Column("step", [_step(m.step) for m in found], 4, right=True),
        Column("min", [short_number(m.min) for m in found], 7, right=True),
        Column("at", [_step(m.min_step) for m in found], 2, right=True),
        Column("max", [short_number(m.max) for m in found], 6, right=True),
        Column("at", [_step(m.max_step) for m in found], 1, right=True),
        Column("count", [str(m.count) for m in found], 5, right=True),
    ]
    if page.terminal and len(found) <= _DRAWN_METRICS and sum(m.count for m in found) <= _DRAWN_POINTS:
        columns.append(Column("", [_drawn(catalog, run, name, m) for name, m in run.metrics.items()], 3))
    width = None if page.width is None else page.width - len(INDENT)
    return render(columns, width, page.ink).lines


def _step(step: int | None) -> str:
    return "" if step is None else str(step)


def _drawn(catalog: Catalog, run: Run, name: str, summary: MetricSummary) -> str:
    if summary.count < 2:
        return ""
    return sparkline([point.value for point in catalog.history(run, name)], _DRAWN_WIDTH)


def _inputs(catalog: Catalog, run: Run, page: Screen) -> list[str]:
    if not run.inputs:
        return []
    from gittrack.read.inputs import input_state

    columns = [
        Column("name", [visible(item.name) for item in run.inputs], 4, least=12),
        Column("path", [visible(item.path) for item in run.inputs], 3, least=20),
        Column("size", [size(item.size) for item in run.inputs], 2, right=True),
        Column("files", [str(item.files) for item in run.inputs], 0, right=True),
        Column("sha256", [visible(item.sha256[:12]) for item in run.inputs], 1),
        Column("kept in", [visible(item.stored or _NOWHERE) for item in run.inputs], 1),
        Column("now", [input_state(catalog.project, run, item) for item in run.inputs], 4),
    ]
    return render(columns, None if page.width is None else page.width - len(INDENT), page.ink).lines


def _artifacts(run: Run, page: Screen) -> list[str]:
    if not run.artifacts:
        return []
    columns = [
        Column("path", [visible(item.path) for item in run.artifacts], 3, least=20),
        Column("size", [size(item.size) for item in run.artifacts], 2, right=True),
        Column("", ["large file" if item.large else "" for item in run.artifacts], 1),
    ]
    return render(columns, None if page.width is None else page.width - len(INDENT), page.ink).lines


def _notes(run: Run) -> Iterator[str]:
    for number, note in enumerate(run.notes):
        if number:
            yield ""
        by = f", {visible(note.author.name)}" if note.author else ""
        yield f"{local_time(note.time)}{by}:"
        yield from (f"{INDENT}{line}" for line in visible_lines(note.text))


def _error(run: Run) -> list[str]:
    lines = visible_lines(run.error or "")
    left_out = len(lines) - _ERROR_LINES
    return [f"({counted(left_out, 'line')} before)", *lines[left_out:]] if left_out > 0 else lines


def _output(catalog: Catalog, run: Run, page: Screen) -> list[str]:
    if not run.output and run.status != RUNNING:
        return []
    lines = visible_lines(catalog.output(run).decode("utf-8", "replace"))
    rest = _before_error(lines, visible_lines(run.error or ""))
    last = rest[-LAST_LINES:]
    told = f", the last {len(last)}{' before the error' if len(rest) < len(lines) else ''}"
    more = f"{told}; all: gittrack show {run.id[:8]} --output" if len(lines) > len(last) else ""
    title = f"Output ({counted(len(lines), 'line')}{more})"
    shown = last if page.width is None else [fit(line.expandtabs(), page.width - len(INDENT)) for line in last]
    return _section(title, shown, page)


def _before_error(lines: list[str], error: list[str]) -> list[str]:
    """The lines without those at their end that the error repeats."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    repeated = next((n for n in range(min(len(error), end), 0, -1) if lines[end - n : end] == error[-n:]), 0)
    return lines[: end - repeated] if repeated else lines


def _plain_git(catalog: Catalog, run: Run, page: Screen) -> list[str]:
    if run.status == RUNNING:
        return []
    place = catalog.project.shown_ref()
    return ["", page.ink.quiet(f"git show {place}:{run_directory(run.id)}/{RECORD}")]
