"""How an altered file differs, in words; whatever somebody made of it."""

from __future__ import annotations

import pytest

from gittrack.trust.telling import difference

HEAD = "step\tseconds\tvalue\n"
RECORD = "id: 3fa23fa23fa23fa23fa23fa23fa23fa2\nname: a\nexperiment: e\nstart: '2026-01-31T09:30:00.125Z'\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("1\t0.1\t0.5\n", "1\t0.1\t0.25\n", "loss at step 1 was 0.5 and is 0.25"),
        ("\t0.1\t0.5\n", "\t0.1\tnan\n", "loss was 0.5 and is nan"),
        ("1\t0.1\t0.5\n2\t0.1\t0.5\n", "1\t0.1\t0.5\n", "loss had 2 values and has 1"),
        ("1\t0.1\t0.5\n", "1\t0.2\t0.5\n", "the times of loss differ"),
        ("1\t0.1\t0.5\n", "rubbish", "29 bytes became 26"),
    ],
)
def test_a_metric(old: str, new: str, told: str) -> None:
    assert difference("metrics/loss.tsv", (HEAD + old).encode(), (HEAD + new).encode()) == told
    later = "later/00000001-0123456789abcdef/metrics/loss.tsv"
    assert difference(later, (HEAD + old).encode(), (HEAD + new).encode()) == told


def test_the_name_of_a_metric_is_read_from_its_file() -> None:
    old, new = (f"{HEAD}1\t0.1\t{value}\n".encode() for value in (1, 2))

    assert difference("metrics/a%2Fb.tsv", old, new) == "a/b at step 1 was 1 and is 2"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("params: {lr: 0.1}\n", "params: {lr: 0.2}\n", "params.lr was 0.1 and is 0.2"),
        ("params: {lr: 0.1}\n", "", "params.lr was 0.1 and is nothing"),
        ("status: failed\n", "status: finished\n", "status was failed and is finished"),
        ("params: {a: 1, b: 1, c: 1, d: 1}\n", "params: {a: 2, b: 2, c: 2, d: 2}\n", "; …"),
        ("", "# a remark\n", "bytes became"),
        ("", "!!python/object:os.system {}\n", "bytes became"),
    ],
)
def test_a_record(old: str, new: str, told: str) -> None:
    assert told in difference("run.yaml", (RECORD + old).encode(), (RECORD + new).encode())


def test_other_files() -> None:
    assert difference("artifacts/model.bin", b"\0", b"\0\1") == "1 bytes became 2"
    assert difference("artifacts/model.bin", None, b"\0") == ""
    assert difference("purged/3f/3fa2", b"", None) == ""
