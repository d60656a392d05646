"""Records survive YAML: every type, every float bit, every name; what is no record is one typed error."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gittrack.codec.document import json_text, pack, run_document, run_from_document, unpack
from gittrack.codec.paths import later_stem, metric_stem, parse_later
from gittrack.codec.record import record_from_plain, record_to_plain
from gittrack.codec.series import read_series, write_series
from gittrack.codec.text import from_yaml, to_yaml
from gittrack.codec.times import read_time, write_time
from gittrack.errors import DamagedRecord
from gittrack.model import (
    Artifact,
    Author,
    Code,
    Environment,
    Input,
    Launch,
    LeftOut,
    MetricSummary,
    Note,
    Point,
    Record,
    Start,
    Value,
)
from gittrack.replay import fold
from gittrack.values import check_key

RUN_ID = "3fa2c1d0" * 4
START = Start(
    RUN_ID,
    "brave-otter",
    1_760_000_000.125,
    author=Author("Ada Example", "ada@example.com"),
    host="box",
    user="ada",
    command=("python", "train.py", "--name", "a b"),
    launch=Launch(True, ("p.yaml",), ("data",), ("m.json", "n.csv"), ("model.pt",), 2, True),
    reproduces="ab" * 16,
    code=Code(
        "ab" * 20,
        "main",
        True,
        tree="cd" * 20,
        snapshot="ef" * 20,
        left_out=(LeftOut("big.bin", "larger than 10 MiB", 11 << 20), LeftOut("x", "gone")),
        remote="https://example.com/r.git",
        entry="train.py",
        directory="src",
    ),
    environment=Environment(
        "3.11.7",
        "CPython",
        "Linux-6.1",
        "x86_64",
        "cpu",
        2,
        gpus=("gpu",),
        cuda="12.4",
        driver="535.104.05",
        locks={"uv.lock": "ab" * 20},
        variables={"RANK": "0"},
    ),
)

text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
keys = text | st.integers() | st.booleans() | st.floats(allow_nan=False) | st.none()
values: st.SearchStrategy[Value] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)


def bits(value: object) -> object:
    """`value` with types and float bits made visible, for an exact comparison."""
    if isinstance(value, float):
        return ("nan",) if math.isnan(value) else ("float", struct.pack(">d", value))
    if isinstance(value, dict):
        return [(bits(k), bits(v)) for k, v in value.items()]
    if isinstance(value, list):
        return [bits(v) for v in value]
    return (type(value).__name__, value)


def through_yaml(record: Record, name: str = "run.yaml") -> Record:
    return record_from_plain(from_yaml(to_yaml(record_to_plain(record)), name), name)


@given(st.dictionaries(text.filter(bool), values, max_size=6))
@example({"lr": 1e-5, "zero": -0.0, "big": 2**63, "yes": "no", "s": "1e-5", "e": "😀", "date": "2024-01-01"})
def test_params_keep_type_and_bits(params: dict[str, Value]) -> None:
    record = through_yaml(Record(start=START, params=params))
    assert bits(dict(record.params)) == bits(params)


@given(values)
def test_packed_values_come_back_exactly(value: Value) -> None:
    assert bits(unpack(pack(value))) == bits(value)


@given(values)
def test_json_is_strict(value: Value) -> None:
    assert "NaN" not in json_text([value]).replace('"NaN"', "") or "NaN" in str(value)


def test_a_whole_record_comes_back() -> None:
    record = Record(
        start=START,
        status="failed",
        end=1_760_000_003.5,
        error="Traceback\n  boom",
        description="two\nlines",
        params={"a": {"b": [1, 2.5]}},
        tags={"stage": "final", "1": "yes"},
        metrics={"loss": MetricSummary(0.1, 3, 0.1, 3, math.inf, None, 4, ("metrics/loss.tsv",))},
        inputs=(Input("train", "data/train.csv", "file", 12, "ab" * 32),),
        artifacts=(Artifact("plots/roc.png", 10, "cd" * 32), Artifact("model.pt", 10**9, "ef" * 32, True)),
        notes=(Note("odd", 1_760_000_009.0, Author("Ada Example", "ada@example.com")),),
        output=("output.log",),
        warnings=("w",),
        journal=("0a0b0c",),
    )
    assert through_yaml(record) == record
    run = fold([record])
    assert run_from_document(unpack(pack(run_document(run)))) == run


def test_a_later_record_knows_its_place_from_its_name() -> None:
    later = Record(tags={"a": None}, deleted=True, part=START, metrics={"m": MetricSummary(1, 1, 1, 1, 1, 1, 1)})
    data = to_yaml(record_to_plain(replace(later, metrics={"m": replace(later.metrics["m"], files=("m.tsv",))})))
    stem = later_stem(7, data)
    read = record_from_plain(from_yaml(data, stem), stem + ".yaml")
    assert (read.lamport, f"later/{read.lamport:08d}-{read.digest}") == (7, stem)
    assert read.metrics["m"].files == (f"{stem}/metrics/m.tsv",)
    assert read.tags == {"a": None}
    assert (read.deleted, read.part) == (True, START)


@pytest.mark.parametrize(
    "damage",
    [
        "- a list",
        "id: [1]",
        "{id: 3fa2, name: x, start: now}",
        "a: &x [*x]",
        "!!python/object:os.system {}",
        "key: : :",
        "\x00",
        "id: 1\nid",
        "{" * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(" " * i + "a:" for i in range(3000)),
        "a: &x {b: 1}\nc: *x",
        "[&x [], *x]",
    ],
)
def test_what_is_no_record_is_a_typed_error(damage: str) -> None:
    with pytest.raises(DamagedRecord):
        record_from_plain(from_yaml(damage.encode(), "run.yaml"), "run.yaml")


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "done"), ("params", [1]), ("metrics", {"m": 3}), ("tags", {"a": 1}), ("end", "later"), ("start", None)],
)
def test_a_key_of_the_wrong_kind_is_a_typed_error(key: str, value: object) -> None:
    plain = record_to_plain(Record(start=START)) | {key: value}
    with pytest.raises(DamagedRecord):
        record_from_plain(yaml.safe_load(yaml.safe_dump(plain)), "run.yaml")


def test_a_metric_file_cannot_point_elsewhere() -> None:
    metric = {"last": 1, "step": 1, "min": 1, "min_step": 1, "max": 1, "max_step": 1, "count": 1, "file": "../run"}
    plain = record_to_plain(Record(start=START)) | {"metrics": {"m": metric}}
    with pytest.raises(DamagedRecord, match="not allowed"):
        record_from_plain(plain, "run.yaml")


points = st.lists(
    st.builds(
        Point,
        st.none() | st.integers(),
        st.floats(-1e6, 1e9).map(lambda x: round(x, 3)),
        st.integers() | st.floats(allow_nan=False),
    )
)


@given(points)
def test_series_keep_every_bit(series: list[Point]) -> None:
    read = read_series(write_series(series))
    assert [(p.step, p.seconds, bits(p.value)) for p in read] == [(p.step, p.seconds, bits(p.value)) for p in series]


@pytest.mark.parametrize("data", [b"", b"step\n", b"step\tseconds\tvalue\n1\t2\n", b"step\tseconds\tvalue\nx\t2\t3\n"])
def test_what_is_no_series_is_a_typed_error(data: bytes) -> None:
    with pytest.raises(DamagedRecord):
        read_series(data)


@given(st.lists(text.filter(lambda s: 0 < len(s) <= 250), unique=True, min_size=1, max_size=8))
@example(["Loss", "loss", "LOSS", "train/loss", "..", "-x", "con", ".", "a" * 250, "é" * 100])
def test_metric_files_are_safe_and_told_apart(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        stem = metric_stem(name, taken)
        assert stem.lower() not in taken
        assert stem.isascii()
        assert "/" not in stem
        assert stem[0] not in ".- "
        assert len(stem) <= 200
        assert "~" in stem or unquote(stem) == name
        taken.add(stem.lower())


def test_case_twins_get_their_own_files() -> None:
    assert metric_stem("Loss", {"loss"}) == "%4Coss"
    assert metric_stem("train/loss") == "train%2Floss"


@given(st.integers(0, 4_000_000_000_000))
def test_times_come_back_to_the_millisecond(milliseconds: int) -> None:
    assert round(read_time(write_time(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize("bad", ["", "now", "2026-13-01T00:00:00.000Z", "2026-01-01 00:00:00"])
def test_a_bad_time_is_a_typed_error(bad: str) -> None:
    with pytest.raises(DamagedRecord):
        read_time(bad)


def test_names_of_later_files() -> None:
    assert parse_later("00000003-0123456789abcdef.yaml") == (3, "0123456789abcdef")
    assert parse_later("../x") is None
    assert check_key("metric", "a b") == "a b"
