"""The journal's reader: segments of any bytes, and segments whose lines are whole but say anything."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Final

from gittrack.codec.document import pack, run_document, run_from_document, unpack
from gittrack.codec.paths import RECORD, metric_stem
from gittrack.codec.record import record_from_plain, record_to_plain, start_to_plain
from gittrack.codec.series import read_series
from gittrack.codec.text import from_yaml, to_yaml
from gittrack.model import Author, Code, Environment, Start
from gittrack.record.assemble import Assembly, assemble
from gittrack.record.folder import opening_of_owner, openings, read_segments
from gittrack.record.segment import frame, read_segment
from gittrack.replay import fold, settle
from gittrack.values import check_artifact_path
from tests.faults.fuzz_targets import Target, seeds_of

if TYPE_CHECKING:
    from contextlib import ExitStack
    from pathlib import Path

RUN_ID: Final = "3fa2c1d0" * 4
START: Final = Start(
    RUN_ID,
    "brave-otter",
    1_760_000_000.125,
    author=Author("Ada Example", "ada@example.com"),
    command=("python", "train.py"),
    code=Code("ab" * 20, "main", True),
    environment=Environment("3.11.7", packages=("numpy==2.0",)),
)
NEXT_SEGMENT: Final = b"%%"


def check_bytes(data: bytes) -> None:
    """Any bytes: each is in a whole line, in damage, or in the torn tail, and lines come in order."""
    contents = read_segment(data)
    lines = [frame(sequence, payload) for sequence, payload in contents.lines]
    assert all(line in data for line in lines)
    # A whole line out of order counts, and is told; a second one of its number is only told.
    odd = sum(damage.length for damage in contents.damage if damage.misplaced)
    even = sum(map(len, lines)) + sum(d.length for d in contents.damage if not d.misplaced) + contents.torn
    assert even - odd <= len(data) <= even + odd
    numbers = [sequence for sequence, _ in contents.lines]
    assert numbers == sorted(set(numbers))


class _Folder:
    """A journal's folder whose segments are whole and hold the lines of the input."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self, data: bytes) -> None:
        """Read the segments as a command does, and publish what they tell as far as it needs no repository."""
        segments = data.split(b"\n" + NEXT_SEGMENT + b"\n")[:4]
        for number, body in enumerate(segments):
            lines = (frame(i, payload) for i, payload in enumerate(body.split(b"\n")))
            (self._folder / f"s{number}.log").write_bytes(b"".join(lines))
        try:
            opening_of_owner(str(self._folder))
            openings(str(self._folder))
            assembly = assemble(RUN_ID, read_segments(str(self._folder)))
        finally:
            for number in range(len(segments)):
                (self._folder / f"s{number}.log").unlink()
        check_assembly(assembly, fully=zlib.crc32(data) % 8 == 0)


def check_assembly(assembly: Assembly, *, fully: bool) -> None:
    """What the journal told can be a run: its files have names and can be read again, `fully` as YAML."""
    record = settle(assembly.record)
    stems: set[str] = set()
    for name, series in assembly.series.items():
        stems.add(metric_stem(name, stems).lower())
        assert len(read_series(series)) == record.metrics[name].count
    assert len(stems) == len(assembly.series)
    for artifact in record.artifacts:
        assert check_artifact_path(artifact.path) == artifact.path
    if record.start is None:
        return
    run = fold([record])
    text = pack(run_document(run))
    text.encode()
    assert pack(run_document(run_from_document(unpack(text)))) == text
    if fully:
        read = record_from_plain(from_yaml(to_yaml(record_to_plain(record)), RECORD), RECORD)
        assert pack([read.params, read.tags, read.status, read.error]) == pack(
            [record.params, record.tags, record.status, record.error or None]
        )
        assert [(a.path, a.size) for a in read.artifacts] == [(a.path, a.size) for a in record.artifacts]


def journal_target(folder: Path, _stack: ExitStack) -> Target:
    """The target `journal`."""
    event = _events()
    owner = b'{"e":"open","version":1,"run":"%b","host":"box","owner":true,"start":1760000000.125,"wall":1760000000.5}'
    owner %= RUN_ID.encode()
    worker = owner.replace(b"true", b"false")
    after = owner[:-1] + b',"after":"s0","from":3}'
    points = b"m\tloss\t1\t0.100\t0.5\nm\tloss\t2\t0.200\tnan\nm\tacc\t\t-0.300\t7\nm\ttrain/f1 %\t-3\t1e3\t-inf"
    whole = [
        owner + b"\n" + b"\n".join(event),
        owner + b"\n" + event[0] + b"\n" + points + b"\n" + event[-1],
        owner + b"\n" + event[0] + b"\n" + points + b"\n%%\n" + worker + b"\n" + points + b"\n" + event[-2],
        owner + b"\n" + event[0] + b"\n" + points + b"\n%%\n" + after + b"\n" + points,
    ]
    raw = [b"".join(frame(i, line) for i, line in enumerate(body.split(b"\n"))) for body in whole]
    raw += [raw[0] + b"\0" * 64, raw[1] + b"12 9 0000", raw[1][:90] + raw[1][120:], b""]
    return Target(
        "journal", (_Folder(folder).check, check_bytes), seeds_of((whole, raw)), (b"%%", b"m\t", b'"at":', b'"e":"')
    )


def _events() -> list[bytes]:
    """One event of each kind, the end last."""
    facts: list[tuple[str, dict[str, object]]] = [
        ("start", {"start": start_to_plain(START), "packages": ["numpy==2.0"]}),
        ("params", {"params": {"lr": 1e-5, "model": {"depth": 3, "sizes": [1, 2.5, None]}}}),
        ("params", {"params": {"lr": 1e-4}}),
        ("params", {"params": {"m": {"\x00map": [[1, "a"], [None, 2]]}}}),
        ("tags", {"tags": {"stage": "final", "gone": None}}),
        ("set", {"name": "second", "experiment": "e", "description": "two\nlines"}),
        ("note", {"text": "odd", "time": "2026-01-31T09:30:00.125Z", "by": {"name": "Ada", "email": "a@b"}}),
        ("deleted", {"deleted": True}),
        ("artifact", {"path": "plots/roc.png", "size": 3, "sha256": "ab" * 32, "large": False}),
        ("artifact", {"path": "plots", "size": 3, "sha256": "ab" * 32, "large": True}),
        ("input", {"name": "d", "path": "d.csv", "kind": "file", "size": 1, "sha256": "ab" * 32, "files": 1}),
        ("warning", {"text": "something"}),
        ("close", {"status": "failed", "error": "boom"}),
        ("end", {"status": "finished", "end": "2026-01-31T09:30:00.125Z", "error": None}),
    ]
    return [json.dumps({"e": kind, "at": 1760000000.5 + i, **fact}).encode() for i, (kind, fact) in enumerate(facts)]
