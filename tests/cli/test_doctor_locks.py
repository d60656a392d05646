"""`gittrack doctor` on what real processes leave that are killed, and on what living ones hold."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from fnmatch import fnmatch
from typing import TYPE_CHECKING, NamedTuple

import pytest

from gittrack.doctor.examine import mend
from gittrack.doctor.leftovers import examine_leftovers
from gittrack.doctor.packs import examine_packs
from gittrack.git.repository import discover
from gittrack.project import Project
from tests.cli.sampling import sample
from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

DAY = 86_400
RUNS = "refs/heads/gittrack/runs"
DEAD = 2**22 - 3  # no process: beyond what Linux gives out
needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


class Death(NamedTuple):
    """A command that is killed as it comes to `call` with `path`, if one is given; `left` is what it leaves behind."""

    words: tuple[str, ...]
    call: str
    path: str
    left: str
    touched: bool = True


RENAME, LINK, UNLINK = "rename", "link,linkat,rename,renameat,renameat2", "unlink,unlinkat"
GITTRACK = (sys.executable, "-m", "gittrack")
DEATHS = {
    "pack-refs": Death(("git", "pack-refs", "--all"), RENAME, "packed-refs.new", "packed-refs.*"),
    "update-ref": Death(("git", "update-ref", RUNS, f"{RUNS}~1"), RENAME, f"{RUNS}.lock", f"{RUNS}.lock"),
    "tag": Death((*GITTRACK, "tag", "grid-0", "a=b"), RENAME, f"{RUNS}.lock", f"{RUNS}.lock"),
    "hash-object": Death(("git", "hash-object", "-w", "train.py.new"), LINK, "", "objects/*/tmp_obj_*"),
    "repack": Death(("git", "repack", "-adq"), LINK, "", "objects/pack/*tmp*"),
    "gc": Death(("git", "gc", "-q"), UNLINK, "gc.pid", "gc.pid"),
    "maintenance": Death(
        ("git", "maintenance", "run", "--task=commit-graph", "--quiet"),
        UNLINK,
        "objects/maintenance.lock",
        "objects/maintenance.lock",
    ),
    "commit-graph": Death(
        ("git", "commit-graph", "write", "--split", "--reachable"),
        RENAME,
        "objects/info/commit-graphs/commit-graph-chain.lock",
        "objects/info/commit-graphs/*.lock",
    ),
    "multi-pack-index": Death(
        ("git", "multi-pack-index", "write"),
        RENAME,
        "objects/pack/multi-pack-index.lock",
        "objects/pack/multi-pack-index.lock",
    ),
    "commit": Death(("git", "commit", "-qam", "x"), RENAME, "index.lock", "index.lock", touched=False),
    "branch": Death(("git", "branch", "-f", "topic"), RENAME, "refs/heads/topic.lock", "refs/heads/topic.lock", False),
    "checkout": Death(("git", "checkout", "-q", "--detach"), RENAME, "HEAD.lock", "HEAD.lock", touched=False),
    "config": Death(("git", "config", "a.b", "c"), RENAME, "config.lock", "config.lock", touched=False),
    "fetch": Death(
        ("git", "fetch", "-q", "--depth=1", "origin"), RENAME, "shallow.lock", "shallow.lock", touched=False
    ),
}


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir() and "index.sqlite" not in path.name}


def die(death: Death, git_dir: Path) -> None:
    """Run the command under strace, which kills the process that makes the call."""
    traced = [
        "strace",
        "-f",
        "-qq",
        "-o",
        str(git_dir.parent.parent / "calls"),
        "-e",
        f"inject={death.call}:signal=SIGKILL",
    ]
    forms = (f".git/{death.path}", f"./{death.path}", death.path, str(git_dir / death.path)) if death.path else ()
    traced += [word for form in forms for word in ("-P", form)]
    run([*traced, *death.words], cwd=git_dir.parent)


def age(paths: Sequence[Path], seconds: float = DAY) -> None:
    for path in paths:
        os.utime(path, (time.time() - seconds,) * 2, follow_symlinks=False)


def told(gittrack: Gittrack, *args: str) -> tuple[int, dict[str, list[str]]]:
    """The exit code, and what is left by kind, but not that the quarantine holds what was moved there."""
    result = gittrack("doctor", "--json", *args)
    assert result.err == "", result.err
    kinds: dict[str, list[str]] = {}
    for item in json.loads(result.out)["left"]:
        if item["kind"] != "quarantine":
            kinds.setdefault(item["kind"], []).append(item["problem"])
    return result.code, kinds


def listed(gittrack: Gittrack) -> set[str]:
    return {item["name"] for item in json.loads(gittrack("log", "--json").out)}


@needs_strace
@pytest.mark.parametrize("name", sample(DEATHS, 2))
def test_what_a_killed_process_leaves(recorded: Path, git: Git, gittrack: Gittrack, name: str) -> None:
    git("clone", "-q", "--bare", ".", "../origin")
    git("remote", "add", "origin", f"file://{recorded.parent / 'origin'}")
    git("pack-objects", "-q", "--all", ".git/objects/pack/pack", input="")
    (recorded / "train.py").write_text("pass\n")
    (recorded / "train.py.new").write_text(f"{name}\n")
    death, git_dir = DEATHS[name], recorded / ".git"
    before = files(git_dir)

    die(death, git_dir)

    left = [path for path in sorted(files(git_dir) - before) if fnmatch(str(path.relative_to(git_dir)), death.left)]
    assert left, sorted(files(git_dir) - before)
    assert told(gittrack, "--fix")[0] == 0, "young: perhaps at work"
    assert all(path.exists() for path in left)

    age([path for path in files(git_dir) - before if path.name != "moving-ref"])
    code, kinds = told(gittrack)
    sentences = kinds["leftover" if death.touched else "user-lock"]
    assert (code, len(sentences)) == (1, len(left)), kinds
    assert all(any(str(path) in sentence for sentence in sentences) for path in left)

    mended = gittrack("doctor", "--fix")
    assert mended.code == int(not death.touched), mended.out
    assert all(path.exists() != death.touched for path in left)
    if death.touched:
        assert all(f"done: moved {path} to " in mended.out for path in left)
        (kept,) = (git_dir / "gittrack" / "quarantine").iterdir()
        assert all((kept / path.relative_to(git_dir)).exists() for path in left)
        assert told(gittrack) == (0, {})
        git("pack-refs", "--all")
    assert listed(gittrack) == {"grid-0", "grid-1", "grid-2"}


def test_a_lock_that_a_process_holds_is_left_alone(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    lock = recorded / ".git" / f"{RUNS}.lock"
    tip = git("rev-parse", RUNS).strip()
    with subprocess.Popen(["git", "update-ref", "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(f"start\nupdate {RUNS} {tip}\nprepare\n".encode())
        writer.stdin.flush()
        assert [writer.stdout.readline() for _ in range(2)] == [b"start: ok\n", b"prepare: ok\n"]
        os.kill(writer.pid, signal.SIGSTOP)

        assert told(gittrack, "--fix") == (0, {})
        assert lock.exists()

        os.kill(writer.pid, signal.SIGCONT)
        writer.stdin.write(b"commit\n")
        writer.stdin.flush()
        # Waited for: git dies of SIGPIPE when it cannot say so any more.
        assert writer.stdout.readline() == b"commit: ok\n"
    assert (writer.returncode, lock.exists()) == (0, False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells which files are open")
def test_a_pack_that_is_being_written_is_left_alone_however_old(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    packs = recorded / ".git" / "objects" / "pack"
    with subprocess.Popen(["git", "fast-import", "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(b"blob\nmark :1\ndata 1\nx\nprogress here\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == b"progress here\n"
        temporary = list(packs.glob("tmp_pack_*"))
        age(temporary)

        assert (len(temporary), told(gittrack, "--fix")) == (1, (0, {}))
        assert temporary[0].exists()

        writer.kill()
    assert told(gittrack)[1].keys() == {"leftover"}
    assert gittrack("doctor", "--fix").code == 0
    assert git("fsck", "--strict") == "", recorded


def test_a_new_lock_that_a_jump_of_the_clock_made_old_is_left_alone(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = recorded / ".git" / f"{RUNS}.lock"
    lock.write_text("the first git's")
    age([lock])
    project = Project(discover(recorded))
    found = [ailment for ailment in examine_leftovers(project) if ailment.fix is not None]
    assert len(found) == 1

    def goes_on(_: float) -> None:
        """That git is done, and another one has the lock."""
        lock.unlink()
        lock.write_text("the second git's")
        age([lock])

    monkeypatch.setattr(time, "sleep", goes_on)
    ((_, done, _),) = mend(project, found)

    assert done.startswith(f"left {lock} alone")
    assert lock.read_text() == "the second git's"


def test_a_lock_from_the_future_is_dead(recorded: Path, gittrack: Gittrack) -> None:
    """A clock was put back since: nothing else would ever end it."""
    lock = recorded / ".git" / f"{RUNS}.lock"
    lock.touch()
    age([lock], -300)
    assert told(gittrack) == (0, {})

    age([lock], -DAY)

    assert gittrack("tag", "grid-0", "a=b").code == 0, "who records does not wait for it either"
    assert not lock.exists()
    lock.touch()
    age([lock], -DAY)
    assert gittrack("doctor", "--fix").code == 0
    assert not lock.exists()


@pytest.mark.parametrize(
    ("content", "code"),
    [("DEAD HERE", 1), ("ALIVE HERE", 0), ("DEAD elsewhere", 0)],
)
def test_a_mark_of_gc_is_judged_by_its_process(recorded: Path, gittrack: Gittrack, content: str, code: int) -> None:
    mark = recorded / ".git" / "gc.pid"
    words = {"DEAD": str(DEAD), "ALIVE": str(os.getpid()), "HERE": socket.gethostname()}
    mark.write_text(" ".join(words.get(word, word) for word in content.split()))
    age([mark], 3600)

    assert told(gittrack)[0] == code

    age([mark])
    assert told(gittrack)[0] == 1, "git does not believe in it any more either"


@pytest.mark.parametrize("alive", [False, True])
def test_a_pack_that_a_killed_fetch_keeps(recorded: Path, gittrack: Gittrack, alive: bool) -> None:
    keep = recorded / ".git" / "objects" / "pack" / f"pack-{'a' * 40}.keep"
    keep.write_text(f"fetch-pack {os.getpid() if alive else DEAD} on {socket.gethostname()}\n")
    age([keep])

    assert told(gittrack, "--fix")[0] == int(not alive)
    assert keep.exists()


def test_a_lock_in_another_worktree_is_told(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    git("worktree", "add", "-q", "--detach", "../other")
    lock = recorded / ".git" / "worktrees" / "other" / "index.lock"
    lock.touch()
    age([lock])

    code, kinds = told(gittrack, "--fix")

    assert (code, str(lock) in kinds["user-lock"][0], lock.exists()) == (1, True, True)


def test_on_a_network_file_system_only_what_is_very_old_is_dead(
    recorded: Path, gittrack: Gittrack, run_in_process: str
) -> None:
    lock = recorded / ".git" / f"{RUNS}.lock"
    lock.touch()
    age([lock], 7200)

    def judged() -> bool:
        done = run([sys.executable, "-c", run_in_process], cwd=recorded)
        assert done.code == 0, done.err
        return str(lock) in done.out

    assert told(gittrack)[1].keys() == {"leftover"}
    assert not judged(), "another machine may hold it"
    age([lock], 2 * DAY)
    assert judged()


@pytest.fixture
def run_in_process() -> str:
    """A program that prints the leftovers as if the repository lay on NFS."""
    return (
        "from gittrack.doctor import leftovers\n"
        "from gittrack.project import open_project\n"
        "leftovers.file_system = lambda path: 'nfs4'\n"
        "print([found.sentence for found in leftovers.examine_leftovers(open_project())])\n"
    )


def test_a_pack_without_index_gets_one(recorded: Path, git: Git, gittrack: Gittrack) -> None:
    git("repack", "-adq")
    (index,) = (recorded / ".git" / "objects" / "pack").glob("pack-*.idx")
    index.unlink()
    packs = list(index.parent.iterdir())
    assert gittrack("log").code == 1
    age(packs, 60)
    assert "pack" not in told(gittrack)[1]
    age(packs)

    assert "has no index beside it" in told(gittrack)[1]["pack"][0]
    mended = gittrack("doctor", "--fix")

    assert "made the index of" in mended.out
    assert listed(gittrack) == {"grid-0", "grid-1", "grid-2"}
    assert told(gittrack) == (0, {})


def test_a_whole_pack_stays_where_git_can_make_no_index(
    recorded: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as where the disk is full: it may hold the only copy of what is in it."""
    git("repack", "-adq")
    (pack,) = (recorded / ".git" / "objects" / "pack").glob("*.pack")
    pack.with_suffix(".idx").unlink()
    age([pack])
    project = Project(discover(recorded))
    found = [ailment for ailment in examine_packs(project) if ailment.urgent]
    full = (128, b"", b"fatal: cannot store index file: No space left on device\n")
    monkeypatch.setattr("gittrack.doctor.packs.run_git_status", lambda *_, **__: full)

    ((_, done, succeeded),) = mend(project, found)

    assert (done.startswith("could not be done"), "No space left" in done, succeeded) == (True, True, False)
    assert pack.exists()
    pack.chmod(0o644)
    pack.write_bytes(pack.read_bytes()[:-1])
    ((_, done, succeeded),) = mend(project, found)
    assert (pack.exists(), succeeded) == (False, True), done


