"""Clones that exchange their runs in any order hold the same tree, and nothing that anybody recorded is missing."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from gittrack.catalog import open_catalog
from gittrack.check import check
from gittrack.codec.paths import run_directory
from gittrack.git.tree import FILE, Entry
from gittrack.model import Note, Record
from gittrack.share.folder import united
from tests.share.conftest import START, git_out, run_files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.share.conftest import Clone, Hub

YEAR = 365 * 86400.0


def act(chance: random.Random, clones: list[Clone], clone: Clone, step: int) -> None:
    """One thing that somebody does in a clone."""
    runs = sorted({path.split("/")[2] for path, _ in clone.files() if path.startswith("runs/")})
    choice = chance.randrange(7)
    if choice <= 1 or not runs:
        clone.record(f"run-{step}", skew=chance.uniform(-3, 3) * YEAR)
    elif choice == 2:
        clone.say(chance.choice(runs), Record(tags={"t": str(chance.randrange(3))}))
    elif choice == 3:
        clone.say(chance.choice(runs), Record(notes=(Note(f"note {step}", START, None),)))
    elif choice == 4:
        clone.say(chance.choice(runs), Record(deleted=chance.random() < 0.5))
    elif choice == 5:
        clone.sync()
    else:
        other = chance.choice(clones)
        if other is not clone and other.tip() is not None:
            clone.pull(str(other.path))


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_exchange_ends_in_the_same_tree(hub: Hub, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    clones = [hub.clone(f"clone-{number}") for number in range(2 + seed % 5)]
    said: set[tuple[str, str]] = set()
    for step in range(8 * len(clones)):
        clone = chance.choice(clones)
        act(chance, clones, clone, step)
        said |= clone.files()

    for clone in (*clones, *clones):
        clone.sync()

    assert {clone.tree() for clone in clones} == {hub.tree()}
    assert clones[0].files() == said
    assert len({tuple(clone.names()) for clone in clones}) == 1
    git_out(hub.path, "fsck", "--strict")


def test_unrelated_histories_are_united_from_both_sides_alike(hub: Hub) -> None:
    one, two = hub.clone("one"), hub.clone("two")
    one.record("first")
    two.record("second")

    one.pull(str(two.path))
    before = two.tip()
    git_out(one.path, "update-ref", "refs/heads/kept", "gittrack/runs~1")
    two.pull(str(one.path))

    assert one.tree() == two.tree()
    assert one.names() == two.names() == ["first", "second"]
    assert len(git_out(one.path, "rev-list", "--parents", "-1", "gittrack/runs").split()) == 3
    assert two.tip() != before
    assert one.pull(str(two.path)).received.news.new == set()
    assert one.tip() == two.tip()


def test_plain_git_merge_makes_the_same_tree(hub: Hub) -> None:
    one, two = hub.clone("one"), hub.clone("two")
    one.record("first")
    one.push()
    two.pull()
    one.record("second")
    two.record("third")
    git_out(two.path, "worktree", "add", "-q", "../runs", "gittrack/runs")
    git_out(two.path / "../runs", "fetch", "-q", str(one.path), "gittrack/runs")
    git_out(two.path / "../runs", "merge", "-q", "-m", "by hand", "FETCH_HEAD")

    tree = two.tree()
    git_out(two.path, "worktree", "remove", "../runs")
    one.pull(str(two.path))

    assert one.tree() == tree
    assert one.names() == ["first", "second", "third"]


def test_other_bytes_at_one_path_are_both_kept_and_reported(hub: Hub) -> None:
    one, two, three = hub.clone("one"), hub.clone("two"), hub.clone("three")
    run_id = one.record("first")
    path = f"{run_directory(run_id)}/output.log"
    for number, clone in enumerate((one, two, three)):
        files = {**run_files(run_id, "first"), path: b"%d\n" % number}
        clone.commit(lambda _, files=files: files)  # type: ignore[misc]

    news = one.pull(str(two.path)).received.news
    assert len(news.conflicts) == 1
    one.pull(str(three.path))
    three.pull(str(two.path))
    three.pull(str(one.path))
    two.pull(str(three.path))

    assert one.tree() == two.tree() == three.tree()
    found = {git_out(one.path, "cat-file", "blob", oid) for name, oid in one.files() if name.endswith("output.log")}
    assert found == {"0", "1", "2"}
    with open_catalog(one.path) as catalog:
        assert [run.name for run in catalog.runs()] == ["first"]
    problems = check(one.project).problems
    assert [finding.path.rpartition("/")[2] for finding in problems if "both are kept" in finding.sentence] == [
        "output.log",
        "output.log",
    ]


def entry(number: int) -> Entry:
    return Entry(FILE, b"", f"{number:040x}")


@pytest.mark.parametrize("seed", range(50))
def test_folders_of_a_run_are_united_as_sets(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    paths = ["a", "b", "a/b", "a/b/c", "b/c", "A/c", "B/C", "a/B"]

    def some() -> dict[str, Entry]:
        return united({chance.choice(paths): entry(chance.randrange(4)) for _ in range(3)}, {})

    def plain(files: dict[str, Entry]) -> dict[str, tuple[int, str]]:
        return {path: (e.mode, e.oid) for path, e in files.items()}

    a, b, c = some(), some(), some()
    assert plain(united(a, b)) == plain(united(b, a))
    assert plain(united(united(a, b), c)) == plain(united(a, united(b, c)))
    assert plain(united(a, a)) == plain(a)
    together = united(united(a, b), c)
    assert {e.oid for e in together.values()} == {e.oid for files in (a, b, c) for e in files.values()}
    assert not any(other.startswith(f"{path}/") for path in together for other in together)
    assert len({path.lower() for path in together}) == len(together)


def test_files_that_some_disks_take_for_one_are_kept_apart() -> None:
    one = {"artifacts/Plot.png": entry(1), "artifacts/x/a.txt": entry(2)}
    two = {"artifacts/plot.png": entry(3), "artifacts/X/b.txt": entry(4)}

    together = united(one, two)

    assert together == united(two, one)
    assert together == united(together, two)
    aside = {f"conflicts/{entry(2).oid}/3/artifacts/x/a.txt", f"conflicts/{entry(3).oid}/2/artifacts/plot.png"}
    assert together.keys() == {"artifacts/Plot.png", "artifacts/X/b.txt", *aside}


def test_index_and_files_and_head_stay(hub: Hub) -> None:
    one, two = hub.clone("one"), hub.clone("two")
    one.record("first")
    one.push()
    two.record("second")
    (two.path / "train.py").write_text("changed\n")
    (two.path / "new.txt").write_text("new\n")

    def state() -> tuple[bytes, bytes, str, str]:
        index, head = (two.path / ".git/index").read_bytes(), (two.path / ".git/HEAD").read_bytes()
        return index, head, git_out(two.path, "status", "--porcelain"), (two.path / ".git/config").read_text()

    before = state()
    two.sync()

    assert state() == before
    assert two.names() == ["first", "second"]
    refs = git_out(two.path, "for-each-ref", "--format=%(refname)").split()
    assert not [ref for ref in refs if "incoming" in ref]


def test_the_frame_is_that_of_the_side_that_is_ahead(hub: Hub, tmp_path: Path) -> None:
    one, two = hub.clone("one"), hub.clone("two")
    one.record("first")
    two.record("second")
    git_out(two.path, "worktree", "add", "-q", str(tmp_path / "runs"), "gittrack/runs")
    (tmp_path / "runs" / "README.md").write_text("another text\n")
    git_out(tmp_path / "runs", "commit", "-qam", "Another README")

    one.pull(str(two.path))
    readme = dict(one.files())["README.md"]
    two.pull(str(one.path))

    assert one.tree() == two.tree()
    assert readme == dict(two.files())["README.md"]
