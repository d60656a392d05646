"""Disks that really fill, run out of inodes or turn read-only, and processes out of descriptors, during a run."""

from __future__ import annotations

import json
import re
import resource
import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import Result
from tests.faults.clear import assert_clear
from tests.faults.conftest import ids, read
from tests.faults.disks import cut
from tests.faults.small_disks import DISKS, SmallDisk, ext4, obstacle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Gittrack
    from tests.faults.conftest import Child, Ended, Lab

# More than the last page of a file takes, which is there already when the disk is full.
MANY: Final = 300
ACTS: Final = (("points", 0, 4), ("stop",), ("points", 4, MANY), ("text", "late.txt"), ("flush",), ("stop",))
LAST: Final = (("points", 4 + MANY, 4), ("end",))
ALL: Final = list(range(MANY + 8))
_LOST: Final = re.compile(r"its last (\d+) entries could not be written and are lost")

needs_mount = pytest.mark.skipif(bool(obstacle("mkfs.ext4")), reason=obstacle("mkfs.ext4"))


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of some megabytes."""
    with DISKS[request.param](tmp_path) as mounted:
        yield mounted


@pytest.fixture
def repo(lab: Lab, disk: SmallDisk) -> Path:
    """A repository with one run, on the small disk."""
    return shutil.copytree(lab.repo(used=True), disk.top / "repo", symlinks=True)


def _trained(lab: Lab, repo: Path, spoil: Callable[[Child], None], mend: Callable[[Child], None]) -> Ended:
    """A training during which the disk fails from step 4 on, and is well again before its last steps."""
    child = lab.stopped("training", repo, {"acts": [*ACTS, *LAST]})
    spoil(child)
    child.go_on()
    assert child.stops(), child.err()
    mend(child)
    child.go_on()
    return child.join()


def _new(lab: Lab, repo: Path) -> tuple[str, list[int], list[str]]:
    """Status, steps and artifacts of the one run beside the first, once the next command has committed it."""
    seen = lab.check(repo)
    assert seen.runs[lab.first][:2] == ("finished", [0, 1, 2, 3])
    ((status, steps, _, files),) = [run for run_id, run in seen.runs.items() if run_id != lab.first]
    return status, steps, list(files)


def _nothing(child: Child) -> None:
    pass


@needs_mount
@pytest.mark.parametrize("what", ["room", "inodes"])
def test_room_comes_back_before_the_end(lab: Lab, disk: SmallDisk, repo: Path, what: str) -> None:
    fill = disk.fill if what == "room" else disk.fill_inodes
    ended = _trained(lab, repo, lambda _: fill(), lambda _: disk.free())
    assert_clear(ended)
    assert "artifact 'late.txt' cannot be kept now (No space left on device)" in ended.err
    assert "could not be committed" not in ended.err
    assert _new(lab, repo) == ("finished", ALL, ["late.txt"])


@needs_mount
def test_no_room_to_the_end(lab: Lab, disk: SmallDisk, repo: Path) -> None:
    ended = _trained(lab, repo, lambda _: disk.fill(), _nothing)
    assert_clear(ended)
    told = _LOST.search(ended.err)
    assert told is not None, ended.err
    disk.free()
    status, steps, files = _new(lab, repo)
    # The lost entries are the last points and the end itself; what is there is what came before them.
    assert steps == ALL[: len(steps)]
    assert len(steps) >= 4
    assert int(told[1]) == len(ALL) - len(steps) + 1
    assert (status, files) == ("crashed", [])
    assert "ends without 1 artifacts that could not be kept: 'late.txt'" in ended.err


@needs_mount
def test_no_inodes_to_the_end(lab: Lab, disk: SmallDisk, repo: Path) -> None:
    ended = _trained(lab, repo, lambda _: disk.fill_inodes(), _nothing)
    assert_clear(ended)
    assert "could not be committed (the disk is full: " in ended.err
    assert _LOST.search(ended.err) is None
    disk.free()
    assert _new(lab, repo) == ("finished", ALL, [])


@needs_mount
def test_no_run_can_start_on_a_full_disk(lab: Lab, disk: SmallDisk, repo: Path, gittrack: Gittrack) -> None:
    before = _names(repo)
    disk.fill_inodes()
    ended = lab.scene("training", repo, facts={"acts": []})
    assert not assert_clear(ended)
    assert ended.err.splitlines()[-1].startswith("gittrack.errors.StorageError: no run can be recorded: ")
    assert "No space left on device" in ended.err
    result = gittrack("run", "--", "sh", "-c", "echo started >&2; exit 7", cwd=repo)
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"gittrack: error: no run can be recorded: .*No space left on device\)\n", result.err)
    disk.free()
    assert _names(repo) - before <= {"folders.lock", "journal", "gittrack", "publish.lock"}
    result = gittrack("run", "-q", "--", "sh", "-c", "exit 7", cwd=repo)
    assert (result.code, result.err) == (7, "")
    assert len(lab.check(repo).runs) == 2


@needs_mount
def test_a_command_that_fills_the_disk_keeps_its_exit_code(
    lab: Lab, disk: SmallDisk, repo: Path, gittrack: Gittrack
) -> None:
    script = "echo before; dd if=/dev/zero of=../filler bs=64k 2>/dev/null; seq 5000; exit 7"
    result = gittrack("run", "--", "sh", "-c", script, cwd=repo)
    assert result.code == 7
    assert result.out == "before\n" + "".join(f"{number}\n" for number in range(1, 5001))
    *warnings, last = result.err.splitlines()
    assert all(line.startswith("gittrack: warning: ") for line in warnings)
    assert re.fullmatch(r"gittrack: run \w{8} [\w-]+ failed", last)
    disk.free()
    status, steps, _ = _new(lab, repo)
    # Its end may have found no room; then it was said.
    assert status == ("crashed" if _LOST.search(result.err) else "failed")
    assert steps == []


@needs_mount
@pytest.mark.parametrize("fault", ["full", "read-only"])
@pytest.mark.parametrize("indexed", [False, True])
def test_reading_goes_on(lab: Lab, disk: SmallDisk, repo: Path, fault: str, indexed: bool) -> None:
    told = lab.scene("crash", repo).acks
    (crashed,) = ids(told, "start")
    if indexed:
        other = lab.repo(used=True)
        lab.see(other)
        shutil.copy(other / ".git/gittrack/index.sqlite", repo / ".git/gittrack/index.sqlite")
    if fault == "full":
        disk.fill()
        disk.fill_inodes()
    else:
        disk.remount("ro")
    _reading(lab, repo, crashed)
    refused = _command(lab, repo, "tag", lab.first, "stage=final")
    assert refused.code == 1
    _is_clear(refused)
    if fault == "full":
        disk.free()
    else:
        disk.remount("rw")
    assert _command(lab, repo, "tag", lab.first, "stage=final").code == 0
    assert lab.check(repo, told).runs[lab.first][2]["stage"] == "final"


def _reading(lab: Lab, repo: Path, crashed: str) -> None:
    """Both runs are there, and why one is not committed is one sentence."""
    listed = _command(lab, repo, "log", "--json")
    assert listed.code == 0, listed.err
    assert {run["id"]: run["status"] for run in json.loads(listed.out)} == {lab.first: "finished", crashed: "crashed"}
    (sentence,) = listed.err.splitlines()
    assert sentence.startswith(f"gittrack: warning: run {crashed[:8]} stays in the journal: ")
    shown = _command(lab, repo, "show", "--metric", "loss", crashed)
    assert (shown.code, shown.out.count("\n")) == (0, 5), shown.err
    _is_clear(_command(lab, repo, "check"))
    _is_clear(_command(lab, repo, "doctor"))


def _command(lab: Lab, repo: Path, *words: str) -> Result:
    ended = lab.scene("invoke", repo, facts={"words": words})
    ((_, _, code),) = read(ended.acks)
    assert isinstance(code, int)
    return Result(code, ended.acks.with_suffix(".out").read_text(encoding="utf-8"), ended.err)


def _is_clear(result: Result) -> None:
    lines = result.err.splitlines()
    assert all(re.match(r"gittrack: (warning|error): (?!internal)", line) for line in lines), result.err


@needs_mount
def test_the_disk_fails_altogether(lab: Lab, tmp_path: Path) -> None:
    """Every call fails from a moment on, as after a cable is pulled; what was flushed before is on the disk."""
    with ext4(tmp_path) as disk:
        repo = shutil.copytree(lab.repo(used=True), disk.top / "repo", symlinks=True)
        disk.settle()
        child = lab.stopped("training", repo, {"acts": [("points", 0, 4), ("flush",), *ACTS[1:], *LAST]})
        cut(str(disk.top), log_flushed=False)
        child.go_on()
        assert child.stops()
        child.go_on()
        ended = child.join()
        assert_clear(ended)
        assert "not yet safe from a power cut" in ended.err
        disk.restart()
        status, steps, files = _new(lab, repo)
    assert (status, steps, files) == ("crashed", ALL[:4], [])


def _names(repo: Path) -> set[str]:
    return {path.name for path in repo.rglob("*") if not path.name.startswith("filler")}


@pytest.mark.parametrize("raised", [True, False], ids=["for a while", "to the end"])
def test_no_descriptors(lab: Lab, raised: bool) -> None:
    repo = lab.repo(used=True)
    limits: list[tuple[int, int]] = []

    def spoil(child: Child) -> None:
        limits.append(resource.prlimit(child.pid, resource.RLIMIT_NOFILE))
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (0, limits[0][1]))

    def mend(child: Child) -> None:
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, limits[0])

    ended = _trained(lab, repo, spoil, mend if raised else _nothing)
    assert_clear(ended)
    assert "Too many open files" in ended.err
    assert _LOST.search(ended.err) is None
    assert ("could not be committed" in ended.err) is not raised
    assert _new(lab, repo) == ("finished", ALL, ["late.txt"] if raised else [])


def test_files_may_not_grow(lab: Lab) -> None:
    repo = lab.repo(used=True)

    def spoil(child: Child) -> None:
        (segment,) = repo.glob(".git/gittrack/journal/*/*.log")
        old = resource.prlimit(child.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (segment.stat().st_size + 100, old[1]))

    def mend(child: Child) -> None:
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    ended = _trained(lab, repo, spoil, mend)
    assert_clear(ended)
    assert "File too large" in ended.err
    assert _new(lab, repo) == ("finished", ALL, ["late.txt"])
