"""`gittrack check` on what only the history tells: pins, and commits that changed what never changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack

RUNS = "refs/heads/gittrack/runs"
CODE = "refs/gittrack/code"
EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Pins:
    """Chains of pins in a repository, whole or not."""

    def __init__(self, git: Git, repo: Path) -> None:
        self.git = git
        self.objects = repo / ".git" / "objects"
        git("hash-object", "-t", "tree", "-w", "/dev/null")

    def commit(self, *parents: str, tree: str = EMPTY) -> str:
        """A commit object that no branch has."""
        words = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", tree, *words, "-m", "pin").strip()

    def user_commit(self, text: str) -> str:
        """A commit with one file, such as a user's code."""
        blob = self.git("hash-object", "-w", "--stdin", input=text).strip()
        return self.commit(tree=self.git("mktree", input=f"100644 blob {blob}\tcode.py\n").strip())

    def point(self, oid: str, ref: str = CODE) -> None:
        self.git("update-ref", ref, oid)

    def lose(self, oid: str) -> None:
        (self.objects / oid[:2] / oid[2:]).unlink()


@pytest.fixture
def pins(recorded: Path, git: Git) -> Pins:
    return Pins(git, recorded)


def problems(gittrack: Gittrack) -> list[tuple[str | None, str | None, str]]:
    """(run, path or ref, problem) of all that the check finds; its exit code must say the same."""
    result = gittrack("check", "--json")
    found = json.loads(result.out)["problems"]
    assert (result.code, result.err) == (int(bool(found)), "")
    return [(item["run"], item["path"], item["problem"]) for item in found]


def whole_chain(pins: Pins) -> str:
    """Three pins, the middle one a merge of two chains, of ordinary and of empty commits."""
    first = pins.commit(pins.user_commit("a"))
    other = pins.commit(pins.commit(first, pins.user_commit("b")), pins.commit(pins.commit()))
    return pins.commit(pins.commit(first, other), pins.user_commit("c"))


def test_whole_chains_are_fine(pins: Pins, gittrack: Gittrack) -> None:
    pins.point(whole_chain(pins))
    pins.point(whole_chain(pins), "refs/gittrack/snapshots")
    pins.git("pack-refs", "--all")

    assert problems(gittrack) == []


def _no_pin(pins: Pins) -> str:
    return pins.user_commit("a")


def _no_parents(pins: Pins) -> str:
    return pins.commit()


def _three_parents(pins: Pins) -> str:
    return pins.commit(*(pins.user_commit(text) for text in "abc"))


def _no_pin_before_it(pins: Pins) -> str:
    return pins.commit(pins.user_commit("a"), pins.user_commit("b"))


def _no_pinned_commit(pins: Pins) -> str:
    commit = pins.user_commit("a")
    tip = pins.commit(pins.commit(pins.user_commit("b")), commit)
    pins.lose(commit)
    return tip


def _no_previous_pin(pins: Pins) -> str:
    previous = pins.commit(pins.user_commit("a"))
    tip = pins.commit(previous, pins.user_commit("b"))
    pins.lose(previous)
    return tip


def _no_file_of_the_pinned_commit(pins: Pins) -> str:
    commit = pins.user_commit("precious")
    tip = pins.commit(commit)
    pins.lose(pins.git("rev-parse", f"{commit}:code.py").strip())
    return tip


BROKEN: dict[Callable[[Pins], str], str] = {
    _no_pin: "is no pin: it has files",
    _no_parents: "is no pin: it has 0 parents",
    _three_parents: "is no pin: it has 3 parents",
    _no_pin_before_it: "is no pin: it has files",
    _no_pinned_commit: "the pinned commit",
    _no_previous_pin: "the pin",
    _no_file_of_the_pinned_commit: "1 objects of what it pins are missing",
}


@pytest.mark.parametrize("make", BROKEN)
def test_a_chain_that_is_not_whole(pins: Pins, gittrack: Gittrack, make: Callable[[Pins], str]) -> None:
    pins.point(make(pins))

    ((run, ref, problem),) = problems(gittrack)

    assert (run, ref) == (None, CODE)
    assert BROKEN[make] in problem


