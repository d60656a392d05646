"""What else keeps the data that a run reads."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


def taken(gittrack: Gittrack, *paths: str) -> list[tuple[object, object]]:
    options = [word for path in paths for word in ("--input", path)]
    result = gittrack("run", "-q", *options, "--", "true")
    assert (result.code, result.err) == (0, "")
    found = json.loads(gittrack("show", "--json").out)["inputs"]
    return [(item["stored"], item["object"]) for item in found]


@pytest.fixture
def data(repo: Path, git: Git) -> Path:
    """A folder data/ with two committed files."""
    (repo / "data").mkdir()
    (repo / "data/a.csv").write_text("1\n")
    (repo / "data/b.csv").write_text("2\n")
    (repo / ".gitignore").write_text("*.tmp\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Data", cwd=repo)
    return repo


def test_files_and_folders_in_git(data: Path, git: Git, gittrack: Gittrack) -> None:
    ids = git("rev-parse", "HEAD:data/a.csv", "HEAD:data", cwd=data).split()
    assert taken(gittrack, "data/a.csv", "data") == [("git", ids[0]), ("git", ids[1])]
    (data / "data/left.tmp").write_text("ignored, and yet there\n")
    assert taken(gittrack, "data") == [(None, None)]


def test_what_differs_from_head_is_in_the_snapshot(data: Path, git: Git, gittrack: Gittrack) -> None:
    (data / "data/a.csv").write_text("changed\n")
    blob = git("hash-object", "data/a.csv", cwd=data).strip()
    assert taken(gittrack, "data/a.csv") == [("git", blob)]


def test_what_git_does_not_hold(data: Path, gittrack: Gittrack, tmp_path: Path) -> None:
    (data / "big.tmp").write_text("ignored\n")
    outside = tmp_path / "outside.csv"
    outside.write_text("3\n")
    assert taken(gittrack, "big.tmp", str(outside)) == [(None, None), (None, None)]


def test_a_file_in_lfs(data: Path, git: Git, gittrack: Gittrack) -> None:
    content = b"large\n" * 1000
    oid = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    (data / "model.bin").write_text(pointer)
    git("add", "model.bin", cwd=data)
    git("commit", "-qm", "A pointer", cwd=data)
    (data / "model.bin").write_bytes(content)  # as git-lfs checks it out
    git("config", "filter.lfs.clean", f"printf '{pointer}'".replace("\n", "\\n"), cwd=data)
    (data / ".gitattributes").write_text("*.bin filter=lfs\n")
    assert taken(gittrack, "model.bin") == [("lfs", oid)]


@pytest.mark.parametrize("named", ["images", "images.dvc"])
def test_what_dvc_keeps(data: Path, gittrack: Gittrack, named: str) -> None:
    (data / "images").mkdir()
    (data / "images/1.png").write_bytes(b"png")
    (data / ".gitignore").write_text("/images\n")
    (data / "images.dvc").write_text("outs:\n- md5: 22a1a2931c8370d3aeedd7183606fd7f.dir\n  size: 3\n  path: images\n")
    assert taken(gittrack, named) == [("dvc", "22a1a2931c8370d3aeedd7183606fd7f.dir")]


def now(gittrack: Gittrack) -> list[str]:
    return [item["now"] for item in json.loads(gittrack("show", "--json").out)["inputs"]]


def test_show_says_what_differs_now(data: Path, gittrack: Gittrack) -> None:
    taken(gittrack, "data/a.csv", "data/b.csv", "data")
    assert now(gittrack) == ["same", "same", "same"]
    (data / "data/a.csv").write_text("2\n")
    (data / "data/b.csv").unlink()
    assert now(gittrack) == ["changed", "not here", "changed"]
    lines = gittrack("show").out.splitlines()
    assert [line.split()[-1] for line in lines if line.startswith("  a.csv")] == ["changed"]


def test_a_large_file_is_compared_by_its_size_alone(data: Path, gittrack: Gittrack) -> None:
    large = data / "large.tmp"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)
    taken(gittrack, "large.tmp")
    assert now(gittrack) == ["not compared"]
    with large.open("ab") as file:
        file.write(b"x")
    assert now(gittrack) == ["changed"]
