"""The code of a run is found in the history of today, whatever was done to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


def commit(git: Git, repo: Path, text: str, *options: str) -> str:
    (repo / "train.py").write_text(text, encoding="utf-8")
    git("commit", "-qam", f"Write {text!r}", *options, cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


def record(gittrack: Gittrack) -> None:
    result = gittrack("run", "-q", "--", "true")
    assert result.code == 0, result.err


def seen(gittrack: Gittrack, run: str = "latest") -> tuple[object, object, object]:
    found = json.loads(gittrack("show", run, "--json").out)["whereabouts"]
    return found["commit"], found["how"], found["committed"]


@pytest.fixture
def topic(repo: Path, git: Git, gittrack: Gittrack) -> str:
    """A commit on a topic branch, with a run."""
    git("checkout", "-qb", "topic", cwd=repo)
    old = commit(git, repo, "topic\n")
    record(gittrack)
    return old


def test_a_commit_that_is_still_there(topic: str, gittrack: Gittrack) -> None:
    assert seen(gittrack) == (topic, "commit", None)
    assert "Now:" not in gittrack("show").out


def test_a_commit_that_is_nowhere(repo: Path, topic: str, git: Git, gittrack: Gittrack) -> None:
    git("checkout", "-q", "main", cwd=repo)
    git("branch", "-qD", "topic", cwd=repo)
    assert seen(gittrack) == (None, "on no branch", None)
    assert "Now:        on no branch; it was on topic\n" in gittrack("show").out


def test_an_amended_message_by_the_tree(repo: Path, topic: str, git: Git, gittrack: Gittrack) -> None:
    git("commit", "-q", "--amend", "-m", "Another message", cwd=repo)
    new = git("rev-parse", "HEAD", cwd=repo).strip()
    assert new != topic
    assert seen(gittrack) == (new, "same tree", None)
    assert f"Now:        {new}, found by the same tree\n" in gittrack("show").out


def test_a_rebased_commit_by_the_patch(repo: Path, topic: str, git: Git, gittrack: Gittrack) -> None:
    git("checkout", "-q", "main", cwd=repo)
    (repo / "other.py").write_text("1\n")
    git("add", "other.py", cwd=repo)
    git("commit", "-qm", "Main went on", cwd=repo)
    git("rebase", "-q", "main", "topic", cwd=repo)
    commit(git, repo, "topic went on\n")
    assert seen(gittrack) == (git("rev-parse", "topic~", cwd=repo).strip(), "same patch", None)


def add_many(git: Git, repo: Path, count: int) -> None:
    """Commits on main, a second apart."""
    head = "commit refs/heads/main\ncommitter Ada Example <ada@example.com> {} +0000\ndata 1\nx\n{}"
    change = "M 100644 inline other.py\ndata 4\n{:04}\n"
    at = int(git("log", "-1", "--format=%ct", "main", cwd=repo))
    feed = "".join(
        head.format(at + number, "" if number else "from refs/heads/main^0\n") + change.format(number)
        for number in range(count)
    )
    git("fast-import", "--quiet", cwd=repo, input=feed)
    git("reset", "-q", "--hard", "main", cwd=repo)


@pytest.mark.parametrize(("before", "after", "blocks"), [(450, 1, 1), (1, 450, 3)])
def test_patches_are_made_in_blocks_from_the_newest_on_until_one_is_the_same(
    repo: Path,
    topic: str,
    git: Git,
    gittrack: Gittrack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: int,
    after: int,
    blocks: int,
) -> None:
    git("checkout", "-q", "main", cwd=repo)
    add_many(git, repo, before)
    git("cherry-pick", topic, cwd=repo)
    new = git("rev-parse", "main", cwd=repo).strip()
    add_many(git, repo, after)
    git("branch", "-qD", "topic", cwd=repo)
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    assert seen(gittrack) == (new, "same patch", None)
    monkeypatch.delenv("GIT_TRACE")
    own = 1
    assert (tmp_path / "trace").read_text().count("built-in: git patch-id") == own + blocks


def test_a_recorded_rewrite_goes_first_and_rewrites_of_rewrites_are_followed(
    repo: Path, topic: str, git: Git, gittrack: Gittrack
) -> None:
    second = commit(git, repo, "other text\n", "--amend")
    lines = f"{topic} {second}\n{'0' * 40} {second}\nnonsense\n"
    assert gittrack("hook", "post-rewrite", "amend", input=lines).code == 0
    assert seen(gittrack) == (second, "recorded rewrite", None)
    third = commit(git, repo, "third text\n", "--amend")
    assert gittrack("hook", "post-rewrite", "amend", input=f"{second} {third}\n").code == 0
    assert seen(gittrack) == (third, "recorded rewrite", None)
    names = git("ls-tree", "-r", "--name-only", "gittrack/runs", "rewrites", cwd=repo).split()
    assert names == sorted(f"rewrites/{old[:2]}/{old}-{new}" for old, new in ((topic, second), (second, third)))
    assert gittrack("check").code == 0
    tip = git("rev-parse", "gittrack/runs", cwd=repo)
    assert gittrack("hook", "post-rewrite", input=f"{second} {third}\n").code == 0
    assert git("rev-parse", "gittrack/runs", cwd=repo) == tip, "known already"


def test_a_dirty_run_that_is_committed_since(repo: Path, git: Git, gittrack: Gittrack) -> None:
    head = git("rev-parse", "HEAD", cwd=repo).strip()
    (repo / "train.py").write_text("changed\n")
    (repo / "module.py").write_text("new\n")
    record(gittrack)
    assert seen(gittrack) == (head, "commit", None)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "What ran", cwd=repo)
    new = git("rev-parse", "HEAD", cwd=repo).strip()
    (repo / "module.py").write_text("newer\n")
    git("commit", "-qam", "Went on", cwd=repo)
    assert seen(gittrack) == (head, "commit", new)
    assert f"Committed:  {new}, the very files of the snapshot\n" in gittrack("show").out


def test_a_branch_at_the_snapshot_is_no_commit_of_it_and_holds_no_old_commit(
    repo: Path, git: Git, gittrack: Gittrack
) -> None:
    git("checkout", "-qb", "topic", cwd=repo)
    commit(git, repo, "topic\n")
    (repo / "module.py").write_text("new\n")
    record(gittrack)
    assert gittrack("branch", "latest", "look").code == 0
    (repo / "module.py").unlink()
    git("commit", "-q", "--amend", "-m", "Another message", cwd=repo)
    new = git("rev-parse", "HEAD", cwd=repo).strip()
    assert seen(gittrack) == (new, "same patch", None)
    page = gittrack("show").out
    assert f"Now:        {new}, found by the same patch\n" in page
    assert "Committed:" not in page


def test_a_branch_of_a_remote_is_asked_last_and_the_runs_never(
    repo: Path, topic: str, git: Git, gittrack: Gittrack
) -> None:
    git("update-ref", "refs/remotes/origin/topic", topic, cwd=repo)
    git("update-ref", "refs/remotes/origin/gittrack/runs", "gittrack/runs", cwd=repo)
    git("commit", "-q", "--amend", "-m", "Another message", cwd=repo)
    new = git("rev-parse", "HEAD", cwd=repo).strip()
    assert seen(gittrack) == (new, "same tree", None)
    git("checkout", "-q", "main", cwd=repo)
    git("branch", "-qD", "topic", cwd=repo)
    assert seen(gittrack) == (topic, "commit", None)
    from gittrack.git.ancestry import trees_after
    from gittrack.git.repository import discover

    everything = [new for new, _ in trees_after(discover(repo), None, 0, "refs/heads/gittrack/runs")]
    assert everything == git("rev-list", "--reverse", "main", topic, cwd=repo).split()


def test_before_the_first_commit(tmp_path: Path, git: Git, gittrack: Gittrack, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "new"
    git("init", "-q", str(repo))
    (repo / "train.py").write_text("1\n")
    monkeypatch.chdir(repo)
    record(gittrack)
    assert seen(gittrack) == (None, "", None)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "First", cwd=repo)
    assert seen(gittrack) == (None, "", git("rev-parse", "HEAD", cwd=repo).strip())


def test_a_commit_that_is_an_option_of_git_is_none(repo: Path, git: Git, tmp_path: Path) -> None:
    from gittrack.git.ancestry import is_ancestor, is_in_history, trees_after, whole_history
    from gittrack.git.repository import discover

    victim = tmp_path / "victim"
    victim.write_text("kept")
    found, hostile = discover(repo), f"--output={victim}"
    assert not is_in_history(found, hostile, whole_history("refs/heads/gittrack/runs"))
    assert not is_ancestor(found, hostile, "HEAD")
    assert len(trees_after(found, hostile, 0, "refs/heads/gittrack/runs")) == 1
    assert victim.read_text() == "kept"
