"""Hooks of gittrack beside those of other tools: the tools themselves, in both orders of installation."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.git.repository import discover
from gittrack.hooks.install import uninstall
from gittrack.hooks.state import hook_states
from gittrack.hooks.stub import line_for
from gittrack.project import Project
from tests.conftest import run
from tests.hooks.witness import Witness, make_witness, picture, pretend_runs, script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Git

# As `git lfs install` writes them.
LFS = """\
#!/bin/sh
command -v git-lfs >/dev/null 2>&1 || {{ echo >&2 "\\nThis repository is configured for Git LFS but 'git-lfs' was \
not found on your path. If you no longer wish to use Git LFS, remove this hook by deleting the '{hook}' file in the \
hooks directory (set by 'core.hookspath'; usually '.git/hooks').\\n"; exit 2; }}
git lfs {hook} "$@"
"""
# As husky 9 writes them: .husky/_ is made anew by every `husky`, and ignored.
HUSKY_HOOK = '#!/usr/bin/env sh\n. "$(dirname "$0")/h"'
HUSKY = """\
#!/usr/bin/env sh
n=$(basename "$0")
s=$(dirname "$(dirname "$0")")/$n

[ ! -f "$s" ] && exit 0

[ "${HUSKY-}" = "0" ] && exit 0

sh -e "$s" "$@"
c=$?

[ $c != 0 ] && echo "husky - $n script failed (code $c)"
exit $c
"""
PRE_COMMIT = """\
default_install_hook_types: [pre-push, post-commit]
repos:
- repo: local
  hooks:
  - id: note
    name: note
    entry: sh -c 'echo "$PRE_COMMIT_REMOTE_NAME" >>noted'
    language: system
    always_run: true
    pass_filenames: false
    stages: [pre-push, post-commit]
"""
LEFTHOOK = """\
pre-push:
  jobs:
    - run: cat >>noted
      use_stdin: true
post-commit:
  jobs:
    - run: echo committed >>noted
