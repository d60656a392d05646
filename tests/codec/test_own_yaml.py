"""The reader of gittrack's own YAML makes what PyYAML makes of a text, to the type and the bit, or nothing at all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gittrack.codec.own_yaml import read_own_yaml, read_yaml
from gittrack.codec.record import record_from_plain, record_to_plain
from gittrack.codec.text import from_yaml, to_yaml
from gittrack.errors import DamagedRecord
from gittrack.model import Author, MetricSummary, Note, Record, Start
from tests.codec.test_record_codec import START, bits, values

if TYPE_CHECKING:
    from gittrack.model import Value

ERROR = 'Traceback (most recent call last):\n  File "x", line 3\n    f()\nValueError: \x1b[1mé\U0001f600\x1b[0m\t\\'
RECORD = Record(
    start=START,
    status="failed",
    end=1_760_000_003.5,
    error=ERROR,
    params={"net": {"depth": [3, 4], "layers": [{"size": 1, "act": "relu"}, {"size": 2}], "none": None}, "lr": 1e-5},
    tags={"stage": "final", "1": "yes", "note": "it's: 'so'", "empty": ""},
    metrics={"val/loss": MetricSummary(math.nan, None, -math.inf, 2, 1e300, 2**70, 4, ("metrics/val%2Floss.tsv",))},
    notes=(Note("a # b", 1.0, Author("Ada Example", "ada@example.com")), Note("café → 1:30", 2.0)),
    warnings=("w, x", "[y]"),
    journal=("0a0b0c", "123456"),
)


def assert_equals_all_loaders(data: bytes, read: object) -> None:
    for loader in (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader):
        assert bits(read) == bits(yaml.load(data, Loader=loader)), data  # noqa: S506 - both are safe


def test_what_a_run_leaves_is_read_here() -> None:
    for record in (RECORD, replace(RECORD, start=None, part=START)):
        data = to_yaml(record_to_plain(record))
        read = read_own_yaml(data)
        assert read is not None
        assert_equals_all_loaders(data, read)
        assert record_from_plain(read, "run.yaml").tags == record.tags if record.start else True


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\n",
        "a: -0.0\nb: 1.5e-07\nc: -12\nd: 100000000000000000000\n",
        "a: .nan\nb: .inf\nc: -.inf\nd: null\ne: true\nf: false\n",
        "a: 'it''s'\nb: ''\nc: '  '\n",
        'a: "x\\e\\n\\t\\r\\"\\\\\\x41\\u00E9\\U0001F600"\n',
        "a: 3.11.7\nb: 0b1c\nc: --lr\nd: ./x\ne: http://x.y/z#w\nf: a  b\n",
        "a: []\nb: {}\nc: [1, 'b, c', d e, -0.5]\n",
        "a: {last: 0.5, step: null, file: ''}\n",
        "a:\n- 1\n- [2]\n- b: 1\n  c:\n  - d\n  - e: f\n- g\nh:\n  i:\n    j: k\nl: m\n",
        "a b: 1\n'no': 2\nval/loss: 3\n",
        "a: 1\na: 2\n",
        "a: über → ok\n",
    ],
)
def test_this_is_read_here(text: str) -> None:
    read = read_own_yaml(text.encode())
    assert read is not None
    assert_equals_all_loaders(text.encode(), read)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1",
        "# a comment\na: 1\n",
        "---\na: 1\n",
        "a: 1\n...\n",
        "a:\n",
        "a:\nb: 1\n",
        "a:\n  - 1\n",
        "a: b\n  c\n",
        "a: 'b\n  c'\n",
        "a: b\n  c: d\n",
        "a:\n    b: 1\n  c: 2\n",
        "- 1\n",
        "a: &x 1\nb: *x\n",
        "a: !!str 1\n",
        "a: |\n  x\n",
        "a: yes\nb: NO\n",
        "yes: 1\n",
        "1: a\n",
        "a: =\n",
        "<<: {a: 1}\n",
        "a: 1_000\n",
        "a: 017\n",
        "a: 0b11\n",
        "a: 0x1f\n",
        "a: 1:30\n",
        "a: 1.5e3\nb: 1.\n",
        "a: .5\n",
        "a: +1\n",
        "a: 2001-01-01\n",
        "a: 2001-01-01 00:00:00\n",
        f"a: {'9' * 301}\n",
        f"{'k' * 101}: 1\n",
        "a: b: c\n",
        "a: b #c\n",
        "a: b \n",
        "a: b:\n",
        "a: -\n",
        "a: @x\n",
        'a: "\\ud800"\n',
        'a: "\\a"\n',
        "a: 'x\n",
        "a: [1, 2\n",
        "a: [1, ]\n",
        "a: [1,2]\n",
        "a: [a: b]\n",
        "a: [[1]]\n",
        "a: {b: 1\n",
        "a: {b: 1} x\n",
        "a: {b: [1]}\n",
        "a: {yes: 1}\n",
        "a:\t1\n",
        "a: x\r\n",
        "a: x\u2028y\n",
        "a: \ufeffx\n",
        f"{' ' * 81}a: 1\n",
    ],
)
def test_this_is_left_to_pyyaml(text: str) -> None:
    assert read_own_yaml(text.encode()) is None


def test_what_is_no_text_or_very_large_is_left_to_pyyaml() -> None:
    assert read_own_yaml(b"a: \xff\n") is None
    assert read_own_yaml(b"a: 1\n" * (1 << 22)) is None
    assert read_yaml(b"a: 1\n", "x") == read_yaml(b"{a: 1}\n", "x") == {"a": 1}
    with pytest.raises(DamagedRecord, match=r"x is not valid YAML"):
        read_yaml(b"a: [\n", "x")


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), values, max_size=5))
@example({"lr": 1e-5, "zero": -0.0, "yes": "no", "s": "1e-5", "e": "😀", "date": "2024-01-01", "l": [[1], {"a": 2}]})
def test_written_params_are_read_equal_or_left(params: dict[str, Value]) -> None:
    data = to_yaml(record_to_plain(replace(RECORD, params=params, tags={key: key for key in params})))
    read = read_own_yaml(data)
    if read is not None:
        assert bits(read) == bits(from_yaml(data, "run.yaml"))


PIECES = [
    *"abnoyYe0123456789_.:-+#'\"[]{},&*!|>%@`?~=<\\/ \n\t\r$^;()\x85\u2028\xa0é→😀\ufeff",
    *(": ", " #", "\n  ", "\n- ", "- ", "  ", "''", "\\n", "\\x41", "\\u00E9", "\\U0001F600", "null", "true", "yes"),
    *(
        ".inf",
        ".nan",
        "0x1",
        "0b1",
        "017",
        "1:30",
        "2001-01-01",
        "1e5",
        "1.5e+3",
        "---",
        "...",
        "<<",
        "{a: 1}",
        "[1, 2]",
    ),
    *("[]", "{}", "\na: 1", "\n    ", "\nk:", "\n  - ", '"x"', "'x'", "*x", "&x ", "!!int "),
]
STARTS = [
    "k: ",
    "k: [a, ",
    "",
    "a: 1\n",
    "a:\n  b: x\n  c:\n  - a: 1\n    b: 2\n  - d\n",
    "k: [a, b c, 'd', 1.5]\n",
    "n:\n- time: 'x'\n  by:\n    name: A\n    email: b\n",
    "m:\n  acc: {last: 0.5, step: 0, min: null}\n",
    to_yaml(record_to_plain(replace(RECORD, start=Start("ab" * 16, "n", 1.0)))).decode(),
]
edits = st.lists(
    st.tuples(st.integers(0, 2000), st.sampled_from([0, 0, 0, 1, 2, 5]), st.sampled_from(["", *PIECES])), max_size=5
)


@settings(max_examples=1000)
@given(st.sampled_from(STARTS), edits)
def test_a_changed_text_is_read_equal_or_left(text: str, changes: list[tuple[int, int, str]]) -> None:
    for where, gone, piece in changes:
        place = where % (len(text) + 1)
        text = text[:place] + piece + text[place + gone :]
    data = f"{text}\n".encode()
    read = read_own_yaml(data)
    if read is not None:
        assert_equals_all_loaders(data, read)
