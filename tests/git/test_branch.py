"""The append-only branch: whole, durable additions, however many write and whatever git does meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import DamagedRecord, StorageError
from gittrack.git import branch, store
from gittrack.git.branch import Addition, View, append, view
from gittrack.git.process import run_git
from gittrack.git.refs import read_ref, swap_ref
from gittrack.git.repository import Repository, Signature, discover

if TYPE_CHECKING:
    from tests.conftest import Git

REF = "refs/heads/gittrack/runs"
ADA = Signature("Ada Exämple", "ada@example.com")
BOT = Signature("Bot", "bot@example.com")
WHEN = 1_735_689_600.75

WRITER = """
import sys
from gittrack.git import branch, repository
known = repository.discover()
me = repository.Signature("A", "a@example.com")
name, count = sys.argv[1], int(sys.argv[2])
for number in range(count):
    run = f"{(int(name) * 37 + number * 11) % 256:02x}/{name}-{number}"
    files = {f"runs/{run}/run.yaml": run.encode(), f"runs/{run}/environment/packages.txt": b"the same"}
    made = branch.append(known, "refs/heads/gittrack/runs",
                         lambda view: branch.Addition(files, f"run {run}", me, 0.0), committer=me)
    print(made, flush=True)
"""


def added(files: dict[str, bytes | os.PathLike[str]], replace: frozenset[str] = frozenset()) -> Addition:
    return Addition(files, "run 3fa2c1d0 finished\n\nRun: 3fa2", ADA, WHEN, replace)


def put(known: Repository, files: dict[str, bytes | os.PathLike[str]], *replace: str) -> str | None:
    return append(known, REF, lambda _: added(files, frozenset(replace)), committer=BOT)


def show(known: Repository, name: str) -> bytes:
    return run_git(["show", name], repo=known)


def paths(known: Repository, tip: str = REF) -> list[str]:
    return run_git(["ls-tree", "-r", "-z", "--name-only", tip], repo=known).decode().split("\0")[:-1]


def is_sound(known: Repository) -> bool:
    return run_git(["fsck", "--strict", "--no-dangling"], repo=known) == b""


@pytest.fixture
def known(repo: Path) -> Repository:
    return discover(repo)


@pytest.fixture(params=["files", "bare", "sha256", "linked", "packed", "git_dir"])
def anywhere(
    request: pytest.FixtureRequest, repo: Path, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    place = tmp_path / "some where ü"
    if request.param == "bare":
        git("init", "-q", "--bare", str(place))
    elif request.param == "sha256":
        git("init", "-q", "--object-format=sha256", str(place))
    elif request.param == "linked":
        git("worktree", "add", "-q", "--detach", str(place), cwd=repo)
    elif request.param == "packed":
        git("gc", "-q", cwd=repo)
        place = repo
    elif request.param == "git_dir":
        monkeypatch.setenv("GIT_DIR", f"{repo}/.git")
        place = tmp_path
    else:
        place = repo
    return discover(place)


def test_additions_are_what_plain_git_shows(anywhere: Repository, tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"from a file")
    first = put(anywhere, {"README.md": b"read me", "runs/3f/3fa2/a b/ü.txt": b"\xff\0", "runs/3f/3fa2/f": source})
    second = put(anywhere, {"runs/3f/3f00/run.yaml": b"x"})
    run_git(["pack-refs", "--all"], repo=anywhere)
    run_git(["gc", "-q"], repo=anywhere)
    third = put(anywhere, {"runs/a0/a000/run.yaml": b"y"})
    assert third is not None
    assert run_git(["rev-list", REF], repo=anywhere).decode().split() == [third, second, first]
    assert paths(anywhere) == [
        "README.md",
        "runs/3f/3f00/run.yaml",
        "runs/3f/3fa2/a b/ü.txt",
        "runs/3f/3fa2/f",
        "runs/a0/a000/run.yaml",
    ]
    assert show(anywhere, f"{REF}:runs/3f/3fa2/a b/ü.txt") == b"\xff\0"
    assert show(anywhere, f"{REF}:runs/3f/3fa2/f") == b"from a file"
    assert is_sound(anywhere)


def test_the_commit_says_who_when_and_what(known: Repository) -> None:
    put(known, {"a": b"1"})
    written = run_git(["log", "-1", "--format=%an|%ae|%at|%cn|%ce|%P|%B", REF], repo=known).decode()
    assert written.strip() == (
        "Ada Exämple|ada@example.com|1735689600|Bot|bot@example.com||run 3fa2c1d0 finished\n\nRun: 3fa2"
    )


def test_a_hostile_name_cannot_forge_a_header(known: Repository) -> None:
    evil = Signature("A <a@b>\nparent 0", "x>\n\0y")
    commit = append(known, REF, lambda _: Addition({"a": b"1"}, "m\0\ud800", evil, -5.0), committer=evil)
    assert commit is not None
    shown = run_git(["log", "-1", "--format=%an|%ae|%at|%s", commit], repo=known).decode().strip()
    assert shown == "A a@bparent 0|xy|0|m?"
    assert is_sound(known)


def test_nothing_of_the_users_is_touched(repo: Path, known: Repository, git: Git) -> None:
    told = repo / "told"
    for name in ("reference-transaction", "post-commit", "pre-commit"):
        hook = repo / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{told}'\n")
        hook.chmod(0o755)
    (repo / "train.py").write_text("changed")
    (repo / ".git" / "MERGE_HEAD").write_text(git("rev-parse", "HEAD", cwd=repo))
    names = ("index", "HEAD", "MERGE_HEAD", "config", "logs/HEAD", "refs/heads/main")
    before = [(repo / ".git" / name).read_bytes() for name in names]
    put(known, {"a": b"1"})
    assert [(repo / ".git" / name).read_bytes() for name in names] == before
    assert (repo / "train.py").read_text() == "changed"
    assert not told.exists()


def test_nothing_to_add(known: Repository) -> None:
    assert append(known, REF, lambda _: None, committer=BOT) is None
    assert read_ref(known, REF) is None


def test_what_is_there_already_makes_no_commit(known: Repository) -> None:
    first = put(known, {"runs/aa/run.yaml": b"1", "README.md": b"x"})
    assert put(known, {"runs/aa/run.yaml": b"1"}) == first
    second = put(known, {"runs/aa/run.yaml": b"1", "runs/aa/more": b"2"})
    assert second != first
    assert paths(known) == ["README.md", "runs/aa/more", "runs/aa/run.yaml"]


def test_a_path_never_changes_unless_it_may(known: Repository) -> None:
    first = put(known, {"runs/aa/run.yaml": b"1", "README.md": b"old"})
    with pytest.raises(DamagedRecord, match=r"^runs/aa/run\.yaml is already on the branch with other content"):
        put(known, {"runs/aa/run.yaml": b"2", "README.md": b"new"}, "README.md")
    assert read_ref(known, REF) == first
    put(known, {"README.md": b"new"}, "README.md")
    assert show(known, f"{REF}:README.md") == b"new"


@pytest.mark.parametrize("path", ["runs", "runs/aa/run.yaml/below"])
def test_a_file_and_a_directory_of_one_name(known: Repository, path: str) -> None:
    put(known, {"runs/aa/run.yaml": b"1"})
    with pytest.raises(DamagedRecord):
        put(known, {path: b"2"})
    with pytest.raises(DamagedRecord, match="file"):
        put(known, {"new": b"1", "new/below": b"2"})
    with pytest.raises(DamagedRecord, match="file"):
        put(known, {"new/below": b"2", "new": b"1"})


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", ".", ".git/config", "x/.GIT/y", "a\0b", "a/"])
def test_paths_that_git_could_not_check_out(known: Repository, path: str) -> None:
    with pytest.raises(DamagedRecord, match="cannot be a path"):
        put(known, {path: b"1"})
    assert read_ref(known, REF) is None


def test_the_view_reads_the_tip(known: Repository) -> None:
    empty = view(known, REF)
    assert (empty.tip, empty.read("a"), empty.names(""), empty.names("runs")) == (None, None, [], [])
    tip = put(known, {"runs/aa/later/1.yaml": b"one", "runs/aa/run.yaml": b"two", "runs.txt": b"three"})
    seen = view(known, REF)
    assert seen.tip == tip
    assert seen.names("") == ["runs.txt", "runs"]
    assert seen.names("runs/aa") == ["later", "run.yaml"]
    assert seen.read("runs/aa/later/1.yaml") == b"one"
    assert [seen.read(path) for path in ("runs", "runs/aa/none", "none/at/all", "runs.txt/below")] == [None] * 4


def test_who_is_beaten_is_asked_again_with_the_new_tip(known: Repository) -> None:
    tips: list[str | None] = []

    def make(seen: View) -> Addition:
        tips.append(seen.tip)
        if len(tips) < 3:
            put_by_another(known, f"other{len(tips)}", seen.tip)
        return added({"mine": b"1"})

    last = append(known, REF, make, committer=BOT)
    assert len(set(tips)) == 3
    assert read_ref(known, REF) == last
    assert paths(known) == ["mine", "other1", "other2"]


def put_by_another(known: Repository, name: str, tip: str | None) -> None:
    with store.ObjectStore(known) as objects:
        commit = branch.add_commit(objects, tip, added({name: b"x"}), BOT)
        objects.sync()
        assert swap_ref(known, REF, tip, commit)


def test_who_is_always_beaten_gives_up_with_a_sentence(known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branch, "_PATIENCE", 0.0)
    monkeypatch.setattr(branch, "swap_ref", lambda *_: False)
    with pytest.raises(StorageError, match=r"kept moving refs/heads/gittrack/runs; try again"):
        append(known, REF, lambda _: added({"a": b"1"}), committer=BOT, lock_timeout=0.0)


def test_without_the_lock_it_goes_on(known: Repository) -> None:
    os.makedirs(Path(known.state_dir, "publish.lock"))  # cannot be opened as a file
    assert put(known, {"a": b"1"}) == read_ref(known, REF)


def test_a_full_disk_is_one_sentence_and_moves_nothing(known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    first = put(known, {"a": b"1"})

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageError, match=r"^the disk is full"):
            put(known, {"b": b"2"})
    assert read_ref(known, REF) == first
    assert put(known, {"b": b"2"}) == read_ref(known, REF)
    assert is_sound(known)


def test_objects_are_durable_before_the_ref_moves(known: Repository, synced: list[str]) -> None:
    synced.clear()
    commit = put(known, {"runs/aa/run.yaml": b"1"})
    assert commit is not None
    move = next(index for index, name in enumerate(synced) if name.endswith("runs.lock"))
    made = run_git(["rev-list", "--objects", REF], repo=known).decode().split()
    directories = {f"{known.objects_dir}/{oid[:2]}" for oid in made if len(oid) == 40}
    assert directories <= set(synced[:move])
    assert sum("tmp_obj_" in name for name in synced[:move]) == 5  # blob, three trees, commit
    assert f"{known.common_dir}/{os.path.dirname(REF)}" in synced[move:]


@pytest.mark.parametrize("writers", [8])
def test_many_processes_and_threads_lose_nothing(repo: Path, known: Repository, writers: int) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number), "25"], cwd=repo, stdout=subprocess.PIPE)
        for number in range(writers)
    ]
    threads = [
        threading.Thread(target=lambda n=n: [put(known, {f"threads/{n}/{k}": b"x"}) for k in range(5)])
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    reported = [line for writer in running for line in writer.communicate()[0].decode().split()]
    for thread in threads:
        thread.join()
    assert [writer.returncode for writer in running] == [0] * writers
    assert len(set(reported)) == writers * 25
    reachable = run_git(["rev-list", REF], repo=known).decode().split()
    assert set(reported) <= set(reachable)
    assert len(reachable) == writers * 25 + 15
    assert len(paths(known)) == 2 * writers * 25 + 15
    assert is_sound(known)


def test_the_hardest_gc_at_the_same_time_takes_nothing(repo: Path, known: Repository) -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number), "15"], cwd=repo, stdout=subprocess.PIPE)
        for number in range(3)
    ]
    collections = 0
    while any(writer.poll() is None for writer in running):
        run_git(["gc", "-q", "--prune=now"], repo=known, ok=range(256))
        collections += 1
    reported = [line for writer in running for line in writer.communicate()[0].decode().split()]
    assert [writer.returncode for writer in running] == [0] * 3
    assert collections > 1
    assert set(reported) <= set(run_git(["rev-list", REF], repo=known).decode().split())
    assert len(paths(known)) == 90
    assert is_sound(known)
    assert not [name for name in os.listdir(f"{known.objects_dir}/pack") if name.endswith(".keep")]


def test_a_writer_killed_anywhere_leaves_a_sound_branch(repo: Path, known: Repository) -> None:
    total = 0
    for turn in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(turn), "1000"], cwd=repo, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        reported = [writer.stdout.readline().decode().strip() for _ in range(3 + turn)]
        writer.kill()
        reported += writer.communicate()[0].decode().split()
        total += len(reported)
        lock = Path(known.common_dir, f"{REF}.lock")
        if lock.exists():
            os.utime(lock, (1_600_000_000, 1_600_000_000))  # time passes
        commits = run_git(["rev-list", REF], repo=known).decode().split()
        assert set(reported) <= set(commits)
        assert total <= len(commits) <= total + turn + 1
        assert is_sound(known)
    put(known, {"after": b"1"})
    assert is_sound(known)