"""
HOOKS = ("pre-push", "post-commit")


@pytest.fixture
def remote(tmp_path: Path, repo: Path, git: Git) -> Path:
    path = tmp_path / "remote.git"
    git("init", "-q", "--bare", path)
    git("remote", "add", "origin", path)
    pretend_runs(repo)
    for hook in (repo / ".git" / "hooks").iterdir():
        hook.unlink()
    return path


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Witness:
    # Beside the interpreter lie the tools that were installed with it.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return make_witness(tmp_path / "witness")


def tool(*words: str) -> None:
    """Run another tool, which has to succeed."""
    result = run(words)
    assert result.code == 0, result.err or result.out


def states() -> list[str]:
    """How each of HOOKS stands."""
    found = {state.hook: state.state for state in hook_states(Project(discover()))}
    return [found[hook] for hook in HOOKS]


def uninstalled(names: Sequence[str] = ()) -> None:
    """Take hooks away; all have to go."""
    assert all(outcome.done for outcome in uninstall(Project(discover()), names))


def noted(repo: Path) -> list[str]:
    """What the other tool wrote down since the last time."""
    path = repo / "noted"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def push(git: Git, branch: str) -> str:
    """Push a new commit as a new branch; return what git tells the hook of it."""
    commit = git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", branch).strip()
    git("push", "-q", "origin", f"{commit}:refs/heads/{branch}")
    return f"{commit} {commit} refs/heads/{branch} {'0' * 40}"


def test_git_lfs_and_gittrack_both_read_what_is_pushed(
    repo: Path, remote: Path, git: Git, witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = repo / ".git" / "hooks"
    for hook in ("pre-push", "post-commit", "post-checkout", "post-merge"):
        (hooks / hook).write_text(LFS.format(hook=hook))
        (hooks / hook).chmod(0o755)
    script(tmp_path / "bin" / "git-lfs", f'echo "$*" >>{repo}/noted; cat >>{repo}/noted')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    at_first = picture(hooks)

    witness.install(monkeypatch)
    line = push(git, "one")

    arguments = f"pre-push origin {remote}"
    assert noted(repo) == [arguments, line]
    assert witness.asked == [arguments, line]
    uninstalled()
    assert picture(hooks) == at_first


@pytest.mark.may_skip  # a machine need not have git-lfs; the test above has the hooks that it writes
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_git_lfs_itself(repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = repo / ".git" / "hooks"
    tool("git", "lfs", "install", "--local")
    at_first = picture(hooks)
    git("lfs", "track", "*.bin")
    (repo / "model.bin").write_bytes(b"weights")
    git("add", ".")
    witness.install(monkeypatch)
    git("commit", "-qm", "A model")

    line = push(git, "one")

    assert witness.asked[-2:] == [f"pre-push origin {remote}", line]
    assert list((remote / "lfs" / "objects").rglob("*")), "git-lfs read the same and sent the file"
    uninstalled()
    assert picture(hooks) == at_first


@pytest.mark.may_skip  # as above
@pytest.mark.skipif(shutil.which("git-lfs") is None, reason="git-lfs is not installed")
def test_git_lfs_after_gittrack_asks(
    repo: Path, remote: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.install(monkeypatch, *HOOKS)

    refused = run(["git", "lfs", "install", "--local"])
    assert "Hook already exists" in refused.out + refused.err
    assert states() == ["installed", "installed"]
    # The way that docs/hooks.md names.
    uninstalled()
    tool("git", "lfs", "install", "--local")
    witness.install(monkeypatch)
    assert states() == ["chained", "chained"]


@pytest.fixture
def pre_commit(repo: Path, git: Git) -> None:
    (repo / ".pre-commit-config.yaml").write_text(PRE_COMMIT)
    git("add", ".pre-commit-config.yaml")


@pytest.mark.usefixtures("pre_commit")
def test_pre_commit_first(
    repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = repo / ".git" / "hooks"
    tool("pre-commit", "install")
    at_first = picture(hooks)

    witness.install(monkeypatch, *HOOKS)
    line = push(git, "one")
    assert (noted(repo), witness.asked) == (["origin"], [f"pre-push origin {remote}", line])
    assert states() == ["chained", "chained"]
    uninstalled()
    assert picture(hooks) == at_first


@pytest.mark.usefixtures("pre_commit")
def test_pre_commit_second(
    repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = repo / ".git" / "hooks"
    script(hooks / "pre-push", "echo mine >>noted")
    at_first = picture(hooks)
    witness.install(monkeypatch, *HOOKS)
    tool("pre-commit", "install")

    line = push(git, "one")

    assert (noted(repo), witness.asked) == (["mine", "origin"], [f"pre-push origin {remote}", line])
    assert states() == ["called", "called"]
    with_both = picture(hooks)
    assert [outcome.sentence for outcome in witness.install(monkeypatch, *HOOKS)] == [
        "already installed: pre-push",
        "already installed: post-commit",
    ]
    assert picture(hooks) == with_both
    uninstalled()
    push(git, "two")
    assert noted(repo) == ["mine", "origin"]
    assert len(witness.asked) == 2
    tool("pre-commit", "uninstall")
    assert picture(hooks) == at_first


@pytest.mark.usefixtures("pre_commit")
def test_pre_commit_first_and_again(
    repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooks = repo / ".git" / "hooks"
    tool("pre-commit", "install")
    at_first = picture(hooks)
    witness.install(monkeypatch, *HOOKS)
    tool("pre-commit", "install")

    line = push(git, "one")

    assert (noted(repo), witness.asked) == (["origin"], [f"pre-push origin {remote}", line]), "each once, for none ends"
    uninstalled()
    assert picture(hooks) == at_first


@pytest.mark.usefixtures("pre_commit")
def test_pre_commit_keeps_the_list_of_rewritten_commits_to_itself(
    repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.install(monkeypatch, "post-rewrite")
    tool("pre-commit", "install", "-t", "post-rewrite")

    found = {state.hook: (state.state, state.note) for state in hook_states(Project(discover()))}
    assert found["post-rewrite"] == ("not run", "pre-commit put its own in place of it")
    witness.install(monkeypatch, "post-rewrite")
    git("commit", "-q", "--amend", "--allow-empty", "-m", "x")

    assert witness.asked[0] == "post-rewrite amend"
    assert len(witness.asked) == 2
    assert not (repo / ".git" / "hooks" / "post-rewrite.legacy").exists()


needs_lefthook = [
    pytest.mark.may_skip,  # it is a program of the machine's own kind, and not there for each kind
    pytest.mark.skipif(
        shutil.which("lefthook", path=f"{Path(sys.executable).parent}{os.pathsep}{os.defpath}") is None,
        reason="lefthook is not installed",
    ),
]


@pytest.fixture
def lefthook(repo: Path, git: Git) -> None:
    (repo / "lefthook.yml").write_text(LEFTHOOK)
    git("add", "lefthook.yml")
    git("commit", "-qm", "Have lefthook")


class TestLefthook:
    pytestmark = needs_lefthook

    @pytest.mark.usefixtures("lefthook")
    def test_first(self, repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
        hooks = repo / ".git" / "hooks"
        tool("lefthook", "install")
        at_first = picture(hooks)

        witness.install(monkeypatch, *HOOKS)
        line = push(git, "one")

        assert noted(repo) == [line]
        assert witness.asked == [f"pre-push origin {remote}", line]
        assert states() == ["chained", "chained"]
        uninstalled()
        assert picture(hooks) == at_first

    @pytest.mark.usefixtures("lefthook")
    def test_second(
        self, repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hooks = repo / ".git" / "hooks"
        script(hooks / "pre-push", "echo mine >>noted")
        at_first = picture(hooks)
        witness.install(monkeypatch, *HOOKS)
        tool("lefthook", "install")

        push(git, "one")
        assert witness.asked == [], "lefthook moves what it finds away, and does not run it"
        assert states() == ["not run", "not run"]
        noted(repo)
        witness.install(monkeypatch, *HOOKS)
        line = push(git, "two")
        assert (noted(repo), witness.asked) == ([line], [f"pre-push origin {remote}", line])
        assert states() == ["chained", "chained"]
        assert (hooks / "pre-push.old").read_text().endswith("mine >>noted\n"), "as lefthook leaves it without gittrack"
        assert not (hooks / "post-commit.old").exists()
        uninstalled()
        tool("lefthook", "uninstall")
        assert picture(hooks) == at_first

    @pytest.mark.usefixtures("lefthook")
    def test_first_and_again(
        self, repo: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hooks = repo / ".git" / "hooks"
        tool("lefthook", "install")
        at_first = picture(hooks)
        for _ in range(2):
            witness.install(monkeypatch, *HOOKS)
            tool("lefthook", "install", "--force")
            assert states() == ["not run", "not run"]
        witness.install(monkeypatch, *HOOKS)

        line = push(git, "one")

        assert (noted(repo), witness.asked) == ([line], [f"pre-push origin {remote}", line])
        uninstalled()
        assert picture(hooks) == at_first

    def test_its_own_configuration(
        self, repo: Path, remote: Path, git: Git, witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script(tmp_path / "bin" / "gittrack", 'echo "$*" >>noted; cat >>noted; exit "${ANSWER:-0}"')
        monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
        command = line_for("pre-push", "{0}")
        (repo / "lefthook.yml").write_text(f"pre-push:\n  jobs:\n    - run: '{command}'\n      use_stdin: true\n")
        tool("lefthook", "install")

        line = push(git, "one")

        assert noted(repo) == [f"hook pre-push origin {remote}", line]
        refused = run(["git", "push", "-q", "origin", "HEAD:refs/heads/two"], env={"ANSWER": "10"})
        assert refused.code == 1
        assert run(["git", "push", "-q", "origin", "HEAD:refs/heads/two"], env={"ANSWER": "3"}).code == 0


def test_husky_is_told_of_a_line(
    repo: Path, remote: Path, git: Git, witness: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = repo / ".husky" / "_"
    made.mkdir(parents=True)
    (made / ".gitignore").write_text("*")
    (made / "h").write_text(HUSKY)
    for hook in HOOKS:
        (made / hook).write_text(HUSKY_HOOK)
        (made / hook).chmod(0o755)
    git("config", "core.hooksPath", ".husky/_")
    at_first = picture(repo)
    script(tmp_path / "bin" / "gittrack", 'echo "$*" >>noted; cat >>noted; exit "${ANSWER:-0}"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")

    refused = run([sys.executable, "-m", "gittrack", "hooks", "install", "pre-push"])

    assert refused.code == 1
    place, _, line = refused.err.strip().rpartition("add to ")[2].partition(" the line: ")
    assert place == f"{repo}/.husky/pre-push"
    assert picture(repo) == at_first
    assert states() == ["other", "other"]
    with Path(place).open("a") as file:
        file.write(line + "\n")
    assert states() == ["called", "other"]
    pushed = push(git, "one")
    assert noted(repo) == [f"hook pre-push origin {remote}", pushed]
    assert run(["git", "push", "-q", "origin", "HEAD:refs/heads/two"], env={"ANSWER": "10"}).code == 1
    assert run(["git", "push", "-q", "origin", "HEAD:refs/heads/two"], env={"ANSWER": "3"}).code == 0
