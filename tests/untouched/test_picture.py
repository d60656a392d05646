"""The picture itself: whatever is done to a repository it sees, and what is not allowed is told by its path."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.untouched.allowed import CHANGE, NOTHING, QUIET, READ, RECORD, forbidden
from tests.untouched.picture import difference, take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git
    from tests.untouched.conftest import World


def restore(path: Path, status: os.stat_result) -> None:
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rewrite_same(world: World) -> None:
    """As a program that reads, writes the very same bytes, and sets the time back."""
    path = world.repo / "train.py"
    status = path.stat()
    path.write_bytes(path.read_bytes())
    restore(path, status)


def replace_index(world: World) -> None:
    path = world.repo / ".git/index"
    (world.root / "copy").write_bytes(path.read_bytes())
    (world.root / "copy").replace(path)


def temporary_file(world: World) -> None:
    (world.repo / "scratch").touch()
    (world.repo / "scratch").unlink()


def relink(world: World) -> None:
    (world.repo / "latest").unlink()
    (world.repo / "latest").symlink_to("train.py")


def run_git(*words: str) -> Callable[[World], None]:
    def act(world: World) -> None:
        subprocess.run(["git", *words], cwd=world.repo, check=False, capture_output=True)

    return act


def append(path: str, text: str = "x\n") -> Callable[[World], None]:
    def act(world: World) -> None:
        (world.root / path).parent.mkdir(parents=True, exist_ok=True)
        with (world.root / path).open("a", encoding="utf-8") as file:
            file.write(text)

    return act


def chmod(path: str, mode: int) -> Callable[[World], None]:
    return lambda world: (world.root / path).chmod(mode)


# What is done -> what has to be told of it, among other things, whatever is allowed to recording.
MUTANTS: dict[str, tuple[Callable[[World], None], str]] = {
    "the index is refreshed": (run_git("update-index", "--refresh"), "content: repo/.git/index"),
    "the index is renamed into place": (replace_index, "times: repo/.git/index"),
    "git status refreshes the index": (run_git("-c", "core.fsmonitor=false", "status"), "content: repo/.git/index"),
    "a branch is made": (run_git("branch", "mine"), "new: repo/.git/refs/heads/mine"),
    "a reflog is written": (run_git("branch", "my"), "new: repo/.git/logs/refs/heads/my"),
    "the runs get a reflog": (append("repo/.git/logs/refs/heads/gittrack/runs"), "gittrack/runs"),
    "HEAD's reflog grows": (append("repo/.git/logs/HEAD"), "content: repo/.git/logs/HEAD"),
    "the merge is forgotten": (run_git("merge", "--quit"), "gone: repo/.git/MERGE_HEAD"),
    "the stash is dropped": (run_git("stash", "drop"), "gone: repo/.git/refs/stash"),
    "refs are packed": (run_git("pack-refs", "--all"), "content: repo/.git/packed-refs"),
    "a hook runs": (run_git("hook", "run", "pre-commit"), "new: marks/pre-commit"),
    "fsmonitor runs": (run_git("status"), "marks/fsmonitor"),
    "a hook is installed": (append("repo/.git/hooks/mine"), "new: repo/.git/hooks/mine"),
    "configuration is rewritten": (run_git("config", "a.b", "c"), "content: repo/.git/config"),
    "global configuration": (run_git("config", "--global", "a.b", "c"), "content: home/.gitconfig"),
    "a file in HOME": (append("home/.cache/gittrack/x"), "new: home/.cache/gittrack/x"),
    "a file in TMPDIR": (append("tmp/tmpabc"), "new: tmp/tmpabc"),
    "a temporary file came and went": (temporary_file, "entries: repo"),
    "an untracked file": (append("repo/__pycache__/json.pyc"), "new: repo/__pycache__/json.pyc"),
    "a file is written over by itself": (rewrite_same, "times: repo/train.py"),
    "a link leads elsewhere": (relink, "content: repo/latest"),
    "a mode changes": (chmod("repo/run.sh", 0o644), "mode: repo/run.sh"),
    "a folder is opened": (chmod("repo/.git/hooks", 0o777), "mode: repo/.git/hooks"),
    "an object is unfinished": (append("repo/.git/objects/pack/tmp_pack_x"), "new: repo/.git/objects/pack/tmp_pack_x"),
    "exclude": (append("repo/.git/info/exclude"), "content: repo/.git/info/exclude"),
    "the other worktree": (append("linked/train.py"), "content: linked/train.py"),
    "its index": (append("repo/.git/worktrees/linked/index"), "content: repo/.git/worktrees/linked/index"),
    "the submodule": (append("repo/.git/modules/lib/HEAD"), "content: repo/.git/modules/lib/HEAD"),
    "the remote": (append("origin.git/packed-refs"), "content: origin.git/packed-refs"),
    "HEAD moves": (run_git("symbolic-ref", "HEAD", "refs/heads/side2"), "content: repo/.git/HEAD"),
    "a lock stays": (append("repo/.git/refs/heads/gittrack/runs.lock"), "new: repo/.git/refs/heads/gittrack/runs.lock"),
}


def test_every_mutant_is_seen(world: World, git: Git, tmp_path: Path) -> None:
    silent = []
    for name, (act, told) in MUTANTS.items():
        before = world.picture()
        act(world)
        complaints = forbidden(difference(before, world.picture()), (*RECORD, *CHANGE))
        if not any(told in complaint for complaint in complaints):
            silent.append(f"{name}: {complaints}")

    assert silent == []


def test_looking_changes_nothing(world: World) -> None:
    before = world.picture()
    assert difference(before, world.picture()) == []


def test_an_object_may_come_and_never_change(world: World) -> None:
    folder = world.repo / ".git/objects/ab"
    folder.mkdir(exist_ok=True)
    before = world.picture()
    (folder / ("c" * 38)).touch()
    assert forbidden(difference(before, world.picture()), RECORD) == []

    before = world.picture()
    (folder / ("c" * 38)).write_bytes(b"x")
    assert forbidden(difference(before, world.picture()), RECORD) == [f"content: repo/.git/objects/ab/{'c' * 38}"]
    before = world.picture()
    (folder / ("c" * 38)).unlink()
    assert forbidden(difference(before, world.picture()), RECORD) == [f"gone: repo/.git/objects/ab/{'c' * 38}"]


@pytest.mark.parametrize("allowed", [NOTHING, QUIET, READ])
def test_reading_makes_no_object(world: World, git: Git, allowed: tuple[()]) -> None:
    before = world.picture()
    oid = git("hash-object", "-w", "--stdin", input="x", cwd=world.repo).strip()
    assert f"new: repo/.git/objects/{oid[:2]}/{oid[2:]}" in forbidden(difference(before, world.picture()), allowed)


def test_a_folder_tells_of_what_is_not_there_any_more(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    os.utime(folder, (1, 1))
    before = take(folder)
    (folder / "x").touch()
    (folder / "x").unlink()
    assert forbidden(difference(before, take(folder)), NOTHING) == ["entries: ."]
