"""The made-up runs that benchmarks measure with are runs like any other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gittrack
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml

if TYPE_CHECKING:
    from types import ModuleType

    from tests.conftest import Git, Gittrack

COUNT = 130  # more than a commit holds


@pytest.fixture
def population(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "benchmarks")
    import population

    return population


@pytest.fixture
def populated(repo: Path, population: ModuleType, git: Git) -> Path:
    population.populate(repo, COUNT - 1)
    population.populate(repo, 1, first=COUNT - 1)
    return repo


def test_they_read_back_equal(populated: Path, population: ModuleType, git: Git) -> None:
    runs = gittrack.search_runs(repo=populated)
    assert len(runs) == COUNT
    head = git("rev-parse", "main").strip()
    for number, run in enumerate(reversed(runs)):
        assert (run.id, run.name) == (population.run_id(number), population.run_name(number))
        assert dict(run.params) == population.params(number)
        assert {name: metric.last for name, metric in run.metrics.items()} == population.metrics(number)
        assert dict(run.tags) == population.tags(number)
        assert run.code.commit == head
    assert [point.value for point in runs[0].history("acc")] == [population.metrics(COUNT - 1)["acc"]]


def test_their_bytes_are_those_of_the_codec(populated: Path, population: ModuleType, git: Git) -> None:
    head = git("rev-parse", "main").strip()
    for number in (0, 1, 77, COUNT - 1):
        oid = population.run_id(number)
        text = git("cat-file", "blob", f"gittrack/runs:runs/{oid[:2]}/{oid}/run.yaml")
        assert text.encode() == to_yaml(record_to_plain(population.record(number, head)))


def test_they_are_the_same_in_every_repository(population: ModuleType, tmp_path: Path, git: Git) -> None:
    trees = set()
    for name in ("one", "other"):
        git("init", "-q", tmp_path / name)
        population.populate(str(tmp_path / name), 20)
        trees.add(git("-C", tmp_path / name, "rev-parse", "gittrack/runs"))
    assert len(trees) == 1


def test_nothing_is_wrong_with_them(populated: Path, gittrack: Gittrack) -> None:
    result = gittrack("check")
    assert (result.code, result.err) == (0, "")
    assert re.search(rf"checked {COUNT} runs.*all is well", result.out)
