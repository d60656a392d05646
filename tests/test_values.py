"""What can be logged, in which form it is kept, and the sentence for what cannot."""

from __future__ import annotations

import enum
import math
from decimal import Decimal
from pathlib import PurePosixPath

import pytest

from gittrack.errors import InvalidValue, ParamConflict
from gittrack.values import (
    check_artifact_path,
    check_key,
    flatten,
    merge_params,
    metric_step,
    metric_value,
    plain_value,
    same_value,
    tag_value,
)


class Scalar:
    """Quacks like a numpy scalar or a torch tensor."""

    dtype = "float32"

    def __init__(self, value: object) -> None:
        self._value = value

    def tolist(self) -> object:
        return self._value


class Color(enum.IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Scalar(0.5), 0.5),
        (Scalar([1, 2]), [1, 2]),
        ((1, (2,)), [1, [2]]),
        ({1: {"a": (True, None)}}, {1: {"a": [True, None]}}),
        (Color.RED, 3),
        (PurePosixPath("a/b"), "a/b"),
        (2**64, 2**64),
    ],
)
def test_values_become_plain(value: object, plain: object) -> None:
    result = plain_value("p", value)
    assert result == plain
    assert type(result) is type(plain)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"raw", len, "half \ud800", {"a": {(1, 2): 3}}])
def test_a_value_that_cannot_be_kept_exactly_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match="param"):
        plain_value("p", value)


def test_an_integer_that_python_would_not_write_is_refused() -> None:
    with pytest.raises(InvalidValue, match="20001 bits"):
        plain_value("p", 1 << 20_000)


def test_endless_nesting_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(InvalidValue, match="levels deep"):
        plain_value("p", value)


@pytest.mark.parametrize(
    ("value", "number"),
    [(True, 1), (3, 3), (Scalar(2.5), 2.5), (Scalar([[7]]), 7), (Decimal("1.5"), 1.5), (-0.0, -0.0)],
)
def test_metrics_take_any_one_number(value: object, number: float) -> None:
    assert repr(metric_value("m", value)) == repr(number)


@pytest.mark.parametrize("value", ["0.5", None, [1.0], Scalar([1, 2]), object(), 1j, b"1"])
def test_a_metric_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match="metric 'm' must be one number"):
        metric_value("m", value)


def test_steps() -> None:
    assert [metric_step("m", s) for s in (None, 3, 3.0, Scalar(4), True)] == [None, 3, 3, 4, 1]
    for bad in (1.5, "1", math.nan):
        with pytest.raises(InvalidValue, match="whole number"):
            metric_step("m", bad)


@pytest.mark.parametrize("key", ["", " ", "a\nb", "a\x1b[0m", "x" * 251, "a\u202eb", "\ud800", 3])
def test_keys_are_printable(key: object) -> None:
    with pytest.raises(InvalidValue, match="metric name"):
        check_key("metric", key)


def test_tags_are_text() -> None:
    assert [tag_value("t", v) for v in ("x", 1, 2.5, True)] == ["x", "1", "2.5", "True"]
    with pytest.raises(InvalidValue):
        tag_value("t", ["x"])


def test_params_merge_leaf_by_leaf_and_conflicts_name_both_values() -> None:
    assert merge_params({"m": {"a": 1}}, {"m": {"b": 2}, "n": 3}) == {"m": {"a": 1, "b": 2}, "n": 3}
    assert merge_params({"x": math.nan, "y": 1}, {"x": math.nan, "y": 1.0})["y"] == 1
    with pytest.raises(ParamConflict, match=r"param 'm\.a' is already 1 and cannot become 2"):
        merge_params({"m": {"a": 1}}, {"m": {"a": 2}})
    with pytest.raises(ParamConflict):
        merge_params({"m": 1}, {"m": {"a": 1}})
    assert not same_value(True, 1)
    assert dict(flatten({"m": {"a": 1, "e": {}}, "l": [1]})) == {"m.a": 1, "m.e": {}, "l": [1]}


@pytest.mark.parametrize("path", ["a.txt", "plots/roc curve.png", "ünïcode/データ.bin", "a\\b"])
def test_artifact_paths(path: str) -> None:
    assert check_artifact_path(path) == path.replace("\\", "/")


@pytest.mark.parametrize(
    "path",
    ["", "/etc/x", "../x", "a/../b", "a//b", "C:/x", ".git/config", "a/.GIT", "git~1", "con", "a.", "x\ny", "a?b"],
)
def test_artifact_paths_that_are_refused(path: str) -> None:
    with pytest.raises(InvalidValue, match="artifact path"):
        check_artifact_path(path)
