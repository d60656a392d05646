"""Refs: reading without dulwich, moving by compare-and-swap."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import StorageError
from gittrack.git import refs
from gittrack.git.process import run_git
from gittrack.git.refs import read_ref, swap_ref, sync_ref
from gittrack.git.repository import Repository, discover

if TYPE_CHECKING:
    from tests.conftest import Git

REF = "refs/heads/gittrack/runs"


@pytest.fixture
def commits(repo: Path, git: Git) -> list[str]:
    made = [git("rev-parse", "HEAD", cwd=repo).strip()]
    for word in ("two", "three"):
        git("commit", "-q", "--allow-empty", "-m", word, cwd=repo)
        made.append(git("rev-parse", "HEAD", cwd=repo).strip())
    return made


@pytest.fixture
def known(repo: Path) -> Repository:
    return discover(repo)


def test_loose_packed_symbolic_and_missing_refs(known: Repository, commits: list[str]) -> None:
    run_git(["update-ref", "refs/heads/loose ü".replace(" ", "-"), commits[0]], repo=known)
    assert read_ref(known, "refs/heads/loose-ü") == commits[0]
    run_git(["pack-refs", "--all"], repo=known)
    assert read_ref(known, "refs/heads/loose-ü") == commits[0]
    assert read_ref(known, "HEAD") == commits[2]
    run_git(["symbolic-ref", "refs/heads/alias", "refs/heads/main"], repo=known)
    assert read_ref(known, "refs/heads/alias") == commits[2]
    assert read_ref(known, "refs/heads/ai") is None
    assert read_ref(known, "refs/heads") is None
    assert read_ref(known, "refs/heads/main/below") is None


def test_a_circle_of_symbolic_refs(known: Repository) -> None:
    run_git(["symbolic-ref", "refs/heads/a", "refs/heads/b"], repo=known)
    run_git(["symbolic-ref", "refs/heads/b", "refs/heads/a"], repo=known)
    with pytest.raises(StorageError, match="circle"):
        read_ref(known, "refs/heads/a")


@pytest.mark.parametrize("packed", [False, True])
def test_a_ref_moves_only_from_where_it_is(known: Repository, commits: list[str], packed: bool) -> None:
    one, two, three = commits
    assert not swap_ref(known, REF, one, two)
    assert swap_ref(known, REF, None, one)
    if packed:
        run_git(["pack-refs", "--all"], repo=known)
    assert not swap_ref(known, REF, None, two)
    assert not swap_ref(known, REF, three, two)
    assert read_ref(known, REF) == one
    assert swap_ref(known, REF, one, two)
    assert read_ref(known, REF) == two
    assert run_git(["rev-parse", REF], repo=known).decode().strip() == two


def test_a_ref_moved_by_others_is_made_durable_where_it_lies(known: Repository, synced: list[str]) -> None:
    synced.clear()
    heads = f"{known.common_dir}/refs/heads"
    sync_ref(known, "refs/heads/main")
    assert synced == [f"{heads}/main", heads]
    run_git(["pack-refs", "--all"], repo=known)
    sync_ref(known, "refs/heads/main")
    assert synced[2:] == [f"{known.common_dir}/packed-refs", known.common_dir]


def test_the_way_through_git_that_reftables_take(known: Repository, commits: list[str]) -> None:
    one, two, three = commits
    assert not refs._swap_by_git(known, REF, one, two)
    assert refs._swap_by_git(known, REF, None, one)
    assert not refs._swap_by_git(known, REF, None, two)
    assert not refs._swap_by_git(known, REF, three, two)
    assert refs._swap_by_git(known, REF, one, two)
    assert read_ref(known, REF) == two


def test_a_lock_of_somebody_else_is_waited_for_and_then_named(
    known: Repository, commits: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert swap_ref(known, REF, None, commits[0])
    lock = Path(known.common_dir, f"{REF}.lock")
    lock.touch()
    monkeypatch.setattr(refs, "_LOCK_DEADLINE", 0.05)
    with pytest.raises(StorageError, match=r"holds .*runs\.lock; if no git runs here, delete"):
        swap_ref(known, REF, commits[0], commits[1])
    assert lock.exists()


def test_the_lock_of_a_writer_killed_long_ago_is_removed(known: Repository, commits: list[str]) -> None:
    assert swap_ref(known, REF, None, commits[0])
    lock = Path(known.common_dir, f"{REF}.lock")
    lock.touch()
    os.utime(lock, (1_600_000_000, 1_600_000_000))
    assert swap_ref(known, REF, commits[0], commits[1])
    assert not lock.exists()


def test_a_branch_in_the_way_is_named(known: Repository, commits: list[str]) -> None:
    run_git(["update-ref", "refs/heads/gittrack", commits[0]], repo=known)
    with pytest.raises(StorageError, match="a part of its name is another branch"):
        swap_ref(known, REF, None, commits[0])
    run_git(["pack-refs", "--all"], repo=known)
    with pytest.raises(StorageError, match="a part of its name is another branch"):
        swap_ref(known, REF, None, commits[0])


@pytest.mark.parametrize("packed", [False, True])
def test_a_branch_below_is_named(known: Repository, commits: list[str], packed: bool) -> None:
    run_git(["update-ref", f"{REF}/below", commits[0]], repo=known)
    if packed:
        run_git(["pack-refs", "--all"], repo=known)
    with pytest.raises(StorageError, match="a part of its name is another branch"):
        swap_ref(known, REF, None, commits[0])
    assert read_ref(known, f"{REF}/below") == commits[0]


def test_an_empty_directory_in_the_way_is_none(known: Repository, commits: list[str]) -> None:
    Path(known.common_dir, REF, "left", "behind").mkdir(parents=True)
    assert swap_ref(known, REF, None, commits[0])
    assert read_ref(known, REF) == commits[0]


def test_the_ref_of_a_linked_worktree_is_the_common_one(
    known: Repository, commits: list[str], git: Git, tmp_path: Path
) -> None:
    git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"), commits[0], cwd=known.worktree)
    linked = discover(tmp_path / "linked")
    assert swap_ref(linked, REF, None, commits[1])
    assert read_ref(known, REF) == commits[1]
    assert (read_ref(linked, "HEAD"), read_ref(known, "HEAD")) == (commits[0], commits[2])


def test_modes_of_a_shared_repository(tmp_path: Path, repo: Path, git: Git, commits: list[str]) -> None:
    git("clone", "-q", "--bare", str(repo), str(tmp_path / "shared"))
    git("config", "core.sharedRepository", "group", cwd=tmp_path / "shared")
    shared = discover(tmp_path / "shared")
    assert swap_ref(shared, REF, None, commits[0])
    path = Path(shared.common_dir, REF)
    assert stat.S_IMODE(path.stat().st_mode) & 0o060 == 0o060
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o2070 == 0o2070


def test_the_name_is_durable_with_the_directories_made_for_it(
    known: Repository, commits: list[str], synced: list[str]
) -> None:
    synced.clear()
    assert swap_ref(known, "refs/heads/new/deep/runs", None, commits[0])
    heads = f"{known.common_dir}/refs/heads"
    assert synced[0] == f"{heads}/new/deep/runs.lock"
    assert set(synced[1:]) == {f"{heads}/new/deep", f"{heads}/new", heads}
