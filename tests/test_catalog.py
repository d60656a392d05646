"""What a person sees: committed, running and lost runs as one list, and one of them by what is typed."""

from __future__ import annotations

import contextvars
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gittrack
from gittrack.catalog import Catalog, open_catalog
from gittrack.errors import DamagedRecord, RepositoryError, RunNotFound, StorageError, UsageError
from gittrack.git.repository import discover
from gittrack.model import Point
from gittrack.project import Project, open_project
from gittrack.record import liveness
from gittrack.record.begin import begin
from gittrack.record.later import set_deleted, set_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Git

pytestmark = pytest.mark.usefixtures("repo")

RUNNING_CHILD = """
import sys
import gittrack

run = gittrack.start_run(*sys.argv[1:])
gittrack.log_param("lr", 0.1)
for step in range(3):
    gittrack.log_metric("loss", 1 / (step + 1), step)
gittrack.log_text("so far", "notes.txt")
print(run.id, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _no_run_left() -> Iterator[None]:
    yield
    while gittrack.active_run() is not None:
        gittrack.end_run()


@pytest.fixture
def child(repo: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a running run in `repo`; the first line of its output is the id."""
    command = [sys.executable, "-c", RUNNING_CHILD, "from-a-child"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repo)
    yield process
    process.kill()
    process.communicate()


def id_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def record(name: str, **facts: object) -> str:
    with gittrack.start_run(name, **facts) as run:  # type: ignore[arg-type]
        run.log_metric("loss", 0.5, 1)
        return run.id


def listed(catalog: Catalog, **filters: object) -> list[tuple[str, str]]:
    return [(run.name, run.status) for run in catalog.runs(**filters)]  # type: ignore[arg-type]


def test_without_a_repository_or_runs(tmp_path: Path) -> None:
    with open_catalog() as catalog:
        assert catalog.runs() == []
        for text in ("latest", "brave-otter"):
            with pytest.raises(RunNotFound, match="there are no runs here yet"):
                catalog.find(text)
    with pytest.raises(RepositoryError):
        open_catalog(tmp_path)


def test_a_running_run_is_seen_with_its_latest_values(child: subprocess.Popen[str]) -> None:
    first = record("first")
    run_id = id_of(child)
    with open_catalog() as catalog:
        assert sorted(listed(catalog)) == [("first", "finished"), ("from-a-child", "running")]
        assert listed(catalog, status="running") == [("from-a-child", "running")]
        assert listed(catalog, status="finished", limit=1) == [("first", "finished")]
        assert [run.id for run in catalog.runs(1)] == [catalog.find("latest").id]
        run = catalog.find(run_id[:8])
        assert (run.id, run.end, run.params) == (run_id, None, {"lr": 0.1})
        assert (run.metrics["loss"].last, run.metrics["loss"].count) == (1 / 3, 3)
        assert [point[::2] for point in catalog.history(run, "loss")] == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
        assert catalog.file(run, "artifacts/notes.txt") == b"so far"
        assert b"==" in (catalog.file(run, "environment/packages.txt") or b"")
        assert catalog.file(run, "output.log") is None
        child.communicate("")
        assert catalog.file(run, "artifacts/notes.txt") == b"so far", "it was committed meanwhile"
    with open_catalog() as catalog:
        assert sorted(listed(catalog)) == [("first", "finished"), ("from-a-child", "finished")]
        assert len(catalog.history(catalog.find(run_id), "loss")) == 3
        assert catalog.find("first").id == first


