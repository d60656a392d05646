"""Every refusal of the codec is one typed sentence, and the rare branches of writing come back when read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gittrack.codec.document import json_text, pack, run_from_document, unpack
from gittrack.codec.fields import Fields
from gittrack.codec.paths import (
    artifact_files,
    artifact_place,
    check_id,
    format_file,
    is_id,
    pointer,
    readme_file,
    run_directory,
)
from gittrack.codec.record import record_from_plain, record_to_plain
from gittrack.codec.series import read_number
from gittrack.codec.text import SIZE_LIMIT, from_yaml
from gittrack.codec.times import milliseconds
from gittrack.errors import DamagedRecord, InvalidValue
from gittrack.model import Artifact, MetricSummary, Record, Start
from gittrack.values import INT_BITS

if TYPE_CHECKING:
    from collections.abc import Callable

HUGE = 1 << INT_BITS


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "read", "sentence"),
    [
        ({}, lambda f: f.need_text("k"), "x: 'k' is missing"),
        ({"k": HUGE}, lambda f: f.whole("k"), "x: 'k' is an integer of"),
        ({"k": -1}, lambda f: f.need_whole("k"), "must be a whole number from 0 on"),
        ({}, lambda f: f.need_whole("k"), "must be a whole number from 0 on"),
        ({}, lambda f: f.need_number("k"), "x: 'k' is missing"),
        ({"k": "--output=x"}, lambda f: f.oid("k"), "x: 'k' must be the id of an object, not '--output=x'"),
        ({"k": "HEAD"}, lambda f: f.oid("k"), "must be the id of an object"),
        ({"k": "a" * 41}, lambda f: f.oid("k"), "must be the id of an object"),
        ({"k": "a" * 40 + "\n"}, lambda f: f.oid("k"), "must be the id of an object"),
        ({"k": "a" * 31}, lambda f: f.kept_as("k"), "must be the id of something that git, LFS or DVC keeps"),
        ({"k": ["a" * 40, "HEAD"]}, lambda f: f.oids("k"), "must be a list of ids of objects"),
        ({"k": {"uv.lock": "HEAD"}}, lambda f: f.named_oids("k"), "must map names to ids of objects"),
        ({"k": {"uv.lock": None}}, lambda f: f.named_oids("k"), "must map names to ids of objects"),
        ({"k": ["a", 1]}, lambda f: f.texts("k"), "must be a list of texts"),
        ({"k": {"": 1}}, lambda f: f.values("k"), "is not a name"),
        ({"k": {1: 1}}, lambda f: f.values("k"), "is not a name"),
        ({"k": {"p": HUGE}}, lambda f: f.values("k"), "a param is an integer of"),
        ({"k": {"p": deep(102)}}, lambda f: f.values("k"), "nested too deep"),
        ({"k": {"p": b"bytes"}}, lambda f: f.values("k"), "a param is a bytes"),
        ({"k": {"p": {(1, 2): 1}}}, lambda f: f.values("k"), "a key that is not a plain value"),
        ({"k": {"p": {HUGE: 1}}}, lambda f: f.values("k"), "a key that is not a plain value"),
    ],
)
def test_a_field_that_is_none(data: dict[str, object], read: Callable[[Fields], object], sentence: str) -> None:
    with pytest.raises(DamagedRecord, match=sentence):
        read(Fields(data, "x"))


@pytest.mark.parametrize("oid", ["a" * 40, "b" * 64])
def test_the_ids_that_there_are(oid: str) -> None:
    fields = Fields({"k": oid, "list": [oid], "map": {"uv.lock": oid}, "dvc": "c" * 32 + ".dir"}, "x")
    assert (fields.oid("k"), fields.kept_as("k"), fields.oid("none")) == (oid, oid, None)
    assert (fields.oids("list"), fields.named_oids("map")) == ((oid,), {"uv.lock": oid})
    assert fields.kept_as("dvc") == "c" * 32 + ".dir"


def test_what_is_no_line_of_json() -> None:
    for text in (
        b"\xff",
        b"{",
        '{"a":"\\ud800"}',
        b'{"a":"\\uDfff"}',
        b'{"\\u0000map":[[{},1]]}',
        b'{"\\u0000map":[1]}',
    ):
        with pytest.raises(DamagedRecord, match="a line of JSON is damaged"):
            unpack(text)
    assert unpack('{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


def test_a_mapping_that_looks_like_a_marked_one_comes_back() -> None:
    value: dict[str, object] = {"\x00map": 5}
    assert unpack(pack(value)) == value
    assert unpack('{"\\u0000map":5}') == value
    assert json_text({"a": float("nan"), "b": float("inf"), "c": -float("inf"), 1: (2,)}) == (
        '{"a": "NaN", "b": "Infinity", "c": "-Infinity", "1": [2]}'
    )


def test_a_document_without_a_start_is_no_run() -> None:
    with pytest.raises(DamagedRecord, match="run: 'start' is missing"):
        run_from_document({})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": 1}, "run.yaml: 'name' must be text, not 1"),
        ({"deleted": "yes"}, "run.yaml: 'deleted' must be true or false, not 'yes'"),
        ({"warnings": "w"}, "run.yaml: 'warnings' must be a list, not 'w'"),
        ({"warnings": [1]}, "run.yaml: 'warnings' must be a list of texts"),
        ({"environment": {"cpu_count": True}}, "run.yaml environment: 'cpu_count' must be a whole number, not True"),
        ({"metrics": {"m": {"last": "x"}}}, "run.yaml metrics 'm': 'last' must be a number, not 'x'"),
        ({"metrics": {"m": {"last": 2**15000}}}, "run.yaml metrics 'm': 'last' is an integer of 15001 bits"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_with_its_place(entry: dict[str, object], said: str) -> None:
    plain = record_to_plain(Record(start=Start("ab" * 16, "first", 0.0))) | entry
    with pytest.raises(DamagedRecord) as told:
        record_from_plain(plain, "run.yaml")
    assert str(told.value) == said


def test_yaml_that_is_too_large_or_holds_an_alias() -> None:
    with pytest.raises(DamagedRecord, match="a record has at most"):
        from_yaml(b" " * (SIZE_LIMIT + 1), "run.yaml")
    with pytest.raises(DamagedRecord, match="alias"):
        from_yaml(b"a: &x [1]\nb: *x\n", "run.yaml")
    with pytest.raises(DamagedRecord, match="a number in base 60"):
        from_yaml(b"a: " + b"1:" * 5000 + b"1\n", "run.yaml")


def test_a_pointer_is_that_of_git_lfs() -> None:
    assert pointer("ab" * 32, 7).decode().splitlines() == [
        "version https://git-lfs.github.com/spec/v1",
        f"oid sha256:{'ab' * 32}",
        "size 7",
    ]


def test_a_run_that_was_renamed_while_it_ran_and_a_metric_with_a_file_of_its_own() -> None:
    summary = MetricSummary(1.0, 0, 1.0, 0, 1.0, 0, 1, ("metrics/%4Coss.tsv",))
    record = Record(start=Start("ab" * 16, "first", 0.0), name="second", metrics={"Loss": summary})

    plain = record_to_plain(record)
    read = record_from_plain(plain, "run.yaml")

    assert read.start is not None
    assert read.start.name == "second"
    assert read.metrics["Loss"] == summary


def test_what_the_branch_says_of_itself() -> None:
    assert from_yaml(format_file(), "format.yaml") == {"format": "gittrack", "version": 1}
    assert readme_file().startswith(b"# Runs of this project\n")


def test_an_id_is_32_hexadecimal_characters() -> None:
    assert (check_id("ab" * 16), is_id("ab" * 16), is_id("AB" * 16)) == ("ab" * 16, True, False)
    assert run_directory("ab" * 16) == f"runs/ab/{'ab' * 16}"
    for wrong in ("ab" * 15, "AB" * 16, 5):
        with pytest.raises(InvalidValue, match="a run id is 32 hexadecimal characters"):
            check_id(wrong)


def test_times_are_kept_to_the_millisecond() -> None:
    assert milliseconds(1.23456) == 1.235


def test_digits_are_an_integer_and_all_else_a_float() -> None:
    assert [repr(read_number(text)) for text in ("-5", "1e3", "inf")] == ["-5", "1000.0", "inf"]


def test_artifacts_that_a_file_system_takes_for_one_lie_apart() -> None:
    paths = ["a/x.txt", "A/X.txt", "b", "B/c", "\u00fc", "u\u0308", "README", "readme", "plain"]

    moved = artifact_files(paths)

    assert list(moved) == ["A/X.txt", "B/c", "u\u0308", "readme"]
    assert [place.partition("~")[0] for place in moved.values()] == ["X", "c", "u\u0308", "readme"]
    assert moved["A/X.txt"].endswith(".txt")
    assert artifact_place(Artifact("a/x.txt", 1, "ab" * 32, prefix="later/1/")) == "later/1/artifacts/a/x.txt"
