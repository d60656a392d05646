"""The files of a committed run come back byte for byte, and number for number."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.codec import paths
from gittrack.codec.series import HEADER, write_series
from gittrack.errors import DamagedRecord, StorageError
from gittrack.model import Artifact, MetricSummary, Point, Run
from gittrack.project import open_project
from gittrack.read.history import read_file, read_history
from gittrack.read.index import open_index

if TYPE_CHECKING:
    from tests.read.conftest import RunsBranch

POINTS = [
    Point(0, 0.125, 0.1),
    Point(None, 0.25, math.nan),
    Point(-3, 1.0, -0.0),
    Point(2**70, 1e6, 2**70),
    Point(0, 1.5, -math.inf),
]
SUMMARY = MetricSummary(1, 0, 1, 0, 1, 0, 5)


def indexed(branch: RunsBranch) -> Run:
    with open_index(open_project()) as index:
        run = index.get(branch.id(1))
    assert run is not None
    return run


def test_a_history_is_all_its_files_in_order(branch: RunsBranch) -> None:
    later = branch.later(1, 1, metrics={"a/b": SUMMARY})
    [record] = later
    branch.commit(
        branch.frame()
        | branch.run(1, metrics={"a/b": SUMMARY, "other": SUMMARY})
        | later
        | {
            f"{branch.folder(1)}/metrics/a%2Fb.tsv": write_series(POINTS),
            record.removesuffix(".yaml") + "/metrics/a%2Fb.tsv": write_series([Point(9, 9.0, 9.5)]),
            f"{branch.folder(1)}/metrics/other.tsv": HEADER,
        }
    )
    run = indexed(branch)
    assert repr(read_history(open_project(), run, "a/b")) == repr([*POINTS, Point(9, 9.0, 9.5)])
    assert read_history(open_project(), run, "other") == []
    assert read_history(open_project(), run, "unknown") == []


def test_a_history_that_is_missing_or_damaged_is_told(branch: RunsBranch) -> None:
    branch.commit(
        branch.frame()
        | branch.run(1, metrics={"gone": SUMMARY, "bad": SUMMARY})
        | {f"{branch.folder(1)}/metrics/bad.tsv": HEADER + b"1\t2\n"}
    )
    run = indexed(branch)
    with pytest.raises(StorageError, match=r"metrics/gone\.tsv of run 00000001 is missing.*git fsck"):
        read_history(open_project(), run, "gone")
    with pytest.raises(DamagedRecord, match=r"metrics/bad\.tsv of run 00000001 is damaged: line 2"):
        read_history(open_project(), run, "bad")


def test_files_of_a_run_are_read_and_pointers_followed(branch: RunsBranch) -> None:
    big = b"weights" * 30_000
    sha256 = hashlib.sha256(big).hexdigest()
    pointer = paths.pointer(sha256, len(big))
    artifacts = (
        Artifact("model.bin", len(big), sha256, large=True),
        Artifact("a pointer of the user's.txt", len(pointer), hashlib.sha256(pointer).hexdigest()),
    )
    folder = branch.folder(1)
    branch.commit(
        branch.frame()
        | branch.run(1, artifacts=artifacts)
        | {
            f"{folder}/output.log": b"epoch 1\n",
            f"{folder}/artifacts/model.bin": pointer,
            f"{folder}/artifacts/a pointer of the user's.txt": pointer,
        }
    )
    project, run = open_project(), indexed(branch)
    assert read_file(project, run, "output.log") == b"epoch 1\n"
    assert read_file(project, run, "environment/packages.txt") is None
    assert read_file(project, run, "artifacts/a pointer of the user's.txt") == pointer
    with pytest.raises(StorageError, match=r"'model\.bin' of run 00000001 is large and not on this machine"):
        read_file(project, run, "artifacts/model.bin")
    stored = Path(project.large_file(sha256))
    stored.parent.mkdir(parents=True)
    stored.write_bytes(big)
    assert read_file(project, run, "artifacts/model.bin") == big
    stored.write_bytes(big[:-1])
    with pytest.raises(StorageError, match="is damaged"):
        read_file(project, run, "artifacts/model.bin")
