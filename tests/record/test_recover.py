"""Journals that were left behind: which are committed, with what end, which wait, and what is said of them."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gittrack
from gittrack.capture.machine import host
from gittrack.project import Project, open_project
from gittrack.record import publish as publishing
from gittrack.record.publish import committed
from gittrack.record.recover import EMPTY_SECONDS, Recovery, recover, running
from gittrack.record.stage import stage_bytes
from gittrack.replay import fold
from tests.record.journals import lay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gittrack.model import Run
    from gittrack.record.folder import Segment
    from tests.conftest import Git

RUN_ID = "ab" * 16
SHORT = RUN_ID[:8]
HOUR = 3600.0
OPEN: dict[str, object] = {"e": "open", "run": RUN_ID, "owner": True, "host": host(), "start": 1000.0, "wall": 1000.0}
WORKER: dict[str, object] = {"e": "open", "run": RUN_ID, "owner": False, "host": host(), "wall": 1001.0}
START: dict[str, object] = {
    "e": "start",
    "at": 1000.0,
    "start": {"id": RUN_ID, "name": "mine", "experiment": "default", "start": "1970-01-01T00:16:40.000Z"},
}
END: dict[str, object] = {"e": "end", "at": 1009.0, "status": "finished", "end": "1970-01-01T00:16:49.000Z"}
LOSS = b"m\tloss\t1\t0.000\t0.5"


@pytest.fixture
def project(repo: Path) -> Project:
    return open_project(repo)


@pytest.fixture
def journal(project: Project) -> Path:
    """The folder of the run's journal, which is not there yet."""
    return Path(project.journal_of(RUN_ID))


def recovered(project: Project) -> Recovery:
    return recover(project, host())


def on_branch(project: Project) -> Run:
    return fold(committed(project, RUN_ID))


def touch(folder: Path, moment: float) -> None:
    for path in (*folder.iterdir(), folder):
        os.utime(path, (moment, moment))


def test_a_run_that_ended_is_committed_with_its_end_and_its_journal_is_gone(project: Project, journal: Path) -> None:
    lay(journal, "aa", OPEN, START, LOSS, END)
    assert recovered(project) == Recovery((RUN_ID,))
    run = on_branch(project)
    assert (run.name, run.status, run.end, run.metrics["loss"].last) == ("mine", "finished", 1009.0, 0.5)
    assert not journal.exists()
    assert recovered(project) == Recovery()


def test_one_without_an_end_crashed_when_its_command_printed_something_last(project: Project, journal: Path) -> None:
    lay(journal, "aa", OPEN, START)
    (journal / "output.log").write_text("epoch 1\n")
    touch(journal, 2000.0)
    os.utime(journal / "output.log", (3000.0, 3000.0))
    (journal / "left.tmp").touch()
    assert recovered(project) == Recovery((RUN_ID,))
    run = on_branch(project)
    assert (run.status, run.end, run.output) == ("crashed", 3000.0, ("output.log",))
    assert not journal.exists()


def test_what_a_run_says_that_runs(project: Project, journal: Path) -> None:
    assert running(project, RUN_ID) is None
    lay(journal, "aa", OPEN, START, {"e": "params", "params": {"lr": 0.1}})
    record = running(project, RUN_ID)
    assert record is not None
    assert (record.status, record.end, record.params) == ("running", None, {"lr": 0.1})


def test_a_journal_that_was_committed_already_is_only_deleted(project: Project, journal: Path) -> None:
    lay(journal, "aa", OPEN, START, END)
    shutil.copytree(journal, project.repo.common_dir + "/copy")
    recovered(project)
    tip = project.runs_tip()
    shutil.copytree(project.repo.common_dir + "/copy", journal)
    assert recovered(project) == Recovery()
    assert project.runs_tip() == tip
    assert not journal.exists()


def test_points_of_a_worker_that_come_after_the_run_are_added_and_do_not_end_it_again(
    project: Project, journal: Path
) -> None:
    lay(journal, "aa", OPEN, START, END)
    recovered(project)
    lay(journal, "bb", WORKER, LOSS)
    assert recovered(project) == Recovery((RUN_ID,))
    run = on_branch(project)
    said = [(record.status, record.end) for record in committed(project, RUN_ID)]
    assert said == [("finished", 1009.0), (None, None)]
    assert (run.status, run.end, run.metrics["loss"].last) == ("finished", 1009.0, 0.5)


def test_points_of_workers_wait_for_the_run_that_they_belong_to(project: Project, journal: Path) -> None:
    lay(journal, "bb", WORKER, LOSS)
    sentence = f"run {SHORT} stays in the journal: the journal of run {RUN_ID} has no start; it is kept in {journal}"
    assert recovered(project) == Recovery((), (sentence,))
    lay(journal, "aa", OPEN, START, END)
    assert recovered(project) == Recovery((RUN_ID,))
    assert on_branch(project).metrics["loss"].last == 0.5


