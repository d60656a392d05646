"""The working tree as a commit: what git itself would commit, with nothing of the user's touched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gittrack.git.pin_refs import CODE
from gittrack.git.pins import is_pinned, last_pinned, pin
from gittrack.git.repository import Signature, discover
from gittrack.git.snapshot import Snapshot, take_snapshot
from gittrack.git.status import working_tree

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git

ADA = Signature("Ada Example", "ada@example.com")


def taken(repo: Path, *left_out: bytes) -> Snapshot:
    found = discover(repo)
    return take_snapshot(found, working_tree(found), set(left_out), committer=ADA)


def added(repo: Path, git: Git) -> str:
    """The tree of `git add -A` in this state, made with an index of its own."""
    index = {"GIT_INDEX_FILE": str(repo / ".git/other-index")}
    if (repo / ".git/index").exists():
        (repo / ".git/other-index").write_bytes((repo / ".git/index").read_bytes())
    git("add", "-A", env=index, cwd=repo)
    tree = git("write-tree", env=index, cwd=repo).strip()
    (repo / ".git/other-index").unlink()
    return tree


def picture(repo: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of every file but git's objects and what is gittrack's own, its refs among it."""
    found = {}
    for folder, names, files in os.walk(repo):
        names[:] = [name for name in names if name not in ("objects", "gittrack")]
        for path in (os.path.join(folder, name) for name in files):
            if os.path.islink(path):
                continue
            # Every git that reads a split index, `git status` too, makes its shared part young.
            changed = 0 if "sharedindex." in path else os.stat(path).st_mtime_ns
            with open(path, "rb") as file:
                found[path] = (changed, file.read())
    return found


def test_a_clean_tree_makes_no_object(repo: Path, git: Git) -> None:
    before = git("count-objects", cwd=repo)
    commit, tree = git("rev-parse", "HEAD", "HEAD^{tree}", cwd=repo).split()
    assert taken(repo) == Snapshot(commit, tree)
    assert git("count-objects", cwd=repo) == before