def test_a_run_whose_process_was_killed_is_committed_as_crashed(child: subprocess.Popen[str], git: Git) -> None:
    run_id = id_of(child)
    child.send_signal(signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    child.wait()
    with open_catalog() as catalog:
        assert listed(catalog) == [("from-a-child", "crashed")]
        assert catalog.problems == []
        assert len(catalog.history(catalog.find(run_id), "loss")) == 3
    assert "crashed" in git("log", "-1", "--format=%s", "gittrack/runs")
    assert not Path(open_project().journal_of(run_id)).exists()


def test_what_cannot_be_committed_is_shown_nevertheless(
    child: subprocess.Popen[str], git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = id_of(child)
    child.kill()
    child.wait()
    git("config", "--global", "--unset-all", "user.name")
    git("config", "--global", "user.useConfigOnly", "true")
    monkeypatch.setattr("gittrack.catalog.open_project", lambda path: Project(discover(path)))
    with open_catalog() as catalog:
        assert listed(catalog) == [("from-a-child", "crashed")]
        assert len(catalog.history(catalog.find("latest"), "loss")) == 3
        [problem] = catalog.problems
        assert problem.startswith(f"run {run_id[:8]} stays in the journal: git does not know who you are")
    assert git("for-each-ref", "refs/heads/gittrack") == ""


def test_a_resumed_run_has_both_parts() -> None:
    run_id = record("twice", params={"lr": 0.1})
    with gittrack.start_run(run_id=run_id) as run:
        run.log_metric("loss", 0.25, 2)
        run.log_param("more", 1)
        with open_catalog() as catalog:
            [seen] = catalog.runs()
            assert (seen.id, seen.status, seen.end, len(seen.parts)) == (run_id, "running", None, 1)
            assert seen.params == {"lr": 0.1, "more": 1}
            assert seen.metrics["loss"].count == 2
            assert [point[::2] for point in catalog.history(seen, "loss")] == [(1, 0.5), (2, 0.25)]
            assert listed(catalog, status="finished") == []
    with open_catalog() as catalog:
        [seen] = catalog.runs()
        assert (seen.status, len(seen.parts)) == ("finished", 1)
        assert [point[::2] for point in catalog.history(seen, "loss")] == [(1, 0.5), (2, 0.25)]


WORKER = """
import sys
import gittrack

gittrack.start_run(run_id=sys.argv[1])
gittrack.log_metric("late", 1.0)
print("logged", flush=True)
sys.stdin.read()
"""


def test_a_worker_that_outlives_its_run_does_not_make_it_running(repo: Path) -> None:
    run = gittrack.start_run("owner")
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, run.id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repo
    )
    assert id_of(worker) == "logged"
    run.end()
    with open_catalog() as catalog:
        [seen] = catalog.runs()
        assert (seen.status, seen.metrics["late"].count) == ("finished", 1)
        assert [point.value for point in catalog.history(seen, "late")] == [1.0]
    worker.communicate("")
    with open_catalog() as catalog:
        [seen] = catalog.runs()
        assert (seen.status, seen.metrics["late"].count) == ("finished", 1)


def test_a_segment_that_is_committed_already_counts_once(tmp_path: Path) -> None:
    run = gittrack.start_run("once")
    run.log_metric("loss", 0.5)
    journal = Path(open_project().journal_of(run.id))
    shutil.copytree(journal, tmp_path / "journal")
    run.end()
    # As between the commit and the end of the process: the segment is there, and its lock is held.
    shutil.copytree(tmp_path / "journal", journal)
    [lock] = journal.glob("*.lock")
    liveness.hold(str(lock))
    try:
        with open_catalog() as catalog:
            [seen] = catalog.runs()
            assert (seen.status, seen.metrics["loss"].count) == ("finished", 1)
            assert len(catalog.history(seen, "loss")) == 1
    finally:
        liveness.release(str(lock))


def test_a_run_is_found_by_id_prefix_name_and_age() -> None:
    ids = [record(name) for name in ("a-owl", "b-owl", "c-owl")]
    with open_catalog() as catalog:
        for run_id, name in zip(ids, ("a-owl", "b-owl", "c-owl"), strict=True):
            assert {catalog.find(text).id for text in (run_id, run_id.upper(), run_id[:8], name)} == {run_id}
        assert [catalog.find(text).id for text in ("latest", "latest~", "latest~2")] == [ids[2], ids[1], ids[0]]
        with pytest.raises(RunNotFound, match="'latest~3' goes back too far: there are only 3 runs here"):
            catalog.find("latest~3")
        with pytest.raises(RunNotFound, match="did you mean b-owl"):
            catalog.find("b-owll")
        with pytest.raises(RunNotFound, match="at least 4 characters"):
            catalog.find(ids[0][:3])
        with pytest.raises(RunNotFound, match="no run answers to"):
            catalog.find("0" * 32)


def begun(name: str, run_id: str) -> str:
    begin(open_project(), name, None, None, run_id=run_id).end()
    return run_id


def test_a_name_or_prefix_of_several_runs_is_ambiguous() -> None:
    first, second, named = (prefix + "0" * (32 - len(prefix)) for prefix in ("abcd1", "abcd2", "ffff"))
    begun("same", first)
    begun("same", second)
    begun("abcd1", named)
    with open_catalog() as catalog:
        for text in ("same", "abcd"):
            with pytest.raises(RunNotFound, match=rf"'{text}' means several runs: .*abcd1000 same.*; give the id"):
                catalog.find(text)
        with pytest.raises(RunNotFound, match="several runs"):
            catalog.find("abcd1")
        assert catalog.find("abcd2").id == second
        assert catalog.find("ffff").id == named


def test_a_deleted_run_is_found_by_its_id_alone() -> None:
    old, new = record("owl"), record("owl")
    set_deleted(open_project(), new, deleted=True)
    with open_catalog() as catalog:
        assert [run.id for run in catalog.runs()] == [old]
        assert [run.id for run in catalog.runs(include_deleted=True)] == [new, old]
        assert catalog.find("owl").id == catalog.find("latest").id == old
        assert catalog.find(new[:8]).deleted
    set_deleted(open_project(), old, deleted=True)
    with open_catalog() as catalog:
        assert catalog.find("latest").id == new
        with pytest.raises(RunNotFound, match="several"):
            catalog.find("owl")


def test_a_damaged_run_is_told_when_it_is_asked_for(git: Git) -> None:
    good = record("good")
    bad = "bad0" * 8
    tip = git("rev-parse", "gittrack/runs").strip()
    stream = (
        f"commit refs/heads/gittrack/runs\ncommitter A <a@b> 1 +0000\ndata 1\nx\nfrom {tip}\n"
        f"M 100644 inline runs/ba/{bad}/run.yaml\ndata 2\n[]\n\n"
    )
    git("fast-import", "--quiet", input=stream)
    with open_catalog() as catalog:
        assert [run.id for run in catalog.runs()] == [good]
        assert [run_id for run_id, _ in catalog.damaged] == [bad]
        with pytest.raises(DamagedRecord, match="run bad0bad0 is damaged: "):
            catalog.find("bad0")


def test_what_is_asked_for_must_make_sense() -> None:
    with open_catalog() as catalog:
        with pytest.raises(UsageError, match="'done' is not a status; a run is one of running, finished"):
            catalog.runs(status="done")
        with pytest.raises(UsageError, match="-1"):
            catalog.runs(-1)


def test_get_run_gives_all_that_was_recorded() -> None:
    before = datetime.now(timezone.utc) - timedelta(milliseconds=1)
    with gittrack.start_run("brave", experiment="digits", params={"net": {"depth": 3}}, tags={"stage": "dev"}) as run:
        run.log_metric("loss", 0.5, 1)
        run.log_metric("loss", 0.25, 2)
        run.log_text("hello", "notes/a.txt")
    set_tags(open_project(), run.id, {"best": True})
    found = gittrack.get_run("brave")
    assert (found.id, found.name, found.experiment, found.status) == (run.id, "brave", "digits", "finished")
    assert found.params == {"net": {"depth": 3}}
    assert found.tags == {"stage": "dev", "best": "True"}
    assert (found.metrics["loss"].last, found.metrics["loss"].min, found.metrics["loss"].count) == (0.25, 0.25, 2)
    assert [(type(p), p.step, p.value) for p in found.history("loss")] == [(Point, 1, 0.5), (Point, 2, 0.25)]
    assert found.artifact("notes/a.txt") == b"hello"
    assert (found.output(), found.notes, found.inputs, found.error, found.deleted) == ("", (), (), None, False)
    assert found.author is not None
    assert (found.author.email, found.code.branch, found.parent) == ("ada@example.com", "main", None)
    assert found.end is not None
    assert before <= found.start <= found.end <= datetime.now(timezone.utc)
    assert found.duration == (found.end - found.start).total_seconds()
    assert found.to_dict()["name"] == "brave"
    assert repr(found) == f"<Run {run.id[:8]} brave finished>"
    with pytest.raises(UsageError, match="run brave has no metric 'los'; did you mean 'loss'"):
        found.history("los")
    with pytest.raises(UsageError, match=r"run brave has no artifact 'x'; it has 'notes/a\.txt'"):
        found.artifact("x")


def test_search_runs_gives_runs_from_anywhere(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record("one", experiment="a")
    two = record("two", experiment="b")
    running = contextvars.copy_context().run(gittrack.start_run, "three", experiment="a", nested=True)
    monkeypatch.chdir(tmp_path)
    assert [run.name for run in gittrack.search_runs(repo=repo)] == ["three", "two", "one"]
    assert [run.name for run in gittrack.search_runs(experiment="a", repo=repo)] == ["three", "one"]
    assert [run.name for run in gittrack.search_runs(status="running", repo=repo)] == ["three"]
    assert [run.name for run in gittrack.search_runs(max_results=1, status="finished", repo=repo)] == ["two"]
    running.end()
    set_deleted(open_project(repo), two, deleted=True)
    assert [run.name for run in gittrack.search_runs(repo=repo)] == ["three", "one"]
    assert [run.name for run in gittrack.search_runs(repo=repo, include_deleted=True)] == ["three", "two", "one"]


def test_a_large_artifact_comes_back_and_its_loss_is_told(repo: Path) -> None:
    with gittrack.start_run("large") as run:
        (repo / "model.bin").write_bytes(bytes(range(256)) * 1000)
        run.log_artifact(repo / "model.bin")
        assert gittrack.get_run(run.id).artifact("model.bin") == bytes(range(256)) * 1000
    found = gittrack.get_run("large")
    assert found.artifact("model.bin") == bytes(range(256)) * 1000
    Path(open_project().large_file(found.artifacts[0].sha256)).unlink()
    with pytest.raises(StorageError, match="large and not on this machine"):
        found.artifact("model.bin")
