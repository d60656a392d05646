"""What a run keeps of its code, and what it leaves out and names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

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
    (repo / "a.dat").write_text("x\n")
    result = gittrack("run", "-q", "--", "true")
    assert result.code == 0
    assert "warning: the uncommitted changes could not be kept" in result.err
    run = json.loads(gittrack("show", "--json").out)
    assert (run["status"], run["code"]["snapshot"]) == ("finished", None)
    assert any("could not be kept" in warning for warning in run["warnings"])
