"""Rows as runs that could be recorded: checked, without secrets, each with an id that follows from its values."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from gittrack.capture.redact import redact_mapping, redact_shapes, redact_tag, redact_text
from gittrack.codec.document import pack
from gittrack.codec.times import milliseconds
from gittrack.errors import GittrackError, InvalidValue
from gittrack.exchange.cells import attribute_of, is_empty, metric_of, nested, param_of, person_of, tag_of
from gittrack.exchange.mapping import Column, Role
from gittrack.exchange.tables import Word
from gittrack.model import (
    DEFAULT_EXPERIMENT,
    FINISHED,
    IMPORTED_FROM,
    Author,
    Code,
    Number,
    Point,
    Record,
    Start,
    Value,
)
from gittrack.names import name_for
from gittrack.values import check_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gittrack.exchange.tables import Line


@dataclass(frozen=True, slots=True)
class Draft:
    """A run to be recorded: its first record, without summaries, and the points of its metrics."""

    where: str
    record: Record
    points: Mapping[str, Sequence[Point]]

    @property
    def id(self) -> str:
        """The id of the run."""
        assert self.record.start is not None
        return self.record.start.id


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a row that does not say it gets; `source` is the name of the file, `now` the time of the import."""

    author: Author
    source: str
    now: float
    experiment: str = DEFAULT_EXPERIMENT


@dataclass(slots=True)
class Facts:
    """What one row says."""

    params: dict[str, Value] = field(default_factory=dict)
    metrics: dict[str, Number] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, object] = field(default_factory=dict)

    def digest(self, before: int) -> str:
        """Return an id that follows from the values alone; `before` is how many rows of the table said the same."""
        told = [*map(_canonical, (self.params, self.metrics, self.tags, self.attributes)), before]
        return hashlib.sha256(pack(told).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def text(self, name: str) -> str | None:
        """Return an attribute that is text, None where the row has none."""
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> float | None:
        """Return an attribute that is a number, None where the row has none."""
        value = self.attributes.get(name)
        return milliseconds(value) if isinstance(value, (int, float)) else None


def _canonical(value: object) -> object:
    """A value as another kind of file has it too: in a sheet 1 is 1.0, and the order of columns is nobody's."""
    if isinstance(value, Mapping):
        return sorted(([str(key), _canonical(item)] for key, item in value.items()), key=lambda pair: str(pair[0]))
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53
    return float(value) if is_whole else value  # type: ignore[arg-type]


def drafts_of(lines: Iterable[Line], columns: Iterable[Column], defaults: Defaults) -> Iterator[Draft]:
    """Yield the run of each row; GittrackError, with the place, for a row that cannot be one."""
    by_name = {column.name: column for column in columns}
    seen: Counter[str] = Counter()
    for line in lines:
        try:
            facts = _facts(line.row, by_name)
        except InvalidValue as error:
            raise GittrackError(f"{line.where}: {error}") from None
        run_id = facts.text("run_id")
        if run_id is None:
            run_id = same = facts.digest(0)
            if seen[same]:
                run_id = facts.digest(seen[same])  # two rows that say the same are two runs
            seen[same] += 1
        yield _draft(line.where, run_id, facts, defaults)


def _facts(row: Mapping[str, object], columns: Mapping[str, Column]) -> Facts:
    facts = Facts()
    for name, value in row.items():
        column = columns[name]
        if value is None or column.role is Role.NOTHING:
            continue
        below = nested(value) if column.target == "" else None
        for key, item in below.items() if below is not None else ((column.target, value),):
            _take(facts, column.role, key, item)
    facts.params = redact_mapping(facts.params)
    facts.metrics = {_metric_name(name): value for name, value in facts.metrics.items()}
    return facts


def _take(facts: Facts, role: Role, key: str, value: object) -> None:
    """Add one cell to the facts."""
    if role is Role.ATTRIBUTE:
        if isinstance(value, Word) and not value.text.strip():
            return
        found = attribute_of(key, value)
        facts.attributes[key] = redact_text(found) if isinstance(found, str) and key not in _NO_TEXT else found
    elif role is Role.PARAM:
        facts.params[check_key("param", key)] = param_of(key, value)
    elif role is Role.TAG:
        name, text = redact_tag(check_key("tag", key), tag_of(key, value))
        facts.tags[name] = text or ""
    elif not is_empty(value):
        number = metric_of(check_key("metric", key), value)
        if number is not None:
            facts.metrics[key] = number


@cache
def _metric_name(name: str) -> str:
    return redact_shapes(name)  # once a column, not once a row


_NO_TEXT = frozenset(("run_id", "parent", "status", "code.commit"))


def _draft(where: str, run_id: str, facts: Facts, defaults: Defaults) -> Draft:
    start, end = _span(facts, defaults.now)
    author = facts.text("author")
    email = facts.text("author.email") or ""
    record = Record(
        start=Start(
            id=run_id,
            name=facts.text("name") or name_for(run_id),
            time=start,
            experiment=facts.text("experiment") or defaults.experiment,
            parent=facts.text("parent"),
            author=Author(*person_of(author, email)) if author else defaults.author,
            code=Code(
                facts.text("code.commit"),
                facts.text("code.branch"),
                dirty=facts.attributes.get("code.dirty") is True,
            ),
        ),
        status=facts.text("status") or FINISHED,
        end=end,
        description=facts.text("description"),
        deleted=facts.attributes.get("deleted") is True or None,
        params=facts.params,
        tags={IMPORTED_FROM: defaults.source} | facts.tags,
    )
    seconds = max(0.0, end - start)
    return Draft(where, record, {name: [Point(None, seconds, value)] for name, value in facts.metrics.items()})


def _span(facts: Facts, now: float) -> tuple[float, float]:
    """When it started and ended, as far as the row tells; what it does not tell is the time of the import."""
    start, end, lasted = facts.number("start_time"), facts.number("end_time"), facts.number("duration")
    if start is None:
        start = milliseconds(now) if end is None else milliseconds(end - (lasted or 0.0))
    return start, end if end is not None else milliseconds(start + (lasted or 0.0))
