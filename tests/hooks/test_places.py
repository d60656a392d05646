"""Where hooks are: by core.hooksPath of every scope, in the working tree, in worktrees and bare repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gittrack.git.repository import discover
from gittrack.hooks.install import install, uninstall
from gittrack.hooks.state import hook_states
from gittrack.hooks.stub import USUAL, line_for
from gittrack.project import Project
from tests.conftest import run
from tests.hooks.witness import Witness, make_witness, picture, pretend_runs, script

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return make_witness(tmp_path / "witness")


def uninstalled() -> list[str]:
    """Take all hooks away; the names of those that were there."""
    outcomes = uninstall(Project(discover()), ())
    assert all(outcome.done for outcome in outcomes)
    return [outcome.hook for outcome in outcomes if not outcome.idle]


def state_of(hook: str) -> tuple[str, str, str]:
    """How a hook stands."""
    found = next(state for state in hook_states(Project(discover())) if state.hook == hook)
    return found.state, found.path, found.note


@pytest.mark.parametrize("value", [".git/hooks", ".git/more hooks", ".hooks", "{repo}/.git/hooks"])
def test_a_folder_that_is_no_part_of_the_tree_is_written_to(
    value: str, repo: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_runs(repo)
    (repo / ".git" / "info" / "exclude").write_text(".hooks\n")
    git("config", "core.hooksPath", value.format(repo=repo))
    at_first = picture(repo / ".git", repo)

    witness.install(monkeypatch)
    git("commit", "-q", "--allow-empty", "-m", "x")
    assert witness.asked == ["post-commit"]
    git("update-ref", "-d", "ORIG_HEAD")
    assert state_of("post-commit")[0] == "installed"

    assert uninstalled() == [*USUAL]
    now = picture(repo / ".git", repo)
    assert {name for name in {*now} ^ {*at_first} if "/objects" not in name} == set()


@pytest.mark.parametrize("scope", ["--global", "--local"])
def test_a_folder_that_others_may_share_is_written_to_on_request_alone(
    scope: str,
    repo: Path,
    tmp_path: Path,
    git: Git,
    gittrack: Gittrack,
    witness: Witness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pretend_runs(repo)
    folder = tmp_path / "team's hooks"
    script(folder / "post-commit", "touch team")
    git("config", scope, "core.hooksPath", folder)
    at_first = picture(tmp_path)

    refused = gittrack("hooks", "install")

    assert refused.code == 1
    assert refused.err == (
        f"gittrack: error: git takes hooks from {folder} (core.hooksPath, {scope[2:]}), which other repositories may "
        "share: install into it with --shared, or have hooks of this repository alone: "
        f"git config --local core.hooksPath {repo}/.git/hooks\n"
    )
    assert picture(tmp_path) == at_first
    assert state_of("post-commit")[0] == "other"

    witness.install(monkeypatch, shared=True)
    git("commit", "-q", "--allow-empty", "-m", "x")
    assert witness.asked == ["post-commit"]
    assert (repo / "team").exists()
    assert uninstalled()
    assert dict(picture(folder).items()) == {
        name: seen for name, seen in at_first.items() if name.startswith(str(folder))
    }


def test_what_the_refusal_says_helps(repo: Path, tmp_path: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "--global", "core.hooksPath", tmp_path / "shared")
    command = gittrack("hooks", "install").err.rpartition(": ")[2]

    assert run(["sh", "-c", command]).code == 0
    assert gittrack("hooks", "install").code == 0
    assert state_of("post-commit")[:2] == ("installed", f"{repo}/.git/hooks/post-commit")


@pytest.mark.parametrize("tracked", [True, False], ids=["tracked", "about to be"])
def test_a_folder_of_the_tree_is_not_written_to(tracked: bool, repo: Path, git: Git, gittrack: Gittrack) -> None:
    path = script(repo / ".githooks" / "post-commit", "echo mine")
    git("config", "core.hooksPath", ".githooks")
    if tracked:
        git("add", ".githooks")
    at_first = picture(repo)

    refused = gittrack("hooks", "install")

    assert refused.code == 1
    line = line_for("post-commit")
    assert refused.err == (
        "gittrack: error: git takes hooks from the working tree (core.hooksPath, local): "
        f"add to {path} the line: {line}\n"
    )
    assert picture(repo) == at_first
    assert state_of("post-commit")[0] == "other"
    with path.open("a") as file:
        file.write(line + "\n")
    assert state_of("post-commit")[0] == "called"


def test_a_folder_that_is_a_link_into_the_tree_is_not_written_to(repo: Path, git: Git, gittrack: Gittrack) -> None:
    script(repo / "tools" / "post-commit", "echo mine")
    git("add", "tools")
    for path in (repo / ".git" / "hooks").iterdir():
        path.unlink()
    (repo / ".git" / "hooks").rmdir()
    (repo / ".git" / "hooks").symlink_to("../tools")
    at_first = picture(repo)

    assert "git takes hooks from the working tree (a link)" in gittrack("hooks", "install").err
    assert picture(repo) == at_first


def test_a_folder_that_is_a_link_elsewhere_is_others_too(
    repo: Path, tmp_path: Path, git: Git, gittrack: Gittrack
) -> None:
    folder = repo / ".git" / "hooks"
    folder.rename(tmp_path / "shared")
    folder.symlink_to(tmp_path / "shared")

    refused = gittrack("hooks", "install")

    assert "(a link), which other repositories may share: install into it with --shared" in refused.err
    assert run(["sh", "-c", refused.err.rpartition(": ")[2]]).code == 0
    assert gittrack("hooks", "install", "post-commit").code == 0
    assert state_of("post-commit")[0] == "installed"


@pytest.mark.parametrize("value", ["/dev/null", ""])
def test_a_setting_that_turns_hooks_off_is_told(value: str, repo: Path, git: Git, gittrack: Gittrack) -> None:
    install(Project(discover()), ["post-commit"])
    git("config", "core.hooksPath", value)

    refused = gittrack("hooks", "install")

    assert refused.code == 1
    assert "git takes no hooks here (core.hooksPath, local): unset that" in refused.err
    assert state_of("post-commit")[0] == "not run"
    assert state_of("post-merge")[0] == "none"
    assert uninstalled() == ["post-commit"]


def test_hooks_that_a_later_setting_hides_are_found(repo: Path, git: Git) -> None:
    folder = repo / ".git" / "hooks"
    at_first = picture(folder)
    install(Project(discover()), ())
    script(repo / ".githooks" / "pre-commit", "true")
    git("config", "core.hooksPath", ".githooks")

    state, path, note = state_of("pre-push")
    assert (state, path) == ("not run", f"{folder}/pre-push")
    assert note == f"git takes hooks from {repo}/.githooks (core.hooksPath, local)"
    assert uninstalled()
    assert picture(folder) == at_first


def test_a_linked_worktree_has_the_same_hooks(
    repo: Path, tmp_path: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_runs(repo)
    at_first = picture(repo / ".git" / "hooks")
    other = tmp_path / "the other"
    git("worktree", "add", "-q", "-b", "side", other)
    monkeypatch.chdir(other)

    witness.install(monkeypatch, "post-commit")
    git("commit", "-q", "--allow-empty", "-m", "x")
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=repo)

    assert witness.asked == ["post-commit", "post-commit"]
    assert state_of("post-commit")[:2] == ("installed", f"{repo}/.git/hooks/post-commit")
    assert uninstalled()
    assert picture(repo / ".git" / "hooks") == at_first


@pytest.mark.parametrize("name", ["a b", "it's", 'say "so"', "$HOME", "ünï", "back\\slash", "-dash", "new\nline"])
def test_a_repository_of_any_name(
    name: str, tmp_path: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = tmp_path / name
    repo.mkdir()
    git("init", "-q", cwd=repo)
    monkeypatch.chdir(repo)
    pretend_runs(repo)
    script(repo / ".git" / "hooks" / "post-commit", "touch before")
    at_first = picture(repo / ".git" / "hooks")

    witness.install(monkeypatch, "post-commit")
    git("commit", "-q", "--allow-empty", "-m", "x")

    assert witness.asked == ["post-commit"]
    assert (repo / "before").exists()
    assert uninstalled() == ["post-commit"]
    assert picture(repo / ".git" / "hooks") == at_first


def test_a_repository_that_was_moved_keeps_its_hooks(
    repo: Path, tmp_path: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_runs(repo)
    for path in (repo / ".git" / "hooks").iterdir():
        path.unlink()
    (repo / ".git" / "hooks").rmdir()
    witness.install(monkeypatch, "post-commit")
    moved = repo.rename(tmp_path / "moved")
    monkeypatch.chdir(moved)

    git("commit", "-q", "--allow-empty", "-m", "x")

    assert witness.asked == ["post-commit"]
    assert uninstalled() == ["post-commit"]
    assert not (moved / ".git" / "hooks").exists(), "as it was not there before"


@pytest.fixture
def bare(tmp_path: Path, repo: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "bare.git"
    git("init", "-q", "--bare", path)
    git("remote", "add", "origin", path)
    monkeypatch.chdir(path)
    return path


def test_a_bare_repository_checks_what_is_pushed(
    repo: Path, bare: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_first = picture(bare)
    script(bare / "hooks" / "pre-receive", "cat >before")
    witness.install(monkeypatch, "pre-receive")

    git("push", "-q", "origin", "main", cwd=repo)

    pushed = (bare / "before").read_text()
    assert pushed.endswith(" refs/heads/main\n")
    assert witness.asked == ["pre-receive", pushed.strip()]
    witness.end_with("exit 10")
    assert run(["git", "push", "-q", "origin", "main:other"], cwd=repo).code == 1
    assert state_of("pre-receive")[0] == "chained"
    assert uninstalled()
    (bare / "hooks" / "pre-receive").unlink()
    assert picture(bare / "hooks") == {
        name: seen for name, seen in at_first.items() if name.startswith(str(bare / "hooks"))
    }


def test_nothing_is_usual_in_a_bare_repository(bare: Path, gittrack: Gittrack) -> None:
    result = gittrack("hooks", "install")

    assert result.code == 1
    assert "nobody commits in a bare repository; 'gittrack hooks install pre-receive'" in result.err


def test_the_hook_of_a_server_is_for_servers(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("hooks", "install", "pre-receive")

    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "gittrack: error: pre-receive is for a bare repository, which others push to, and this is none\n"
    )


def test_worktrees_of_a_bare_repository_have_the_usual_hooks(
    repo: Path, tmp_path: Path, git: Git, gittrack: Gittrack, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("clone", "-q", "--bare", repo, tmp_path / "hub.git")
    git("worktree", "add", "-q", tmp_path / "work", "main", cwd=tmp_path / "hub.git")
    monkeypatch.chdir(tmp_path / "work")

    assert gittrack("hooks", "install").code == 0
    assert gittrack("hooks", "install", "pre-receive").code == 0
    assert state_of("post-commit")[:2] == ("installed", str(tmp_path / "hub.git" / "hooks" / "post-commit"))
