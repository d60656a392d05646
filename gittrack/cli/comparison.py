"""The page about what differs: a table for each kind of thing, with what is too wide for one line below each other."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.cli.render import Column, render, visible, width_of
from gittrack.cli.wording import long_age, short_number, size
from gittrack.git.diff import changed_files
from gittrack.model import Input, MetricSummary
from gittrack.read.difference import Absent, gap
from gittrack.read.source import not_kept
from gittrack.values import full_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.cli.render import Screen
    from gittrack.errors import NotFetched
    from gittrack.git.diff import Trees, View
    from gittrack.git.repository import Repository
    from gittrack.git.status import WorkingTree
    from gittrack.model import LeftOut, Number, Run, Value
    from gittrack.read.difference import Change, Difference
    from gittrack.record.present import Present

_NOW: Final = "now"
_INDENT: Final = "  "
_NAME: Final = 30
_CELL: Final = 60  # of a table whose lines may be of any length
_NARROW: Final = 14


class Row(NamedTuple):
    """A line of a table: harmless text, '' where there is nothing; `change` is how far two numbers are apart."""

    name: str
    before: str
    after: str
    change: str = ""


class Compared(NamedTuple):
    """What is compared, a run with another one or with what is here `now`, and what came of it.

    `difference` and `trees` are None where they are not wanted; `missing` says why there are no trees though they are.
    """

    before: Run
    after: Run | None
    now: Present | None
    difference: Difference | None
    trees: Trees | None
    missing: NotFetched | None

    @property
    def titles(self) -> tuple[str, str]:
        """The headings of the two columns."""
        return self.before.id[:8], _NOW if self.after is None else self.after.id[:8]

    @property
    def left_out(self) -> list[tuple[str, LeftOut]]:
        """The files that are not in the code of either, each with the heading of its side."""
        after = not_kept(self.after.code) if self.after else self.now.left_out if self.now else ()
        sides = zip(self.titles, (not_kept(self.before.code), after), strict=True)
        return [(title, item) for title, found in sides for item in found]


def comparison_page(found: Compared, view: View, page: Screen, *, code_differs: bool) -> list[str]:
    """Return the lines in front of the code: what is compared, a table of each kind of thing, what is left out."""
    tables = _tables(found.difference, found, page) if found.difference else []
    lines = [*_heading(found, page), *tables]
    if found.missing is not None:
        return lines
    lines += _left_out(found, page) if found.trees else []
    if code_differs:
        return [*lines, "", *_code_title(found, page), ""]
    return [*lines, *_nothing(found, view, some=bool(tables))]


def _code_title(found: Compared, page: Screen) -> list[str]:
    """The heading of the code, with the command that shows the same without gittrack, where both are commits."""
    title = page.ink.title("Code")
    if found.trees is None or found.now is not None:
        return [title]
    return [title, page.ink.quiet(f"git diff {found.trees.before[:12]} {found.trees.after[:12]}")]


def _nothing(found: Compared, view: View, *, some: bool) -> list[str]:
    """What is said where there is no code to show."""
    if found.trees is None:
        return [] if some else ["", "Nothing differs, the code aside."]
    if view.paths:
        return ["", "The code of these paths is the same."]
    return ["", "The code is the same." if some else "Nothing differs."]


def document(repo: Repository, found: Compared, view: View) -> dict[str, object]:
    """Return what differs as a JSON object; a side that has nothing is not there."""
    from dataclasses import asdict, fields

    parts = found.difference
    named = {} if parts is None else {part.name: _changes(getattr(parts, part.name)) for part in fields(parts)}
    return {
        "from": _run_document(found.before),
        "to": None if found.after is None else _run_document(found.after),
        **named,
        "left_out": [{"run": title} | asdict(item) for title, item in found.left_out],
        "code": None if found.trees is None else [asdict(file) for file in changed_files(repo, found.trees, view)],
    }


def _run_document(run: Run) -> dict[str, object]:
    facts = {"id": run.id, "name": run.name, "status": run.status}
    return {**facts, "commit": run.code.commit, "snapshot": run.code.snapshot, "tree": run.code.tree}


def _changes(changes: Iterable[Change[object]]) -> dict[str, object]:
    return {change.name: _change(change) for change in changes}


def _change(change: Change[object]) -> dict[str, object]:
    before, after = change.before, change.after
    plain = {"before": _plain(before), "after": _plain(after)}
    found = {word: plain[word] for word, side in (("before", before), ("after", after)) if not isinstance(side, Absent)}
    if isinstance(before, MetricSummary) and isinstance(after, MetricSummary):
        pairs = {"last": (before.last, after.last), "min": (before.min, after.min), "max": (before.max, after.max)}
        found["change"] = {word: gap(*pair) for word, pair in pairs.items()}
    return found


def _plain(side: object) -> object:
    from dataclasses import asdict

    if isinstance(side, MetricSummary):
        return {name: value for name, value in asdict(side).items() if name != "files"}
    return asdict(side) if isinstance(side, Input) else side


def _heading(found: Compared, page: Screen) -> Iterator[str]:
    yield f"{page.ink.title('from')}  {_run(found.before, page)}"
    to = _present(found.now.state if found.now else None) if found.after is None else _run(found.after, page)
    yield f"{page.ink.title('to')}    {to}"


def _tables(difference: Difference, found: Compared, page: Screen) -> list[str]:
    sections = {
        "Run": [_values(change) for change in difference.facts],
        "Params": [_values(change) for change in difference.params],
        "Metrics": [row for change in difference.metrics for row in _metric(change)],
        "Tags": [_texts(change) for change in difference.tags],
        "Environment": [_values(change) for change in difference.environment],
        "Packages": [_package(change) for change in difference.packages],
        "Inputs": [_input(change, "" if found.after else "not here") for change in difference.inputs],
    }
    return [line for title, rows in sections.items() for line in _section(title, rows, found.titles, page)]


def _left_out(found: Compared, page: Screen) -> list[str]:
    items = found.left_out
    if not items:
        return []
    columns = [
        Column("", [title for title, _ in items], 2, paint=page.ink.name),
        Column("path", [visible(item.path) for _, item in items], 3, least=20),
        Column("why", [visible(item.why) for _, item in items], 1),
    ]
    return ["", page.ink.title("Left out of the code"), *_indented(render(columns, _width(page), page.ink).lines)]


def _run(run: Run, page: Screen) -> str:
    deleted = " (deleted)" if run.deleted else ""
    name = f"{page.ink.name(run.id[:8])} {page.ink.title(visible(run.name))}"
    return f"{name}  {page.ink.status(visible(run.status))}{deleted}  {long_age(run.start, time.time())}"


def _present(now: WorkingTree | None) -> str:
    if now is None:
        return "what is here now"
    place = f"at {now.commit[:7]}" if now.commit else "before the first commit"
    branch = f" on {visible(now.branch)}" if now.branch else ""
    return f"the working tree now, {place}{branch}{', with uncommitted changes' if now.dirty else ''}"


def _section(title: str, rows: Sequence[Row], titles: tuple[str, str], page: Screen) -> list[str]:
    if not rows:
        return []
    room = _room(rows, page)
    wide = [row for row in rows if max(width_of(row.before), width_of(row.after)) > room]
    lines = _table([row for row in rows if row not in wide], titles, page)
    for row in wide:
        lines += _stacked(row)
    return ["", page.ink.title(title), *_indented(lines)]


def _room(rows: Iterable[Row], page: Screen) -> int:
    """The width to which each of the two values may grow in a table that fits."""
    width = _width(page)
    if width is None:
        return _CELL
    name = min(_NAME, max(width_of(row.name) for row in rows))
    change = max(width_of(row.change) for row in rows)
    return max(_NARROW, (width - name - change - 6) // 2)


def _table(rows: Sequence[Row], titles: tuple[str, str], page: Screen) -> list[str]:
    if not rows:
        return []
    before, after = titles
    numbers = any(row.change for row in rows)
    columns = [
        Column("", [row.name for row in rows], 2, least=12),
        Column(before, [row.before for row in rows], 4, right=numbers, least=_NARROW),
        Column(after, [row.after for row in rows], 3, right=numbers, least=_NARROW),
    ]
    if numbers:
        columns.append(Column("change", [row.change for row in rows], 1, right=True))
    return render(columns, _width(page), page.ink).lines


def _stacked(row: Row) -> Iterator[str]:
    yield row.name
    if row.before:
        yield f"  - {row.before}"
    if row.after:
        yield f"  + {row.after}"


def _values(change: Change[Value]) -> Row:
    before, after = value_text(change.before), value_text(change.after)
    if before == after:  # 1 and '1'
        before, after = repr(change.before), repr(change.after)
    return Row(visible(change.name), visible(before), visible(after))


def value_text(value: Value | Absent) -> str:
    """Return a value on one line with every digit, a command as a shell takes it, '' for nothing."""
    if isinstance(value, Absent):
        return ""
    if isinstance(value, list) and value and all(isinstance(word, str) for word in value):
        return shlex.join(map(str, value))
    return full_value(value)


def _texts(change: Change[str]) -> Row:
    before, after = ("" if isinstance(side, Absent) else side or "''" for side in (change.before, change.after))
    return Row(visible(change.name), visible(before), visible(after))


def _package(change: Change[str]) -> Row:
    before, after = (version_text(change.name, side) for side in (change.before, change.after))
    return Row(visible(change.name), visible(before), visible(after))


def version_text(name: str, line: str | Absent) -> str:
    """Return what a requirement line says of the package with that name, mostly its version."""
    if isinstance(line, Absent):
        return ""
    return line.removeprefix(f"{name}==").removeprefix(f"{name} @ ")


def _metric(change: Change[MetricSummary]) -> Iterator[Row]:
    name = visible(change.name)
    before, after = (None if isinstance(side, Absent) else side for side in (change.before, change.after))
    if before is None or after is None:
        yield Row(name, *("" if side is None else short_number(side.last) for side in (before, after)))
        return
    if _apart(before.last, after.last):
        yield _numbers(name, before.last, after.last)
    for word, one, other in (("min", before.min, after.min), ("max", before.max, after.max)):
        # Of a metric that was logged once they say nothing that is not said already.
        if _apart(one, other) and (_apart(one, before.last) or _apart(other, after.last)):
            yield _numbers(f"{name} {word}", one, other)


def _apart(a: Number, b: Number) -> bool:
    return a != b and (a == a or b == b)


def _numbers(name: str, before: Number, after: Number) -> Row:
    one, other = short_number(before), short_number(after)
    if one == other:  # a difference that six digits do not show
        one, other = full_value(before), full_value(after)
    apart = gap(before, after)
    change = "" if apart is None else f"{'+' if apart > 0 else ''}{short_number(apart)}"
    return Row(name, one, other, change)


def _input(change: Change[Input], missing: str) -> Row:
    before, after = change.before, change.after
    moved = isinstance(before, Input) and isinstance(after, Input) and before.path != after.path
    cells = (
        missing if isinstance(side, Absent) else visible(content_text(side, path=moved)) for side in (before, after)
    )
    return Row(visible(change.name), *cells)


def content_text(item: Input, *, path: bool) -> str:
    """Return the beginning of the hash of an input, its size, and with `path` where it was read."""
    return f"{item.sha256[:12]} {size(item.size)}{f' {item.path}' if path else ''}"


def _width(page: Screen) -> int | None:
    return None if page.width is None else page.width - len(_INDENT)


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"{_INDENT}{line}".rstrip() for line in lines]
