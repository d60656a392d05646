"""The codec: every file of the branch as any bytes, and records of any values that must come back exactly."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from typing import TYPE_CHECKING, Final, cast

from gittrack.codec.document import json_text, pack, run_document, run_from_document, unpack
from gittrack.codec.paths import FORMAT_FILE, RECORD, check_id, format_file, metric_stem, parse_later
from gittrack.codec.record import record_from_plain, record_to_plain
from gittrack.codec.series import read_series, write_series
from gittrack.codec.text import from_yaml, to_yaml
from gittrack.codec.times import read_time, write_time
from gittrack.errors import DamagedRecord, InvalidValue
from gittrack.git.tree import Entry, find_entry, parse_tree, put_entries, serialize
from gittrack.model import MetricSummary, Number, Point, Record, Value
from gittrack.read.records import read_records, record_at
from gittrack.read.schema import add_run, create_tables
from gittrack.record.publish import frame_files
from gittrack.replay import fold
from gittrack.values import check_key, plain_value
from tests.faults.fuzz_journal import RUN_ID, START
from tests.faults.fuzz_targets import Target, seeds_of
from tests.faults.fuzz_values import Maker

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

    from gittrack.git.branch import View

LATER: Final = "later/00000007-0123456789abcdef.yaml"


def bits(value: object) -> object:
    """`value` with types and float bits made visible, for an exact comparison."""
    if isinstance(value, float):
        return ("nan",) if value != value else ("float", struct.pack(">d", value))
    if isinstance(value, dict):
        return [(bits(k), bits(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    return (type(value).__name__, value)


def check_first(data: bytes) -> None:
    """A run.yaml of any bytes."""
    _check_record(data, RECORD)


def check_later(data: bytes) -> None:
    """A later record of any bytes."""
    _check_record(data, LATER)


def _check_record(data: bytes, name: str) -> None:
    record = record_from_plain(from_yaml(data, name), name)
    others = [Record(start=START, params={"lr": 0.1}, metrics={"loss": MetricSummary(1, 1, 1, 1, 1, 1, 1)})]
    run = fold([record] if record.start is not None else [*others, record])
    document = run_document(run)
    text = pack(document)
    assert bits(run_document(run_from_document(unpack(text)))) == bits(document)
    json_text(document)
    if zlib.crc32(data) % 4 == 0:
        again = record_from_plain(from_yaml(to_yaml(record_to_plain(record)), name), name)
        assert bits(run_document(fold([again] if again.start else [*others, again]))) == bits(document)


class _Tables:
    """An index in memory that takes what a damaged run leaves."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None)
        create_tables(self._db)

    def check(self, data: bytes) -> None:
        """Index the run: whatever is wrong becomes a reason, and no error."""
        first = to_yaml(record_to_plain(Record(start=START, metrics={"loss": MetricSummary(1, 1, 1, 1, 1, 1, 1)})))
        reading = read_records(RUN_ID, ((RECORD, first), (LATER, data)))
        self._db.execute("BEGIN")
        add_run(self._db, RUN_ID, reading)
        self._db.execute("ROLLBACK")
        assert "Error: " not in (reading.problem or ""), reading.problem


class _Branch:
    """A tip that holds one file."""

    tip = "0" * 40

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, path: str) -> bytes | None:
        """The file."""
        return self._data if path == FORMAT_FILE else None


def check_format(data: bytes) -> None:
    """A format.yaml of any bytes."""
    assert frame_files(cast("View", _Branch(data))) == {}


def check_series(data: bytes) -> None:
    """A metric's file of any bytes."""
    points = read_series(data)
    assert bits(read_series(write_series(points))) == bits([Point(s, round(t, 3), v) for s, t, v in points])


def check_document(data: bytes) -> None:
    """A line of JSON of any bytes."""
    value = unpack(data)
    assert bits(unpack(pack(value))) == bits(value)
    run = run_from_document(value)
    assert bits(run_from_document(unpack(pack(run_document(run))))) == bits(run)


def check_tree(data: bytes) -> None:
    """A raw tree of any bytes."""
    hash_len = 32 if data[:1] == b"\x01" else 20
    entries = parse_tree(data[1:], hash_len)
    added = Entry(0o100644, b"run.yaml", "ab" * hash_len)
    raw = put_entries(data[1:], hash_len, (added,))
    assert find_entry(raw, hash_len, b"run.yaml") == added
    assert {e.name for e in parse_tree(raw, hash_len)} == {e.name for e in entries} | {b"run.yaml"}
    assert sorted(parse_tree(serialize(entries), hash_len)) == sorted(entries)


