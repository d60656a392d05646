"""The hooks that .pre-commit-hooks.yaml offers do under the pre-commit framework what they do under git."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from gittrack.hooks import framework
from gittrack.hooks.stub import HOOKS, SERVER
from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conftest import Git, Gittrack

MANIFEST = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
ZEROS = "0" * 40


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the programs of this environment, gittrack among them, on PATH."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def offered() -> list[dict[str, object]]:
    hooks: list[dict[str, object]] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return hooks


@pytest.mark.usefixtures("tools")
def test_the_framework_takes_the_manifest() -> None:
    result = run(["pre-commit", "validate-manifest", MANIFEST])

    assert (result.code, result.out, result.err) == (0, "", "")
    names = [hook for hook in HOOKS if hook != SERVER]
    assert [hook["id"] for hook in offered()] == [f"gittrack-{name}" for name in names]
    assert [hook["stages"] for hook in offered()] == [[name] for name in names]
    assert [hook["entry"] for hook in offered()] == [f"gittrack hooks framework {name}" for name in names]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str]]:
    """The arguments and the input with which a hook is called in place of doing anything."""
    seen: list[tuple[list[str], str]] = []

    def remember(words: Sequence[str]) -> int:
        seen.append(([*words], sys.stdin.read()))
        return 0

    monkeypatch.setattr(framework, "main", remember)
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    return seen


CASES = {
    "post-commit": ({}, [], ""),
    "post-merge": ({"IS_SQUASH_MERGE": "0"}, ["0"], ""),
    "post-checkout": ({"FROM_REF": "a", "TO_REF": "b", "CHECKOUT_TYPE": "1"}, ["a", "b", "1"], ""),
    "pre-push": (
        {
            "FROM_REF": "1" * 40,
            "TO_REF": "2" * 40,
            "LOCAL_BRANCH": "refs/heads/main",
            "REMOTE_BRANCH": "refs/heads/other",
            "REMOTE_NAME": "origin",
            "REMOTE_URL": "/a b",
        },
        ["origin", "/a b"],
        f"refs/heads/main {'2' * 40} refs/heads/other {'1' * 40}\n",
    ),
}


@pytest.mark.parametrize("hook", CASES)
def test_what_the_framework_tells_is_what_git_tells(
    hook: str, repo: Path, told: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, arguments, lines = CASES[hook]
    for name, value in variables.items():
        monkeypatch.setenv(f"PRE_COMMIT_{name}", value)

    assert framework.run_hook(hook, ()) == 0
    assert told == [([hook, *arguments], lines)]


@pytest.mark.parametrize("source", [(), ("template",), ("commit", "HEAD")])
def test_the_file_of_the_message_comes_first(
    source: tuple[str, ...], repo: Path, told: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(("COMMIT_MSG_SOURCE", "COMMIT_OBJECT_NAME"), source, strict=False):
        monkeypatch.setenv(f"PRE_COMMIT_{name}", value)

    framework.run_hook("prepare-commit-msg", [".git/COMMIT_EDITMSG"])

    assert told == [(["prepare-commit-msg", ".git/COMMIT_EDITMSG", *source], "")]


def test_a_new_branch_is_pushed_without_commits_being_told(
    repo: Path, git: Git, told: list[tuple[list[str], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOCAL_BRANCH", "REMOTE_BRANCH"):
        monkeypatch.setenv(f"PRE_COMMIT_{name}", "refs/heads/main")

    framework.run_hook("pre-push", ())

    assert told[0][1] == f"refs/heads/main {git('rev-parse', 'HEAD').strip()} refs/heads/main {ZEROS}\n"


@pytest.mark.usefixtures("tools")
def test_commits_that_the_framework_does_not_tell_of_are_found(repo: Path, git: Git, gittrack: Gittrack) -> None:
    chosen = {
        name: value for hook in offered() if hook["id"] == "gittrack-post-rewrite" for name, value in hook.items()
    }
    local = {"repo": "local", "hooks": [{**chosen, "language": "system"}]}
    (repo / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [local]}))
    git("add", ".")
    git("commit", "-qm", "Have the framework")
    assert run(["pre-commit", "install", "-t", "post-rewrite"]).code == 0
    pairs = []
    assert gittrack("run", "--", "true").code == 0
    old = git("rev-parse", "HEAD").strip()
    git("commit", "-q", "--amend", "-m", "Better said")
    pairs.append((old, git("rev-parse", "HEAD").strip()))
    assert gittrack("run", "--", "true").code == 0

    git("checkout", "-q", "-b", "base", "HEAD~1")
    git("commit", "-q", "--allow-empty", "-m", "Elsewhere")
    git("checkout", "-q", "main")
    for backend in ("--merge", "--apply"):
        old = git("rev-parse", "HEAD").strip()
        git("rebase", "-q", backend, "base")
        pairs.append((old, git("rev-parse", "HEAD").strip()))
        git("checkout", "-q", "base")
        git("commit", "-q", "--allow-empty", "-m", "Further")
        git("checkout", "-q", "main")

    recorded = git("ls-tree", "-r", "--name-only", "gittrack/runs").split()
    assert [f"rewrites/{old[:2]}/{old}-{new}" in recorded for old, new in pairs] == [True, True, True]