def test_it_holds_what_git_add_would(repo: Path, git: Git) -> None:
    (repo / "kept.txt").write_text("kept\n")
    (repo / "gone.txt").write_text("gone\n")
    (repo / "folder").mkdir()
    (repo / "folder/deep.txt").write_text("x\n")
    (repo / "becomes").write_text("a file\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "more", cwd=repo)
    (repo / ".gitignore").write_text("*.log\n")
    (repo / "x.log").write_text("ignored\n")
    (repo / "train.py").write_text("changed\n")
    (repo / "train.py").chmod(0o755)
    (repo / "gone.txt").unlink()
    (repo / "staged").write_text("1\n")
    git("add", "staged", cwd=repo)
    (repo / "staged").write_text("2\n")
    (repo / "dropped").write_text("1\n")
    git("add", "dropped", cwd=repo)
    (repo / "dropped").unlink()
    (repo / "becomes").unlink()
    (repo / "becomes").mkdir()
    (repo / "becomes/inside").write_text("a file in a folder\n")
    (repo / "link").symlink_to("nowhere")
    (repo / "näme *?[x]\n").write_text("odd\n")
    with open(os.fsencode(repo) + b"/raw\xff", "wb") as file:
        file.write(b"raw\n")
    git("rm", "-q", "--cached", "kept.txt", cwd=repo)
    git("add", "-N", "link", cwd=repo)
    expected, before = added(repo, git), picture(repo)
    snapshot = taken(repo)
    assert snapshot.tree == expected
    assert snapshot.commit is not None
    assert git("rev-parse", f"{snapshot.commit}^{{tree}}", f"{snapshot.commit}^", cwd=repo).split() == [
        expected,
        git("rev-parse", "HEAD", cwd=repo).strip(),
    ]
    assert picture(repo) == before
    assert git("fsck", "--strict", cwd=repo) == ""


def test_the_same_tree_again_is_the_same_commit(repo: Path) -> None:
    (repo / "new").write_text("1\n")
    first = taken(repo)
    assert taken(repo) == first
    (repo / "new").write_text("2\n")
    assert taken(repo) != first


def test_what_is_left_out_stays_as_in_head(repo: Path, git: Git) -> None:
    tree = git("rev-parse", "HEAD^{tree}", cwd=repo).strip()
    (repo / "train.py").write_text("changed\n")
    (repo / "staged").write_text("staged\n")
    git("add", "-A", cwd=repo)
    (repo / "untracked").write_text("untracked\n")
    head = git("rev-parse", "HEAD", cwd=repo).strip()
    assert taken(repo, b"train.py", b"staged", b"untracked") == Snapshot(head, tree)
    names = git("ls-tree", "--name-only", taken(repo, b"train.py", b"staged").commit or "", cwd=repo)
    assert names == "train.py\nuntracked\n"


def test_before_the_first_commit(git: Git, tmp_path: Path) -> None:
    repo = tmp_path / "new"
    git("init", "-q", str(repo))
    assert taken(repo) == Snapshot(None, None)
    (repo / "a").write_text("a\n")
    snapshot = taken(repo)
    assert git("log", "--format=%P|%s", snapshot.commit or "", cwd=repo) == "|Working tree on main\n"
    assert git("ls-tree", "--name-only", snapshot.commit or "", cwd=repo) == "a\n"


def test_a_conflict_is_kept_as_it_lies_on_disk(repo: Path, git: Git) -> None:
    git("checkout", "-qb", "side", cwd=repo)
    (repo / "train.py").write_text("side\n")
    git("commit", "-qam", "side", cwd=repo)
    git("checkout", "-q", "main", cwd=repo)
    (repo / "train.py").write_text("main\n")
    git("commit", "-qam", "main", cwd=repo)
    with pytest.raises(AssertionError, match="CONFLICT"):
        git("merge", "side", cwd=repo)
    snapshot = taken(repo)
    assert git("show", f"{snapshot.commit}:train.py", cwd=repo) == (repo / "train.py").read_text()
    assert "<<<<<<<" in git("show", f"{snapshot.commit}:train.py", cwd=repo)
    assert git("ls-files", "-u", cwd=repo).count("\n") == 3


def test_line_ends_and_filters_are_gits_own(repo: Path, git: Git) -> None:
    git("config", "core.autocrlf", "true", cwd=repo)
    git("config", "filter.upper.clean", "tr a-z A-Z", cwd=repo)
    (repo / ".gitattributes").write_text("*.up filter=upper\n")
    (repo / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    (repo / "word.up").write_bytes(b"word\n")
    commit = taken(repo).commit
    assert git("show", f"{commit}:dos.txt", cwd=repo) == "one\ntwo\n"
    assert git("show", f"{commit}:word.up", cwd=repo) == "WORD\n"


@pytest.mark.parametrize("settings", ["split", "sparse", "untracked cache"])
def test_every_kind_of_index(repo: Path, git: Git, settings: str) -> None:
    for name in ("a", "b"):
        (repo / name).mkdir()
        (repo / name / "file").write_text(name)
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "folders", cwd=repo)
    if settings == "split":
        git("update-index", "--split-index", cwd=repo)
    elif settings == "sparse":
        git("sparse-checkout", "set", "--cone", "--sparse-index", "a", cwd=repo)
    else:
        git("update-index", "--untracked-cache", cwd=repo)
    (repo / "a/file").write_text("changed")
    (repo / "new").write_text("new")
    before = picture(repo)
    commit = taken(repo).commit
    assert picture(repo) == before
    assert git("ls-tree", "-r", "--name-only", commit or "", cwd=repo) == "a/file\nb/file\nnew\ntrain.py\n"
    assert git("show", f"{commit}:a/file", cwd=repo) == "changed"


def test_a_submodule_is_kept_as_its_commit(repo: Path, git: Git, tmp_path: Path) -> None:
    library = tmp_path / "library"
    git("init", "-q", str(library))
    git("commit", "-q", "--allow-empty", "-m", "one", cwd=library)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib", cwd=repo)
    git("commit", "-qm", "lib", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "two", cwd=repo / "lib")
    (repo / "lib/dirt").touch()
    inner = git("rev-parse", "HEAD", cwd=repo / "lib").strip()
    assert git("rev-parse", f"{taken(repo).commit}:lib", cwd=repo).strip() == inner


def test_a_snapshot_and_a_pinned_commit_survive_everything(repo: Path, git: Git) -> None:
    found = discover(repo)
    git("checkout", "-qb", "topic", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "topic", cwd=repo)
    commit = git("rev-parse", "HEAD", cwd=repo).strip()
    (repo / "module.py").write_text("x = 1\n")
    snapshot = taken(repo)
    pin(found, CODE, commit, committer=ADA)
    (repo / "module.py").unlink()
    git("checkout", "-q", "main", cwd=repo)
    git("branch", "-qD", "topic", cwd=repo)
    git("reflog", "expire", "--expire=now", "--all", cwd=repo)
    git("gc", "-q", "--prune=now", cwd=repo)
    assert git("show", f"{snapshot.commit}:module.py", cwd=repo) == "x = 1\n"
    assert git("cat-file", "-t", commit, cwd=repo) == "commit\n"
    assert git("fsck", "--strict", cwd=repo) == ""


def test_a_commit_is_pinned_once(repo: Path, git: Git) -> None:
    found = discover(repo)
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    git("commit", "-q", "--allow-empty", "-m", "second", cwd=repo)
    second = git("rev-parse", "HEAD", cwd=repo).strip()
    assert not is_pinned(found, CODE, second)
    for commit in (second, first, second):
        pin(found, CODE, commit, committer=ADA)
        assert is_pinned(found, CODE, commit)
    assert last_pinned(found, CODE) == second
    assert git("log", "--first-parent", "-1", "--format=%s|%T", CODE, cwd=repo) == (
        f"pin {second}|{git('hash-object', '-t', 'tree', '/dev/null', cwd=repo)}"
    )


def test_a_folder_that_became_a_link(repo: Path, git: Git, tmp_path: Path) -> None:
    (repo / "data").mkdir()
    (repo / "data/x").write_text("x")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    (repo / "data").rename(tmp_path / "elsewhere")
    (repo / "data").symlink_to(tmp_path / "elsewhere")
    expected = added(repo, git)
    assert taken(repo).tree == expected


def test_many_new_files_with_one_that_git_streams(repo: Path, git: Git) -> None:
    git("config", "core.bigFileThreshold", "1k", cwd=repo)
    for number in range(60):
        (repo / f"{number}.txt").write_text(f"{number}\n" * (5000 if number == 7 else 1))
    commit = taken(repo).commit
    assert git("show", f"{commit}:7.txt", cwd=repo) == "7\n" * 5000
    assert git("show", f"{commit}:8.txt", cwd=repo) == "8\n"
    assert git("fsck", "--strict", cwd=repo) == ""
