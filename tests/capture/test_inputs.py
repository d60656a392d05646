"""Hashes of files and directories, and the cache of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.inputs import StatCache, describe_input
from gittrack.errors import GittrackError
from gittrack.model import Input

if TYPE_CHECKING:
    from pathlib import Path

LONG_AGO = 1_700_000_000
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _old(path: Path, data: bytes = b"data") -> Path:
    """A file that was changed long ago; the time of its inode cannot be set back, so hashing comes later."""
    path.write_bytes(data)
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


def _later(monkeypatch: pytest.MonkeyPatch, seconds: int = 10) -> None:
    now = time.time_ns
    monkeypatch.setattr("gittrack.capture.inputs.time.time_ns", lambda: now() + seconds * 10**9)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(b"x" * 3_000_000)
    steps: list[tuple[int, int | None]] = []
    found = describe_input(path, progress=lambda done, total: steps.append((done, total)))
    assert found == Input("train.csv", str(path), "file", 3_000_000, _sha(b"x" * 3_000_000), 1)
    assert steps[-1] == (3_000_000, 3_000_000)
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert len(steps) == 3


def test_an_empty_file_a_name_and_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "none").touch()
    monkeypatch.chdir(tmp_path)
    assert describe_input("none", "train") == Input("train", "none", "file", 0, _sha(b""), 1)
    assert describe_input(".").name == tmp_path.name


def test_a_directory_is_hashed_as_sha256sum_would(tmp_path: Path) -> None:
    top = tmp_path / "data"
    for name in ("b.txt", "a/z.txt", "a/y/x.txt", "a.txt", "ä.txt", "a b.txt", ".git/HEAD", ".hidden"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "empty").mkdir()
    found = describe_input(top)
    names = sorted(
        ["b.txt", "a/z.txt", "a/y/x.txt", "a.txt", "ä.txt", "a b.txt", ".hidden"], key=lambda name: name.encode()
    )
    text = "".join(f"{_sha(name.encode())}  {name}\n" for name in names).encode()
    assert (found.kind, found.files, found.sha256) == ("directory", 7, _sha(text))
    assert found.size == sum(len(name.encode()) for name in names)
    if shutil.which("sha256sum") and sys.platform != "win32":
        listed = subprocess.check_output(["sha256sum", *names], cwd=top)
        assert _sha(listed) == found.sha256


@posix
def test_a_name_with_a_line_feed_cannot_pretend_to_be_two_files(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    (one / f"a\n{_sha(b'')}  b").touch()
    two = tmp_path / "two"
    two.mkdir()
    (two / "a").touch()
    (two / "b").touch()
    assert describe_input(one).sha256 != describe_input(two).sha256
    assert describe_input(one).sha256 == _sha(f"\\{_sha(b'')}  a\\n{_sha(b'')}  b\n".encode())


@posix
def test_links_are_text_and_what_has_no_content_is_named(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    (tmp_path / "outside").write_text("outside")
    (top / "out").symlink_to("../outside")
    (top / "loop").symlink_to(".")
    os.mkfifo(top / "pipe")
    found = describe_input(top)
    assert found.sha256 == _sha(b"link .  loop\nlink ../outside  out\nfifo  pipe\n")
    assert (found.files, found.size) == (0, 0)
    (tmp_path / "alias").symlink_to("data")
    assert describe_input(tmp_path / "alias").sha256 == found.sha256
    assert describe_input(top / "out").sha256 == _sha(b"outside")


@posix
def test_a_file_whose_name_is_no_unicode(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    raw = os.fsencode(top) + b"/caf\xe9"
    try:
        with open(raw, "wb") as file:
            file.write(b"x")
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    assert describe_input(os.fsdecode(raw)).name == "caf\ufffd"
    assert describe_input(top).sha256 == _sha(_sha(b"x").encode() + b"  caf\xe9\n")


def test_what_is_no_data_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GittrackError, match="does not exist; check the path"):
        describe_input(tmp_path / "missing")
    with pytest.raises(GittrackError, match="a local path, no URL"):
        describe_input("s3://bucket/key")
    with pytest.raises(GittrackError, match="input name"):
        describe_input(tmp_path, "a\nb")


@posix
def test_special_files_and_unreadable_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GittrackError, match="pipe is a fifo"):
        describe_input(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        with pytest.raises(GittrackError, match="socket is a socket"):
            describe_input("socket")
    with pytest.raises(GittrackError, match="/dev/null is a device"):
        describe_input("/dev/null")
    secret = tmp_path / "sub"
    secret.mkdir()
    secret.chmod(0)
    try:
        if not os.access(secret, os.R_OK):
            with pytest.raises(GittrackError, match="sub cannot be read: Permission denied"):
                describe_input(tmp_path)
    finally:
        secret.chmod(0o700)


def test_a_file_that_changes_once_is_read_again(tmp_path: Path) -> None:
    path = _old(tmp_path / "data", b"first")
    touched: list[int] = []

    def change_once(done: int, _total: int | None) -> None:
        if not touched:
            touched.append(done)
            path.write_bytes(b"second")

    assert describe_input(path, progress=change_once).sha256 == _sha(b"second")
    assert touched


def test_a_file_that_keeps_changing_is_an_error(tmp_path: Path) -> None:
    path = _old(tmp_path / "data", b"x")

    def change(_done: int, _total: int | None) -> None:
        if path.stat().st_size > 1000:
            pytest.fail("this would never end")
        with path.open("ab") as file:
            file.write(b"x")

    with pytest.raises(GittrackError, match="changes while it is read"):
        describe_input(path, progress=change)


def _hashed(path: Path, cache: StatCache) -> tuple[str, bool]:
    """The hash, and whether the content was read for it."""
    opened: list[str] = []
    original = os.open

    def watched(path: str, flags: int) -> int:
        opened.append(path)
        return original(path, flags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gittrack.capture.inputs.os.open", watched)
        digest = describe_input(path, cache=cache).sha256
    return digest, bool(opened)


def test_the_cache_spares_reading_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _later(monkeypatch)
    path = _old(tmp_path / "data", b"one")
    cache = StatCache(tmp_path / "cache" / "hashes.sqlite")
    assert _hashed(path, cache) == (_sha(b"one"), True)
    assert _hashed(path, cache) == (_sha(b"one"), False)
    assert _hashed(path, StatCache(tmp_path / "cache" / "hashes.sqlite")) == (_sha(b"one"), False)
    _old(path, b"two")  # the same size and time: the inode's own time tells
    assert _hashed(path, cache) == (_sha(b"two"), True)


def test_a_file_changed_just_now_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"one")
    cache = StatCache(tmp_path / "hashes.sqlite")
    assert _hashed(path, cache) == (_sha(b"one"), True)
    assert _hashed(path, cache) == (_sha(b"one"), True)


def test_directories_use_the_cache_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _later(monkeypatch)
    top = tmp_path / "data"
    top.mkdir()
    for number in range(300):
        _old(top / str(number), str(number).encode())
    cache = StatCache(tmp_path / "hashes.sqlite")
    first = describe_input(top, cache=cache)
    steps: list[int] = []
    assert describe_input(top, cache=cache, progress=lambda done, _: steps.append(done)) == first
    assert steps[-1] == first.size
    _old(top / "7", b"new")
    assert describe_input(top, cache=cache).sha256 not in ("", first.sha256)
    assert describe_input(top, cache=cache) == describe_input(top)


@pytest.mark.parametrize("damage", [b"this is no database" * 100, b"", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_cache_starts_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    _later(monkeypatch)
    path = _old(tmp_path / "data", b"one")
    file = tmp_path / "hashes.sqlite"
    file.write_bytes(damage)
    cache = StatCache(file)
    assert _hashed(path, cache) == (_sha(b"one"), True)
    assert _hashed(path, cache) == (_sha(b"one"), False)


def test_a_cache_that_cannot_be_written_is_not_used(tmp_path: Path) -> None:
    path = _old(tmp_path / "data", b"one")
    (tmp_path / "file").touch()
    assert _hashed(path, StatCache(tmp_path / "file" / "hashes.sqlite")) == (_sha(b"one"), True)
    (tmp_path / "folder").mkdir()
    assert _hashed(path, StatCache(tmp_path / "folder")) == (_sha(b"one"), True)


def test_many_processes_share_a_cache(tmp_path: Path) -> None:
    top = tmp_path / "data"
    top.mkdir()
    for number in range(40):
        _old(top / str(number), str(number).encode())
    code = (
        "import sys, time; from gittrack.capture import inputs; now = time.time_ns;"
        "time.time_ns = lambda: now() + 10**10;"
        "print(inputs.describe_input(sys.argv[1], cache=inputs.StatCache(sys.argv[2])).sha256)"
    )
    command = [sys.executable, "-c", code, str(top), str(tmp_path / "hashes.sqlite")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    printed = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0] * 6
    assert printed == {describe_input(top).sha256}