def check_paths(data: bytes) -> None:
    """A path, a name or a time that is any text."""
    text = data.decode("utf-8", "surrogatepass" if data[:1] < b"m" else "replace") if data.isascii() else str(data)
    later = parse_later(text)
    assert later is None or f"{later[0]:0{len(text.split('-')[0])}d}-{later[1]}" == text.removesuffix(".yaml")
    record_at(text)
    for check in (check_id, read_time, lambda name: metric_stem(check_key("metric", name), ("a", name.lower()))):
        try:
            result = check(text)
        except (InvalidValue, DamagedRecord):
            continue
        assert check is not read_time or write_time(cast("float", result)) == text


def check_values(data: bytes) -> None:
    """A record of values made from the bytes comes back from YAML to the bit."""
    maker = Maker(data)
    params: dict[str, Value] = {}
    for _ in range(1 + maker.byte() % 4):
        params[check_key("param", maker.text())] = plain_value("p", maker.value())
    number = plain_value("n", maker.value())
    assert isinstance(number, (int, float, str, list, dict, type(None)))
    value: Number = number if isinstance(number, (int, float)) and not isinstance(number, bool) else 0
    summary = MetricSummary(value, maker.byte(), value, None, value, 1, 1, ("metrics/m.tsv",))
    record = Record(start=START, params=params, metrics={"m": summary}, description=f"{number!s:.500}")
    assert bits(unpack(pack(params))) == bits(params)
    json_text(params)
    read = record_from_plain(from_yaml(to_yaml(record_to_plain(record)), RECORD), RECORD)
    assert bits([read.params, read.metrics["m"].last, read.description]) == bits([params, value, record.description])
    points = [Point(None, 0.0, value), Point(maker.byte(), -1.5, -value)]
    assert bits(read_series(write_series(points))) == bits(points)


def codec_target(_folder: Path, _stack: ExitStack) -> Target:
    """The target `codec`."""
    summary = MetricSummary(0.1, 3, 0.1, 3, 1.5, None, 4, ("metrics/loss.tsv",))
    small = to_yaml(record_to_plain(Record(start=START, status="finished", end=START.time, params={"lr": 0.1})))
    later = to_yaml(
        record_to_plain(
            Record(
                time=START.time,
                author=START.author,
                tags={"a": None, "b": "x"},
                params={"lr": 0.2, "m": {"d": [1, 2.5, None, "x"]}},
                metrics={"loss": summary},
                deleted=False,
            )
        )
    )
    part = to_yaml(record_to_plain(Record(part=START)))
    bare = b"id: '%b'\nname: n\nstart: '2026-01-31T09:30:00.125Z'\n" % RUN_ID.encode()
    odd = (
        b"params:\n  a: &a [1]\n  b: *a\n",
        b"tags: {a: !!int 1, ? [1] : 2}\n",
        b"params: {d: 2024-01-01, <<: {a: 1}}\n",
    )
    series = write_series([Point(1, 0.1, 0.5), Point(None, -2.0, 7), Point(-3, 1e9, -0.0), Point(2**70, 0.0, 2**70)])
    document = pack(run_document(fold([Record(start=START, metrics={"loss": summary}, params={"n": {1: 2}})]))).encode()
    tree = serialize([Entry(0o040000, b"runs", "cd" * 20), Entry(0o100644, b"format.yaml", "ab" * 20)])
    bodies = (
        [small, bare, bare + b"params: {a: 0x1f, b: 1:30, c: .nan, d: 1e-5}\n", bare + odd[0]],
        [later, part, *odd],
        [later, part, b"metrics: {loss: {last: 1, min: 1, max: 1, count: 1}}\n"],
        [format_file(), b"version: 1\n", b"format: gittrack\nversion: 99\n"],
        [series, series[:20]],
        [document, b'{"a":[1,2.5,null,true,"x"],"b":{"\\u0000map":[[1,2],[null,3]]}}'],
        [b"\0" + tree, b"\1" + serialize([Entry(0o100644, b"a", "ab" * 32)])],
        [
            LATER.encode(), b"00000003-0123456789abcdef.yaml", b"2026-01-31T09:30:00.125Z", b"Loss/train %", b"con",
            b"runs/3f/" + RUN_ID.encode() + b"/run.yaml", RUN_ID.encode(),
        ],
        [b"\2lr\0\x0a\x06\0\0\0\0\0\0\0\x80name\0\x08text\0", b"\1a\0\0\3x\0\1y\0\2z\0\3", bytes(range(60))],
    )  # fmt: skip
    kinds = (
        check_first, check_later, _Tables().check, check_format, check_series,
        check_document, check_tree, check_paths, check_values,
    )  # fmt: skip
    return Target(
        "codec", kinds, seeds_of(bodies), (b"params:", b"metrics:", b"tags:", b"\t", b"\n  ", b'"\\u0000map"')
    )
