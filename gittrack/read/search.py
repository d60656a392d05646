"""Which runs a query means, and in which order: the plan by which SQLite finds them, and the time it may take.

SQLite is told which table to begin with: the one of a metric, param or tag that the filter bounds to few rows, or the
one that already has the order that is asked for. Only where neither helps does it look at every run.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from gittrack.errors import GittrackError, UsageError
from gittrack.query.terms import SUMMARIES, And, Comparison, Field, Literal, Mode, Order, Query, Source, Type
from gittrack.read.sql import Bound, bindable, condition_sql, number_sql, register_functions, text_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from sqlite3 import Connection

    from gittrack.model import Run
    from gittrack.query.terms import Condition

SECONDS: Final = 2.0  # a query takes at most, of the processor
_PATIENCE: Final = 30.0  # seconds by the clock
_TOO_MUCH: Final = ("overflow", "too complex", "too many", "too large", "too big", "maximum depth")
_OPERATIONS: Final = 20_000  # of SQLite's machine between two looks at the clock
_FEW: Final = 5_000  # rows that are sorted at once rather than read in order
_MOST: Final = 2**63 - 1  # as far as SQLite counts
_RANGE_SIGNS: Final = frozenset(("=", "<", "<=", ">", ">="))


class Hit(NamedTuple):
    """A run that was found: what it is sorted by, its id last."""

    keys: tuple[int | float | str | None, ...]

    @property
    def id(self) -> str:
        """The id of the run."""
        return str(self.keys[-1])

    @property
    def start(self) -> float:
        """When it started, in seconds since the epoch."""
        start = self.keys[-2]
        assert isinstance(start, (int, float))
        return start


class _Key(NamedTuple):
    """SQL to sort by; it need not be sorted by where it is `constant`."""

    sql: str
    descending: bool
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Ordering:
    """What answers are sorted by: the keys, and the values that are bound in them."""

    keys: tuple[_Key, ...]
    values: list[int | float | str]

    def sorted(self, hits: list[Hit]) -> list[Hit]:
        """Return hits of several tables in this order."""
        for place in reversed(range(len(self.keys))):
            hits = sorted(hits, key=lambda hit: _sortable(hit.keys[place]), reverse=self.keys[place].descending)
        return hits


@dataclass(frozen=True, slots=True)
class _Driver:
    """The table that the search begins with, aliased d: its rows of one key, bounded by `tests`."""

    table: str
    key: str
    column: str
    tests: tuple[tuple[str, int | float | str], ...] = ()
    known: dict[Field, str] = field(default_factory=dict)

    @property
    def where(self) -> Bound:
        sql = "".join(f" AND d.{self.column} {sign} ?" for sign, _ in self.tests) or f" AND d.{self.column} IS NOT NULL"
        return f"d.key = ?{sql}", [bindable(self.key), *(value for _, value in self.tests)]


def search(db: Connection, query: Query) -> list[Hit]:
    """Return the runs of the tables of `db` that `query` means, in its order; GittrackError when it takes too long."""
    register_functions(db)
    with _in_time(db):
        return _search(db, query)


def ordering(orders: Sequence[Order], known: dict[Field, str] | None = None) -> Ordering:
    """Return what to sort by: the orders, runs without the value last, then the newest first, then the id."""
    keys: list[_Key] = []
    values: list[int | float | str] = []
    for order in orders:
        for key, bound in _order_keys(order, known or {}):
            keys.append(key)
            values += bound
    return Ordering((*keys, _Key("r.start", True), _Key("r.id", False)), values)  # noqa: FBT003 - a named tuple


def _search(db: Connection, query: Query) -> list[Hit]:
    if query.commits is not None:
        _want(db, "commits", query.commits)
        _want(db, "trees", query.trees)
    limit = -1 if query.limit is None else min(query.limit, _MOST)
    driver = _chosen(db, query)
    if driver is None:
        return _rows(db, query, ordering(query.order), limit)
    sorts = bool(query.order) and query.order[0].operand in driver.known
    found = _rows(db, query, ordering(query.order, driver.known), limit, driver=driver)
    if sorts and not driver.tests and (limit < 0 or len(found) < limit):
        # The rest has no such value: it comes after.
        rest = -1 if limit < 0 else limit - len(found)
        found += _rows(db, query, ordering(query.order), rest, lacking=query.order[0])
    return found


def _want(db: Connection, what: str, ids: Iterable[str]) -> None:
    db.execute(f"CREATE TEMP TABLE IF NOT EXISTS wanted_{what} (id TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute(f"DELETE FROM wanted_{what}")
    db.executemany(f"INSERT INTO wanted_{what} VALUES (?)", ((each,) for each in ids))


def _rows(
    db: Connection,
    query: Query,
    order: Ordering,
    limit: int,
    *,
    driver: _Driver | None = None,
    lacking: Order | None = None,
) -> list[Hit]:
    tests: list[Bound] = []
    source = "runs AS r"
    if driver is not None:
        source = f"{driver.table} AS d CROSS JOIN runs AS r ON r.run = d.run"
        tests.append(driver.where)
    if lacking is not None:
        sql, values = number_sql(lacking.operand)
        tests.append((f"{sql} IS NULL", values))
    if not query.include_deleted:
        tests.append(("r.deleted = 0", []))
    if query.commits is not None:
        in_commits = "r.commit_id IN (SELECT id FROM wanted_commits)"
        tests.append((f"({in_commits} OR (r.dirty AND r.tree IN (SELECT id FROM wanted_trees)))", []))
    if query.where is not None:
        tests.append(condition_sql(query.where, driver.known if driver else None))
    where = " AND ".join(sql for sql, _ in tests) or "1"
    columns = ", ".join(key.sql for key in order.keys)
    # A column is sorted by its place in the list, so that its values are bound once.
    by = ", ".join(
        f"{place} {'DESC' if key.descending else 'ASC'}" for place, key in enumerate(order.keys, 1) if not key.constant
    )
    values = [*order.values, *(value for _, bound in tests for value in bound), limit]
    statement = f"SELECT {columns} FROM {source} WHERE {where} ORDER BY {by} LIMIT ?"
    return [Hit(row) for row in db.execute(statement, values)]


# The plan


def _chosen(db: Connection, query: Query) -> _Driver | None:
    """The table to begin with, None for that of the runs."""
    drivers = list(_drivers(query.where))
    sorting = _sorting(query, drivers)
    counted = [(count, driver) for driver in drivers if (count := _count(db, driver)) < _FEW]
    if counted:
        return min(counted, key=lambda pair: pair[0])[1]
    return sorting


def _sorting(query: Query, drivers: Sequence[_Driver]) -> _Driver | None:
    """The table that has the rows in the order that is asked for."""
    first = query.order[0].operand if query.order else None
    if not isinstance(first, Field) or first.source is not Source.METRIC or first.part != "last":
        return None
    bounded = (driver for driver in drivers if first in driver.known and driver.column == "last")
    return next(bounded, _of_metric(first.key, ()))


def _drivers(where: Condition | None) -> Iterator[_Driver]:
    """A table for each field that every run that is wanted must have within bounds."""
    conditions = where.conditions if isinstance(where, And) else () if where is None else (where,)
    bounds: dict[tuple[str, str, str], list[tuple[str, int | float | str]]] = {}
    for condition in conditions:
        place = _place(condition)
        if place is not None and isinstance(condition, Comparison):
            assert isinstance(condition.right, Literal)
            bounds.setdefault(place, []).append((condition.sign, bindable(condition.right.value)))
    for (table, key, column), tests in bounds.items():
        if table == "metrics":
            yield _of_metric(key, tuple(tests))
        else:
            known = {Field(Source.PARAM, key, Type.VARIANT): "d.number"} if column == "number" else {}
            yield _Driver(table, key, column, tuple(tests), known)


def _place(condition: Condition) -> tuple[str, str, str] | None:
    """The table, key and column whose index answers a comparison; None where none does."""
    if (
        not isinstance(condition, Comparison)
        or not isinstance(condition.left, Field)
        or not isinstance(condition.right, Literal)
        or condition.sign not in _RANGE_SIGNS
    ):
        return None
    left, mode = condition.left, condition.mode
    if left.source is Source.METRIC and left.part == "last":
        return "metrics", left.key, "last"
    if left.source is Source.PARAM and mode in (Mode.NUMBER, Mode.TEXT):
        return "params", left.key, "text" if mode is Mode.TEXT else "number"
    if left.source is Source.TAG and mode is Mode.TEXT:
        return "tags", left.key, "value"
    return None


def _of_metric(key: str, tests: tuple[tuple[str, int | float | str], ...]) -> _Driver:
    known = {Field(Source.METRIC, key, Type.NUMBER, part): f"d.{part}" for part in SUMMARIES}
    return _Driver("metrics", key, "last", tests, known)


def _count(db: Connection, driver: _Driver) -> int:
    sql, values = driver.where
    statement = f"SELECT count(*) FROM (SELECT 1 FROM {driver.table} AS d WHERE {sql} LIMIT ?)"
    return int(db.execute(statement, [*values, _FEW]).fetchone()[0])


def _order_keys(order: Order, known: dict[Field, str]) -> Iterator[tuple[_Key, list[int | float | str]]]:
    """The keys that one order stands for: what is missing last, of a param the numbers before the text."""
    operand, descending = order.operand, order.descending
    kind = operand.type if isinstance(operand, Field) else Type.NUMBER
    is_text = kind in (Type.TEXT, Type.HEX, Type.STATUS)
    sql, values = text_sql(operand) if is_text else number_sql(operand, known)
    if kind is Type.VARIANT:
        text, text_values = text_sql(operand)
        yield _Key(f"{text} IS NULL", descending=False), text_values
    # The rows of a table that is begun with have a value in its own column.
    yield _Key(f"{sql} IS NULL", descending=False, constant=sql == "d.last"), values
    yield _Key(sql, descending), values
    if kind is Type.VARIANT:
        yield _Key(f"CASE WHEN {sql} IS NULL THEN {text} END", descending), [*values, *text_values]


def _sortable(value: float | str | None) -> tuple[int, float | str]:
    """A value in SQLite's order: nothing, numbers, text."""
    if value is None:
        return 0, 0
    return (2, value) if isinstance(value, str) else (1, value)


