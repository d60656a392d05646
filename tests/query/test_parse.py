"""The grammar of filters and orders: what MLflow's users write, and what is said of what cannot be meant."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gittrack.query.parse import CONDITIONS_LIMIT, DEPTH_LIMIT, parse_field, parse_filter, parse_order
from gittrack.query.problem import QueryError
from gittrack.query.terms import And, Arithmetic, Comparison, Field, Literal, Mode, Not, Or, Source, Type
from gittrack.query.tokens import LENGTH_LIMIT

# As MLflow's pages on searching runs have them, key by key and comparator by comparator.
OF_MLFLOW = [
    "metrics.accuracy > 0.72",
    'metrics."accuracy" > 0.72',
    "metrics.`f1-score` >= 0.5 AND metrics.loss <= 0.25",
    'params.model = "LogisticRegression" and params.lambda = "0.001" and metrics.error <= 0.05',
    'params."batch_size" = "2"',
    'params.batch_size = "2" AND params.model LIKE "GPT%"',
    "parameters.`model type` != 'tree'",
    "params.model ILIKE '%gpt%'",
    "tags.task = 'classification'",
    "tags.mlflow.parentRunId = '0f23a1c5d1b94f0b9d6f0d7e5e7a1a11'",
    "tags.`mlflow.source.name` LIKE '%train.py'",
    'tags."environment" = "notebook"',
    "attributes.status = 'FINISHED'",
    "attributes.status = 'FAILED' and attributes.start_time >= 1664067852747",
    "attributes.end_time > 1670983600000",
    "attributes.user_id = 'ada'",
    "attributes.run_name LIKE '%otter%'",
    "attributes.run_id IN ('a1b2c3d4', 'f0e1d2c3')",
    "attributes.run_id NOT IN ('a1b2c3d4')",
    "run.status = 'RUNNING'",
    "status != 'KILLED'",
    "datasets.name LIKE '%custom%'",
    "dataset.digest IN ('abcdef12', '12345678')",
    "datasets.name = 'train' AND dataset.context = 'train'",
    "params.lr IS NOT NULL",
    "tags.stage IS NULL",
    "metrics.rmse < 0.2 and tags.task ILIKE 'classif%' and attributes.created > 0",
]


@pytest.mark.parametrize("text", OF_MLFLOW)
def test_what_mlflow_documents_is_understood(text: str) -> None:
    assert parse_filter(text, 0.0) is not None


def acc(part: str = "last") -> Field:
    return Field(Source.METRIC, "acc", Type.NUMBER, part)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("metrics.acc", acc()),
        ("metric.acc.min", acc("min")),
        ("metrics.'acc'", None),
        ("metrics.`acc.min`", Field(Source.METRIC, "acc.min", Type.NUMBER, "last")),
        ("metrics.min", Field(Source.METRIC, "min", Type.NUMBER, "last")),
        ('metrics."a ""b"".x"', Field(Source.METRIC, 'a "b".x', Type.NUMBER, "last")),
        ("metrics.train/loss.max", Field(Source.METRIC, "train/loss", Type.NUMBER, "max")),
        ("metrics.f1-score", Field(Source.METRIC, "f1-score", Type.NUMBER, "last")),
        ("metrics.top@5", Field(Source.METRIC, "top@5", Type.NUMBER, "last")),
        ("metrics.größe", Field(Source.METRIC, "größe", Type.NUMBER, "last")),
        ("params.model.depth", Field(Source.PARAM, "model.depth", Type.VARIANT)),
        ("tags.mlflow.runName", Field(Source.ATTRIBUTE, "name", Type.TEXT)),
        ("Run_ID", Field(Source.ATTRIBUTE, "id", Type.HEX)),
        ("code.branch", Field(Source.ATTRIBUTE, "code.branch", Type.TEXT)),
    ],
)
def test_names(text: str, field: Field | None) -> None:
    if field is None:
        with pytest.raises(QueryError):
            parse_field(text)
    else:
        assert parse_field(text) == field


def test_signs_between_names_are_those_of_a_sum_where_they_cannot_be_in_a_name() -> None:
    b = Field(Source.METRIC, "b", Type.NUMBER, "last")
    for text in ("metrics.acc-metrics.b", "metrics.acc - metrics.b"):
        assert parse_order(text).operand == Arithmetic("-", acc(), b)
    assert parse_order("metrics.acc/2").operand == Arithmetic("/", acc(), Literal(2))
    assert parse_order("-metrics.acc * 2 + 1").descending


def test_and_binds_closer_than_or_and_not_closer_than_both() -> None:
    found = parse_filter("dirty OR NOT deleted AND metrics.acc = 1", 0.0)
    assert isinstance(found, Or)
    assert isinstance(found.conditions[1], And)
    assert isinstance(found.conditions[1].conditions[0], Not)


def test_a_product_binds_closer_than_a_sum_and_both_go_from_left_to_right() -> None:
    found = parse_filter("metrics.acc - 1 - 2 * 3 > -1", 0.0)
    assert isinstance(found, Comparison)
    expected = Arithmetic("-", Arithmetic("-", acc(), Literal(1)), Arithmetic("*", Literal(2), Literal(3)))
    assert (found.left, found.right, found.mode) == (expected, Literal(-1), Mode.NUMBER)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("metrics.acc >", 14, "expected a name or a value, found the end"),
        ("metrics.acc > and", 15, "expected a name or a value, found 'and'"),
        ("metrics.acc 0.9", 13, "expected AND, OR or the end, found '0.9'"),
        ("metrics.acc", 1, "expected a comparison"),
        ("metrics.acc and dirty", 1, "expected a comparison"),
        ("metrics.acc > 0.9 &", 19, "'&' is not expected here"),
        ("params.a = 'x", 12, "the quote ' is not closed"),
        ("(metrics.acc > 1", 17, "expected ')', found the end"),
        ("acc > 0.9", 1, "a metric is metrics.acc, a param params.acc, a tag tags.acc"),
        ("status = finished", 10, "text stands in quotes, 'finished'"),
        ("statsu = 'failed'", 1, "did you mean status?"),
        ("status = 'done'", 10, "a run is one of running, finished, failed, killed, crashed"),
        ("status > 'failed'", 10, "status is compared with = or !=, not with >"),
        ("metrics.acc = '0.9'", 15, "metrics.acc is a number; write the value without quotes"),
        ("tags.seed = 3", 13, "tags.seed is text; put the value in quotes, as in '3'"),
        ("start_time > 'soonish'", 14, "'soonish' is no time; write '2 days ago'"),
        ("duration > 'long'", 12, "'long' is no duration; write '90s'"),
        ("metrics.acc LIKE 'x'", 18, "metrics.acc is a number, and LIKE is for text"),
        ("params.a LIKE 3", 15, "expected a pattern in quotes"),
        ("1 < 2", 5, "a comparison needs a name"),
        ("metrics.acc + 'x' > 1", 15, "'x' is no number"),
        ("tags.a + 1 > 1", 1, "tags.a is text, and a number was expected"),
        ("metrics.acc > name", 15, "name is text, and a number was expected"),
        ("metrics > 1", 1, "metrics needs a key, as in metrics.acc"),
        ("params.a IN ()", 14, "expected a name or a value, found ')'"),
        ("params.a NOT = 1", 14, "expected IN, LIKE, ILIKE or BETWEEN after NOT"),
        ("params.a IS 3", 13, "expected NULL or NAN"),
        ("tags.a IS NAN", 11, "only a metric or a param can be NAN"),
        ("inputs.size > 3", 1, "an input has no 'size'; it has name, path, sha256"),
        ("inputs.name = params.a", 15, "an input is compared with a value"),
        ("dirty = 3", 9, "code.dirty is true or false"),
        ("metrics.acc BETWEEN 1 OR 2", 23, "expected AND and the upper end"),
        ("", 1, "expected a name or a value, found the end"),
        ("metrics.acc > \udcff1", 15, "is not expected here"),
    ],
)
def test_what_cannot_be_meant_is_pointed_at(text: str, column: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_filter(text, 0.0)
    assert said in str(caught.value)
    assert (caught.value.column + 1, caught.value.text) == (column, text)
    assert str(caught.value).startswith(f"at column {column} of ")


@pytest.mark.parametrize(
    "text", ["3", "inputs.name", "metrics.acc >", "metrics.acc downwards", "tags.a + 1", "-metrics.acc ASC"]
)
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        parse_order(text)


def test_orders_of_mlflow_and_of_git() -> None:
    assert not parse_order("metrics.acc").descending
    assert not parse_order("metrics.acc ASC").descending
    assert parse_order("metrics.acc DESC") == parse_order("-metrics.acc")


def test_what_is_too_long_or_too_deep_is_refused_and_not_a_crash() -> None:
    for text in (
        "(" * (DEPTH_LIMIT + 1) + "dirty" + ")" * (DEPTH_LIMIT + 1),
        "NOT " * (DEPTH_LIMIT + 1) + "dirty",
        "metrics.a > " + "-" * (DEPTH_LIMIT + 1) + "1",
        "metrics.a IN (" + "-" * 5000 + "1)",
        " and ".join(["metrics.a > 1"] * (CONDITIONS_LIMIT + 1)),
        "metrics.a > " + "1" * LENGTH_LIMIT,
    ):
        with pytest.raises(QueryError, match=r"not allowed|are allowed|after the minus"):
            parse_filter(text, 0.0)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            "metrics.a params.b tags.c status dirty inputs.name ( ) , + - * / = != < >= AND OR NOT IN LIKE IS NULL NAN "
            "BETWEEN TRUE 1 0.5 1e999 'x' \"y\" ` ' start_time duration id code.commit 99999999999999999999".split()
        )
        | st.text(max_size=5),
        max_size=12,
    )
)
def test_any_words_are_a_filter_or_an_error_that_points_at_them(words: list[str]) -> None:
    text = " ".join(words)
    try:
        parse_filter(text, 0.0)
    except QueryError as error:
        column = error.column
    else:
        column = 0
    assert 0 <= column <= len(text)
