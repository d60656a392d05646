"""`gittrack push`, `pull` and `sync` as somebody calls them, with real bare repositories."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Git, Gittrack

RUNS = "refs/heads/gittrack/runs"
MANY: Final = 64 if os.environ.get("GITTRACK_FAULTS") == "long" else 12


def record(gittrack: Gittrack, name: str, cwd: Path | None = None) -> None:
    done = gittrack("run", "-q", "--name", name, "--", "true", cwd=cwd)
    assert done.code == 0, done.err


def names(gittrack: Gittrack, cwd: Path | None = None) -> list[str]:
    return sorted(line.split()[1] for line in gittrack("log", "--oneline", "-n", "100", cwd=cwd).out.splitlines())


def refs(git: Git, path: Path) -> dict[str, str]:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=path).splitlines()
    return dict(line.split(" ", 1) for line in lines)


def hook(path: Path, text: str) -> None:
    file = path / "hooks" / "pre-receive"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_two_people_share_runs_and_code(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "clean")
    (repo / "train.py").write_text("changed\n")
    record(gittrack, "dirty")

    first = gittrack("push")

    assert (first.code, first.err) == (0, "")
    told = "sent main to origin (new)\nsent gittrack/runs to origin (new)\n"
    assert first.out == f"{told}sent refs/gittrack/code to origin (new)\nsent refs/gittrack/snapshots to origin (new)\n"
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    assert git("symbolic-ref", "--short", "HEAD", cwd=other) == "main\n"
    assert names(gittrack, other) == ["clean", "dirty"], "read from the remote's branch, with nothing set up"
    assert RUNS not in refs(git, other)
    record(gittrack, "theirs", other)
    synced = gittrack("sync", cwd=other)
    # Pins of the same commit that two clones make in the same second are the same one, and need not travel.
    came = r"(received code of runs from origin\n)?"
    moved = r"sent gittrack/runs to origin \(\w+\.\.\w+\)\n(sent refs/gittrack/code to origin \(\w+\.\.\w+\)\n)?"
    assert re.fullmatch(came + moved, synced.out), synced.out
    shown = gittrack("reproduce", "--dry-run", "dirty", cwd=other)
    assert shown.code == 0, shown.err
    record(gittrack, "mine")
    received = r"received 1 run from origin\nsent gittrack/runs to origin \(\w+\.\.\w+\)\n"
    assert re.fullmatch(received, (pushed := gittrack("push")).out), pushed.out
    assert gittrack("push").out == "origin has everything that is here\n"
    assert gittrack("pull", cwd=other).out == "received 1 run from origin\n"
    assert gittrack("pull", cwd=other).out == "origin has nothing new\n"
    assert names(gittrack) == names(gittrack, other) == ["clean", "dirty", "mine", "theirs"]
    assert gittrack("check").code == gittrack("check", cwd=other).code == 0
    assert refs(git, repo)[RUNS] == refs(git, other)[RUNS] == refs(git, hub)[RUNS]


def test_what_stays_here(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    (repo / "train.py").write_text("changed\n")
    record(gittrack, "dirty")

    assert gittrack("push", "--no-code", "--no-snapshots").code == 0
    assert set(refs(git, hub)) == {"refs/heads/main", RUNS}
    git("config", "gittrack.pushSnapshots", "false")
    assert gittrack("sync").code == 0
    assert set(refs(git, hub)) == {"refs/heads/main", RUNS, "refs/gittrack/code"}
    git("config", "gittrack.pushSnapshots", "maybe")
    assert gittrack("push").code == 1
    git("config", "gittrack.pushSnapshots", "true")
    assert gittrack("push").code == 0
    assert "refs/gittrack/snapshots" in refs(git, hub)


def test_an_empty_remote_gets_no_runs_first(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "one")
    refused = gittrack("push", "--no-code")
    assert (refused.code, refs(git, hub)) == (1, {})
    assert "origin is empty" in refused.err
    git("checkout", "-q", "--detach")
    assert (gittrack("push").code, refs(git, hub)) == (1, {})
    git("checkout", "-q", "main")
    assert gittrack("push").code == 0
    assert {"refs/heads/main", RUNS} < set(refs(git, hub))


def test_a_rejection_is_printed_whole(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    record(gittrack, "one")
    hook(hub, "echo 'no runs before noon'; printf 'ask \\033[31mme\\n'; exit 1")

    refused = gittrack("push")

    assert (refused.code, refused.out) == (1, "")
    assert "remote: no runs before noon\n" in refused.err
    assert "remote: ask \\x1b[31mme\n" in refused.err
    sentence = "gittrack: error: origin did not take gittrack/runs: [remote rejected] (pre-receive hook declined);"
    assert f"{sentence} the runs are safe here\n" in refused.err
    assert names(gittrack) == ["one"]
    hook(hub, "exit 0")
    assert gittrack("push").code == 0


def test_one_ref_that_is_refused_keeps_no_other(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    record(gittrack, "one")
    hook(hub, "exit 0")
    (hub / "hooks" / "pre-receive").unlink()
    update = hub / "hooks" / "update"
    update.write_text("#!/bin/sh\ncase $1 in refs/gittrack/*) echo 'heads only'; exit 1;; esac\n")
    update.chmod(0o755)

    pushed = gittrack("push")

    assert (pushed.code, pushed.out) == (1, "sent gittrack/runs to origin (new)\n")
    assert "heads only" in pushed.err
    assert "did not take refs/gittrack/code: [remote rejected] (hook declined)" in pushed.err


def test_pins_that_are_none_keep_no_run(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    record(gittrack, "one")
    git("commit", "-q", "--allow-empty", "-m", "no pin", cwd=repo)
    git("push", "-q", "origin", "HEAD:refs/gittrack/code")

    pushed = gittrack("push")

    assert (pushed.code, pushed.out) == (1, "sent gittrack/runs to origin (new)\n")
    assert re.search(r"refs/gittrack/code of origin was not taken in: \w+ is no pin", pushed.err), pushed.err
    assert "did not take refs/gittrack/code: what is there could not be taken in" in pushed.err
    assert gittrack("pull").code == 0
    assert gittrack("check").code == 0


def test_where_nothing_may_be_overwritten(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "receive.denyNonFastForwards", "true", cwd=hub)
    git("config", "receive.denyDeletes", "true", cwd=hub)
    git("config", "receive.fsckObjects", "true", cwd=hub)
    record(gittrack, "one")
    assert gittrack("push").code == 0
    git("clone", "-q", "../hub.git", "../other")
    record(gittrack, "two", repo.parent / "other")
    assert gittrack("push", cwd=repo.parent / "other").code == 0
    record(gittrack, "three")
    pushed = gittrack("push")
    assert (pushed.code, pushed.err) == (0, "")
    assert names(gittrack) == ["one", "three", "two"]


def test_many_clones_push_at_once(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "first")
    assert gittrack("push").code == 0
    clones = [repo.parent / f"clone-{number}" for number in range(MANY)]
    for number, clone in enumerate(clones):
        git("clone", "-q", str(hub), str(clone))
        record(gittrack, f"run-{number}", clone)
    command = [sys.executable, "-m", "gittrack", "push"]
    started = [subprocess.Popen(command, cwd=clone, stdout=-1, stderr=-1, text=True) for clone in clones]

    ended = [process.communicate() for process in started]

    assert [process.returncode for process in started] == [0] * MANY, ended
    assert gittrack("pull").code == 0
    assert names(gittrack) == sorted(["first", *(f"run-{number}" for number in range(MANY))])
    assert refs(git, repo)[RUNS] == refs(git, hub)[RUNS]


def test_a_push_that_is_killed_is_made_again(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    git("push", "-q", "origin", "main")
    record(gittrack, "one")
    os.mkfifo(repo.parent / "reached")
    os.mkfifo(repo.parent / "go")
    hook(hub, f"echo > {repo.parent}/reached; read line < {repo.parent}/go")
    process = subprocess.Popen([sys.executable, "-m", "gittrack", "push"], cwd=repo, stdout=-1, stderr=-1)
    (repo.parent / "reached").read_text()

    process.kill()
    process.communicate()
    (repo.parent / "go").write_text("\n")
    hook(hub, "exit 0")

    assert gittrack("sync").code == 0
    assert refs(git, repo)[RUNS] == refs(git, hub)[RUNS]
    assert names(gittrack) == ["one"]


def test_recorders_lose_nothing_to_a_pull(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "first")
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    command = [sys.executable, "-m", "gittrack", "run", "-q", "--name"]
    started = [subprocess.Popen([*command, f"mine-{number}", "--", "true"], cwd=repo) for number in range(4)]
    for number in range(3):
        record(gittrack, f"theirs-{number}", other)
        assert gittrack("push", cwd=other).code == 0
        assert gittrack("sync").code == 0
    assert [process.wait() for process in started] == [0] * 4
    assert gittrack("sync").code == 0
    assert names(gittrack) == ["first", *(f"mine-{n}" for n in range(4)), *(f"theirs-{n}" for n in range(3))]


def test_which_remote(repo: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "one")
    none = gittrack("push")
    assert (none.code, "no remote is called 'origin'; there is none yet" in none.err) == (2, True)
    for name in ("one", "two", "three"):
        git("clone", "-q", "--bare", ".", f"../{name}.git")
        git("update-ref", "-d", RUNS, cwd=repo.parent / f"{name}.git")

    def holders() -> list[str]:
        return [name for name in ("one", "two", "three") if RUNS in refs(git, repo.parent / f"{name}.git")]

    git("remote", "add", "one", "../one.git")
    assert gittrack("push").out.startswith("sent gittrack/runs to one (new)\n")
    git("remote", "add", "two", "../two.git")
    several = gittrack("push")
    assert (several.code, "name one of the remotes one, two" in several.err) == (2, True)
    git("config", "branch.main.remote", "two")
    assert gittrack("push").code == 0
    assert holders() == ["one", "two"]
    assert gittrack("push", "nowhere").code == 2
    git("config", "gittrack.remote", "three")
    assert gittrack("push").code == 2
    git("config", "url.../three.git.insteadOf", "three:")
    git("remote", "add", "three", "three:")
    assert gittrack("push").code == 0
    assert holders() == ["one", "two", "three"]
    assert gittrack("doctor").out.count("gittrack.remote") == 0


def test_a_remote_that_is_not_there(repo: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "one")
    git("remote", "add", "origin", "https://user:planted@127.0.0.1:9/x.git")
    failed = gittrack("sync")
    assert failed.code == 1
    assert "origin could not be reached" in failed.err
    assert "planted" not in failed.out + failed.err


@pytest.mark.parametrize("spec", ["+refs/gittrack/*:refs/gittrack/*", "+refs/*:refs/*"])
def test_a_setting_by_which_git_writes_over_refs(
    repo: Path, hub: Path, git: Git, gittrack: Gittrack, spec: str
) -> None:
    record(gittrack, "first")
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    (other / "train.py").write_text("theirs\n")
    record(gittrack, "theirs", other)
    assert gittrack("sync", cwd=other).code == 0
    git("config", "--add", "remote.origin.fetch", spec)
    (repo / "train.py").write_text("mine\n")
    record(gittrack, "mine")
    pin = refs(git, repo)["refs/gittrack/snapshots"]

    assert gittrack("pull").out == "received 1 run from origin\n"

    assert names(gittrack) == ["first", "mine", "theirs"]
    git("merge-base", "--is-ancestor", pin, "refs/gittrack/snapshots")
    assert refs(git, repo)["refs/remotes/origin/gittrack/runs"] == refs(git, hub)[RUNS], "what only copies, does so"
    before = refs(git, repo)
    pushed = gittrack("push", "mine")
    assert pushed.code == 1
    assert f"remote.origin.fetch has {spec}, by which git writes over refs" in pushed.err
    assert refs(git, repo) == before
    git("config", "--fixed-value", "--unset-all", "remote.origin.fetch", spec)
    assert gittrack("push", "mine").code == 0


def test_a_password_in_a_url_is_not_printed(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    url = "https://ada:plugh-4711@example.com/hub.git"
    git("config", f"url.{hub}.insteadOf", url)
    record(gittrack, "first")
    pushed = gittrack("push", url)
    assert (pushed.code, pushed.err) == (0, "")
    assert "sent gittrack/runs to https://example.com/hub.git (new)\n" in pushed.out
    assert "plugh" not in pushed.out + gittrack("sync", url, "--json").out


def test_a_closed_input_is_no_terminal(repo: Path, hub: Path, gittrack: Gittrack) -> None:
    record(gittrack, "first")
    pushed = run(["sh", "-c", f"exec {shlex.quote(sys.executable)} -m gittrack push -q <&-"])
    assert (pushed.code, pushed.err) == (0, "")


def test_a_run_that_was_purged_stays_out(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    record(gittrack, "kept")
    record(gittrack, "doomed")
    doomed = json.loads(gittrack("show", "doomed", "--json").out)["id"]
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    assert gittrack("pull", cwd=other).code == 0
    record(gittrack, "theirs", other)
    assert gittrack("purge", "-y", "doomed").code == 0

    warned = gittrack("pull")
    assert (warned.code, "origin still has what was purged here, in refs/heads/gittrack/runs" in warned.err) == (
        0,
        True,
    )
    refused = gittrack("sync")

    assert refused.code == 1
    assert "gittrack/runs was not sent to origin: it still has what was purged here; overwrite it: git " in refused.err
    assert "doomed" not in names(gittrack)
    (command,) = re.findall(r"overwrite it: git (.*)", refused.err)
    git(*command.split())
    synced = gittrack("sync", cwd=other)
    assert synced.code == 0, synced.err
    assert f"run {doomed[:8]} was purged by others and is off the branch here too" in synced.err
    assert gittrack("sync").code == 0
    assert names(gittrack) == names(gittrack, other) == ["kept", "theirs"]
    assert refs(git, repo)[RUNS] == refs(git, other)[RUNS] == refs(git, hub)[RUNS]
    for path in (repo, other, hub):
        assert doomed not in git("log", "--format=%B", "--name-only", RUNS, "--", "runs", cwd=path)
    assert gittrack("check", cwd=other).code == 0


def test_what_overwriting_would_remove_is_told(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    """The remote has a run that was purged here, and one that could not be taken in."""
    record(gittrack, "doomed")
    record(gittrack, "kept")
    assert gittrack("push").code == 0
    git("worktree", "add", "-q", "--detach", "../bad", RUNS)
    bad = repo.parent / "bad"
    folder = bad / "runs" / "ab" / ("ab" * 16)
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text("no: run\n")
    git("add", "-A", cwd=bad)
    git("commit", "-qm", "no run", cwd=bad)
    git("push", "-q", str(hub), f"HEAD:{RUNS}", cwd=bad)
    git("worktree", "remove", "../bad")
    assert gittrack("purge", "-y", "doomed").code == 0

    synced = gittrack("sync")

    assert synced.code == 1
    assert "overwrite it, which removes what was left out there too: git push --force-with-lease=" in synced.err


def test_a_snapshot_that_was_purged_does_not_come_back(repo: Path, hub: Path, git: Git, gittrack: Gittrack) -> None:
    for name in ("kept", "doomed"):
        (repo / "train.py").write_text(f"{name}\n")
        record(gittrack, name)
    assert gittrack("push").code == 0
    git("clone", "-q", str(hub), "../other")
    other = repo.parent / "other"
    assert gittrack("pull", cwd=other).code == 0
    (other / "train.py").write_text("theirs\n")
    record(gittrack, "theirs", other)
    assert gittrack("push", cwd=other).code == 0
    codes = (json.loads(gittrack("show", name, "--json", cwd=other).out)["code"] for name in ("doomed", "theirs"))
    doomed, theirs = (code["snapshot"] for code in codes)
    assert gittrack("purge", "-y", "--snapshots", "doomed").code == 0

    refused = gittrack("sync")

    assert refused.code == 1
    assert "refs/gittrack/snapshots was not sent to origin: it still has what was purged here" in refused.err
    pinned = git("rev-list", "refs/gittrack/snapshots").split()
    assert (doomed in pinned, theirs in pinned) == (False, True)
    (command,) = re.findall(r"overwrite it: git (.*)", refused.err)
    git(*command.split())
    assert gittrack("sync").code == 0
    assert doomed not in git("rev-list", "--all", cwd=hub)
    assert theirs in git("rev-list", "refs/gittrack/snapshots", cwd=hub)


@pytest.fixture
def daemon(repo: Path, git: Git) -> Iterator[str]:
    """The address of a server on loopback that takes pushes; it holds the code."""
    served = repo.parent / "served"
    git("clone", "-q", "--bare", str(repo), str(served / "hub.git"))
    git("config", "daemon.receivepack", "true", cwd=served / "hub.git")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["--reuseaddr", "--export-all", "--listen=127.0.0.1", f"--port={port}", f"--base-path={served}"]
    # Not by `git daemon`, which is a parent that a signal would not pass on from.
    program = os.path.join(git("--exec-path").strip(), "git-daemon")
    process = subprocess.Popen([program, *words], stderr=subprocess.DEVNULL)
    address = f"git://127.0.0.1:{port}/hub.git"
    try:
        for _ in range(200):
            if run(["git", "ls-remote", address]).code == 0:
                break
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


def test_over_a_connection(repo: Path, daemon: str, git: Git, gittrack: Gittrack) -> None:
    git("remote", "add", "origin", daemon)
    record(gittrack, "one")
    pushed = gittrack("push")
    assert pushed.code == 0, pushed.err
    git("clone", "-q", daemon, "../other")
    other = repo.parent / "other"
    record(gittrack, "two", other)
    record(gittrack, "three")
    assert gittrack("sync", cwd=other).code == 0
    assert gittrack("sync").code == 0
    assert gittrack("sync", cwd=other).code == 0
    assert names(gittrack) == names(gittrack, other) == ["one", "three", "two"]


def test_two_remotes_and_no_branch_here(repo: Path, git: Git, gittrack: Gittrack) -> None:
    for name in ("one", "two"):
        git("clone", "-q", ".", f"../{name}")
        record(gittrack, name, repo.parent / name)
        git("remote", "add", name, f"../{name}")
        git("fetch", "-q", name)

    assert gittrack("push", "one").out == "there are no runs here to send\n"
    assert gittrack("pull", "one").out == "received 1 run from one\n"
    assert gittrack("pull", "two").out == "received 1 run from two\n"

    assert names(gittrack) == ["one", "two"]
