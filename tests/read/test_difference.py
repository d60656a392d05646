"""What differs between two runs, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gittrack.model import Author, Code, Environment, Input, MetricSummary, Run, Value
from gittrack.read.difference import ABSENT, Change, Difference, compare_packages, compare_runs, gap

RUN = Run(
    id="a" * 32,
    name="one",
    experiment="default",
    status="finished",
    start=0.0,
    author=Author("Ada Example", "ada@example.com"),
    host="here",
    user="ada",
    command=("python", "train.py"),
    code=Code(commit="c" * 40, branch="main"),
    environment=Environment(python="3.11.7", variables={"SEED": "1"}, locks={"uv.lock": "b" * 40}),
    params={"lr": 0.1, "model": {"depth": 3, "width": 64}},
    metrics={"loss": MetricSummary(0.5, 9, 0.25, 3, 1.0, 0, 10)},
    tags={"stage": "dev"},
    inputs=(Input("data", "data.csv", "file", 10, "d" * 64),),
)


def compared(before: Run, after: Run, *packages: list[str]) -> Difference:
    one, other = packages or ([], [])
    return compare_runs(before, after, (one, other))


def test_the_same_run_differs_in_nothing() -> None:
    again = replace(RUN, id="b" * 32, name="two", start=9.0, end=10.0)

    assert compared(RUN, again, ["numpy==1"], ["numpy==1"]) == Difference()
    assert not Difference().anything


def test_every_kind_of_thing() -> None:
    other = replace(
        RUN,
        status="failed",
        author=None,
        command=("python", "train.py", "--fast"),
        code=replace(RUN.code, branch="topic", commit="e" * 40),
        environment=Environment(python="3.12.1", cpu_count=2, variables={"SEED": "2"}),
        metrics={"loss": MetricSummary(0.5, 9, 0.25, 3, 2.0, 0, 10)},
        tags={},
        inputs=(Input("data", "data.csv", "file", 10, "e" * 64),),
    )

    found = compared(RUN, other)
    commands: tuple[Value, Value] = ["python", "train.py"], ["python", "train.py", "--fast"]

    assert found.facts == (
        Change("status", "finished", "failed"),
        Change("author", "Ada Example <ada@example.com>", ABSENT),
        Change("command", *commands),
        Change("branch", "main", "topic"),
    )
    assert found.params == ()
    assert found.metrics == (Change("loss", RUN.metrics["loss"], other.metrics["loss"]),)
    assert found.tags == (Change("stage", "dev", ABSENT),)
    assert found.environment == (
        Change("python", "3.11.7", "3.12.1"),
        Change("variables.SEED", "1", "2"),
        Change("locks.uv.lock", "b" * 40, ABSENT),
        Change("cpu_count", ABSENT, 2),
    )
    assert found.inputs == (Change("data", RUN.inputs[0], other.inputs[0]),)
    assert found.anything


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"lr": 1}, {"lr": 1.0}, []),
        ({"lr": math.nan}, {"lr": math.nan}, []),
        ({"on": True}, {"on": 1}, [Change("on", True, 1)]),
        ({"n": 1}, {"n": "1"}, [Change("n", 1, "1")]),
        ({"n": None}, {}, [Change("n", None, ABSENT)]),
        ({"m": {"a": 1, "b": 2}}, {"m": {"b": 3, "a": 1}}, [Change("m.b", 2, 3)]),
        ({"m": {"a": 1}}, {"m": {}}, [Change("m.a", 1, ABSENT), Change("m", ABSENT, {})]),
        ({"l": [1, 2]}, {"l": [1, 2, 3]}, [Change("l", [1, 2], [1, 2, 3])]),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": 1, "a": {"b": 3}}, [Change("a.b (2)", 2, 3)]),
        ({"z": 1, "a": 1}, {"new": 1}, [Change("z", 1, ABSENT), Change("a", 1, ABSENT), Change("new", ABSENT, 1)]),
    ],
)
def test_params_leaf_by_leaf(before: dict[str, Value], after: dict[str, Value], changes: list[Change[Value]]) -> None:
    assert list(compared(replace(RUN, params=before), replace(RUN, params=after)).params) == changes


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (["a==1", "b==2"], ["b==3", "c==1"], {"a": ("a==1", None), "b": ("b==2", "b==3"), "c": (None, "c==1")}),
        (["a==1"], ["a @ git+https://host/a@0"], {"a": ("a==1", "a @ git+https://host/a@0")}),
        (["-e /one/lib"], ["-e /two/lib"], {"lib": ("-e /one/lib", "-e /two/lib")}),
        (["-e /one/lib", "-e /two/lib"], ["-e /one/lib"], {"-e /two/lib": ("-e /two/lib", None)}),
        (["a==1"], [], {}),  # a run of another language has no packages: they are not known
    ],
)
def test_packages_by_name(
    before: list[str], after: list[str], changes: dict[str, tuple[str | None, str | None]]
) -> None:
    found = {
        change.name: tuple(None if side is ABSENT else side for side in (change.before, change.after))
        for change in compare_packages(before, after)
    }

    assert found == changes


def test_an_input_that_was_read_elsewhere_is_another_one() -> None:
    moved = replace(RUN.inputs[0], path="other.csv")

    assert compared(RUN, replace(RUN, inputs=(moved,))).inputs == (Change("data", RUN.inputs[0], moved),)


@pytest.mark.parametrize(
    ("before", "after", "apart"),
    [
        (1, 3, 2),
        (0.5, 0.25, -0.25),
        (10**400, 1.0, None),
        (math.inf, math.inf, None),
        (1.0, math.inf, math.inf),
        (math.nan, 1.0, None),
    ],
)
def test_how_far_two_numbers_are_apart(before: float, after: float, apart: float | None) -> None:
    assert gap(before, after) == apart
