"""The state of a run does not depend on the order in which its records arrive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.errors import DamagedRecord
from gittrack.model import MetricSummary, Note, Record, Start
from gittrack.replay import SummaryBuilder, fold, merge_metrics

if TYPE_CHECKING:
    import random

START = Start("ab" * 16, "calm-crow", 1000.0)

later = st.builds(
    Record,
    lamport=st.integers(1, 5),
    digest=st.text("0123456789abcdef", min_size=16, max_size=16),
    name=st.none() | st.text("abc", min_size=1),
    tags=st.dictionaries(st.sampled_from("xyz"), st.none() | st.text("12")),
    deleted=st.none() | st.booleans(),
    params=st.dictionaries(st.sampled_from("pq"), st.integers(0, 2)),
    notes=st.lists(st.builds(Note, st.text("n"), st.just(1.0)), max_size=2).map(tuple),
)


@given(st.lists(later, unique_by=lambda r: (r.lamport, r.digest)), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_run(records: list[Record], shuffler: random.Random) -> None:
    everything = [Record(start=START), *records]
    shuffled = everything[:]
    shuffler.shuffle(shuffled)
    assert fold(shuffled) == fold(everything)


def test_last_word_counts_and_none_removes_a_tag() -> None:
    run = fold(
        [
            Record(start=START, tags={"a": "1", "b": "1"}, status="crashed", end=2000.0),
            Record(lamport=1, name="second", tags={"a": None}, deleted=True),
            Record(lamport=2, deleted=False, status="finished", end=3000.0, params={"x": 1}),
        ]
    )
    assert (run.name, run.tags, run.deleted, run.status, run.end) == ("second", {"b": "1"}, False, "finished", 3000.0)
    assert run.duration == 2000.0


def test_the_first_value_of_a_param_stays_and_the_other_is_told() -> None:
    run = fold([Record(start=START, params={"lr": 0.1}), Record(lamport=1, params={"lr": 0.2, "n": 1})])
    assert run.params == {"lr": 0.1, "n": 1}
    assert run.warnings == ("param 'lr' is already 0.1 and cannot become 0.2",)


@pytest.mark.parametrize("records", [[], [Record()], [Record(start=START), Record(start=START, lamport=1)]])
def test_a_run_has_exactly_one_start(records: list[Record]) -> None:
    with pytest.raises(DamagedRecord):
        fold(records)


numbers = st.integers(-5, 5) | st.sampled_from([math.nan, math.inf, -math.inf, 0.5])


def summary_of(values: list[float]) -> MetricSummary:
    builder = SummaryBuilder()
    for step, value in enumerate(values):
        builder.add(step, value)
    return builder.summary()


@given(st.lists(numbers, min_size=1), st.lists(numbers, min_size=1))
def test_two_parts_summarise_as_the_whole(first: list[float], second: list[float]) -> None:
    whole = summary_of(first + second)
    parts = merge_metrics({"m": summary_of(first)}, {"m": summary_of(second)})["m"]
    assert repr((parts.last, parts.min, parts.max, parts.count)) == repr(
        (whole.last, whole.min, whole.max, whole.count)
    )


@given(st.lists(numbers, min_size=1))
def test_a_summary_is_what_the_points_say(values: list[float]) -> None:
    real = [v for v in values if not math.isnan(v)]
    summary = summary_of(values)
    assert summary.count == len(values)
    assert repr(summary.last) == repr(values[-1])
    assert repr((float(summary.min), float(summary.max))) == repr(
        (float(min(real)), float(max(real))) if real else (math.nan, math.nan)
    )
