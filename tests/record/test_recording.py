"""What a training script logs is on the branch: every call, every way for a process to end."""

from __future__ import annotations

import contextvars
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import gittrack
from gittrack.codec.series import read_series
from gittrack.errors import GittrackError, InvalidValue, NoActiveRun, ParamConflict, RunNotFound
from gittrack.project import open_project
from gittrack.record.publish import committed
from gittrack.record.recover import recover
from gittrack.replay import fold

if TYPE_CHECKING:
    from gittrack.model import Point, Run
    from tests.conftest import Git, RunPython


@pytest.fixture(autouse=True)
def _no_run_left() -> object:
    yield
    while gittrack.active_run() is not None:
        gittrack.end_run()


def on_branch(run_id: str) -> Run:
    return fold(committed(open_project(), run_id))


def history(run: Run, metric: str, git: Git) -> list[Point]:
    folder = f"runs/{run.id[:2]}/{run.id}"
    files = run.metrics[metric].files
    return [p for f in files for p in read_series(git("show", f"gittrack/runs:{folder}/{f}").encode())]


def ids_on_branch(git: Git) -> list[str]:
    names = git("ls-tree", "-r", "--name-only", "gittrack/runs").split("\n")
    return sorted(name.split("/")[2] for name in names if name.endswith("run.yaml"))


