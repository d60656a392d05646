"""Params and metrics out of files as programs write them."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.files import MetricPoint, iter_metrics, parse_metric_line, read_metrics, read_params
from gittrack.errors import GittrackError, InvalidValue

if TYPE_CHECKING:
    from pathlib import Path


def _file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text", "params"),
    [
        ("p.yaml", "lr: 1e-5\nmodel: {depth: 3, act: relu}\nwhen: 2026-05-01\nx: null\n", None),
        ("p.yml", "", {}),
        ("p.yaml", "# nothing yet\n", {}),
        ("p.yaml", "2: a\ntrue: b\n", {"2": "a", "True": "b"}),
        ("p.yaml", "\ufefflr: 0.1\r\nb: 2\r\n", {"lr": 0.1, "b": 2}),
        ("p.yaml", "base: &b {x: 1}\nother: {<<: *b, y: 2}\n", {"base": {"x": 1}, "other": {"x": 1, "y": 2}}),
        ("p.json", '{"lr": 0.1, "layers": [1, 2], "deep": {"a": null, "b": true}}', None),
        ("p.json", "\ufeff{}", {}),
        ("p.toml", "lr = 0.1\r\n[model]\r\ndepth = 3\r\nday = 2026-05-01\r\n", None),
        ("p.csv", "lr,batch,name\n0.1,32,007\n", {"lr": 0.1, "batch": 32, "name": "007"}),
        ("p.csv", "key,value\nlr,0.1\nname,adam\n", {"lr": 0.1, "name": "adam"}),
        ("p.csv", "lr,0.1\nbatch,32\n", {"lr": 0.1, "batch": 32}),
        ("p.csv", "lr,batch\n0.1,32\n", {"lr": 0.1, "batch": 32}),
        ("p.csv", "lr;batch\n0.1;32\n", {"lr": 0.1, "batch": 32}),
        ("p.tsv", "lr\tnote\n0.1\ta, b\n", {"lr": 0.1, "note": "a, b"}),
        ("p.csv", b"\xff\xfe" + "lr,x\n1,2\n".encode("utf-16-le"), {"lr": 1, "x": 2}),
        ("p.json", '{"db": {"password": "abc"}, "url": "https://a:b@h/"}', None),
    ],
)
def test_params(tmp_path: Path, name: str, text: str | bytes, params: dict[str, object] | None) -> None:
    longer = {
        "lr: 1e-5": {"lr": 1e-5, "model": {"depth": 3, "act": "relu"}, "when": "2026-05-01", "x": None},
        '{"lr": 0': {"lr": 0.1, "layers": [1, 2], "deep": {"a": None, "b": True}},
        "lr = 0.1": {"lr": 0.1, "model": {"depth": 3, "day": "2026-05-01"}},
        '{"db": {': {"db": {"password": "[redacted]"}, "url": "https://[redacted]@h/"},
    }
    expected = longer[str(text)[:8]] if params is None else params
    found = read_params(_file(tmp_path, name, text))
    assert found == expected
    assert [type(v) for v in found.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.yaml", "a: 1\nb: [\n", "p.yaml, line 3: this is no YAML"),
        ("p.yaml", "- 1\n", "holds a list; a params file is one mapping"),
        ("p.yaml", "a: 1\n---\nb: 2\n", "p.yaml, line 2: this is no YAML"),
        ("p.yaml", "a: !!python/object/apply:os.getcwd []\n", "p.yaml, line 1: this is no YAML"),
        ("p.yaml", "a: &x [*x]\n", r"nested more than|refers to itself"),
        ("p.yaml", 'a: !!binary "aGk="\n', "p.yaml: param 'a' of type bytes"),
        ("p.json", '{"a": 1,\n}', "p.json, line 2: this is no JSON"),
        ("p.json", "[" * 100_000, r"cannot be read|nested too deeply"),
        ("p.toml", "a = \n", r"this is no TOML \(.*line 1"),
        ("p.csv", "a,b,c\n1,2\n", "p.csv, line 2: 2 values stand below 3 names"),
        ("p.csv", "a,b,c\n1,2,3\n4,5,6\n", "p.csv, line 3: a params table"),
        ("p.csv", "a,b,c\n", "below the names a line of values is missing"),
        ("p.yaml", b"a: \xff\n", "is not UTF-8 text"),
        ("p.txt", "a: 1", r"must end in \.yaml"),
    ],
)
def test_wrong_params(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    with pytest.raises(GittrackError, match=message) as caught:
        read_params(_file(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    for read in (read_params, read_metrics):
        with pytest.raises(GittrackError, match=r"no\.json cannot be read: No such file"):
            read(tmp_path / "no.json")


@pytest.mark.parametrize(
    ("name", "text", "points"),
    [
        (
            "m.json",
            '{"loss": 0.5, "val": {"acc": 1}, "note": "x", "ok": true}',
            [("loss", None, 0.5), ("val.acc", None, 1)],
        ),
        ("m.json", '{"loss": [3, 2, 1.5]}', [("loss", 0, 3), ("loss", 1, 2), ("loss", 2, 1.5)]),
        ("m.json", '[{"step": 1, "loss": 2}, {"step": 2, "loss": 1}]', [("loss", 1, 2), ("loss", 2, 1)]),
        ("m.json", '{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}\n', [("loss", 1, 2), ("loss", 2, 1)]),
        ("m.json", '{"log_history": [{"epoch": 0.5, "step": 9, "loss": 1}]}', [("epoch", 9, 0.5), ("loss", 9, 1)]),
        (
            "m.jsonl",
            '{"epoch": 1, "a": {"b": 2}}\r\n\r\n{"_step": 2, "a": "NaN"}\r\n',
            [("a.b", 1, 2), ("a", 2, math.nan)],
        ),
        ("m.ndjson", '{"metric": "loss", "value": 1, "step": 3, "seconds": 2}\n', [("loss", 3, 1, 2.0)]),
        ("m.yaml", "loss: 1e-3\nnan: .nan\n", [("loss", None, 1e-3), ("nan", None, math.nan)]),
        ("m.toml", "loss = 0.5\n[val]\nacc = [1, 2]\n", [("loss", None, 0.5), ("val.acc", 0, 1), ("val.acc", 1, 2)]),
        (
            "m.csv",
            "\ufeffStep,loss,note,acc\r\n1,0.5,a,\r\n2,nan,b,1\r\n",
            [("loss", 1, 0.5), ("loss", 2, math.nan), ("acc", 2, 1)],
        ),
        ("m.csv", "epoch, loss\n1, 0.5\n\n2.0, -inf\n", [("loss", 1, 0.5), ("loss", 2, -math.inf)]),
        ("m.csv", "loss\n0.5\n0.4\n", [("loss", None, 0.5), ("loss", None, 0.4)]),
        ("m.csv", "step,loss\n,0.5\n3\n", [("loss", None, 0.5)]),
        ("m.csv", "metric,value,step\nloss,0.5,1\nacc,1,1\n", [("loss", 1, 0.5), ("acc", 1, 1)]),
        ("m.csv", "step;loss\n1;0.5\n", [("loss", 1, 0.5)]),
        ("m.csv", "step,seconds,loss\n1,2.5,0.5\n", [("loss", 1, 0.5, 2.5)]),
        ("m.csv", 'step,"a, b"\n-1,7\n', [("a, b", -1, 7)]),
        ("m.tsv", "step\tloss\n1\t0.5\n", [("loss", 1, 0.5)]),
        ("m.csv", "step,loss\n", []),
        ("m.csv", "", []),
        ("m.json", "{}", []),
        ("m.json", "", []),
        ("m.jsonl", "", []),
    ],
)
def test_metrics(tmp_path: Path, name: str, text: str, points: list[tuple[str, int | None, float]]) -> None:
    found = read_metrics(_file(tmp_path, name, text))
    # repr tells nan from nothing and 1 from 1.0
    assert [repr(p) for p in found] == [repr(MetricPoint(*p)) for p in points]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "step,loss\n1,0.5\n2,0.4x\n", "m.csv, line 3: '0.4x' in the column 'loss' is not a number"),
        ("m.csv", "step,loss\none,0.5\n", "m.csv, line 2: the step 'one' is not a whole number"),
        ("m.csv", "step,loss\n1.5,0.5\n", "m.csv, line 2: the step 1.5 is not"),
        ("m.csv", "step,loss\n1,2,3\n", "m.csv, line 2: 3 cells stand below 2"),
        ("m.csv", "1,2\n3,4\n", "m.csv, line 1: the first line must name the columns"),
        ("m.csv", "note\nhello\n", "holds no numbers"),
        ("m.csv", "a,b\n1," + "x" * 200_000 + "\n", "m.csv, line 2: this is no CSV"),
        ("m.csv", b"a\n\xff\n", "is not UTF-8 text"),
        ("m.jsonl", '{"a": 1}\n{"a": \n', "m.jsonl, line 2: this is no JSON"),
        ("m.jsonl", '{"a": 1}\n[1]\n', "m.jsonl, line 2 holds a list"),
        ("m.jsonl", '{"step": "x", "a": 1}\n', "m.jsonl, line 1: the step 'x'"),
        ("m.jsonl", b"\xff\n", "is not UTF-8 text"),
        ("m.json", "[1, 2]", "entry 0 of the list is one number"),
        ("m.json", '"x"', "holds a text"),
        ("m.json", '{"a": "x"}', "holds no numbers"),
        ("m.json", b'{"a": "\xff"}', "is not UTF-8 text"),
        ("m.parquet", "", r"must end in .*\.jsonl"),
    ],
)
def test_wrong_metrics(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    with pytest.raises(GittrackError, match=message) as caught:
        read_metrics(_file(tmp_path, name, text))
    assert "\n" not in str(caught.value)


def test_lines() -> None:
    assert parse_metric_line("\n") == []
    assert parse_metric_line('{"step": 3, "loss": 0.1, "Infinity": Infinity}') == [
        MetricPoint("loss", 3, 0.1),
        MetricPoint("Infinity", 3, math.inf),
    ]
    for wrong in ("{", "3", "loss=0.3", "9" * 5000):
        with pytest.raises(InvalidValue, match="a line of metrics"):
            parse_metric_line(wrong)


def test_a_large_table_is_read_a_line_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_text("step,loss\n" + "".join(f"{i},0.5\n" for i in range(100_000)) + "x,y\n")
    points = iter_metrics(path)  # the wrong line at the end is not reached
    assert [p.step for p in itertools.islice(points, 3)] == [0, 1, 2]
    with pytest.raises(InvalidValue, match="line 100002"):
        list(points)
