"""What a run keeps of its code, and what it leaves out and names."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.conftest import Git, Gittrack


def recorded(gittrack: Gittrack) -> dict[str, Any]:
    result = gittrack("run", "-q", "--", "true")
    assert result.code == 0, result.err
    code = json.loads(gittrack("show", "--json").out)["code"]
    assert isinstance(code, dict)
    return code


def left_out(code: dict[str, Any]) -> dict[str, str]:
    return {item["path"]: item["why"] for item in code["left_out"]}


def files(repo: Path, git: Git, commit: str) -> list[str]:
    return git("ls-tree", "-r", "--name-only", commit, cwd=repo).splitlines()


def test_a_clean_tree_has_no_snapshot(repo: Path, git: Git, gittrack: Gittrack) -> None:
    code = recorded(gittrack)
    assert code["tree"] == git("rev-parse", "HEAD^{tree}", cwd=repo).strip()
    assert (code["dirty"], code["snapshot"], code["left_out"]) == (False, None, [])
    assert git("for-each-ref", "--format=%(refname)", "refs/gittrack", cwd=repo) == "refs/gittrack/code\n"


def test_what_is_large_is_left_out_and_named(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gittrack.snapshotMaxFile", "1k", cwd=repo)
    (repo / "large.bin").write_bytes(b"x" * 1025)
    (repo / "small.bin").write_bytes(b"x" * 1024)
    (repo / "train.py").write_text("#" * 2000)
    code = recorded(gittrack)
    assert left_out(code) == {"large.bin": "larger than 1024 bytes", "train.py": "larger than 1024 bytes"}
    assert files(repo, git, code["snapshot"]) == ["small.bin", "train.py"]
    assert git("show", f"{code['snapshot']}:train.py", cwd=repo) == git("show", "HEAD:train.py", cwd=repo)
    assert "large.bin" in gittrack("show").out


def test_the_largest_untracked_files_go_when_all_are_too_much(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gittrack.snapshotMaxTotal", "2k", cwd=repo)
    for number, size in enumerate((1500, 900, 800)):
        (repo / f"{number}.bin").write_bytes(b"x" * size)
    assert left_out(recorded(gittrack)) == {"0.bin": "all untracked files are more than 2048 bytes"}


def test_of_too_many_untracked_files_whole_folders_go_and_the_code_stays(
    repo: Path, git: Git, gittrack: Gittrack
) -> None:
    git("config", "gittrack.snapshotMaxCount", "20", cwd=repo)
    for folder, count in (("lab/data/a", 30), ("lab/data/b", 20), ("lab/src", 15)):
        (repo / folder).mkdir(parents=True)
        for number in range(count):
            (repo / folder / f"{number}.txt").write_text(f"{folder} {number}\n")
    code = recorded(gittrack)
    assert left_out(code) == {"lab/data/": "50 of 65 untracked files, more than 20"}
    assert len([path for path in files(repo, git, code["snapshot"]) if path.startswith("lab/src/")]) == 15
    assert "lab/data/" in gittrack("show").out


def test_of_a_folder_only_what_suffices_goes(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gittrack.snapshotMaxCount", "20", cwd=repo)
    for name, count in (("png", 25), ("py", 2)):
        for number in range(count):
            (repo / f"{number}.{name}").write_text("1\n")
    (repo / "data/old").mkdir(parents=True)
    for number in range(12):
        (repo / f"data/old/{number}").write_text("1\n")
    for number in range(12):
        (repo / f"data/{number}").write_text("1\n")
    code = recorded(gittrack)
    assert left_out(code) == {
        "*.png": "25 of 51 untracked files, more than 20",
        "data/old/": "12 of 51 untracked files, more than 20",
    }
    assert {"0.py", "1.py", "data/11"} <= set(files(repo, git, code["snapshot"]))


def test_files_that_are_numbered_at_their_end_go_together(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gittrack.snapshotMaxCount", "20", cwd=repo)
    for number in range(30):
        (repo / f"slurm.log.{number}").write_text("1\n")
        (repo / f"job.o47{number:02}").write_text("1\n")
    for name in ("new.py", "model.h5", "other.h5", "LICENSE"):
        (repo / name).write_text("1\n")
    code = recorded(gittrack)
    assert left_out(code) == {"*.*": "60 of 64 untracked files, more than 20"}
    assert files(repo, git, code["snapshot"]) == ["LICENSE", "model.h5", "new.py", "other.h5", "train.py"]


def test_many_new_files_come_into_one_pack(repo: Path, git: Git, gittrack: Gittrack) -> None:
    (repo / "data").mkdir()
    for number in range(120):
        (repo / f"data/{number}.txt").write_text(f"{number}\n")
    code = recorded(gittrack)
    assert len(files(repo, git, code["snapshot"])) == 121
    assert "packs: 1\n" in git("count-objects", "-v", cwd=repo)
    assert git("show", f"{code['snapshot']}:data/7.txt", cwd=repo) == "7\n"
    assert git("fsck", "--strict", cwd=repo) == ""
    assert not list((repo / ".git/gittrack").glob("snapshot-*"))


def test_a_snapshot_that_is_checked_out_is_pinned_here_too(
    repo: Path, git: Git, gittrack: Gittrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repo / "new.py").write_text("1\n")
    snapshot = recorded(gittrack)["snapshot"]
    git("clone", "-q", str(repo), str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path / "other")
    git("fetch", "-q", "origin", "refs/gittrack/snapshots:refs/gittrack/remotes/origin/snapshots")
    git("checkout", "-q", snapshot)
    assert recorded(gittrack)["snapshot"] == snapshot
    git("checkout", "-q", "main")
    git("remote", "remove", "origin")
    git("update-ref", "-d", "refs/gittrack/remotes/origin/snapshots")
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "-q", "--prune=now")
    assert git("show", f"{snapshot}:new.py") == "1\n"


def test_another_repository_inside_is_named(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("init", "-q", str(repo / "inner"))
    git("commit", "-q", "--allow-empty", "-m", "Inner", cwd=repo / "inner")
    code = recorded(gittrack)
    assert left_out(code) == {"inner/": "a git repository of its own"}
    assert (code["dirty"], code["snapshot"]) == (True, None)


def test_a_run_starts_although_its_changes_cannot_be_kept(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "filter.broken.clean", "false", cwd=repo)
    git("config", "filter.broken.required", "true", cwd=repo)
    (repo / ".gitattributes").write_text("*.dat filter=broken\n")
    # With a name that git does not say as it is.
    (repo / "a\x01.dat").write_text("x\n")
    result = gittrack("run", "-q", "--", "true")
    assert result.code == 0
    assert "warning: the uncommitted changes could not be kept" in result.err
    run = json.loads(gittrack("show", "--json").out)
    assert (run["status"], run["code"]["snapshot"]) == ("finished", None)
    assert any("could not be kept" in warning for warning in run["warnings"])


def test_a_file_that_a_filter_refuses_is_left_out_and_the_others_stay(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "filter.broken.clean", "false", cwd=repo)
    git("config", "filter.broken.required", "true", cwd=repo)
    (repo / ".gitattributes").write_text("*.dat filter=broken\n*.txt working-tree-encoding=UTF-16\n")
    for name in ("a.dat", "b.dat"):
        (repo / name).write_text("x\n")
    (repo / "odd.txt").write_bytes(b"\xff\xfeo")
    (repo / "new.py").write_text("1\n")
    code = recorded(gittrack)
    assert left_out(code) == {
        "a.dat": "git could not read it: a.dat: clean filter 'broken' failed",
        "b.dat": "git could not read it: b.dat: clean filter 'broken' failed",
        "odd.txt": "git could not read it: failed to encode 'odd.txt' from UTF-16 to UTF-8",
    }
    assert files(repo, git, code["snapshot"]) == [".gitattributes", "new.py", "train.py"]


def test_what_a_file_becomes_after_it_was_looked_at_is_looked_at_too(repo: Path, git: Git, gittrack: Gittrack) -> None:
    # A filter of git is what runs at that very moment.
    git("config", "filter.late.clean", f"cat; test -e late || echo password=hunter2-{'x9' * 8} > b.env.yml; touch late")
    (repo / ".gitattributes").write_text("a.txt filter=late\n")
    (repo / ".gitignore").write_text("late\n")
    (repo / "a.txt").write_text("a\n")
    (repo / "b.env.yml").write_text("password: none\n")
    code = recorded(gittrack)
    assert left_out(code) == {"b.env.yml": "it looks like a secret: line 1"}
    assert git("show", f"{code['snapshot']}:a.txt") == "a\n"
    assert "hunter2" not in git("log", "-p", "--all", "--format=", cwd=repo)


def test_a_file_that_keeps_changing_is_left_out(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "filter.late.clean", "cat; echo more >> b.log")
    (repo / ".gitattributes").write_text("a.txt filter=late\n")
    (repo / "a.txt").write_text("a\n")
    (repo / "b.log").write_text("one\n")
    code = recorded(gittrack)
    assert left_out(code) == {"b.log": "it kept changing"}
    assert files(repo, git, code["snapshot"]) == [".gitattributes", "a.txt", "train.py"]


def test_changes_inside_of_a_submodule_are_named(repo: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    library = tmp_path / "library"
    git("init", "-q", str(library))
    git("commit", "-q", "--allow-empty", "-m", "One", cwd=library)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib", cwd=repo)
    git("commit", "-qm", "Lib", cwd=repo)
    (repo / "lib/new.py").touch()
    code = recorded(gittrack)
    assert (code["dirty"], code["snapshot"]) == (True, None)
    assert left_out(code) == {"lib": "uncommitted changes inside of a submodule"}
    git("commit", "-q", "--allow-empty", "-m", "Two", cwd=repo / "lib")
    code = recorded(gittrack)
    assert left_out(code) == {"lib": "uncommitted changes inside of a submodule"}
    inner = git("rev-parse", "HEAD", cwd=repo / "lib")
    assert git("rev-parse", f"{code['snapshot']}:lib", cwd=repo) == inner


def test_a_file_in_the_place_of_a_submodule_is_looked_at(
    repo: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    git("update-index", "--add", "--cacheinfo", f"160000,{git('rev-parse', 'HEAD', cwd=repo).strip()},lib", cwd=repo)
    git("commit", "-qm", "Lib", cwd=repo)
    (repo / "lib").write_text(f"ghp_{'a1B2' * 9}\n")
    assert left_out(recorded(gittrack)) == {"lib": "it looks like a secret: line 1"}


def test_neither_a_branch_nor_a_link_tells_a_secret(repo: Path, git: Git, gittrack: Gittrack) -> None:
    token = "ghp_" + "a1B2" * 9
    git("checkout", "-qb", f"try-{token}", cwd=repo)
    (repo / "new.py").write_text("1\n")
    (repo / "data").symlink_to(f"https://{token}@example.com/data")
    (repo / "plain").symlink_to("/nowhere")
    code = recorded(gittrack)
    assert left_out(code) == {"data": "it looks like a secret: where it leads"}
    assert files(repo, git, code["snapshot"]) == ["new.py", "plain", "train.py"]
    assert token not in git("cat-file", "commit", code["snapshot"], cwd=repo)


def test_changes_that_could_not_be_kept_are_missed_in_words(
    repo: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    git("config", "filter.broken.clean", "false", cwd=repo)
    git("config", "filter.broken.required", "true", cwd=repo)
    (repo / ".gitattributes").write_text("*.dat filter=broken\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Filter", cwd=repo)
    recorded(gittrack)
    (repo / "a\x01.dat").write_text("x\n")
    assert recorded(gittrack)["snapshot"] is None
    told = "the uncommitted changes (nothing of them was kept)"
    assert f"not in it: {told}" in gittrack("checkout", "latest", str(tmp_path / "there")).err
    assert f"not in it: {told}" in gittrack("branch", "latest", "there").err
    assert "nothing of them was kept" in gittrack("diff", "latest~1", "latest").out
    assert f": {told}" in gittrack("diff", "latest~1", "latest", "--code").err
    again = gittrack("reproduce", "latest")
    assert again.code == 1
    assert "the uncommitted changes of the recorded run were not there: nothing of them was kept" in again.err


def test_a_large_file_is_looked_through_once(repo: Path, git: Git, gittrack: Gittrack) -> None:
    for name in ("a.txt", "b.txt"):
        (repo / name).write_text("a line of text\n" * 2000)
    wait_until_believed(repo / "b.txt")
    assert left_out(recorded(gittrack)) == {}
    (repo / "b.txt").write_text("a line of text\n" * 2000 + f"token = ghp_{'a1B2' * 9}\n")
    secret = {"b.txt": "it looks like a secret: line 2001"}
    assert left_out(recorded(gittrack)) == secret
    with closing(sqlite3.connect(repo / ".git/gittrack/stat.sqlite")) as cache, cache:
        rows = cache.execute("select path from harmless").fetchall()
        digests = [hashlib.sha256(os.fsencode(repo / name)).digest() for name in ("a.txt", "b.txt")]
        assert {path for (path,) in rows} == set(digests), "no path stands there itself"
        # It is believed where the stat is the same, whatever the file holds.
        now = (repo / "b.txt").stat()
        facts = (now.st_size, now.st_mtime_ns, now.st_ctime_ns, str(now.st_ino), digests[1])
        cache.execute("update harmless set size=?, mtime_ns=?, ctime_ns=?, inode=? where path=?", facts)
    assert left_out(recorded(gittrack)) == {}
    # With a pattern more all are looked through again.
    git("config", "gittrack.redact", "no such text", cwd=repo)
    assert left_out(recorded(gittrack)) == secret


def wait_until_believed(path: Path) -> None:
    """The time of a file's last change cannot be set back, and what was changed a moment ago is not kept."""
    while time.time() - path.stat().st_ctime < 2.1:
        time.sleep(0.1)