def test_everything_that_is_logged_is_committed(repo: Path, git: Git, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep.txt").write_text("deep")
    big = os.urandom(300_000)
    (tmp_path / "model.bin").write_bytes(big)
    params = {"lr": 1e-5, "nested": {"depth": 3, "layers": (64, 32)}, 7: "int key"}
    with gittrack.start_run(
        "first", experiment="digits", tags={"stage": "dev"}, description="why", params={"config": params}
    ) as run:
        gittrack.log_param("optimizer", "adam")
        gittrack.log_metrics({"a/b": 1, "nan": math.nan}, step=3)
        for step, value in ((2, 0.5), (1, math.inf), (2, -0.0), (None, 7)):
            run.log_metric("loss", value, step)
        gittrack.log_metric("at", 1.0, timestamp=int((run_start(run) + 1.5) * 1000))
        gittrack.set_tags({"n": 3})
        gittrack.log_text("hello", "notes/a.txt")
        gittrack.log_dict({"x": [1, None]}, "x.json")
        gittrack.log_artifact(tmp_path / "model.bin", "models")
        gittrack.log_artifacts(tmp_path / "out", "out")
        gittrack.log_input(tmp_path / "data.csv", "train")
        gittrack.flush()
    saved = on_branch(run.id)
    assert (saved.name, saved.experiment, saved.status, saved.description) == ("first", "digits", "finished", "why")
    assert saved.params == {
        "config": {"lr": 1e-5, "nested": {"depth": 3, "layers": [64, 32]}, 7: "int key"},
        "optimizer": "adam",
    }
    assert saved.tags == {"stage": "dev", "n": "3"}
    assert [(p.step, repr(p.value)) for p in history(saved, "loss", git)] == [
        (2, "0.5"), (1, "inf"), (2, "-0.0"), (None, "7"),
    ]  # fmt: skip
    assert [(p.step, p.value) for p in history(saved, "a/b", git)] == [(3, 1)]
    assert history(saved, "at", git)[0].seconds == 1.5
    summary = saved.metrics["loss"]
    assert (summary.last, summary.step, summary.min, summary.min_step, summary.count) == (7, None, 0.0, 2, 4)
    assert {a.path: a.large for a in saved.artifacts} == {
        "notes/a.txt": False, "x.json": False, "models/model.bin": True, "out/deep.txt": False,
    }  # fmt: skip
    artifact = next(a for a in saved.artifacts if a.large)
    assert Path(open_project().large_file(artifact.sha256)).read_bytes() == big
    assert saved.inputs[0].name == "train"
    assert saved.author is not None
    assert saved.author.email == "ada@example.com"
    assert saved.code.commit == git("rev-parse", "HEAD").strip()
    assert (saved.code.branch, saved.code.dirty) == ("main", False)
    assert git("fsck", "--strict", "--no-dangling") == ""
    assert open_project().journaled() == []
    assert git("log", "-1", "--format=%s|%an", "gittrack/runs") == f"run {run.id[:8]} first finished|Ada Example\n"


def run_start(run: gittrack.ActiveRun) -> float:
    return run._start.time  # the one fact that has no public name


def picture(folder: Path) -> dict[str, object]:
    """Everything below a folder that recording must not touch."""
    allowed = re.compile(
        r"\.git/(gittrack|lfs)(/|$)|\.git/objects(/|$)|\.git/refs/(heads/)?gittrack(/|$)|\.git$|\.git/refs(/heads)?$"
    )
    state: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not allowed.match(name):
            stat = path.lstat()
            content = path.read_bytes() if path.is_file() else None
            state[name] = (stat.st_mode, stat.st_mtime_ns, content)
    return state


def test_the_repository_is_left_as_it_was(repo: Path, git: Git) -> None:
    (repo / "train.py").write_text("changed\n")
    (repo / "staged.txt").write_text("s\n")
    git("add", "staged.txt")
    git("stash", "-q")
    git("stash", "apply", "-q", "--index")
    hook = repo / ".git/hooks/post-commit"
    hook.write_text("#!/bin/sh\ntouch hooked\n")
    hook.chmod(0o755)
    for name in ("reference-transaction", "pre-commit", "post-index-change"):
        (hook.parent / name).write_text(hook.read_text())
        (hook.parent / name).chmod(0o755)
    before = picture(repo)
    with gittrack.start_run() as run:
        run.log_metric("loss", 1.0)
    assert picture(repo) == before
    assert on_branch(run.id).code.dirty


def test_steps_types_and_keys_are_checked_where_they_are_made(repo: Path) -> None:
    with gittrack.start_run() as run:
        for call in (
            lambda: run.log_metric("loss", "0.5"),
            lambda: run.log_metric("a\nb", 1),
            lambda: run.log_metric("loss", 1, step=1.5),  # type: ignore[arg-type]
            lambda: run.log_metric("loss", 1, timestamp=3),
            lambda: run.log_metrics({"ok": 1, "bad": None}),
            lambda: run.log_param("p", object()),
            lambda: run.log_params([("a", 1)]),
            lambda: run.set_tag("t", ["x"]),
            lambda: run.log_text("x", "../x"),
            lambda: run.log_artifact("missing.bin"),
            lambda: run.log_artifact("/dev/null"),
            lambda: run.log_figure(object(), "a.png"),
            lambda: run.log_input("missing.csv"),
            lambda: run.end("done"),
        ):
            with pytest.raises(GittrackError):
                call()  # type: ignore[no-untyped-call]
        run.log_param("lr", 0.1)
        run.log_param("lr", 0.1)
        with pytest.raises(ParamConflict, match=r"'lr' is already 0.1 and cannot become 0.2"):
            run.log_param("lr", 0.2)
    saved = on_branch(run.id)
    assert (saved.params, saved.metrics, saved.tags, saved.artifacts) == ({"lr": 0.1}, {}, {}, ())
    with pytest.raises(NoActiveRun, match="has ended"):
        run.log_metric("loss", 1.0)
    with pytest.raises(NoActiveRun, match="has ended"):
        run.set_tag("a", "b")


def test_exceptions_end_a_run_as_what_they_are(repo: Path) -> None:
    cases = [(ValueError("boom"), "failed"), (KeyboardInterrupt(), "killed"), (SystemExit(0), "finished")]
    cases += [(SystemExit(3), "failed"), (SystemExit("bad"), "failed")]
    for error, status in cases:
        with pytest.raises(type(error)), gittrack.start_run() as run:
            raise error
        saved = on_branch(run.id)
        assert saved.status == status
        assert status == "finished" or type(error).__name__ in (saved.error or "")


def test_one_active_run_per_context(repo: Path) -> None:
    outer = gittrack.start_run("outer")
    with pytest.raises(GittrackError, match="nested=True"):
        gittrack.start_run()
    with gittrack.start_run("inner", nested=True) as inner:
        assert gittrack.active_run() is inner
    assert gittrack.active_run() is outer
    seen: list[gittrack.ActiveRun] = []

    def other() -> None:
        with gittrack.start_run("other") as run:
            seen.append(run)
            gittrack.log_metric("x", 1)

    context = contextvars.Context()
    thread = threading.Thread(target=context.run, args=(other,))
    thread.start()
    thread.join()
    assert gittrack.active_run() is outer
    gittrack.end_run("FAILED")
    assert gittrack.active_run() is None
    assert on_branch(inner.id).parent == outer.id
    assert on_branch(outer.id).status == "failed"
    assert list(on_branch(seen[0].id).metrics) == ["x"]


def test_threads_share_the_only_open_run(repo: Path, git: Git) -> None:
    with gittrack.start_run() as run:

        def log(name: str) -> None:
            for step in range(200):
                gittrack.log_metric(name, step, step)

        threads = [threading.Thread(target=log, args=(f"m{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    saved = on_branch(run.id)
    assert {name: m.count for name, m in saved.metrics.items()} == {f"m{n}": 200 for n in range(8)}
    assert [p.step for p in history(saved, "m3", git)] == list(range(200))


def test_logging_without_a_run_starts_one_that_ends_with_the_process(
    repo: Path, git: Git, run_python: RunPython
) -> None:
    done = run_python("import gittrack\ngittrack.log_param('lr', 1)\ngittrack.log_metric('loss', 2)\n")
    (run_id,) = ids_on_branch(git)
    saved = on_branch(run_id)
    said = f"gittrack: no run was active: {run_id[:8]} {saved.name} was started, and ends with this process\n"
    assert (done.code, done.err) == (0, said)
    assert (saved.status, saved.params, saved.metrics["loss"].last) == ("finished", {"lr": 1}, 2)
    assert saved.code.entry is not None
    assert saved.code.entry.endswith("script_1.py")


def test_an_uncaught_exception_fails_a_run_that_was_never_ended(repo: Path, git: Git, run_python: RunPython) -> None:
    done = run_python("import gittrack\ngittrack.start_run()\nraise ValueError('boom')\n")
    assert done.code == 1
    saved = on_branch(ids_on_branch(git)[0])
    assert saved.status == "failed"
    assert (saved.error or "").endswith("ValueError: boom")


LOOP = """
import gittrack, sys, time
run = gittrack.start_run()
i = 0
while True:
    run.log_metric("loss", 1 / (i + 1), i)
    i += 1
    if i == 50:
        print(run.id, flush=True)
    if i >= 50:
        time.sleep(0.001)
"""


def start_loop(code: str = LOOP) -> tuple[subprocess.Popen[str], str]:
    script = Path("../loop.py").resolve()
    script.write_text(code)
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def finish(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    process.stdout.close()
    return process.wait(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_run_as_killed_and_kills_as_before(repo: Path, number: signal.Signals) -> None:
    process, run_id = start_loop()
    process.send_signal(number)
    assert finish(process) == -number
    saved = on_branch(run_id)
    assert saved.status == "killed"
    assert saved.metrics["loss"].count >= 50


def test_a_handler_of_the_scripts_own_stays_in_force(repo: Path) -> None:
    code = "import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n" + LOOP
    process, run_id = start_loop(code)
    process.terminate()
    assert finish(process) == 7
    assert on_branch(run_id).metrics["loss"].count >= 50


def test_a_process_that_vanishes_leaves_a_crashed_run_with_every_point(repo: Path, git: Git) -> None:
    process, run_id = start_loop()
    assert recover(open_project(), "elsewhere").published == ()  # it is alive
    process.kill()
    finish(process)
    project = open_project()
    lines = [p.read_bytes().count(b"\nm\t") or p.read_bytes() for p in Path(project.journal_of(run_id)).glob("*.log")]
    assert lines
    points = max(p.read_bytes().count(b" m\tloss\t") for p in Path(project.journal_of(run_id)).glob("*.log"))
    from gittrack.capture.environment import host

    assert recover(project, host()).published == (run_id,)
    assert recover(project, host()).published == ()
    saved = on_branch(run_id)
    assert saved.status == "crashed"
    assert [p.step for p in history(saved, "loss", git)] == list(range(points))
    assert git("rev-list", "--count", "gittrack/runs").strip() == "1"


def test_a_journal_of_another_machine_is_left_until_it_is_stale(repo: Path) -> None:
    process, run_id = start_loop()
    process.kill()
    finish(process)
    project = open_project()
    assert recover(project, "another-host").published == ()
    long_ago = time.time() - 90_000
    for path in Path(project.journal_of(run_id)).glob("*.log"):
        os.utime(path, (long_ago, long_ago))
    assert recover(project, "another-host").published == (run_id,)


def test_a_run_goes_on_after_it_was_committed(repo: Path, git: Git) -> None:
    with gittrack.start_run("job", params={"lr": 0.1}) as first:
        first.log_metric("loss", 1.0, 1)
        first.log_text("one", "a.txt")
    with gittrack.start_run(run_id=first.id) as second:
        assert (second.id, second.name, second.params) == (first.id, "job", {"lr": 0.1})
        second.log_param("lr", 0.1)
        with pytest.raises(ParamConflict):
            second.log_param("lr", 0.2)
        second.log_metric("loss", 0.5, 2)
        second.log_text("two", "a.txt")
        second.set_tag("requeued", True)
    saved = on_branch(first.id)
    assert [(p.step, p.value) for p in history(saved, "loss", git)] == [(1, 1.0), (2, 0.5)]
    assert (saved.metrics["loss"].count, saved.metrics["loss"].last) == (2, 0.5)
    assert (saved.status, saved.tags, len(saved.parts)) == ("finished", {"requeued": "True"}, 1)
    assert [a.prefix != "" for a in saved.artifacts] == [True]
    assert ids_on_branch(git) == [first.id]
    with pytest.raises(RunNotFound):
        gittrack.start_run(run_id="00" * 16)
    with pytest.raises(InvalidValue):
        gittrack.start_run(run_id="nonsense")


def test_a_requeued_job_goes_on_with_the_run_that_was_killed(repo: Path, git: Git) -> None:
    process, run_id = start_loop()
    process.kill()
    finish(process)
    with gittrack.start_run(run_id=run_id) as run:
        run.log_metric("loss", 0.0, 10_000)
    saved = on_branch(run_id)
    assert saved.status == "finished"
    assert history(saved, "loss", git)[-1].step == 10_000
    assert saved.metrics["loss"].count > 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_writes_its_own_segment_and_does_not_end_the_run(
    repo: Path, run_python: RunPython, git: Git
) -> None:
    done = run_python(
        """
        import os, sys, gittrack
        with gittrack.start_run() as run:
            run.log_metric("parent", 1)
            child = os.fork()
            if child == 0:
                run.log_metric("child", 2)
                sys.exit(0)          # leaves the with block and runs atexit, as a child may
            os.waitpid(child, 0)
            run.log_metric("parent", 3)
        """
    )
    assert (done.code, done.err) == (0, "")
    saved = on_branch(ids_on_branch(git)[0])
    assert {name: m.count for name, m in saved.metrics.items()} == {"parent": 2, "child": 1}
    assert saved.status == "finished"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_join(repo: Path, run_python: RunPython, git: Git, method: str) -> None:
    done = run_python(
        f"""
        import multiprocessing, gittrack

        def work(n):
            for i in range(20):
                gittrack.log_metric(f"worker{{n}}", i, i)

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            with gittrack.start_run() as run:
                workers = [context.Process(target=work, args=(n,)) for n in range(3)]
                for worker in workers: worker.start()
                for worker in workers: worker.join()
                run.log_metric("main", 1)
        """
    )
    assert (done.code, done.err) == (0, "")
    (run_id,) = ids_on_branch(git)
    saved = on_branch(run_id)
    assert {n: m.count for n, m in saved.metrics.items()} == {"worker0": 20, "worker1": 20, "worker2": 20, "main": 1}
    assert git("rev-list", "--count", "gittrack/runs").strip() == "1"


def test_a_run_can_be_sent_to_a_worker(repo: Path, run_python: RunPython, git: Git) -> None:
    done = run_python(
        """
        import multiprocessing, gittrack

        def work(run):
            run.log_metric("sent", 1)

        if __name__ == "__main__":
            with gittrack.start_run() as run, multiprocessing.get_context("spawn").Pool(2) as pool:
                pool.map(work, [run] * 4)
                pool.close()  # leaving the with terminates it, which CPython sometimes waits for in vain
                pool.join()
        """
    )
    assert (done.code, done.err) == (0, "")
    (run_id,) = ids_on_branch(git)
    assert on_branch(run_id).metrics["sent"].count == 4


def test_other_ranks_record_nothing_of_their_own(repo: Path, run_python: RunPython, git: Git) -> None:
    code = """
        import gittrack
        with gittrack.start_run(params={"lr": 1}) as run:
            gittrack.log_metric("loss", 1)
            gittrack.log_text("x", "a.txt")
            run.flush()
    """
    for rank in (0, 1, 2):
        done = run_python(code, env={"RANK": str(rank), "SLURM_PROCID": "5"})
        assert (done.code, done.err) == (0, "")
    assert len(ids_on_branch(git)) == 1
    assert run_python("import gittrack\ngittrack.log_metric('x', 'bad')\n", env={"RANK": "1"}).code == 1


def test_ranks_join_the_run_in_the_environment(repo: Path, run_python: RunPython, git: Git) -> None:
    with gittrack.start_run() as run:
        for rank in (0, 1):
            done = run_python(
                f"import gittrack\nwith gittrack.start_run(): gittrack.log_metric('rank{rank}', 1)\n",
                env={"RANK": str(rank), "GITTRACK_RUN_ID": run.id, "GITTRACK_REPO": str(repo)},
                cwd="/",
            )
            assert (done.code, done.err) == (0, "")
    assert set(on_branch(run.id).metrics) == {"rank0", "rank1"}
    assert ids_on_branch(git) == [run.id]


def test_a_second_run_inside_a_recorded_command_is_a_child(repo: Path, run_python: RunPython) -> None:
    with gittrack.start_run() as run:
        done = run_python(
            """
            import gittrack
            for lr in (0.1, 0.2):
                with gittrack.start_run(params={"lr": lr}) as run:
                    print(run.id)
            """,
            env={"GITTRACK_RUN_ID": run.id},
        )
    assert done.err == ""
    first, second = done.out.split()
    assert first == run.id
    assert on_branch(second).parent == run.id
    assert (on_branch(first).params, on_branch(second).params) == ({"lr": 0.1}, {"lr": 0.2})


def test_eight_processes_with_25_runs_each_leave_200_runs(repo: Path, git: Git) -> None:
    code = """
import gittrack
for i in range(25):
    with gittrack.start_run(params={"i": i}, tags={"a": "b"}) as run:
        run.log_metrics({"acc": i / 25, "loss": 1.0})
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(8)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")
    ids = ids_on_branch(git)
    assert len(ids) == 200
    assert sorted(on_branch(i).params["i"] for i in ids[:20])  # type: ignore[type-var]
    assert {len(on_branch(i).metrics) for i in ids[:20]} == {2}
    assert git("fsck", "--strict", "--no-dangling") == ""
    assert int(git("rev-list", "--count", "gittrack/runs")) == 200


def test_secrets_are_redacted_before_they_reach_the_disk(repo: Path, git: Git, run_python: RunPython) -> None:
    git("remote", "add", "origin", "https://ada:hunter2hunter2@example.com/r.git")
    run_python(
        """
        import gittrack
        with gittrack.start_run() as run:
            run.log_params({"api_key": "sk-abcdefghijklmnopqrstuvwxyz123456", "db": {"password": "hunter2hunter2"}})
        """,
        "--token",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    )
    (run_id,) = ids_on_branch(git)
    folder = f"runs/{run_id[:2]}/{run_id}"
    text = git("show", f"gittrack/runs:{folder}/run.yaml")
    assert "hunter2" not in text
    assert "ghp_" not in text
    assert "sk-abc" not in text
    assert text.count("[redacted]") == 4


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        ("rm -rf .git", "no git repository"),
        (
            "git config --global --remove-section user; git config --global user.useConfigOnly true",
            "git config",
        ),
        ("rm -rf .git/gittrack; touch .git/gittrack", "no run can be recorded"),
    ],
)
def test_what_keeps_a_run_from_starting_is_one_sentence(
    repo: Path, run_python: RunPython, prepare: str, sentence: str
) -> None:
    subprocess.run(["sh", "-c", prepare], check=True)
    done = run_python("import gittrack\ntry: gittrack.start_run()\nexcept gittrack.GittrackError as e: print(e)\n")
    assert sentence in done.out
    assert "\n" not in done.out.strip()
    assert done.code == 0


def test_a_start_with_bad_values_leaves_nothing_behind(repo: Path, git: Git) -> None:
    with pytest.raises(InvalidValue):
        gittrack.start_run(params={"bad": object()})
    with pytest.raises(InvalidValue):
        gittrack.start_run("two\nlines")
    assert gittrack.active_run() is None
    assert git("for-each-ref", "refs/heads/gittrack") == ""
    with gittrack.start_run(params={"lr": 0.1}) as run:
        pass
    with pytest.raises(ParamConflict):
        gittrack.start_run(run_id=run.id, params={"lr": 0.2})
    assert gittrack.active_run() is None
    assert (on_branch(run.id).status, on_branch(run.id).params) == ("failed", {"lr": 0.1})


def test_unborn_detached_and_rebasing_heads(repo: Path, git: Git) -> None:
    git("checkout", "-q", "--detach")
    with gittrack.start_run() as run:
        pass
    assert on_branch(run.id).code.branch is None
    git("checkout", "-q", "--orphan", "fresh")
    with gittrack.start_run() as run:
        pass
    code = on_branch(run.id).code
    assert (code.commit, code.branch, code.dirty) == (None, "fresh", True)


def test_a_publish_that_fails_keeps_the_run_and_the_next_one_commits_it(
    repo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = gittrack.start_run()
    run.log_metric("loss", 1.0)
    lock = repo / ".git/refs/heads/gittrack"
    lock.write_text("a file where git needs a folder")
    run.end()
    assert run.status == "finished"
    assert "could not be committed" in capsys.readouterr().err
    lock.unlink()
    from gittrack.capture.environment import host

    assert recover(open_project(), host()).published == (run.id,)
    assert on_branch(run.id).status == "finished"


def test_figures(repo: Path) -> None:
    class Figure:
        def savefig(self, file: object, format: str) -> None:  # noqa: A002 - matplotlib's name
            assert format == "png"
            file.write(b"\x89PNG")  # type: ignore[attr-defined]

    with gittrack.start_run() as run:
        run.log_figure(Figure(), "plots/a.png")
    assert [a.path for a in on_branch(run.id).artifacts] == ["plots/a.png"]
