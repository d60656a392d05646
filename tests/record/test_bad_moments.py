"""What goes wrong at a bad moment: threads and workers at the end, faults, names, clones, secrets."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gittrack
from gittrack.capture.environment import host
from gittrack.errors import InvalidValue, NoActiveRun, RepositoryError, UsageError
from gittrack.project import Project, open_project
from gittrack.record import liveness
from gittrack.record.folder import is_live
from gittrack.record.publish import committed, publish
from gittrack.record.recover import recover
from gittrack.replay import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gittrack.model import Run
    from tests.conftest import Git, Gittrack, RunPython


@pytest.fixture(autouse=True)
def _no_run_left() -> Iterator[None]:
    yield
    while (run := gittrack.active_run()) is not None:
        run.end()


def on_branch(run_id: str) -> Run:
    return fold(committed(open_project(), run_id))


def only_run(git: Git) -> Run:
    names = git("ls-tree", "-r", "--name-only", "gittrack/runs").split("\n")
    (run_id,) = {name.split("/")[2] for name in names if name.endswith("run.yaml")}
    return on_branch(run_id)


def test_what_a_thread_logged_before_the_end_is_kept_and_what_comes_later_is_refused(repo: Path) -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(5):
            run = gittrack.start_run()
            acknowledged = [0, 0, 0]
            going = threading.Barrier(4)

            def log(n: int, run: gittrack.ActiveRun = run, counts: list[int] = acknowledged) -> None:
                going.wait()  # noqa: B023 - each thread is joined within its round
                try:
                    while True:
                        run.log_metric(f"m{n}", 1.0)
                        counts[n] += 1
                except NoActiveRun:
                    return

            threads = [threading.Thread(target=log, args=(n,)) for n in range(3)]
            for thread in threads:
                thread.start()
            going.wait()
            while min(acknowledged) < 3:
                pass
            run.end()
            for thread in threads:
                thread.join()
            assert [on_branch(run.id).metrics[f"m{n}"].count for n in range(3)] == acknowledged
    finally:
        sys.setswitchinterval(before)


def test_a_run_does_not_end_while_an_artifact_is_being_kept(repo: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    big.write_bytes(os.urandom(20_000_000))
    run = gittrack.start_run()
    thread = threading.Thread(target=run.log_artifact, args=(big,))
    with run._artifacts.lock:
        thread.start()
    while not run._artifacts._paths.clash("big.bin/x"):
        pass
    run.end()
    thread.join()
    saved = on_branch(run.id)
    assert (saved.status, [a.path for a in saved.artifacts]) == ("finished", ["big.bin"])
    assert open_project().journaled() == []


def test_a_pool_that_ends_its_workers_does_not_end_the_run(repo: Path, git: Git, run_python: RunPython) -> None:
    done = run_python(
        """
        import multiprocessing, gittrack

        def work(n):
            gittrack.log_metric("worker", n, n)

        if __name__ == "__main__":
            with gittrack.start_run(), multiprocessing.get_context("fork").Pool(3) as pool:
                pool.map(work, range(12))
        """
    )
    assert (done.code, done.err) == (0, "")
    recover(open_project(), host())
    saved = only_run(git)
    assert (saved.status, saved.metrics["worker"].count) == ("finished", 12)


def test_a_forked_worker_dies_of_sigterm_as_without_gittrack(repo: Path, run_python: RunPython) -> None:
    done = run_python(
        """
        import os, signal, gittrack
        with gittrack.start_run() as run:
            child = os.fork()
            if child == 0:
                assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        """
    )
    assert (done.code, done.err) == (0, "")


def test_a_fault_shortly_before_the_end_costs_nothing(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gittrack.start_run()
    run.log_metric("loss", 0.0, 0)
    real = os.write
    with monkeypatch.context() as patch:

        def full(fd: int, data: memoryview) -> int:
            if b"m\tloss" in bytes(data):
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(fd, data)

        patch.setattr(os, "write", full)
        for step in range(1, 10):
            run.log_metric("loss", 1.0, step)
    run.end()
    saved = on_branch(run.id)
    assert (saved.status, saved.metrics["loss"].count) == ("finished", 10)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_process_that_was_taken_for_dead_is_told_so_at_its_end(
    repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, elsewhere: bool
) -> None:
    """As on a disk without locks after a day of silence, or of a machine that slept."""
    run = gittrack.start_run()
    with monkeypatch.context() as patch:
        patch.setattr(liveness, "is_held", lambda _: False)
        if elsewhere:
            patch.setattr("gittrack.record.publish.host", lambda: "elsewhere")
            patch.setattr("gittrack.record.publish.foreign", lambda *_: None)
        publish(open_project(), run.id)
    run.log_metric("loss", 1.0)

    run.end()

    told = capsys.readouterr().err
    assert f"run {run.id[:8]} had been taken for dead" in told
    assert (str(repo / ".git" / "gittrack" / "quarantine" / run.id) in told) == elsewhere


def test_a_journal_whose_artifact_is_lost_stays_and_is_told(repo: Path, run_python: RunPython) -> None:
    killed = "import gittrack, os; gittrack.start_run().log_text('x', 'x.txt'); os.kill(os.getpid(), 9)"
    assert run_python(killed).code == -signal.SIGKILL
    (journal,) = (repo / ".git" / "gittrack" / "journal").glob("?" * 32)
    next((journal / "blobs").iterdir()).unlink()

    (problem,) = recover(open_project(), host()).problems

    assert problem.startswith(f"run {journal.name[:8]} stays in the journal: {journal / 'blobs'}")
    assert journal.is_dir()


def test_a_run_with_a_fault_still_counts_as_alive(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gittrack.start_run()
    for step in range(30):
        run.log_metric("loss", 1.0, step)
    real = os.write
    with monkeypatch.context() as patch:

        def refuse(fd: int, data: memoryview) -> int:
            if b"m\tloss" in bytes(data):
                raise OSError(errno.EIO, "Input/output error")
            return real(fd, data)

        patch.setattr(os, "write", refuse)
        run.log_metric("loss", 1.0, 30)
    code = "import sys; from gittrack.record.folder import is_live; print(is_live(sys.argv[1]))"
    directory = open_project().journal_of(run.id)
    assert subprocess.check_output([sys.executable, "-c", code, directory], text=True) == "True\n"
    run.end()
    assert on_branch(run.id).metrics["loss"].count == 31


def test_those_who_ask_do_not_take_each_other_for_the_living(repo: Path, run_python: RunPython) -> None:
    run_python("import gittrack, os\ngittrack.start_run().log_metric('x', 1)\nos._exit(9)\n")
    project = open_project()
    (run_id,) = project.journaled()
    directory = project.journal_of(run_id)
    code = (
        "import sys; from gittrack.record.folder import is_live\nprint(sum(is_live(sys.argv[1]) for _ in range(500)))"
    )
    askers = [subprocess.Popen([sys.executable, "-c", code, directory], stdout=subprocess.PIPE) for _ in range(3)]
    assert [asker.communicate()[0] for asker in askers] == [b"0\n"] * 3
    assert not is_live(directory)
    assert liveness.is_held(directory + "/nothing.lock") is False


def test_a_file_and_a_folder_of_one_name(repo: Path) -> None:
    with gittrack.start_run() as run:
        run.log_text("x", "a")
        with pytest.raises(InvalidValue, match="a file is no folder"):
            run.log_text("y", "a/b")
        run.log_text("y", "c/d")
        with pytest.raises(InvalidValue, match="a file is no folder"):
            run.log_text("x", "c")
    assert [a.path for a in on_branch(run.id).artifacts] == ["a", "c/d"]


def test_two_processes_that_name_a_file_and_a_folder_alike(repo: Path, run_python: RunPython) -> None:
    with gittrack.start_run() as run:
        run.log_text("x", "a")
        done = run_python(
            "import gittrack\nwith gittrack.start_run() as r: r.log_text('y', 'a/b')\n", env={"GITTRACK_RUN_ID": run.id}
        )
        assert (done.code, done.err) == (0, "")
    saved = on_branch(run.id)
    assert {a.path for a in saved.artifacts} == {"a", "a~/b"}
    assert "a file and a folder had one name" in saved.warnings[0]


def test_names_from_the_disk_that_no_branch_holds_are_written_out(repo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in (b"m-10:00:00.ckpt", b"caf\xe9.txt", b"con", b"end."):
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_text("x")
    with gittrack.start_run() as run:
        run.log_artifacts(folder)
    assert sorted(a.path for a in on_branch(run.id).artifacts) == [
        "%63on", "caf%E9.txt", "end%2E", "m-10%3A00%3A00.ckpt",
    ]  # fmt: skip


def test_text_that_is_no_utf8_masks_nothing(repo: Path, git: Git) -> None:
    subprocess.run([b"git", b"checkout", b"-qb", b"caf\xe9"], check=True)
    with pytest.raises(ValueError, match="bad file"), gittrack.start_run() as run:
        raise ValueError("bad file caf\udce9.txt")
    saved = on_branch(run.id)
    assert saved.status == "failed"
    assert "caf\\udce9.txt" in (saved.error or "")
    assert (saved.code.branch or "").startswith("caf")


def test_a_current_directory_that_is_gone(repo: Path, run_python: RunPython) -> None:
    done = run_python(
        """
        import os, gittrack
        os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
        try: gittrack.start_run()
        except gittrack.RepositoryError as e: print(e)
        with gittrack.start_run(repo=os.environ["TOP"]) as run:
            try: run.log_artifact("x")
            except gittrack.InvalidValue as e: print(e)
        """,
        env={"TOP": str(repo)},
    )
    assert (done.code, done.err) == (0, "")
    assert done.out.count("current directory no longer exists") == 2


def test_a_silent_run_can_be_sent_to_a_worker(repo: Path, run_python: RunPython) -> None:
    code = """
        import multiprocessing, gittrack

        def work(run):
            run.log_metric("x", 1)

        if __name__ == "__main__":
            run = gittrack.start_run()
            worker = multiprocessing.get_context("spawn").Process(target=work, args=(run,))
            worker.start(); worker.join(); raise SystemExit(worker.exitcode)
    """
    done = run_python(code, env={"RANK": "1"})
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    "name", ["a~1", ".x", "x.", "a@{b", "x/.y", "a:b", "a.lock/b", "a//b", "HEAD", "@", "a b", "-x", "a/", "refs/x"]
)
def test_what_git_allows_no_branch_to_be_named(repo: Path, git: Git, name: str) -> None:
    git("config", "gittrack.branch", name)
    with pytest.raises(UsageError, match="not a branch name"):
        gittrack.start_run(repo=repo / ".git" / ".." / "")
    assert gittrack.active_run() is None


def test_a_branch_in_the_way_is_told_at_the_start(repo: Path, git: Git) -> None:
    git("branch", "gittrack")
    with pytest.raises(RepositoryError, match="rename it"):
        gittrack.start_run()
    git("pack-refs", "--all")
    with pytest.raises(RepositoryError, match="rename it"):
        Project(open_project().repo).check_runs_ref()


def test_secrets_in_tags_notes_descriptions_and_exit_messages(repo: Path, git: Git, gittrack_cli: Gittrack) -> None:
    run = gittrack.start_run(description="see postgres://u:hunter2@db/x")
    run.set_tags({"api_key": "sk-abcdefghijklmnopqrstuvwxyz123456", "db": "postgres://u:hunter2@db/x"})
    with pytest.raises(SystemExit), run:
        sys.exit("cannot reach postgres://u:hunter2@db/x")
    assert gittrack_cli("note", run.id, "at postgres://u:hunter2@db/x").code == 0
    assert gittrack_cli("tag", run.id, "password=hunter2hunter2").code == 0
    history = git("log", "-p", "gittrack/runs")
    assert "hunter2" not in history
    assert "sk-abc" not in history
    assert history.count("[redacted]") >= 6


@pytest.fixture
def gittrack_cli(gittrack: Gittrack) -> Gittrack:
    """The command line, under a name that leaves `gittrack` to the package."""
    return gittrack


def test_the_branch_of_a_clone_grows_from_the_remotes(repo: Path, git: Git, gittrack_cli: Gittrack) -> None:
    with gittrack.start_run("theirs", params={"lr": 0.1}) as run:
        pass
    git("clone", "-q", ".", "../clone")
    git("checkout", "-q", "-b", "work", cwd="../clone")
    assert gittrack_cli("tag", "theirs", "a=b", cwd="../clone").code == 0
    assert gittrack_cli("run", "-q", "--name", "mine", "--", "true", cwd="../clone").code == 0
    listed = gittrack_cli("log", "--oneline", cwd="../clone").out
    assert [line.split()[1] for line in listed.splitlines()] == ["mine", "theirs"]
    assert git("merge-base", "origin/gittrack/runs", "gittrack/runs", cwd="../clone") == git(
        "rev-parse", "gittrack/runs"
    )
    with gittrack.start_run(run_id=run.id, repo="../clone") as again:
        assert again.params == {"lr": 0.1}


def test_a_shared_repository_stays_writable_for_the_group(repo: Path, git: Git) -> None:
    git("config", "core.sharedRepository", "group")
    before = os.umask(0o077)
    try:
        run = gittrack.start_run(repo=repo / ".git" / "..")
        run.log_text("x", "a.txt")
        run.log_text("y" * 200_000, "b.txt")
        folder = Path(open_project().journal_of(run.id))
        modes = [path.stat().st_mode for path in (folder, *folder.rglob("*"), *(repo / ".git/lfs/objects").rglob("*"))]
        run.end()
    finally:
        os.umask(before)
    assert all(mode & 0o060 == 0o060 for mode in modes), [oct(mode) for mode in modes]


def test_a_signal_while_another_run_is_committed_ends_both(repo: Path, run_python: RunPython, git: Git) -> None:
    done = run_python(
        """
        import os, signal, gittrack
        import gittrack.git.branch as branch
        outer = gittrack.start_run("outer")
        inner = gittrack.start_run("inner", nested=True)
        real = branch._move
        def move(*args):
            os.kill(os.getpid(), signal.SIGTERM)
            return real(*args)
        branch._move = move
        inner.end()
        """
    )
    assert done.code == -signal.SIGTERM
    recover(open_project(), host())
    names = git("ls-tree", "-r", "--name-only", "gittrack/runs").split("\n")
    runs = [on_branch(name.split("/")[2]) for name in names if name.endswith("run.yaml")]
    assert {run.name: run.status for run in runs} == {"outer": "killed", "inner": "finished"}
