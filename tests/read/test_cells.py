"""What the index has in a field is what the run has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gittrack.query.parse import parse_field
from gittrack.query.values import value_of
from gittrack.read.cells import cells
from gittrack.read.search import tables_of
from gittrack.values import full_value
from tests.read.test_search import made_runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from gittrack.model import Value

RUNS = made_runs(200, seed=5)


@pytest.fixture(scope="module")
def tables() -> Iterator[Connection]:
    """The tables of the index with all of the runs."""
    db = tables_of(RUNS)
    yield db
    db.close()


NUMBERS = "metrics.acc metrics.acc.min metrics.acc.max metrics.acc.step metrics.acc.count metrics.`f1 score` duration"
TEXTS = "id name experiment status branch commit code.tree author email tags.stage params.model.kind dirty start end"


def plain(value: Value) -> object:
    """A value as the index has it: of 64 bits at most, and what is no number as text."""
    if value is None or value == "" or value != value:
        return "nan" if value != value else None
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**63 else value


@pytest.mark.parametrize("name", f"{NUMBERS} {TEXTS}".replace("`f1 score`", "`f1_score`").split())
def test_a_field_of_every_run(name: str, tables: Connection) -> None:
    field = parse_field(name.replace("f1_score", "f1 score"))

    found = cells(tables, [run.id for run in RUNS], [field])

    assert {run_id: plain(value) for run_id, (value,) in found.items()} == {
        run.id: plain(value_of(run, field)) for run in RUNS
    }


def test_a_param_is_a_number_where_it_is_one(tables: Connection) -> None:
    found = cells(tables, [run.id for run in RUNS], [parse_field("params.lr")])

    for run in RUNS:
        value = run.params.get("lr", "(none)")
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value
        as_it_is = number or isinstance(value, str)
        assert found[run.id] == (None if value == "(none)" else value if as_it_is else full_value(value),)


def test_several_fields_of_some_runs(tables: Connection) -> None:
    fields = [parse_field(name) for name in ("metrics.acc", "name")]
    found = cells(tables, [RUNS[3].id, "f" * 32, RUNS[7].id], fields)
    assert {run_id: name for run_id, (_, name) in found.items()} == {run.id: run.name for run in (RUNS[3], RUNS[7])}
