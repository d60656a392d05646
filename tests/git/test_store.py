"""Objects: whatever is synced is whole, is what git reads, and survives what others do meanwhile."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.errors import StorageError
from gittrack.git import packs, store
from gittrack.git.durable import Sharing, parse_sharing
from gittrack.git.process import run_git
from gittrack.git.repository import Repository, discover
from gittrack.git.store import MissingObject, ObjectStore

if TYPE_CHECKING:
    from tests.conftest import Git, RunPython

OLD = 1_600_000_000


def loose(known: Repository, oid: str) -> Path:
    return Path(known.objects_dir, oid[:2], oid[2:])


def leftovers(known: Repository) -> list[str]:
    return [name for _, _, names in os.walk(known.objects_dir) for name in names if name.startswith("tmp_")]


def written(known: Repository, data: bytes) -> str:
    with ObjectStore(known) as objects:
        oid = objects.write("blob", data)
        objects.sync()
        objects.confirm()
    return oid


@pytest.fixture(params=["sha1", "sha256"])
def known(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    run_git(["init", "-q", f"--object-format={request.param}", str(tmp_path / "objects ü")])
    return discover(tmp_path / "objects ü")


@pytest.mark.parametrize("count", [3, store.PACK_FROM])
def test_git_reads_what_is_written_and_ids_agree(known: Repository, count: int) -> None:
    contents = [b"", b"\0binary\xff" * 1000, *(b"%d" % number for number in range(count - 2))]
    with ObjectStore(known) as objects:
        oids = [objects.write("blob", content) for content in contents]
        assert [objects.read(oid) for oid in oids] == [("blob", content) for content in contents]
        assert not loose(known, oids[0]).exists()  # nothing is visible before it is durable
        objects.sync()
        objects.confirm()
    for oid, content in zip(oids[:3], contents, strict=False):
        assert run_git(["cat-file", "blob", oid], repo=known) == content
        assert run_git(["hash-object", "--stdin"], repo=known, stdin=content).decode().strip() == oid
    assert loose(known, oids[0]).exists() == (count < store.PACK_FROM)
    assert run_git(["fsck", "--strict", "--no-dangling"], repo=known) == b""
    assert leftovers(known) == []
    assert ObjectStore(known).read(oids[1]) == ("blob", contents[1])


def test_an_object_that_is_there_is_not_written_again(known: Repository) -> None:
    oid = written(known, b"content")
    inode = loose(known, oid).stat().st_ino
    written(known, b"content")
    assert loose(known, oid).stat().st_ino == inode
    assert stat.S_IMODE(loose(known, oid).stat().st_mode) == 0o444


def test_a_packed_object_is_found_and_not_written_again(known: Repository) -> None:
    oid = written(known, b"content")
    run_git(["update-ref", "refs/tags/keep", oid], repo=known)
    run_git(["repack", "-adq"], repo=known)
    assert not loose(known, oid).exists()
    assert ObjectStore(known).read(oid) == ("blob", b"content")
    written(known, b"content")
    assert not loose(known, oid).exists()


def test_an_old_object_is_made_young_so_that_git_does_not_prune_it(known: Repository) -> None:
    oid = written(known, b"content")
    os.utime(loose(known, oid), (OLD, OLD))
    written(known, b"content")
    run_git(["prune", "--expire=1.day.ago"], repo=known)
    assert loose(known, oid).exists()


def test_packs_that_come_and_go_are_followed(known: Repository) -> None:
    oids = []
    for content in (b"one", b"two", b"three"):
        oids.append(written(known, content))
        run_git(["update-ref", f"refs/tags/{content.decode()}", oids[-1]], repo=known)
        run_git(["repack", "-adq"], repo=known)
        assert [ObjectStore(known).read(oid)[1] for oid in oids] == [b"one", b"two", b"three"][: len(oids)]


def test_alternates_are_read(known: Repository, tmp_path: Path) -> None:
    oid = written(known, b"content")
    run_git(["update-ref", "refs/tags/keep", oid], repo=known)
    run_git(["clone", "-q", "--bare", "--shared", known.common_dir, str(tmp_path / "second")])
    run_git(["clone", "-q", "--bare", "--shared", str(tmp_path / "second"), str(tmp_path / "third")])
    third = discover(tmp_path / "third")
    assert ObjectStore(third).read(oid) == ("blob", b"content")
    run_git(["repack", "-adq"], repo=known)
    packs.close_packs()
    assert ObjectStore(third).read(oid) == ("blob", b"content")


def test_a_missing_and_a_damaged_object(known: Repository) -> None:
    with pytest.raises(MissingObject, match="git fsck"):
        ObjectStore(known).read("1" * 2 * known.hash_len)
    oid = written(known, b"content")
    loose(known, oid).chmod(0o644)
    loose(known, oid).write_bytes(b"rubbish")
    with pytest.raises(StorageError, match="damaged"):
        ObjectStore(known).read(oid)


def test_a_large_file_is_streamed(known: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_STREAM_FROM", 1000)
    monkeypatch.setattr(store, "_CHUNK", 300)
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"s" * 999)
    large.write_bytes(bytes(range(256)) * 10)
    with ObjectStore(known) as objects:
        oids = [objects.write_blob_from(path) for path in (small, large, large)]
        objects.sync()
        objects.confirm()
    assert oids[1] == oids[2]
    assert run_git(["cat-file", "blob", oids[0]], repo=known) == small.read_bytes()
    assert run_git(["cat-file", "blob", oids[1]], repo=known) == large.read_bytes()
    assert leftovers(known) == []


def test_a_file_that_is_not_there(known: Repository, tmp_path: Path) -> None:
    with ObjectStore(known) as objects, pytest.raises(StorageError, match="gone could not be"):
        objects.write_blob_from(tmp_path / "gone")


def test_many_large_blobs_do_not_pile_up_in_memory(known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_BUFFER_LIMIT", 1000)
    with ObjectStore(known) as objects:
        first = objects.write("blob", b"a" * 600)
        assert not loose(known, first).exists()
        objects.write("blob", b"b" * 600)
        assert loose(known, first).exists()


def test_what_is_swept_away_before_the_ref_moved_comes_back(known: Repository, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"from a file")
    with ObjectStore(known) as objects:
        oids = [objects.write("blob", b"content"), objects.write_blob_from(tmp_path / "file")]
        objects.sync()
        run_git(["prune", "--expire=now"], repo=known)
        assert not loose(known, oids[0]).exists()
        objects.confirm()
    assert [ObjectStore(known).read(oid)[1] for oid in oids] == [b"content", b"from a file"]


def test_a_shielded_batch_survives_the_hardest_gc(known: Repository) -> None:
    with ObjectStore(known) as objects:
        oid = objects.write("blob", b"content")
        objects.sync()
        objects.shield()
        run_git(["gc", "-q", "--prune=now"], repo=known)
        assert not loose(known, oid).exists()
        assert run_git(["cat-file", "blob", oid], repo=known) == b"content"
    run_git(["gc", "-q", "--prune=now"], repo=known)  # shielded no longer
    assert not list(Path(known.objects_dir, "pack").iterdir())


def test_files_of_a_killed_writer_do_no_harm(known: Repository) -> None:
    oid = written(known, b"other")
    stale = loose(known, oid).parent / "tmp_obj_0123456789ab"
    stale.write_bytes(b"half")
    loose(known, oid).unlink()
    (loose(known, oid).parent / f"{oid[2:]}.lock").touch()  # what dulwich would leave
    written(known, b"other")
    assert run_git(["fsck", "--strict", "--no-dangling"], repo=known) == b""
    assert loose(known, oid).exists()
    os.utime(stale, (OLD, OLD))
    run_git(["prune", "--expire=1.day.ago"], repo=known)
    assert not stale.exists()


def test_every_file_and_directory_is_fsynced_before_its_name_or_before_sync_returns(
    known: Repository, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.replace

    def watched_rename(old: str, new: str) -> None:
        synced.append("rename")
        rename(old, new)

    monkeypatch.setattr(os, "replace", watched_rename)
    with ObjectStore(known) as objects:
        oids = [objects.write("blob", b"%d" % number) for number in range(2)]
        objects.sync()
    names = [os.path.basename(path)[:8] for path in synced[:4]]
    assert names == ["tmp_obj_", "tmp_obj_", "rename", "rename"]
    assert set(synced[4:]) == {known.objects_dir, *(f"{known.objects_dir}/{oid[:2]}" for oid in oids)}


@pytest.mark.parametrize(
    ("code", "sentence"),
    [(errno.ENOSPC, "^the disk is full"), (errno.EROFS, "^cannot write to .*objects"), (errno.EIO, "check the disk")],
)
def test_a_disk_that_refuses_is_one_sentence_and_leaves_nothing(
    known: Repository, monkeypatch: pytest.MonkeyPatch, code: int, sentence: str
) -> None:
    real = os.write
    calls = iter(range(100))

    def write(fd: int, data: bytes) -> int:
        if next(calls) >= 2:
            raise OSError(code, os.strerror(code))
        return real(fd, data)

    with ObjectStore(known) as objects:
        oids = [objects.write("blob", b"%d" % number) for number in range(4)]
        monkeypatch.setattr(os, "write", write)
        with pytest.raises(StorageError, match=sentence):
            objects.sync()
    assert leftovers(known) == []
    assert not any(loose(known, oid).exists() for oid in oids)


def test_a_file_in_the_place_of_a_directory_is_one_sentence(known: Repository) -> None:
    with ObjectStore(known) as objects:
        oid = objects.write("blob", b"content")
        loose(known, oid).parent.write_text("in the way")
        with pytest.raises(StorageError, match="could not be written"):
            objects.sync()


def test_partial_writes_are_completed(known: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    oid = written(known, os.urandom(100))
    assert run_git(["cat-file", "-s", oid], repo=known) == b"100\n"


@pytest.mark.parametrize(
    ("word", "sharing"),
    [
        ("group", Sharing(0o660)),
        ("True", Sharing(0o660)),
        ("everybody", Sharing(0o664)),
        ("0640", Sharing(0o640, exact=True)),
        ("umask", None),
        ("nonsense", None),
    ],
)
def test_the_values_of_shared_repository(word: str, sharing: Sharing | None) -> None:
    assert parse_sharing(word) == sharing


@pytest.mark.parametrize("shared", ["group", "all", "0640"])
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_modes_of_a_shared_repository_are_gits(tmp_path: Path, shared: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        run_git(["init", "-q", "--bare", f"--shared={shared}", str(tmp_path / "shared")])
        known = discover(tmp_path / "shared")
        ours = loose(known, written(known, b"ours"))
        theirs = loose(known, run_git(["hash-object", "-w", "--stdin"], repo=known, stdin=b"theirs").decode().strip())
    finally:
        os.umask(before)
    assert oct(ours.stat().st_mode) == oct(theirs.stat().st_mode)
    assert oct(ours.parent.stat().st_mode) == oct(theirs.parent.stat().st_mode)


def test_a_forked_child_opens_its_own_packs_and_nothing_warns(repo: Path, run_python: RunPython) -> None:
    run_git(["gc", "-q"], repo=discover(repo))
    result = run_python(
        """
        import os, warnings
        warnings.simplefilter("error")
        from gittrack.git import refs, repository, store
        known = repository.discover()
        tip = refs.read_ref(known, "refs/heads/main")
        store.ObjectStore(known).read(tip)
        child = os.fork()
        assert store.ObjectStore(known).read(tip)[0] == "commit"
        if child:
            assert os.waitpid(child, 0)[1] == 0
            print("read")
        """
    )
    assert (result.code, result.out, result.err) == (0, "read\n", "")


def test_writers_of_the_same_objects_do_not_disturb_each_other(repo: Path) -> None:
    code = (
        "from gittrack.git import repository, store\n"
        "known = repository.discover()\n"
        "for turn in range(20):\n"
        "    with store.ObjectStore(known) as objects:\n"
        "        for number in range(5):\n"
        "            objects.write('blob', b'%d %d' % (turn, number))\n"
        "        objects.sync()\n"
        "        objects.confirm()\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code], cwd=repo) for _ in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    known = discover(repo)
    assert run_git(["fsck", "--strict", "--no-dangling"], repo=known) == b""
    assert len(run_git(["cat-file", "--batch-all-objects", "--batch-check"], repo=known).splitlines()) == 103
    assert leftovers(known) == []


def test_an_object_of_a_partial_clone_is_fetched_by_git(repo: Path, git: Git, tmp_path: Path) -> None:
    git("config", "uploadpack.allowFilter", "true", cwd=repo)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=repo)
    git("clone", "-q", "--bare", "--filter=blob:none", f"file://{repo}", str(tmp_path / "partial"))
    oid = git("rev-parse", "HEAD:train.py", cwd=repo).strip()
    known = replace(discover(tmp_path / "partial"))
    assert ObjectStore(known).read(oid) == ("blob", (repo / "train.py").read_bytes())