@pytest.mark.parametrize("content", ["", "nonsense\n", "ref: refs/gittrack/code\n"])
def test_a_ref_of_pins_that_is_damaged(pins: Pins, recorded: Path, gittrack: Gittrack, content: str) -> None:
    pins.point(whole_chain(pins))
    (recorded / ".git" / CODE).write_text(content)

    ((_, ref, problem),) = problems(gittrack)

    assert ref == CODE
    assert CODE in problem


def test_a_pin_of_what_a_shallow_clone_lacks_is_fine(pins: Pins, gittrack: Gittrack, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    pins.git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{pins.objects.parent}", clone)
    pins.git("commit", "-q", "--allow-empty", "-m", "more", cwd=clone)
    pins.point(whole_chain(pins))
    pins.git("fetch", "-q", "--depth=1", "origin", f"+{CODE}:{CODE}", cwd=clone)

    assert gittrack("check", cwd=clone).code == 0


def files_of(git: Git, number: int) -> tuple[str, str]:
    """The id and the folder of one of the three runs."""
    folders = {path.rpartition("/")[0] for path in git("ls-tree", "-r", "--name-only", RUNS, "runs").split()}
    folder = sorted(folder for folder in folders if folder.count("/") == 2)[number]
    return folder.rpartition("/")[2], folder


def commit(git: Git, *changes: str) -> None:
    head = f"commit {RUNS}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {RUNS}^0\n"
    git("fast-import", "--quiet", "--force", input=head + "".join(changes))


@pytest.mark.usefixtures("recorded")
def test_a_run_that_was_taken_away_by_hand(git: Git, gittrack: Gittrack) -> None:
    run_id, folder = files_of(git, 0)
    commit(git, f"D {folder}\n")

    ((run, _, problem),) = problems(gittrack)

    assert run == run_id
    assert "removed 5 of its files (" in problem
    assert git("rev-parse", RUNS)[:12] in problem


@pytest.mark.usefixtures("recorded")
def test_a_file_that_was_changed_by_hand_and_is_sound(git: Git, gittrack: Gittrack) -> None:
    run_id, folder = files_of(git, 1)
    before = git("show", f"{RUNS}:{folder}/run.yaml")
    commit(git, f"M 100644 inline {folder}/run.yaml\ndata {len(before) + 2}\n{before}#\n\n")

    ((run, path, problem),) = problems(gittrack)

    assert (run, path) == (run_id, f"{folder}/run.yaml")
    assert "changed 1 of its files (run.yaml), and what is committed never changes" in problem

    commit(git, f"M 100644 inline {folder}/run.yaml\ndata {len(before)}\n{before}\n")
    assert problems(gittrack) == [], "it was put back"


@pytest.mark.usefixtures("recorded")
def test_a_merge_that_dropped_the_other_side(git: Git, gittrack: Gittrack) -> None:
    git("update-ref", "refs/heads/other", f"{RUNS}~1")
    commit(git, "M 100644 inline runs/note\ndata 1\nx\n", "D runs/note\n")
    merged = git("commit-tree", f"{RUNS}~1^{{tree}}", "-p", RUNS, "-p", "other", "-m", "merge").strip()
    last = git("rev-parse", f"{RUNS}~1").strip()
    git("update-ref", RUNS, git("commit-tree", f"{last}~1^{{tree}}", "-p", merged, "-m", "x").strip())

    found = problems(gittrack)

    assert any("removed 5 of its files" in problem for _, _, problem in found), found


@pytest.mark.usefixtures("recorded")
def test_a_merge_of_two_clones_is_fine(git: Git, gittrack: Gittrack) -> None:
    tip = git("rev-parse", RUNS).strip()
    git("update-ref", RUNS, f"{tip}~1")
    assert gittrack("tag", "grid-0", "a=b").code == 0
    git("worktree", "add", "-q", "../merging", "gittrack/runs")
    git("merge", "-q", "-m", "merge", tip, cwd="../merging")

    assert problems(gittrack) == []