@pytest.mark.parametrize("lines", [(OPEN, START, END), (WORKER, LOSS)])
def test_who_is_beaten_to_it_by_another_process_has_nothing_to_say(
    project: Project, journal: Path, monkeypatch: pytest.MonkeyPatch, lines: tuple[dict[str, object] | bytes, ...]
) -> None:
    """The other one removes the journal after this one has read it: an artifact is gone, or a start never comes."""
    artifact = {"e": "artifact", "path": "a", "sha256": "0" * 64, "size": 1}
    lay(journal, "aa", lines[0], artifact, *lines[1:])

    def late(project: Project, run_id: str, segments: list[Segment]) -> list[Segment]:
        shutil.rmtree(journal)
        return segments

    monkeypatch.setattr(publishing, "salvage", late)
    assert recovered(project) == Recovery()


def test_a_quarantine_that_cannot_be_made_keeps_the_journal(project: Project, journal: Path, repo: Path) -> None:
    path = lay(journal, "aa", OPEN, START, LOSS, END)
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    (repo / ".git" / "gittrack" / "quarantine").touch()
    ((), (sentence,)) = (recovered(project).published, recovered(project).problems)
    assert sentence.startswith(f"run {SHORT} stays in the journal: ")
    assert os.strerror(errno.ENOTDIR) in sentence
    assert path.exists()


def test_damage_is_kept_and_told_and_the_rest_is_committed(project: Project, journal: Path) -> None:
    path = lay(journal, "aa", OPEN, START, LOSS, END)
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.6"))
    (journal / "bb.log").mkdir()
    recovery = recovered(project)
    kept = os.path.join(project.repo.state_dir, "quarantine", RUN_ID)
    told = f"run {SHORT} was committed, and a part of its journal is kept in {kept}"
    assert recovery == Recovery((RUN_ID,), (told,))
    assert sorted(p.name for p in Path(kept).rglob("*.log")) == ["aa.log", "bb.log"]
    warnings = on_branch(project).warnings
    assert any("damaged bytes at offset" in warning for warning in warnings)
    assert "bb.log in the journal is no file" in warnings
    assert f"journal segment aa is kept in <git dir>/gittrack/quarantine/{RUN_ID}" in warnings


def test_what_a_process_left_before_its_first_line_is_removed_when_nobody_can_come_back_to_it(
    project: Project, journal: Path
) -> None:
    journal.mkdir(parents=True)
    (journal / "aa.log").touch()
    assert recovered(project) == Recovery()
    assert journal.exists(), "its process may be about to write"
    touch(journal, time.time() - EMPTY_SECONDS - 1)
    assert recovered(project) == Recovery()
    assert not journal.exists()


@pytest.mark.parametrize(
    ("ago", "when"),
    [(HOUR, "60 minutes ago"), (5 * HOUR, "5 hours ago"), (-5 * HOUR, "at a time that is still to come")],
)
def test_a_journal_of_another_machine_is_left_alone_until_it_is_stale(
    project: Project, journal: Path, git: Git, ago: float, when: str
) -> None:
    path = lay(journal, "aa", {**OPEN, "host": "elsewhere"}, START)
    os.utime(path, (time.time() - ago - 5, time.time() - ago - 5))
    recovery = recovered(project)
    assert path.exists()
    assert recovery.published == ()
    told = [f"run {SHORT}: its journal was last written by host elsewhere {when}; it is left alone until that is "]
    assert recovery.problems == tuple(f"{start}24 hours (git config gittrack.staleAfter)" for start in told if ago > 0)
    git("config", "gittrack.staleAfter", "60")
    fresh = Project(project.repo)
    if ago > 0:
        assert recovered(fresh).published == (RUN_ID,)
        assert [p.name for p in Path(project.repo.state_dir, "quarantine", RUN_ID).rglob("*.log")] == ["aa.log"]
    else:
        assert recovered(fresh) == Recovery()
        assert abs(path.stat().st_mtime - time.time()) < 60, "the wait begins when it is seen"


def test_what_another_machine_has_closed_waits_for_nothing(project: Project, journal: Path) -> None:
    lay(journal, "aa", {**OPEN, "host": "elsewhere"}, START, END)
    assert recovered(project) == Recovery((RUN_ID,))
    assert not Path(project.repo.state_dir, "quarantine").exists()


