"""Artifacts on their way: kept whole and once, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from gittrack.codec.paths import POINTER_SIZE
from gittrack.errors import InvalidValue
from gittrack.project import Project, open_project
from gittrack.record.stage import check_file, files_below, stage_bytes, stage_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git

RUN_ID = "ab" * 16


@pytest.fixture
def project(repo: Path) -> Project:
    return open_project(repo)


def blobs(project: Project) -> list[str]:
    return sorted(os.listdir(os.path.join(project.journal_of(RUN_ID), "blobs")))


def test_the_same_bytes_are_kept_once(project: Project) -> None:
    for path in ("a", "b"):
        artifact = stage_bytes(project, RUN_ID, path, b"content")
    assert blobs(project) == [artifact.sha256]


def test_what_another_process_left_cut_short_is_written_again(project: Project) -> None:
    artifact = stage_bytes(project, RUN_ID, "a", b"content")
    target = os.path.join(project.journal_of(RUN_ID), "blobs", artifact.sha256)
    with open(target, "wb") as file:
        file.write(b"con")
    stage_bytes(project, RUN_ID, "a", b"content")
    with open(target, "rb") as file:
        assert file.read() == b"content"


def test_a_disk_that_refuses_leaves_no_half_of_an_artifact(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            stage_bytes(project, RUN_ID, "a", b"content")
    assert blobs(project) == []


def test_a_file_that_grows_while_it_is_read_is_kept_as_the_large_file_that_it_became(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "model.bin"
    source.write_bytes(b"x")
    real = os.fstat

    def growing(fd: int) -> os.stat_result:
        status = real(fd)
        with source.open("ab") as file:
            file.write(b"y" * POINTER_SIZE)
        return status

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", growing)
        artifact = stage_file(project, RUN_ID, "model.bin", str(source))
    whole = b"x" + b"y" * POINTER_SIZE
    assert (artifact.large, artifact.size) == (True, len(whole))
    assert artifact.sha256 == hashlib.sha256(whole).hexdigest()
    with open(project.large_file(artifact.sha256), "rb") as file:
        assert file.read() == whole


def test_what_can_be_no_artifact_is_told_where_it_is_logged(tmp_path: Path) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidValue, match="does not exist"):
        check_file(str(tmp_path / "none"))
    with pytest.raises(InvalidValue, match="cannot be read: Too many levels"):
        check_file(str(circle))
    with pytest.raises(InvalidValue, match="neither a file nor a directory"):
        check_file(str(tmp_path / "pipe"))


def test_of_a_folder_the_files_are_kept(tmp_path: Path) -> None:
    top = tmp_path / "data"
    (top / "b").mkdir(parents=True)
    (top / "b" / "c.txt").touch()
    (top / "a.txt").touch()
    (top / "dangling").symlink_to(tmp_path / "none")
    os.mkfifo(top / "pipe")
    assert [relative for _, relative in files_below(str(top))] == ["a.txt", "b/c.txt"]


def test_in_a_shared_repository_an_artifact_is_the_groups(repo: Path, git: Git) -> None:
    git("config", "core.sharedRepository", "group")
    before = os.umask(0o077)
    try:
        artifact = stage_bytes(open_project(repo), RUN_ID, "a", b"content")
    finally:
        os.umask(before)
    blob = os.path.join(open_project(repo).journal_of(RUN_ID), "blobs", artifact.sha256)
    assert os.stat(blob).st_mode & 0o060 == 0o060


@pytest.mark.parametrize("size", [0, POINTER_SIZE, POINTER_SIZE + 1, 3 << 20])
def test_a_file_of_any_size_is_kept_whole(project: Project, tmp_path: Path, size: int) -> None:
    (tmp_path / "file").write_bytes(b"z" * size)
    artifact = stage_file(project, RUN_ID, "file", str(tmp_path / "file"))
    assert (artifact.size, artifact.large) == (size, size > POINTER_SIZE)
    large, small = project.large_file(artifact.sha256), os.path.join(project.journal_of(RUN_ID), "blobs")
    with open(large if artifact.large else os.path.join(small, artifact.sha256), "rb") as file:
        assert file.read() == b"z" * size