# The time


@contextlib.contextmanager
def _in_time(db: Connection) -> Iterator[None]:
    from sqlite3 import OperationalError

    # Of the processor: that others keep a machine busy makes no question a bad one.
    end, last = time.thread_time() + SECONDS, time.monotonic() + _PATIENCE
    db.set_progress_handler(lambda: time.thread_time() > end or time.monotonic() > last, _OPERATIONS)
    try:
        yield
    except OperationalError as error:
        if any(word in str(error) for word in _TOO_MUCH):
            raise UsageError(f"the question is too long or too deep ({error}); ask with fewer conditions") from None
        if "interrupted" not in str(error):
            raise
        raise GittrackError(
            f"the query took more than {SECONDS:.0f} s and was stopped; bound it by a metric, a param, an experiment "
            "or -n"
        ) from None
    finally:
        db.set_progress_handler(None, 0)


def tables_of(runs: Iterable[Run]) -> Connection:
    """Return tables in memory that hold `runs` alone, closed by the caller."""
    from gittrack.read.database import connect
    from gittrack.read.records import Reading
    from gittrack.read.schema import add_run, create_tables

    db = connect(":memory:")
    db.execute("BEGIN")
    create_tables(db)
    for run in runs:
        add_run(db, run.id, Reading(run))
    db.execute("COMMIT")
    return db
