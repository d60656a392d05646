"""What differs among several runs, and which values are the best."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gittrack.judge.direction import Direction, guess
from gittrack.model import Author, Code, Environment, Input, MetricSummary, Run
from gittrack.read.difference import ABSENT, compare_runs
from gittrack.read.side_by_side import Kind, Row, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.model import Value

BASE = Run("0" * 32, "base", "default", "finished", 1e9, 1e9 + 5, command=("python", "train.py"))
NONE: list[Sequence[str]] = [(), (), ()]


def metric(last: float, low: float | None = None, high: float | None = None) -> MetricSummary:
    return MetricSummary(last, 1, last if low is None else low, 1, last if high is None else high, 1, 3)


def rows(*runs: Run, packages: list[Sequence[str]] | None = None, summary: str = "last") -> dict[tuple[Kind, str], Row]:
    found = rows_of(runs, packages or [() for _ in runs], guess, summary)
    return {(row.kind, row.name): row for row in found}


def differing(*runs: Run, packages: list[Sequence[str]] | None = None) -> set[str]:
    return {f"{kind.value}.{name}" for (kind, name), row in rows(*runs, packages=packages).items() if row.differs}


def test_runs_that_are_the_same_differ_in_nothing() -> None:
    assert differing(BASE, BASE, BASE) == set()
    assert {kind for kind, _ in rows(BASE, BASE)} == {Kind.RUN}


def test_each_kind_of_thing() -> None:
    other = replace(
        BASE,
        status="failed",
        end=None,
        author=Author("Ada Example", "ada@example.com"),
        code=Code(commit="a" * 40, tree="b" * 40, dirty=True),
        environment=Environment(python="3.12", platform="Linux", variables={"SEED": "1"}),
        params={"model": {"depth": 3}},
        metrics={"loss": metric(1)},
        tags={"stage": "dev"},
        inputs=(Input("data", "data.csv", "file", 3, "c" * 64),),
    )

    assert differing(BASE, other, BASE) == {
        "run.status",
        "run.duration",
        "run.author",
        "code.commit",
        "code.tree",
        "params.model.depth",
        "metrics.loss",
        "tags.stage",
        "environment.python",
        "environment.platform",
        "environment.variables.SEED",
        "inputs.data",
    }
    assert rows(BASE, other)[Kind.CODE, "commit"].cells == (ABSENT, "a" * 40 + "*")
    assert rows(BASE, other)[Kind.INPUTS, "data"].cells == (ABSENT, other.inputs[0])


def test_packages_that_were_not_recorded_are_no_difference() -> None:
    assert differing(BASE, BASE, packages=[["a==1", "b==2"], ["a==1", "b==3"]]) == {"packages.b"}
    assert differing(BASE, BASE, packages=[["a==1"], []]) == set()
    assert differing(BASE, BASE, BASE, packages=[["a==1"], [], ["b==1"]]) == {"packages.a", "packages.b"}


PARAM = st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from([0.0, 1.0, float("nan"), "1", "x"]))


@given(st.lists(st.dictionaries(st.sampled_from("abc"), PARAM), min_size=2, max_size=4))
def test_what_differs_among_many_differs_between_some_two(params: list[dict[str, Value]]) -> None:
    runs = [replace(BASE, params=each) for each in params]
    pairs = (compare_runs(one, other, ((), ())) for one, other in combinations(runs, 2))

    assert differing(*runs) == {f"params.{change.name}" for pair in pairs for change in pair.params}


def best(name: str, *values: float | None, summary: str = "last") -> frozenset[int]:
    runs = [
        replace(BASE, metrics={} if value is None else {name: metric(value, -value, 2 * value)}) for value in values
    ]
    return rows(*runs, summary=summary)[Kind.METRICS, name].best


def test_the_best_values_are_marked() -> None:
    nan, inf = float("nan"), float("inf")
    assert best("loss", 3, 1, 2) == {1}
    assert best("acc", 3, 1, 3) == {0, 2}
    assert best("acc", nan, 1, None) == {1}
    assert best("acc", nan, inf, 1) == {1}
    assert best("acc", 1, 1.0) == set()
    assert best("acc", nan, nan) == set()
    assert best("acc", 1, None) == set()
    assert best("lr", 1, 2) == set()
    assert best("loss", 1, 2, summary="min") == {1}
    assert best("loss", 1, 2, summary="max") == {0}


def test_the_direction_is_told() -> None:
    runs = [replace(BASE, metrics={"loss": metric(1), "x": metric(1)}), BASE]
    found = rows(*runs)
    assert found[Kind.METRICS, "loss"].direction is Direction.MIN
    assert found[Kind.METRICS, "x"].direction is None
