"""Discovery, configuration, identity and HEAD, in every kind of repository."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import RepositoryError
from gittrack.git.repository import (
    Settings,
    Signature,
    committer,
    discover,
    identity,
    settings,
)
from gittrack.git.status import Difference, WorkingTree, working_tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git


def head(git: Git, cwd: Path) -> str:
    return git("rev-parse", "HEAD", cwd=cwd).strip()


def test_an_ordinary_repository_is_found_from_below(repo: Path) -> None:
    below = repo / "a b" / "ü"
    below.mkdir(parents=True)
    (below / "file").touch()
    found = discover(below / "file")
    assert (found.common_dir, found.git_dir, found.worktree) == (f"{repo}/.git", f"{repo}/.git", str(repo))
    assert (found.object_format, found.ref_format, found.hash_len) == ("sha1", "files", 20)
    assert (found.state_dir, found.lfs_dir) == (f"{repo}/.git/gittrack", f"{repo}/.git/lfs")
    assert discover() == found
    assert discover(repo / ".git") == found


def test_a_linked_worktree_shares_the_common_directory(repo: Path, git: Git, tmp_path: Path) -> None:
    linked = tmp_path / "a ü" / "linked"
    git("worktree", "add", "-q", "-b", "side", str(linked), cwd=repo)
    found = discover(linked)
    assert found.common_dir == f"{repo}/.git"
    assert found.git_dir == f"{repo}/.git/worktrees/linked"
    assert found.worktree == str(linked)
    assert working_tree(found) == WorkingTree(head(git, repo), "side")


def test_a_bare_repository(repo: Path, git: Git, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git("clone", "-q", "--bare", str(repo), str(bare))
    found = discover(bare)
    assert (found.common_dir, found.worktree) == (str(bare), None)
    assert working_tree(found) == WorkingTree(head(git, repo), "main")


def test_a_bare_repository_without_a_commit(git: Git, tmp_path: Path) -> None:
    git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    assert working_tree(discover(tmp_path / "bare.git")) == WorkingTree(None, "main")


def test_a_sha256_repository(git: Git, tmp_path: Path) -> None:
    git("init", "-q", "--object-format=sha256", str(tmp_path / "new"))
    found = discover(tmp_path / "new")
    assert (found.object_format, found.hash_len) == ("sha256", 32)


def test_git_dir_and_work_tree_of_the_user_are_honoured(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    monkeypatch.setenv("GIT_DIR", f"{repo}/.git")
    monkeypatch.setenv("GIT_WORK_TREE", str(away))
    found = discover(away)
    assert (found.git_dir, found.worktree) == (f"{repo}/.git", str(away))
    assert working_tree(found).dirty  # train.py is not there


def test_a_reftable_repository_is_known_by_its_files(repo: Path) -> None:
    (repo / ".git" / "reftable").mkdir()
    assert discover(repo).ref_format == "files"  # a leftover
    with open(repo / ".git" / "config", "a") as config:
        config.write("# refStorage = reftable\n")
    assert discover(repo).ref_format == "reftable"


def test_no_repository(home: Path) -> None:
    sentence = f"^no git repository here or above {home}; run 'git init' first, or 'gittrack init'$"
    with pytest.raises(RepositoryError, match=sentence):
        discover(home)


def test_a_repository_of_somebody_else(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(RepositoryError, match=rf"does not trust .*safe\.directory {repo}$"):
        discover(repo)


def test_settings_follow_gits_rules(repo: Path, git: Git, home: Path) -> None:
    (home / "more").write_text("[Extra]\n\tNamE = included\n\tvalueless\n")
    git("config", "--global", f"includeIf.gitdir:{repo}/.path", str(home / "more"))
    git("config", "gc.auto", "2k", cwd=repo)
    git("config", "--add", "gittrack.Thing", "one", cwd=repo)
    git("config", "--add", "gittrack.thing", "two\nlines = ü", cwd=repo)
    git("config", "branch.Ma.In.note", "kept", cwd=repo)
    found = settings(discover(repo))
    assert found.get("extra.name") == found.get("EXTRA.Name") == "included"
    assert found.flag("extra.valueless", default=False)
    assert found.number("gc.auto", 6700) == 2048
    assert found.get_all("gittrack.thing") == ("one", "two\nlines = ü")
    assert found.get("gittrack.thing") == "two\nlines = ü"
    assert found.get("branch.Ma.In.note") == "kept"
    assert found.get("branch.ma.in.note") is None
    assert found.get("core.hookspath") is None  # what we override is not the user's setting


def test_flags_and_numbers() -> None:
    values = {"a.on": ("Yes",), "a.off": ("",), "a.zero": ("0",), "a.five": ("5",), "a.bad": ("many",)}
    found = Settings(values)
    assert [found.flag(f"a.{name}", default=False) for name in ("on", "off", "zero", "five")] == [
        True,
        False,
        False,
        True,
    ]
    assert found.flag("a.none", default=True)
    assert found.number("a.none", 7) == 7
    with pytest.raises(RepositoryError, match=r"a\.bad is 'many', which is not a number"):
        found.number("a.bad", 1)


@pytest.mark.parametrize(
    ("config", "url"),
    [
        ({}, None),
        ({"remote.up.url": ("u",)}, "u"),
        ({"remote.up.url": ("u",), "remote.side.url": ("s",)}, None),
        ({"remote.up.url": ("u", "second"), "remote.origin.url": ("o",)}, "o"),
        ({"remote.up.url": ("u", "second"), "remote.origin.url": ("o",), "branch.x.remote": ("up",)}, "u"),
        ({"remote.origin.url": ("o",), "branch.x.remote": (".",)}, "o"),
        ({"branch.x.remote": ("https://host/it",)}, "https://host/it"),
    ],
)
def test_the_remote_of_a_branch(config: dict[str, tuple[str, ...]], url: str | None) -> None:
    assert Settings(config).remote_url("x") == url


def test_identity_is_gits(repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    git("config", "user.name", "Zoë  van der Berg", cwd=repo)
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "bot@example.com")
    found = discover(repo)
    assert identity(found) == Signature("Zoë  van der Berg", "ada@example.com")
    assert committer(found) == Signature("Zoë  van der Berg", "bot@example.com")


def test_a_missing_identity_names_the_commands(repo: Path, home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(RepositoryError, match=r"git config --global user\.name .*user\.email"):
        identity(discover(repo))


def test_head_clean_modified_and_untracked(repo: Path, git: Git) -> None:
    found = discover(repo)
    commit = head(git, repo)
    assert working_tree(found) == WorkingTree(commit, "main")
    (repo / "new ü").touch()
    assert working_tree(found) == WorkingTree(commit, "main", (Difference("new ü".encode(), untracked=True),))
    (repo / "new ü").unlink()
    (repo / "train.py").write_text("changed\n")
    blob = git("rev-parse", "HEAD:train.py", cwd=repo).strip()
    assert working_tree(found, cwd=repo) == WorkingTree(commit, "main", (Difference(b"train.py", 0o100644, blob),))


def test_head_before_the_first_commit(git: Git, tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path / "new"))
    assert working_tree(discover(tmp_path / "new")) == WorkingTree(None, "main")


def test_head_detached(repo: Path, git: Git) -> None:
    git("checkout", "-q", "--detach", cwd=repo)
    assert working_tree(discover(repo)) == WorkingTree(head(git, repo), None)


@pytest.mark.parametrize("backend", ["--merge", "--apply"])
def test_head_during_a_rebase_tells_the_branch(repo: Path, git: Git, backend: str) -> None:
    git("checkout", "-q", "-b", "topic/ü", cwd=repo)
    (repo / "train.py").write_text("topic\n")
    git("commit", "-qam", "topic", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    (repo / "train.py").write_text("main\n")
    git("commit", "-qam", "main", cwd=repo)
    git("checkout", "-q", "topic/ü", cwd=repo)
    with pytest.raises(AssertionError, match="rebase"):
        git("rebase", "-q", backend, "main", cwd=repo)  # stops at the conflict
    state = working_tree(discover(repo))
    assert (state.commit, state.branch, state.dirty) == (head(git, repo), "topic/ü", True)


def test_a_lost_current_directory_does_not_matter_once_the_repository_is_known(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = discover(repo)
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        assert working_tree(found).branch == "main"
    finally:
        os.chdir(tmp_path)


def test_a_repository_is_a_value(repo: Path) -> None:
    found = discover(repo)
    assert replace(found) == found
    assert hash(found) == hash(discover(repo))
