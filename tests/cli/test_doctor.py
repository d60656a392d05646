"""`gittrack doctor`: what is wrong is told, nothing is changed without --fix, nothing is lost with it."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gittrack.doctor.leftovers import held_open
from gittrack.doctor.machine import file_system, space

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

REF = "refs/heads/gittrack/runs"
DAY = 86_400
CRASHED = """
    import os, signal
    import gittrack

    run = gittrack.start_run("crashed")
    for step in range(9):
        run.log_metric("loss", step, step)
    run.log_text("hello", "hello.txt")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def picture(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file below a repository: mode, time and content, but not the index, which may be refreshed."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("index.sqlite")
    }


def left_behind(path: Path, content: bytes = b"", *, age: float = DAY) -> Path:
    """A file that somebody made `age` seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - age,) * 2)
    return path


def found(gittrack: Gittrack, *args: str, code: int) -> dict[str, str]:
    """What the doctor says, by kind, after a look that must change nothing."""
    result = gittrack("doctor", "--json", *args)
    assert (result.code, result.err) == (code, ""), result.out + result.err
    return {item["kind"]: item["problem"] for item in json.loads(result.out)["left"]}


@pytest.fixture
def journal(repo: Path, run_python: RunPython) -> Path:
    """The journal of a run that was killed."""
    run_python(CRASHED)
    return next((repo / ".git" / "gittrack" / "journal").glob("?" * 32))


def test_a_healthy_repository(recorded: Path, gittrack: Gittrack) -> None:
    before = picture(recorded)

    result = gittrack("doctor")

    assert (result.code, result.out, result.err) == (0, "nothing needs attention\n", "")
    assert picture(recorded) == before


@pytest.mark.usefixtures("repo")
def test_a_repository_without_runs(gittrack: Gittrack) -> None:
    assert gittrack("doctor").out == "nothing needs attention\n"


LEFTOVERS = (
    "refs/heads/gittrack/runs.lock",
    "refs/gittrack/code.lock",
    "packed-refs.lock",
    "objects/aa/tmp_obj_x1",
    "objects/pack/tmp_pack_x1",
    "lfs/tmp/tmp_0123",
    "gittrack/snapshot-0123.index",
)


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_killed_processes_left_is_moved_away(recorded: Path, gittrack: Gittrack, name: str) -> None:
    path = left_behind(recorded / ".git" / name, b"half")
    before = picture(recorded)

    told = gittrack("doctor")

    assert told.code == 1
    assert str(path) in told.out
    assert "--fix would: move it to the quarantine" in told.out
    assert picture(recorded) == before

    mended = gittrack("doctor", "--fix")

    assert (mended.code, path.exists()) == (0, False), mended.out
    (kept,) = (recorded / ".git" / "gittrack" / "quarantine").iterdir()
    assert (kept / name).read_bytes() == b"half"
    assert str(path) in (kept / "note.txt").read_text()


@pytest.mark.parametrize("name", LEFTOVERS)
def test_what_is_new_is_left_alone(recorded: Path, gittrack: Gittrack, name: str) -> None:
    path = left_behind(recorded / ".git" / name, age=5)

    assert found(gittrack, "--fix", code=0) == {}
    assert path.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells which files are open")
def test_what_a_process_has_open_is_left_alone(recorded: Path, gittrack: Gittrack) -> None:
    path = left_behind(recorded / ".git" / "refs" / "heads" / "gittrack" / "runs.lock")
    with path.open("rb"):
        assert held_open({str(path)}) == {str(path)}
        assert found(gittrack, "--fix", code=0) == {}
    assert found(gittrack, code=1).keys() == {"leftover"}


def test_marks_on_packs(recorded: Path, gittrack: Gittrack) -> None:
    packs = recorded / ".git" / "objects" / "pack"
    ours = left_behind(packs / "pack-1.keep", b"gittrack is publishing\n")
    theirs = left_behind(packs / "pack-2.keep", b"mine")

    assert gittrack("doctor", "--fix").code == 0
    assert (ours.exists(), theirs.exists()) == (False, True)


def test_a_lock_of_the_user_is_only_told(recorded: Path, gittrack: Gittrack) -> None:
    lock = left_behind(recorded / ".git" / "index.lock")

    assert str(lock) in found(gittrack, "--fix", code=1)["user-lock"]
    assert lock.exists()


def test_a_journal_that_waits_is_committed(repo: Path, journal: Path, gittrack: Gittrack) -> None:
    before = picture(repo)

    assert f"run {journal.name[:8]} is in the journal" in found(gittrack, code=0)["journal"]
    assert picture(repo) == before

    assert found(gittrack, "--fix", code=0) == {}
    assert not journal.exists()
    assert "crashed" in gittrack("log").out


def test_a_damaged_journal_is_kept_and_what_can_be_read_is_committed(
    repo: Path, journal: Path, gittrack: Gittrack
) -> None:
    segment = next(journal.glob("*.log"))
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b"m\tloss\t4", b"X\tloss\t4"))
    damaged = segment.read_bytes()
    before = picture(repo)

    assert "damaged bytes at offset" in found(gittrack, code=1)["damaged-journal"]
    assert picture(repo) == before

    assert found(gittrack, "--fix", code=0).keys() == {"quarantine"}
    shown = json.loads(gittrack("show", "crashed", "--json").out)
    assert shown["metrics"]["loss"]["count"] == 8
    (kept,) = (repo / ".git" / "gittrack" / "quarantine").rglob("*.log")
    assert kept.read_bytes() == damaged


def test_a_journal_that_cannot_be_committed_says_why_and_stays(journal: Path, gittrack: Gittrack) -> None:
    next((journal / "blobs").iterdir()).unlink()

    reason = found(gittrack, code=1)["stuck-journal"]

    assert "artifact 'hello.txt' is missing" in reason
    assert str(journal) in reason


def test_the_folder_of_a_journal_without_a_line(recorded: Path, gittrack: Gittrack) -> None:
    folder = recorded / ".git" / "gittrack" / "journal" / ("ab" * 16)
    left_behind(folder / "blobs" / "x")
    assert found(gittrack, "--fix", code=0) == {}, "young: a run may be about to start"
    os.utime(folder, (time.time() - DAY,) * 2)

    assert "holds no line of a run" in found(gittrack, code=0)["empty-journal"]
    assert found(gittrack, "--fix", code=0) == {}
    assert not folder.exists()


def test_a_journal_of_another_host(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    line = "from gittrack.record import journal; journal.host = lambda: 'elsewhere'"
    run_python(CRASHED.replace("import gittrack\n", f"import gittrack\n    {line}\n"))
    folder = next((repo / ".git" / "gittrack" / "journal").glob("?" * 32))

    told = found(gittrack, "--fix", code=0)["foreign-journal"]

    assert "was last written by host elsewhere 0 minutes ago; it is left alone until that is 24 hours" in told
    assert folder.exists()


@pytest.mark.parametrize("content", [b"garbage" * 1000, b""])
def test_an_index_that_is_no_index(recorded: Path, gittrack: Gittrack, content: bytes) -> None:
    index = recorded / ".git" / "gittrack" / "index.sqlite"
    gittrack("log")
    for beside in index.parent.glob("index.sqlite-*"):
        beside.unlink()
    index.write_bytes(content)

    result = gittrack("doctor")

    assert (result.code, str(index) in result.out) == (1 if content else 0, True)
    assert index.read_bytes() == content

    assert "with 3 runs" in gittrack("doctor", "--fix").out
    assert found(gittrack, code=0).keys() == {"quarantine"}
    assert len(list((recorded / ".git" / "gittrack" / "quarantine").rglob("index.sqlite"))) == 1


def test_a_newer_format(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    text = "format: gittrack\nversion: 99\n"
    commit = f"commit {REF}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {REF}^0\n"
    git("fast-import", "--quiet", input=f"{commit}M 100644 inline format.yaml\ndata {len(text)}\n{text}\n")

    assert "format version 99" in found(gittrack, code=1)["format"], recorded


def test_without_an_identity(recorded: Path, gittrack: Gittrack, git: Git, home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n useConfigOnly = true\n")

    assert found(gittrack, code=1).keys() == {"identity"}, recorded


def test_housekeeping_that_is_turned_off(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gc.auto", "0")

    assert "loose objects take" in found(gittrack, code=0)["packing"], recorded


def test_a_remote_with_more_runs(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    git("update-ref", "refs/remotes/origin/gittrack/runs", REF)
    git("update-ref", REF, f"{REF}~2")

    assert found(gittrack, code=0) == {"behind": "origin/gittrack/runs has 2 commits that gittrack/runs here lacks"}, (
        recorded
    )


def test_large_files_that_are_elsewhere(repo: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    run_python("""
        import gittrack

        with gittrack.start_run("large") as run:
            run.log_text("x" * 150_000, "large.txt")
    """)
    next(path for path in (repo / ".git" / "lfs" / "objects").rglob("*") if path.is_file()).unlink()

    assert "1 large artifacts (0 MiB) are not on this machine" in found(gittrack, code=0)["large-files"]


def test_damaged_runs_are_told(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    path = git("ls-tree", "-r", "--name-only", REF, "runs/").splitlines()[0].split("/")[:3]
    commit = f"commit {REF}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {REF}^0\n"
    git("fast-import", "--quiet", input=f"{commit}M 100644 inline {'/'.join(path)}/run.yaml\ndata 1\n[\n")

    assert path[2][:8] in found(gittrack, code=1)["damaged-runs"], recorded


def test_the_file_system(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {tmp_path}/net\\040work rw shared:1 - nfs4 server:/ rw\n"
    )

    kinds = [
        file_system(str(tmp_path / name), str(mounts)) for name in ("net work", "net work/a/b", "net", "net works")
    ]

    expected = ["nfs4", "nfs4", "ext4", "ext4"] if sys.platform.startswith("linux") else [""] * 4
    assert kinds == expected
    assert not file_system(str(tmp_path), str(tmp_path / "none"))


def test_the_space_on_the_disk() -> None:
    assert [[a.urgent for a in space("x", free << 20)] for free in (5000, 500, 50)] == [[], [False], [True]]
