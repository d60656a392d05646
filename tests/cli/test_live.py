"""Runs that are running on one machine, seen from another one by way of a remote."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from gittrack.project import open_project
from gittrack.share.auto import last_outcome
from tests.cli.test_share import RUNS, hook, refs
from tests.conftest import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

LIVE: Final = "refs/gittrack/live/"
TRAINING: Final = """
import gittrack

with gittrack.start_run() as run:
    run.log_metrics({"loss": 0.5, "acc": 0.25}, 1)
    run.log_metric("loss", 0.125, 2)
    run.log_text("hello", "notes/hello.txt")
    print("epoch two", flush=True)
    with open("../logged", "w") as fifo:
        fifo.write("x")
    with open("../go") as fifo:
        fifo.read()
"""


class Events:
    """What a hook wrote into a fifo, a line each; no writer ever waits for a reader."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)
        self._rest = ""

    def wait_for(self, pattern: str) -> str:
        """Return the next line that matches."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line, newline, rest = self._rest.partition("\n")
            if newline:
                self._rest = rest
                if re.search(pattern, line):
                    return line
                continue
            ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"nothing like {pattern} came"
            self._rest += os.read(self._fd, 4096).decode()

    def close(self) -> None:
        os.close(self._fd)


@dataclass
class Training:
    """A `gittrack run` that has logged, and waits to be told to end."""

    process: subprocess.Popen[bytes]
    repo: Path

    @property
    def id(self) -> str:
        (folder,) = (self.repo / ".git" / "gittrack" / "journal").glob("?" * 32)
        return folder.name

    def finish(self) -> None:
        if self.process.poll() is None:
            (self.repo.parent / "go").write_text("x")
            assert self.process.wait(PATIENCE) == 0


@pytest.fixture
def events(hub: Path) -> Iterator[Events]:
    """What refs of the hub were moved to, 'NEW NAME' a line."""
    found = Events(hub.parent / "pushed")
    file = hub / "hooks" / "post-receive"
    file.write_text(f'#!/bin/sh\nwhile read old new ref; do echo "$new $ref" > {hub.parent}/pushed; done\n')
    file.chmod(0o755)
    yield found
    found.close()


@pytest.fixture
def other(repo: Path, hub: Path, git: Git) -> Path:
    """A second clone of the hub, which has the code."""
    git("push", "-q", "origin", "main")
    git("clone", "-q", str(hub), "../other")
    return repo.parent / "other"


def start(repo: Path) -> Training:
    """Start the training, and wait until it has logged."""
    for name in ("logged", "go"):
        os.mkfifo(repo.parent / name)
    command = [
        sys.executable,
        "-m",
        "gittrack",
        "run",
        "-q",
        "--name",
        "quick-fox",
        "--",
        sys.executable,
        "-c",
        TRAINING,
    ]
    process = subprocess.Popen(command, cwd=repo, stdin=subprocess.DEVNULL)
    assert (repo.parent / "logged").read_text() == "x"
    return Training(process, repo)


@pytest.fixture
def training(repo: Path, other: Path) -> Iterator[Training]:
    found = start(repo)
    try:
        yield found
    finally:
        found.finish()


def watch(training: Training) -> subprocess.Popen[bytes]:
    """Start what a run starts that is to be seen elsewhere, with a heartbeat that need not be waited for."""
    return subprocess.Popen([sys.executable, "-m", "gittrack.live.watch", training.id, "0.01"], cwd=training.repo)


@pytest.fixture
def seen(training: Training, events: Events) -> str:
    """The id of a run whose heartbeat is on the hub, and that has ended since on its own machine alone."""
    watcher, run_id = watch(training), training.id
    events.wait_for(run_id)
    training.finish()
    assert watcher.wait(PATIENCE) == 0
    return run_id


def tracked(git: Git, clone: Path) -> set[str]:
    return {ref for ref in refs(git, clone) if ref.startswith((LIVE, "refs/gittrack/incoming/"))}


def test_a_run_is_seen_while_it_is_running_elsewhere(
    repo: Path, hub: Path, other: Path, events: Events, git: Git, gittrack: Gittrack
) -> None:
    git("config", "gittrack.autoPush", "true")
    git("config", "gittrack.autoPushEvery", "1")  # counts as 10
    training = start(repo)
    run_id = training.id
    try:
        events.wait_for(f"{LIVE}{run_id}")
        assert RUNS not in refs(git, hub), "it is not on the branch, where nothing ever changes"
        assert gittrack("pull", cwd=other).out == "1 run still running, as origin tells; see gittrack log\n"
        listed = gittrack("log", cwd=other)
        assert re.search(r"quick-fox +running .* 0\.125", listed.out), listed.out
        told = r"gittrack: quick-fox is running on \S+, as of \d+[sm] ago \(origin\)\n"
        assert re.fullmatch(told, listed.err), listed.err
    finally:
        training.finish()
    events.wait_for(RUNS)
    events.wait_for(f"^0+ {LIVE}{run_id}")

    assert f"{LIVE}{run_id}" not in refs(git, hub)
    assert gittrack("pull", cwd=other).out.startswith("received 1 run from origin\n")
    assert tracked(git, other) == set()
    listed = gittrack("log", cwd=other)
    assert re.search(r"quick-fox +finished", listed.out), listed.out
    assert listed.err == ""


def test_what_is_known_of_a_run_elsewhere(
    seen: str, other: Path, git: Git, gittrack: Gittrack, run_python: RunPython
) -> None:
    pulled = gittrack("pull", "--json", cwd=other)
    assert json.loads(pulled.out)["running"] == [seen], pulled.err
    assert git("rev-list", "--count", f"{LIVE}origin/{seen}", cwd=other) == "1\n"
    files = git("ls-tree", "-r", "--name-only", f"{LIVE}origin/{seen}", cwd=other).splitlines()
    assert f"runs/{seen[:2]}/{seen}/metrics/loss.tsv" in files
    assert not [path for path in files if "/artifacts/" in path]

    page = gittrack("show", "quick-fox", cwd=other)
    assert re.search(r"^Seen: +running elsewhere, as of \d+[sm] ago \(origin\)$", page.out, re.MULTILINE), page.out
    assert "epoch two" in page.out
    assert "epoch two" in gittrack("show", "quick-fox", "--output", cwd=other).out
    history = gittrack("show", "quick-fox", "--metric", "loss", cwd=other).out
    assert [line.split("\t")[2] for line in history.splitlines()] == ["value", "0.5", "0.125"]
    assert json.loads(gittrack("show", "quick-fox", "--json", cwd=other).out)["elsewhere"]["remote"] == "origin"
    assert json.loads(gittrack("log", "--json", cwd=other).out) == [], "a program would take it for one of this clone"
    assert gittrack("best", "loss", cwd=other).code == 1
    assert gittrack("check", cwd=other).code == 0
    assert "running" not in gittrack("doctor", cwd=other).out
    done = run_python(
        f"""
        import os, sys

        from gittrack.cli.main import main

        os.chdir({str(other)!r})
        code = main(["log"])
        print(code, sorted({{"dulwich", "gittrack.share.live", "numpy"}} & set(sys.modules)), file=sys.stderr)
        """
    )
    assert "quick-fox" in done.out, done.err
    assert done.err.endswith("0 []\n"), "reading stays cheap"


def test_whoever_syncs_deletes_what_is_over(
    seen: str, repo: Path, other: Path, hub: Path, git: Git, gittrack: Gittrack
) -> None:
    assert gittrack("pull", cwd=other).code == 0
    assert tracked(git, other) == {f"{LIVE}origin/{seen}"}
    assert gittrack("push").code == 0
    assert {RUNS, f"{LIVE}{seen}"} < set(refs(git, hub)), "a push deletes nothing of others"

    assert gittrack("sync", cwd=other).code == 0

    assert tracked(git, other) == tracked(git, hub) == set()
    assert re.search(r"quick-fox +finished", gittrack("log", cwd=other).out)


def test_one_that_was_not_heard_of_for_long_and_is_gone(
    seen: str, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    then = {"GIT_COMMITTER_DATE": f"@{int(time.time()) - 2 * 86400 - 60} +0000"}
    old = git("commit-tree", f"{LIVE}{seen}^{{tree}}", "-m", "x", cwd=hub, env=then).strip()
    git("update-ref", f"{LIVE}{seen}", old, cwd=hub)
    assert gittrack("pull", cwd=other).code == 0

    told = gittrack("log", cwd=other).err

    assert re.fullmatch(r"gittrack: quick-fox is running on \S+, last seen 2d ago \(origin\)\n", told), told
    git("update-ref", "-d", f"{LIVE}{seen}", cwd=hub)
    assert gittrack("pull", cwd=other).out == "origin has nothing new\n"
    assert tracked(git, other) == set()
    assert "quick-fox" not in gittrack("log", cwd=other).out


def test_what_is_not_as_it_should_be_is_left_out(
    seen: str, repo: Path, hub: Path, other: Path, git: Git, gittrack: Gittrack
) -> None:
    ref, tree = f"{LIVE}{seen}", f"{LIVE}{seen}^{{tree}}"
    folder = f"runs/{seen[:2]}/{seen}"
    git("fetch", "-q", "origin", f"{ref}:{ref}", cwd=repo)
    record = git("rev-parse", f"{ref}:{folder}/run.yaml").strip()
    entries = {
        "an executable": f"100755 blob {record}\t{folder}/run.yaml\n",
        "a stranger": f"100644 blob {record}\tother.txt\n",
        "two runs": f"100644 blob {record}\truns/{seen[:2]}/{'0' * 32}/run.yaml\n",
    }
    hostile = {"no commit": git("rev-parse", tree).strip()}
    for name, line in entries.items():
        index = {"GIT_INDEX_FILE": str(repo.parent / "index")}
        git("read-tree", tree, env=index)
        git("update-index", "--add", "--index-info", input=line, env=index)
        hostile[name] = git("commit-tree", git("write-tree", env=index).strip(), "-m", "x").strip()
    hostile["a history"] = git("commit-tree", tree, "-p", "main", "-m", "x").strip()
    hostile["it has ended"] = git("commit-tree", f"{RUNS}^{{tree}}", "-m", "x").strip()
    git("update-ref", "-d", ref)
    for name, oid in hostile.items():
        git("push", "-q", "--force", "origin", f"{oid}:{ref}")

        pulled = gittrack("pull", cwd=other)

        assert (pulled.code, tracked(git, other)) == (0, set()), name
        assert f"run {seen[:8]} of origin was left out" in pulled.err, (name, pulled.err)
    assert "quick-fox" not in gittrack("log", cwd=other).out


def test_a_host_that_takes_no_such_ref_is_no_harm(
    training: Training, repo: Path, hub: Path, git: Git, gittrack: Gittrack
) -> None:
    hook(hub, f"while read old new ref; do case $ref in {LIVE}*) exit 1;; esac; done")
    run_id = training.id

    assert watch(training).wait(PATIENCE) == 0, "it gives up"

    training.finish()
    log = (repo / ".git" / "gittrack" / "auto-push.log").read_text().splitlines()
    (line,) = log
    assert f"heartbeat: run {run_id[:8]}: {LIVE}{run_id} was not taken: [remote rejected]" in line
    assert last_outcome(open_project(repo)) is None, "no run that has ended is missing there"
    git("config", "gittrack.autoPush", "true")
    assert "auto-push" not in gittrack("doctor").out
    assert gittrack("push").code == 0
    assert re.search(r"quick-fox +finished", gittrack("log").out)


def test_a_remote_that_is_away_for_a_while_and_a_ref_that_somebody_moved(
    training: Training, repo: Path, hub: Path, events: Events, git: Git
) -> None:
    ssh = repo.parent / "ssh"
    ssh.write_text(f"#!/bin/sh\necho unreachable > {repo.parent}/pushed\nexit 1\n")
    ssh.chmod(0o755)
    git("config", "core.sshCommand", str(ssh))
    git("config", "remote.origin.pushurl", "ssh://away.example.com/hub.git")
    run_id, watcher = training.id, watch(training)
    for _ in range(3):
        events.wait_for("unreachable")

    git("config", "--unset", "remote.origin.pushurl")

    events.wait_for(run_id)
    (line,) = (repo / ".git" / "gittrack" / "auto-push.log").read_text().splitlines()
    assert f"heartbeat: run {run_id[:8]}: " in line, "told once, however often it failed"
    git("update-ref", f"{LIVE}{run_id}", "refs/heads/main", cwd=hub)
    (repo.parent / "pushed").write_text("moved\n")
    events.wait_for("moved")
    for _ in range(2):  # one may have been under way
        events.wait_for(run_id)
    training.finish()
    assert watcher.wait(PATIENCE) == 0
    loose = git("count-objects", "-v").splitlines()[0]
    assert git("fsck", "--unreachable", "--no-reflogs") == "", f"no heartbeat leaves objects here ({loose})"


def test_a_clone_that_follows_all_refs_has_what_they_lead_to(
    training: Training, events: Events, git: Git, repo: Path
) -> None:
    git("config", "--add", "remote.origin.fetch", "+refs/gittrack/*:refs/theirs/*")
    run_id, watcher = training.id, watch(training)
    events.wait_for(run_id)

    training.finish()

    assert watcher.wait(PATIENCE) == 0
    assert f"runs/{run_id[:2]}" in git("ls-tree", "-r", "--name-only", f"refs/theirs/live/{run_id}")
    git("fsck", "--connectivity-only")
