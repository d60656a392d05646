"""Where the name of who runs comes from: includes with conditions, the environment alone, from nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack
    from tests.repositories.conftest import Console, Cycle

NOBODY = "[user]\n\tuseConfigOnly = true\n[init]\n\tdefaultBranch = main\n"


def authors(console: Console, git: Git, here: Path) -> set[str]:
    """Who made the runs, by the records and by the commits."""
    runs = json.loads(console.read(["log", "--json"], here))
    told = {f"{run['author']['name']} <{run['author']['email']}>" for run in runs}
    commits = git("log", "--format=%an <%ae>%n%cn <%ce>", "gittrack/runs", cwd=here)
    return told | set(commits.splitlines())


@pytest.mark.parametrize("condition", ["gitdir:{repo}/.git", "onbranch:main", "hasconfig:remote.*.url:https://work/*"])
def test_included_identity(repo: Path, git: Git, home: Path, cycle: Cycle, console: Console, condition: str) -> None:
    (home / ".gitconfig").write_text(f'{NOBODY}[includeIf "{condition.format(repo=repo)}"]\n\tpath = work.inc\n')
    (home / "work.inc").write_text("[user]\n\tname = Ada at Work\n\temail = ada@work.example\n")
    git("remote", "add", "origin", "https://work/code", cwd=repo)
    cycle(repo)
    assert authors(console, git, repo) == {"Ada at Work <ada@work.example>"}


def test_identity_of_the_environment_alone(
    repo: Path, git: Git, home: Path, cycle: Cycle, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    (home / ".gitconfig").write_text(NOBODY)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Ada Passing")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "ada@passing.example")
    cycle(repo)
    assert authors(console, git, repo) == {"Ada Passing <ada@passing.example>"}


def test_no_identity(repo: Path, home: Path, gittrack: Gittrack, console: Console) -> None:
    """Nothing starts, nothing is left, and looking works."""
    (home / ".gitconfig").write_text(NOBODY)
    done = gittrack("run", "--", "echo", "started")
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "gittrack: error: git does not know who you are; run: git config --global user.name 'Your Name', "
        "and: git config --global user.email you@example.com\n"
    )
    assert json.loads(console.read(["log", "--json"], repo)) == []
    assert not list((repo / ".git").glob("gittrack/journal/*/*"))


def test_an_identity_that_is_gone_later(repo: Path, home: Path, gittrack: Gittrack, console: Console) -> None:
    """Who looks without an identity sees the runs, also one that waits to be committed."""
    assert gittrack("run", "--name", "first", "--", "true").code == 0
    (home / ".gitconfig").write_text(NOBODY)
    assert [run["name"] for run in json.loads(console.read(["log", "--json"], repo))] == ["first"]
    done = gittrack("tag", "first", "a=b")
    assert (done.code, done.out) == (1, "")
    assert "git does not know who you are" in done.err
