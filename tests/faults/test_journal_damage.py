"""A journal that was damaged, through the whole way: what recovery commits, what a person then sees, what is kept."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.machine import host
from gittrack.catalog import open_catalog
from gittrack.git.repository import discover
from gittrack.project import Project
from gittrack.record.recover import recover
from gittrack.record.segment import read_segment
from tests.faults.conftest import MEMORY, ROOM
from tests.record.journals import journal_of_a_killed_run, segments_of, spans_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gittrack.model import Run
    from tests.conftest import Git, Gittrack, RunPython

LONG = os.environ.get("GITTRACK_FAULTS") == "long"
EACH = 1 if LONG else 8  # samples of each kind and segment; in the long form all
BLOCK = 512


class Patient:
    """A repository with the journal of a killed run, of which any number of copies are damaged."""

    def __init__(self, repo: Path, journal: Path, folder: Path) -> None:
        self.repo = repo
        self.journal = journal
        self._folder = folder
        self._count = 0
        self.segments = [path.name for path in segments_of(journal)]

    def copy(self) -> tuple[Path, Path]:
        """A fresh copy of the repository, and the journal in it."""
        self._count += 1
        repo = self._folder / f"copy{self._count}"
        shutil.copytree(self.repo, repo, symlinks=True)
        return repo, repo / self.journal.relative_to(self.repo)


@pytest.fixture
def patient(repo: Path, tmp_path: Path, run_python: RunPython) -> Iterator[Patient]:
    """The copies are in memory where there is room: no test here asks a real disk."""
    folder = MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM else tmp_path
    with tempfile.TemporaryDirectory(prefix="gittrack-damage-", dir=folder) as place:
        yield Patient(repo, journal_of_a_killed_run(repo, run_python), Path(place))


def steps_on_lines(journal: Path) -> dict[str, set[int]]:
    """The steps of each metric that are on a whole line of some segment."""
    found: dict[str, set[int]] = {"loss": set(), "worker": set()}
    for path in segments_of(journal):
        for _, payload in read_segment(path.read_bytes()).lines:
            if payload.startswith(b"m\t"):
                _, name, step, _ = payload.decode().split("\t", 3)
                found[name].add(int(step))
    return found


def seen(repo: Path) -> tuple[Run, dict[str, list[int]], list[str]]:
    """The only run, the steps of its metrics in their order, and what a command would warn of."""
    with open_catalog(repo) as catalog:
        (run,) = catalog.runs()
        steps = {name: [point.step or 0 for point in catalog.history(run, name)] for name in run.metrics}
        return run, steps, catalog.problems


def kept(repo: Path) -> list[Path]:
    return sorted((repo / ".git" / "gittrack" / "quarantine").rglob("*.log*"))


def check_recovery(patient: Patient, damaged: dict[str, bytes]) -> None:
    """Exactly what whole lines hold is committed once; damage is told and kept, a torn tail is neither."""
    repo, journal = patient.copy()
    for name, data in damaged.items():
        (journal / name).write_bytes(data)
    whole = steps_on_lines(journal)
    is_damage = {name for name, data in damaged.items() if read_segment(data).damage}

    run, steps, problems = seen(repo)

    assert steps == {name: sorted(found) for name, found in whole.items() if found}, "all of them, in order, once"
    assert run.status == "crashed"
    assert not journal.exists()
    assert {path.name: path.read_bytes() for path in kept(repo)} == {name: damaged[name] for name in is_damage}
    for name in is_damage:
        stem = name.removesuffix(".log")
        assert any(f"of journal segment {stem}" in warning for warning in run.warnings), run.warnings
        assert f"journal segment {stem} is kept in <git dir>/gittrack/quarantine/{run.id}" in run.warnings
    assert [problem.partition(" was committed")[0] for problem in problems] == [f"run {run.id[:8]}"] * bool(is_damage)
    again, steps_again, problems_again = seen(repo)
    assert (again, steps_again, problems_again) == (run, steps, [])
    shutil.rmtree(repo)


def samples(things: list[int], seed: int) -> list[int]:
    return things if LONG else random.Random(seed).sample(things, min(EACH, len(things)))  # noqa: S311 - no secret


@pytest.mark.parametrize("number", [0, 1, 2])
def test_cut(patient: Patient, number: int) -> None:
    name = patient.segments[number]
    data = (patient.journal / name).read_bytes()
    # Cut inside of its first line, nobody could tell whose the rest was: nothing of it is left.
    for cut in samples(list(range(len(data))), number):
        check_recovery(patient, {name: data[:cut]})


@pytest.mark.parametrize("number", [0, 1, 2])
def test_flipped(patient: Patient, number: int) -> None:
    name = patient.segments[number]
    data = (patient.journal / name).read_bytes()
    for position in samples(list(range(len(data))), number):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        check_recovery(patient, {name: bytes(flipped)})


@pytest.mark.parametrize("number", [0, 1])
def test_holes(patient: Patient, number: int) -> None:
    name = patient.segments[number]
    data = (patient.journal / name).read_bytes()
    for start in samples(list(range(0, len(data), BLOCK)), number):
        check_recovery(patient, {name: data[:start] + bytes(len(data[start : start + BLOCK])) + data[start + BLOCK :]})


def test_damage_in_every_segment(patient: Patient) -> None:
    damaged = {}
    for name in patient.segments:
        data = (patient.journal / name).read_bytes()
        start, end = [span for span in spans_of(data[: data.rindex(b"\n") + 1]) if b"m\t" in data[span[0] : span[1]]][1]
        damaged[name] = data[:start] + b"X" * (end - start) + data[end:]
    check_recovery(patient, damaged)


def test_a_lost_line_is_taken_from_the_segment_that_was_replaced(patient: Patient) -> None:
    repo, journal = patient.copy()
    path = journal / patient.segments[1]
    data = path.read_bytes()
    repeated = data.index(b"m\tloss\t3\t")
    path.write_bytes(data[:repeated] + b"X" + data[repeated + 1 :])

    assert seen(repo)[1]["loss"] == list(range(20))


def test_a_lost_opening_line_doubles_nothing(patient: Patient) -> None:
    repo, journal = patient.copy()
    path = journal / patient.segments[1]
    path.write_bytes(b"X" + path.read_bytes()[1:])

    assert seen(repo)[1] == {"loss": list(range(20)), "worker": [0, 1, 2]}


def damage_a_point(journal: Path, name: str) -> bytes:
    data = (journal / name).read_bytes().replace(b"m\tworker\t1", b"m\tworker\t9")
    (journal / name).write_bytes(data)
    return data


COMMANDS: tuple[tuple[str, ...], ...] = (("log",), ("show", "latest"), ("doctor", "--fix"), ("tag", "latest", "a=b"))


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_whichever_command_commits_it_the_damaged_segment_is_kept(
    patient: Patient, gittrack: Gittrack, words: tuple[str, ...]
) -> None:
    repo, journal = patient.copy()
    data = damage_a_point(journal, patient.segments[2])

    done = gittrack(*words, cwd=repo)

    (place,) = kept(repo)
    assert place.read_bytes() == data
    assert place.parent.relative_to(repo / ".git" / "gittrack" / "quarantine" / journal.name) == Path(
        "gittrack/journal", journal.name
    )
    assert str(place.parents[3]) in done.out + done.err
    assert "damaged bytes at offset" in (place.parents[3] / "note.txt").read_text()
    shown = gittrack("show", "latest", cwd=repo)
    assert "damaged bytes at offset" in shown.out
    assert f"is kept in <git dir>/gittrack/quarantine/{journal.name}" in shown.out
    told = gittrack("doctor", cwd=repo)
    assert (told.code, "keeps what was put aside once" in told.out) == (0, True)


def test_a_run_that_is_resumed_keeps_its_damaged_segment(patient: Patient, run_python: RunPython) -> None:
    repo, journal = patient.copy()
    data = damage_a_point(journal, patient.segments[2])

    done = run_python(f"import gittrack; gittrack.start_run(run_id={journal.name!r}).end()", cwd=repo)

    assert (done.code, [path.read_bytes() for path in kept(repo)]) == (0, [data]), done.err
    assert any("damaged bytes" in warning for warning in seen(repo)[0].warnings)


def test_check_tells_of_damage_and_changes_nothing(patient: Patient, gittrack: Gittrack) -> None:
    repo, journal = patient.copy()
    data = damage_a_point(journal, patient.segments[2])

    told = gittrack("check", cwd=repo)

    assert (told.code, "damaged bytes at offset" in told.out) == (1, True)
    assert (journal / patient.segments[2]).read_bytes() == data


def test_several_recoverers_at_once_and_again(patient: Patient, git: Git) -> None:
    for _ in range(20 if LONG else 3):
        repo, journal = patient.copy()
        data = damage_a_point(journal, patient.segments[2])
        code = "import sys; from gittrack.cli.main import main; sys.exit(main(['log', '--jsonl']))"

        def log(_: int, repo: Path = repo, code: str = code) -> int:
            return subprocess.run([sys.executable, "-c", code], cwd=repo, capture_output=True, check=False).returncode

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(log, range(4))) == {0}

        assert git("rev-list", "--count", "gittrack/runs", cwd=repo) == "1\n"
        assert [path.read_bytes() for path in kept(repo)] == [data]
        note = (repo / ".git" / "gittrack" / "quarantine" / journal.name / "note.txt").read_text()
        assert len(note.splitlines()) == len(set(note.splitlines())) == 1
        assert not journal.exists()


def test_killed_between_the_copy_and_the_commit(patient: Patient, git: Git, run_python: RunPython) -> None:
    code = """
        import os, signal
        from gittrack.cli.main import main
        from gittrack.record import publish

        publish._addition = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        main(["log"])
    """
    repo, journal = patient.copy()
    data = damage_a_point(journal, patient.segments[2])

    assert run_python(code, cwd=repo).code == -9
    assert [path.read_bytes() for path in kept(repo)] == [data]
    assert journal.exists()
    run, steps, _ = seen(repo)

    assert (steps["worker"], len(run.warnings)) == ([0, 2], 2)
    assert [path.read_bytes() for path in kept(repo)] == [data]


def test_a_quarantine_that_cannot_be_written_keeps_the_journal(patient: Patient) -> None:
    repo, journal = patient.copy()
    damage_a_point(journal, patient.segments[2])
    block = repo / ".git" / "gittrack" / "quarantine"
    block.write_text("in the way")
    project = Project(discover(repo))

    recovery = recover(project, host())

    assert recovery.published == ()
    assert "stays in the journal" in recovery.problems[0]
    block.unlink()
    assert recover(project, host()).published == (journal.name,)


def a_directory(path: Path) -> None:
    path.mkdir()
    (path / "x").write_text("x")


def a_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("make", [a_directory, a_link, a_fifo])
@pytest.mark.parametrize("suffix", [".log", ".lock"])
def test_what_is_no_file_hangs_nothing_and_loses_nothing(
    patient: Patient, gittrack: Gittrack, make: Callable[[Path], None], suffix: str
) -> None:
    repo, journal = patient.copy()
    if suffix == ".log":
        place = journal / f"strange{suffix}"
    else:
        place = journal / patient.segments[2].replace(".log", suffix)
        place.unlink()
    make(place)

    told = gittrack("check", cwd=repo)
    assert (told.code, "is no file" in told.out) == ((1, True) if suffix == ".log" else (0, False))
    gittrack("doctor", cwd=repo)
    assert os.path.lexists(place)
    run, steps, _ = seen(repo)

    assert steps == {"loss": list(range(20)), "worker": [0, 1, 2]}
    if suffix == ".log":
        assert "strange.log in the journal is no file" in run.warnings
        (moved,) = kept(repo)
        assert (moved.is_dir(), moved.is_symlink(), moved.is_fifo()).count(True) == 1
        assert not journal.exists()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_segment_without_its_lock_and_an_empty_one(patient: Patient, number: int) -> None:
    repo, journal = patient.copy()
    (journal / patient.segments[number].replace(".log", ".lock")).unlink()
    (journal / "0123456789ab.log").touch()

    run, steps, problems = seen(repo)

    assert steps == {"loss": list(range(20)), "worker": [0, 1, 2]}
    assert (run.warnings, problems, journal.exists()) == ((), [], False)


def test_locks_without_segments_are_no_run(patient: Patient) -> None:
    repo, journal = patient.copy()
    for path in segments_of(journal):
        path.unlink()
    os.utime(journal, (0, 0))

    with open_catalog(repo) as catalog:
        assert (catalog.runs(), catalog.problems) == ([], [])
    assert not journal.exists()