@pytest.mark.parametrize("ending", ["pack", "idx", "rev"])
def test_a_part_of_a_pack_that_is_no_use(recorded: Path, gittrack: Gittrack, ending: str) -> None:
    part = recorded / ".git" / "objects" / "pack" / f"pack-{'b' * 40}.{ending}"
    part.write_bytes(b"PACK half")
    age([part])

    assert told(gittrack)[1].keys() == {"pack"}
    assert gittrack("doctor", "--fix").code == 0
    assert told(gittrack) == (0, {})
    (kept,) = (recorded / ".git" / "gittrack" / "quarantine").rglob(part.name)
    assert kept.read_bytes() == b"PACK half"


def test_a_quarantine_that_cannot_be_made(recorded: Path, gittrack: Gittrack) -> None:
    lock = recorded / ".git" / f"{RUNS}.lock"
    lock.touch()
    age([lock])
    (recorded / ".git" / "gittrack" / "quarantine").write_text("in the way")

    result = gittrack("doctor", "--fix")

    assert (result.code, lock.exists()) == (1, True)
    assert "could not be done: " in result.out


STOPS = ["mkdir:error=ENOSPC", *(f"rename:signal=SIGKILL:when={number}" for number in (1, 2, 3))]
CRASHED = """
    import os, signal
    import gittrack

    run = gittrack.start_run("crashed")
    run.log_metric("loss", 0.5)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@needs_strace
@pytest.mark.parametrize("call", sample(STOPS, 2))
def test_a_fix_that_is_stopped_in_the_middle_loses_nothing(
    recorded: Path, gittrack: Gittrack, run_python: RunPython, call: str
) -> None:
    run_python(CRASHED)
    left = [recorded / ".git" / name for name in ("packed-refs.lock", f"{RUNS}.lock", "objects/pack/tmp_pack_1")]
    for path in left:
        path.touch()
    age(left)

    stopped = run(
        ["strace", "-f", "-qq", "-o", recorded.parent / "calls", "-e", f"inject={call}", *GITTRACK, "doctor", "--fix"],
        cwd=recorded,
    )

    assert stopped.code != 0
    assert all(path.exists() or list((recorded / ".git" / "gittrack").rglob(path.name)) for path in left)
    assert gittrack("doctor", "--fix").code == 0
    assert listed(gittrack) == {"grid-0", "grid-1", "grid-2", "crashed"}
    assert told(gittrack) == (0, {})
