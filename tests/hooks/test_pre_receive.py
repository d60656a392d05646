"""A bare repository takes in what the format allows, whole and only added, and refuses the rest by name."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gittrack.codec.paths import purged_file, rewrite_file, run_directory
from tests.conftest import run
from tests.share.conftest import Clone, Hub, id_of, run_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gittrack.git.branch import View
    from tests.conftest import Git, Gittrack, Result
    from tests.hooks.conftest import Stub


@pytest.fixture
def guarded(tmp_path: Path, git: Git, stub: Stub) -> Hub:
    """A bare repository with the hook."""
    hub = Hub(tmp_path, git)
    stub(hub.path, "pre-receive")
    return hub


@pytest.fixture
def clone(guarded: Hub) -> Clone:
    """A clone of it that has pushed two runs."""
    clone = guarded.clone("clone")
    clone.record("first")
    clone.record("second")
    clone.commit(lambda _: dict([rewrite_file("1" * 40, "2" * 40)]))
    assert clone.push().rejected == []
    return clone


def push(clone: Clone, *words: str) -> Result:
    return run(["git", "push", *words], cwd=clone.path)


def edited(clone: Clone, git: Git, edit: Callable[[Path], object]) -> Result:
    """Change the branch of runs by hand, as somebody without gittrack could, and push it."""
    tree = clone.path.parent / "by-hand"
    git("worktree", "add", "-q", str(tree), "gittrack/runs", cwd=clone.path)
    edit(tree)
    git("add", "-A", cwd=tree)
    git("commit", "-qm", "By hand", cwd=tree)
    return push(clone, "origin", "gittrack/runs")


FIRST = run_directory(id_of("first"))
REWRITE, _ = rewrite_file("1" * 40, "2" * 40)
RUN = f"run {id_of('first')[:8]}, '{FIRST}"


def write(path: str, text: str, mode: int = 0o644) -> Callable[[Path], None]:
    """What writes a file into a working tree."""

    def edit(tree: Path) -> None:
        place = tree / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    return edit


def remove(tree: Path) -> None:
    shutil.rmtree(tree / FIRST)


def purge(tree: Path) -> None:
    """Take a run away as a purge does, but on top of the history that has it."""
    remove(tree)
    path, content = purged_file(id_of("first"))
    write(path, content.decode())(tree)


def remove_mark(tree: Path) -> None:
    shutil.rmtree(tree / "rewrites")


REFUSALS = {
    "a run is gone": (remove, f"{RUN}': it is gone"),
    "a run is purged": (purge, f"{RUN}': it is gone"),
    "a mark is gone": (remove_mark, f"'{REWRITE}': it is gone"),
    "a record is changed": (write(f"{FIRST}/run.yaml", "status: failed\n"), f"{RUN}': run.yaml: "),
    "a file of no run": (write(f"{FIRST}/notes.txt", "x"), f"{RUN}': 'notes.txt': no file of that name belongs"),
    "a large output": (write(f"{FIRST}/output.log", "x" * (3 << 20)), f"{RUN}': 'output.log': it has 3145728 bytes"),
    "an executable": (write(f"{FIRST}/output.log", "x", 0o755), f"{RUN}': 'output.log': the mode is 100755"),
    "another folder": (write("README.txt", "x"), "'README.txt': nothing of that name"),
    "no format": (write("format.yaml", "x"), "the branch there is no branch of runs"),
    "a mark that is none": (write("purged/ab/x", "x"), "'purged/ab/x': it is no file of that folder"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_is_refused(clone: Clone, guarded: Hub, git: Git, what: str) -> None:
    edit, words = REFUSALS[what]
    before = guarded.tree()
    done = edited(clone, git, edit)
    assert done.code == 1
    assert f"remote: gittrack: refused: gittrack/runs: {words}" in done.err
    assert guarded.tree() == before


def test_runs_that_only_add_are_taken_in(clone: Clone, guarded: Hub) -> None:
    other = guarded.clone("other")
    other.record("third")
    clone.record("fourth")
    assert other.push().rejected == clone.push().rejected == []
    assert clone.tree() == guarded.tree()
    assert len(clone.names()) == 4


def test_both_of_two_contents_are_taken_in(clone: Clone, guarded: Hub) -> None:
    """A union may put a file that was committed into another place, and keeps it."""
    other = guarded.clone("other")
    for name in ("a", "b", "c", "d"):  # one of the two ids is the lesser, by chance: of four some go each way
        for here, skew in ((clone, 0.0), (other, 5.0)):
            here.commit(partial(files_of, name, skew))
    assert clone.push().rejected == []
    assert other.sync().rejected == []
    assert other.tree() == guarded.tree()


def files_of(name: str, skew: float, _: View | None) -> dict[str, bytes]:
    return run_files(id_of(name), name, skew=skew)


def test_a_record_that_is_changed_is_refused(clone: Clone, git: Git) -> None:
    """Also where the new bytes are in order by themselves."""
    [(path, data)] = files_of("first", 7.0, None).items()
    done = edited(clone, git, write(path, data.decode()))
    assert f"{RUN}/run.yaml': it has other bytes" in done.err


def test_an_inbox_is_checked_and_may_go(clone: Clone, guarded: Hub, git: Git, gittrack: Gittrack) -> None:
    other = guarded.clone("other")
    for here, name in ((clone, "one"), (other, "two")):
        here.record(name)
        assert gittrack("push", "--inbox", cwd=here.path).code == 0, name
    refs = git("for-each-ref", "--format=%(refname)", "refs/heads/gittrack/inbox", cwd=guarded.path).split()
    assert len(refs) == 2
    assert gittrack("sync", cwd=clone.path).code == 0
    assert git("for-each-ref", "refs/heads/gittrack/inbox", cwd=guarded.path) == ""
    edited(clone, git, write(f"{FIRST}/notes.txt", "x"))
    done = push(clone, "origin", "gittrack/runs:gittrack/inbox/mine")
    assert f"refused: gittrack/inbox/mine: {RUN}': 'notes.txt': no file of that name belongs" in done.err


def test_nothing_is_forced_or_deleted(clone: Clone, guarded: Hub, git: Git) -> None:
    git("update-ref", "refs/heads/gittrack/runs", "gittrack/runs~1", cwd=clone.path)
    assert "gittrack/runs: it is not on top of what is here" in push(clone, "--force", "origin", "gittrack/runs").err
    assert "gittrack/runs: it is not deleted here" in push(clone, "origin", ":gittrack/runs").err


def test_a_purge_is_let_through_where_that_is_allowed(clone: Clone, guarded: Hub, git: Git, gittrack: Gittrack) -> None:
    purge = gittrack("purge", id_of("first"), "--yes", cwd=clone.path)
    assert purge.code == 0, purge.err
    assert "it is not on top of what is here" in push(clone, "--force", "origin", "gittrack/runs").err
    git("config", "gittrack.allowPurge", "true", cwd=guarded.path)
    assert push(clone, "--force", "origin", "gittrack/runs").code == 0
    assert guarded.tree() == clone.tree()
    # What is not named as purged stays all the same.
    git("update-ref", "refs/heads/gittrack/runs", "gittrack/runs~1", cwd=clone.path)
    assert "it is gone" in push(clone, "--force", "origin", "gittrack/runs").err


def test_pins_are_pins(clone: Clone, guarded: Hub, git: Git) -> None:
    assert "refs/gittrack/code: " in push(clone, "origin", "main:refs/gittrack/code").err
    assert run(["git", "rev-parse", "-q", "--verify", "refs/gittrack/code"], cwd=guarded.path).out == ""


def test_other_refs_are_not_looked_at(clone: Clone, guarded: Hub, git: Git) -> None:
    git("commit", "-q", "--allow-empty", "-m", "Code", cwd=clone.path)
    assert push(clone, "origin", "main", "gittrack/runs:refs/heads/elsewhere", "--force").code == 0
    assert push(clone, "origin", ":elsewhere").code == 0


def test_the_wish_of_who_pushes_counts_for_nothing(clone: Clone, git: Git) -> None:
    tree = clone.path.parent / "by-hand"
    git("worktree", "add", "-q", str(tree), "gittrack/runs", cwd=clone.path)
    remove(tree)
    git("commit", "-qam", "By hand", cwd=tree)
    done = run(["git", "push", "origin", "gittrack/runs"], cwd=clone.path, env={"GITTRACK_HOOKS": "0"})
    assert "it is gone" in done.err
