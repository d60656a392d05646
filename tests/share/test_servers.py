"""Two clones and a colleague without gittrack around one bare repository, whatever serves it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.share.conftest import Clone, git_out
from tests.share.servers import SERVERS, Server, https_server, know, ssh_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Git, Gittrack

RUNS = "refs/heads/gittrack/runs"


@pytest.fixture
def served(tmp_path: Path, git: Git) -> Path:
    """A folder with the empty repository `hub.git`, where only what is on top of the old is taken."""
    folder = tmp_path / "served"
    git("init", "-q", "--bare", str(folder / "hub.git"))
    for name in ("denyNonFastForwards", "denyDeletes", "fsckObjects"):
        git("config", f"receive.{name}", "true", cwd=folder / "hub.git")
    return folder


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, served: Path) -> Iterator[Server]:
    """What serves the folder."""
    with SERVERS[request.param](served) as found:
        yield found


def refs(path: Path) -> dict[str, str]:
    lines = git_out(path, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def hook(hub: Path, text: str) -> Path:
    file = hub / "hooks" / "pre-receive"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_a_walk(repo: Path, served: Path, server: Server, git: Git, gittrack: Gittrack) -> None:
    hub, url = served / "hub.git", server.url("hub.git")
    git("remote", "add", "origin", url)
    (repo / "train.py").write_text("changed\n")
    assert gittrack("run", "-q", "--name", "dirty", "--", "true").code == 0

    first = gittrack("sync")

    told = ["main", "gittrack/runs", "refs/gittrack/code", "refs/gittrack/snapshots"]
    assert (first.code, first.err) == (0, "")
    assert first.out == "".join(f"sent {ref} to origin (new)\n" for ref in told)
    assert git_out(hub, "symbolic-ref", "HEAD") == "refs/heads/main"

    # A colleague without gittrack: clones, reads the runs, pushes code; the runs stay as they are.
    git("config", "--global", f"url.{server.base}.insteadOf", "shared:")
    git("clone", "-q", "shared:hub.git", "../plain")
    plain = repo.parent / "plain"
    assert sorted(path.name for path in plain.iterdir()) == [".git", "train.py"]
    assert " dirty finished" in git("log", "--format=%s", "origin/gittrack/runs", cwd=plain)
    git("commit", "-q", "--allow-empty", "-m", "More code", cwd=plain)
    git("push", "-q", cwd=plain)
    assert refs(hub)[RUNS] == refs(repo)[RUNS]

    # Both record, and exchange.
    git("clone", "-q", "shared:hub.git", "../other")
    mine, theirs = Clone(repo), Clone(repo.parent / "other")
    mine.record("mine")
    theirs.record("theirs")
    assert theirs.sync().rejected == mine.sync().rejected == theirs.sync().rejected == []
    assert mine.names() == theirs.names() == ["dirty", "mine", "theirs"]
    assert mine.tree() == theirs.tree() == git_out(hub, "rev-parse", f"{RUNS}^{{tree}}")

    # What the other side says is printed whole, and nothing is lost.
    theirs.record("late")
    before = refs(hub)
    rule = hook(hub, "echo 'no runs before noon'; echo 'ask ada' >&2; exit 1")
    refused = gittrack("sync", cwd=theirs.path)
    assert (refused.code, refused.out, refs(hub)) == (1, "", before)
    assert "remote: no runs before noon" in refused.err
    assert "remote: ask ada" in refused.err
    assert "did not take gittrack/runs: [remote rejected] (pre-receive hook declined); the runs are safe" in refused.err
    rule.unlink()
    assert gittrack("sync", cwd=theirs.path).code == 0
    assert mine.sync().received.news.new
    assert mine.names() == theirs.names() == ["dirty", "late", "mine", "theirs"]
    git_out(hub, "fsck", "--strict")


def test_fetched_from_one_place_and_pushed_to_another(repo: Path, served: Path, server: Server, git: Git) -> None:
    git("push", "-q", server.url("hub.git"), "main")
    git("clone", "-q", "--bare", server.url("hub.git"), "../mirror/hub.git")
    git("config", "--global", f"url.{server.base}.pushInsteadOf", f"{repo.parent}/mirror/")
    git("remote", "add", "origin", f"{repo.parent}/mirror/hub.git")
    clone = Clone(repo)
    clone.record("one")

    assert clone.sync().rejected == []

    assert refs(served / "hub.git")[RUNS] == clone.tip()
    assert RUNS not in refs(repo.parent / "mirror/hub.git")


def test_a_wrong_password(repo: Path, served: Path, git: Git, gittrack: Gittrack) -> None:
    clone = Clone(repo)
    clone.record("one")
    with https_server(served, "a wrong one") as server:
        git("remote", "add", "origin", server.url("hub.git"))
        refused = gittrack("push")
        assert (refused.code, refused.out) == (1, "")
        last = refused.err.splitlines()[-1]
        assert last.startswith(
            "gittrack: error: origin could not be reached: Authentication failed for 'https://127"
        ), refused.err
        assert "wrong%20one" not in refused.err
        assert clone.names() == ["one"]
        assert refs(served / "hub.git") == {}

        know("correct horse", server.port)
        assert gittrack("push").code == 0
    assert refs(served / "hub.git")[RUNS] == clone.tip()


def test_a_key_that_is_not_known_there(repo: Path, served: Path, git: Git, gittrack: Gittrack) -> None:
    clone = Clone(repo)
    clone.record("one")
    with ssh_server(served) as server:
        git("remote", "add", "origin", server.url("hub.git"))
        key = repo.parent / "home/.ssh/user.pub"
        known = key.read_text()
        key.write_text("")
        refused = gittrack("push")
        assert (refused.code, refused.out, refs(served / "hub.git")) == (1, "", {})
        assert "Permission denied (publickey)" in refused.err
        assert refused.err.splitlines()[-1].startswith("gittrack: error: origin could not be reached: ")
        key.write_text(known)
        assert gittrack("push").code == 0
    assert refs(served / "hub.git")[RUNS] == clone.tip()


def test_nothing_is_left_of_a_server(served: Path, tmp_path: Path) -> None:
    for make in SERVERS.values():
        home = tmp_path / f"home-{make.__name__}"
        home.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", os.fspath(home))
            with make(served) as server:
                command = ["git", "ls-remote", server.url("hub.git")]
                assert subprocess.run(command, capture_output=True, check=False).returncode == 0
                command = ["git", "ls-remote", server.url("none.git")]
                assert subprocess.run(command, capture_output=True, check=False).returncode != 0
            if server.port:
                command = ["git", "ls-remote", server.url("hub.git")]
                assert subprocess.run(command, capture_output=True, check=False).returncode == 128