def test_a_folder_is_not_removed_from_under_a_process_that_begins_to_write(project: Project, journal: Path) -> None:
    """Its lock, or its segment, has come since the others were published."""
    lay(journal, "aa", OPEN, START, END)
    with gittrack.start_run(run_id=RUN_ID):
        assert [path.name for path in journal.glob("aa.*")] == []
        (own,) = journal.glob("*.lock")
        segment = own.with_suffix(".log")
        kept = segment.read_bytes()
        publishing.delete_segments(str(journal), ["aa"])
        assert segment.read_bytes() == kept
        segment.rename(journal.parent / "moved")
        publishing.delete_segments(str(journal), ["aa"])
        assert own.exists()
        (journal.parent / "moved").rename(segment)
    assert [part.name for part in on_branch(project).parts] == ["mine"]


def test_a_folder_is_not_removed_while_a_segment_is_in_it(project: Project, journal: Path) -> None:
    """Whoever wrote it may be gone, lock and all: its records have still to be published."""
    lay(journal, "aa", OPEN, START)
    lay(journal, "bb", OPEN, START)
    kept = (journal / "bb.log").read_bytes()
    for lock in journal.glob("*.lock"):
        lock.unlink()
    publishing.delete_segments(str(journal), ["aa"])
    assert [path.name for path in journal.glob("*.log")] == ["bb.log"]
    assert (journal / "bb.log").read_bytes() == kept


def commit_on_branch(git: Git, repo: Path, files: Iterable[tuple[str, str]]) -> None:
    """Put files on the branch for runs with git alone."""
    git("worktree", "add", "-q", "../branch", "gittrack/runs")
    for name, text in files:
        path = repo.parent / "branch" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "-A", cwd="../branch")
    git("commit", "-qm", "By hand", cwd="../branch")
    git("worktree", "remove", "../branch")


def test_what_is_no_later_record_on_the_branch_is_passed_over(
    repo: Path, project: Project, journal: Path, git: Git
) -> None:
    lay(journal, "aa", OPEN, START, END)
    recovered(project)
    later = f"runs/{RUN_ID[:2]}/{RUN_ID}/later"
    names = (f"00000001-{'0' * 16}.yaml/x", f"00000001-{'1' * 16}.yaml", "notes.txt", "odd.yaml")
    commit_on_branch(git, repo, [(f"{later}/{name}", "- no\n- record\n") for name in names])
    assert [record.lamport for record in committed(project, RUN_ID)] == [0]


@pytest.mark.parametrize("text", ["format: gittrack\nversion: 2\n", "- a list\n", "version: one\n"])
def test_a_branch_of_a_newer_format_is_not_written_to(
    repo: Path, project: Project, journal: Path, git: Git, text: str
) -> None:
    lay(journal, "aa", OPEN, START, END)
    recovered(project)
    commit_on_branch(git, repo, [("format.yaml", text)])
    tip = project.runs_tip()
    other = Path(project.journal_of("cd" * 16))
    lay(other, "aa", OPEN, {**START, "start": {**START["start"], "id": "cd" * 16}}, END)  # type: ignore[dict-item]
    (sentence,) = recovered(project).problems
    assert sentence.startswith("run cdcdcdcd stays in the journal: the branch has format version ")
    assert sentence.endswith("this gittrack reads 1: upgrade gittrack")
    assert (project.runs_tip(), other.exists()) == (tip, True)


def test_a_branch_that_holds_something_else_is_not_written_to(project: Project, journal: Path, git: Git) -> None:
    git("branch", "gittrack/runs")
    tip = project.runs_tip()
    lay(journal, "aa", OPEN, START, END)
    (sentence,) = recovered(project).problems
    assert "the branch for runs holds something else" in sentence
    assert (project.runs_tip(), journal.exists()) == (tip, True)


def test_the_journal_of_a_living_process_is_left_alone(project: Project) -> None:
    with gittrack.start_run() as run:
        assert recovered(project) == Recovery()
        assert running(project, run.id) is not None


def test_what_lies_beside_the_journal_is_committed_with_it(project: Project, journal: Path, git: Git) -> None:
    """The packages, a small artifact as it is, and a large one as a pointer."""
    small = stage_bytes(project, RUN_ID, "small", b"content")
    large = stage_bytes(project, RUN_ID, "large", b"x" * 200_000)
    kept = [
        {"e": "artifact", "path": a.path, "size": a.size, "sha256": a.sha256, "large": a.large} for a in (small, large)
    ]
    lay(journal, "aa", OPEN, {**START, "packages": ["numpy==2.0"]}, *kept, END)
    assert recovered(project) == Recovery((RUN_ID,))
    folder = f"gittrack/runs:runs/{RUN_ID[:2]}/{RUN_ID}"
    assert git("show", f"{folder}/artifacts/small") == "content"
    assert git("show", f"{folder}/artifacts/large").endswith(f"oid sha256:{large.sha256}\nsize 200000\n")
    assert git("show", f"{folder}/environment/packages.txt") == "numpy==2.0\n"
    assert not journal.exists()
