"""Raw trees against git itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gittrack.errors import DamagedRecord
from gittrack.git.process import run_git
from gittrack.git.repository import Repository, discover
from gittrack.git.tree import DIRECTORY, FILE, Entry, find_entry, parse_tree, put_entries, serialize

if TYPE_CHECKING:
    from pathlib import Path

NAMES = st.text("ab-.0/é~".replace("/", ""), min_size=1, max_size=4).filter(lambda name: name not in {".", ".."})
ENTRIES = st.dictionaries(
    NAMES, st.tuples(st.sampled_from([FILE, DIRECTORY, 0o120000]), st.binary(min_size=20, max_size=20)), max_size=12
)


def entries_of(chosen: dict[str, tuple[int, bytes]]) -> list[Entry]:
    return [Entry(mode, name.encode(), oid.hex()) for name, (mode, oid) in chosen.items()]


def of_git(repo: Repository, entries: list[Entry]) -> bytes:
    kinds = {DIRECTORY: "tree"}
    lines = b"".join(
        b"%06o %s %s\t%s\0" % (e.mode, kinds.get(e.mode, "blob").encode(), e.oid.encode(), e.name) for e in entries
    )
    tree = run_git(["mktree", "-z", "--missing"], repo=repo, stdin=lines).decode().strip()
    return run_git(["cat-file", "tree", tree], repo=repo)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder: Path = tmp_path_factory.mktemp("bare")
    run_git(["init", "-q", "--bare", str(folder)])
    return discover(folder)


@given(chosen=ENTRIES)
def test_the_order_is_that_of_git_mktree(bare: Repository, chosen: dict[str, tuple[int, bytes]]) -> None:
    entries = entries_of(chosen)
    raw = of_git(bare, entries)
    assert serialize(entries) == raw
    assert put_entries(b"", 20, entries) == raw
    assert serialize(parse_tree(raw, 20)) == raw


@given(old=ENTRIES, new=ENTRIES)
def test_putting_equals_making_the_whole(old: dict[str, tuple[int, bytes]], new: dict[str, tuple[int, bytes]]) -> None:
    whole = serialize(entries_of({**old, **new}))
    assert put_entries(serialize(entries_of(old)), 20, entries_of(new)) == whole
    one_by_one = serialize(entries_of(old))
    for entry in entries_of(new):
        one_by_one = put_entries(one_by_one, 20, (entry,))
        assert find_entry(one_by_one, 20, entry.name) == entry
    assert one_by_one == whole


def test_a_file_gives_way_to_a_directory_of_its_name() -> None:
    names = [b"a", b"a-b", b"a0"]
    raw = serialize(Entry(FILE, name, "00" * 32) for name in names)
    put = put_entries(raw, 32, (Entry(DIRECTORY, b"a", "11" * 32),))
    assert [entry.name for entry in parse_tree(put, 32)] == [b"a-b", b"a", b"a0"]
    assert find_entry(put, 32, b"b") is None


@pytest.mark.parametrize("raw", [b"100644 a", b"100644 a\0short", b"100644", b"rubbish a\0" + 20 * b"x", b"\0"])
def test_what_is_no_tree_is_damage(raw: bytes) -> None:
    with pytest.raises(DamagedRecord, match="git fsck"):
        parse_tree(raw, 20)
