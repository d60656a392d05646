"""A run that is running as the files that are sent of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gittrack.codec.own_yaml import read_yaml
from gittrack.codec.paths import run_directory
from gittrack.codec.series import read_series
from gittrack.project import Project, open_project
from gittrack.record.running import is_running, running_files
from gittrack.record.stage import stage_bytes
from tests.record.journals import lay
from tests.record.test_recover import END, LOSS, OPEN, RUN_ID, START, WORKER

FOLDER = run_directory(RUN_ID)


@pytest.fixture
def project(repo: Path) -> Project:
    return open_project(repo)


@pytest.fixture
def journal(project: Project) -> Path:
    return Path(project.journal_of(RUN_ID))


def test_a_run_without_its_artifacts(project: Project, journal: Path) -> None:
    artifact = stage_bytes(project, RUN_ID, "notes.txt", b"hello")
    event = {"e": "artifact", "at": 1001.0, "path": artifact.path, "size": artifact.size, "sha256": artifact.sha256}
    lay(journal, "aa", OPEN, START, LOSS, event)
    (journal / "output.log").write_text("epoch 1\n")

    found = running_files(project, RUN_ID)

    assert found is not None
    run, files = found
    assert (run.name, run.status, run.end, run.artifacts, run.output) == ("mine", "running", None, (), ("output.log",))
    names = {f"{FOLDER}/{name}" for name in ("run.yaml", "metrics/loss.tsv", "output.log")}
    assert files.keys() == {"format.yaml", "README.md", *names}
    record, history = files[f"{FOLDER}/run.yaml"], files[f"{FOLDER}/metrics/loss.tsv"]
    assert isinstance(record, bytes)
    assert isinstance(history, bytes)
    plain = read_yaml(record, "run.yaml")
    assert isinstance(plain, dict)
    assert plain["status"] == "running"
    assert [point.value for point in read_series(history)] == [0.5]
    assert not is_running(project, RUN_ID), "nobody holds its journal"


def test_what_has_ended_and_what_has_no_start_is_not_sent(project: Project, journal: Path) -> None:
    lay(journal, "bb", WORKER, LOSS)
    assert running_files(project, RUN_ID) is None
    lay(journal, "aa", OPEN, START, LOSS, END)
    assert running_files(project, RUN_ID) is None
