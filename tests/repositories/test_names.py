"""Names: of the folder that holds the repository, and of what is in a run where case does not count."""

from __future__ import annotations

import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, RunPython
    from tests.repositories.conftest import Console, Cycle

NAMES = {
    "spaces": b" a  b ",
    "quotes": b'it\'s "so" $HOME `x` \\n',
    "not ASCII": "Übung 実験".encode(),
    "separators of Unicode": "a\u2028b\x85c\x0bd".encode(),
    "not UTF-8": b"caf\xe9 \xff",
    "newline": b"two\nlines",
    "newline at the end": b"end\n",
    "leading dash": b"-x",
    "glob": b"[a]*?",
    "percent and hash": b"100%25#1?x",
    "colon": b"a:b",
}


@pytest.fixture
def named(repo: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The repository below a folder of that name."""
    folder = tmp_path / os.fsdecode(request.param)
    folder.mkdir()
    return repo.rename(folder / "repo")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
@pytest.mark.parametrize("named", NAMES.values(), ids=NAMES, indirect=True)
def test_repository_path(named: Path, cycle: Cycle) -> None:
    cycle(named)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
@pytest.mark.parametrize("name", [NAMES["not UTF-8"], NAMES["newline"]], ids=["not UTF-8", "newline"])
def test_where_it_runs(repo: Path, console: Console, cycle: Cycle, name: bytes) -> None:
    """The folder in the repository in which somebody works, and a branch, of such a name."""
    below = repo / os.fsdecode(name)
    below.mkdir()
    cycle(below)


def test_branch_of_bytes(repo: Path, git: Git, cycle: Cycle) -> None:
    git("checkout", "-q", "-b", os.fsdecode(b"caf\xe9"), cwd=repo)
    cycle(repo, branch="caf\\xe9")


CLASHING = """
    import gittrack
    with gittrack.start_run("clash"):
        for name in ("loss", "Loss", "LOSS", "a/Loss", "a/loss"):
            gittrack.log_metric(name, len(name) + ord(name[0]), 0)
        for path in (
            "notes.txt", "Notes.txt", "Dir/a.txt", "dir/A.txt", "dir/b.txt", "straße.txt", "STRASSE.txt", "DIR/b.txt/x"
        ):
            gittrack.log_text(path, path)
"""


def test_names_that_differ_in_case(repo: Path, git: Git, run_python: RunPython, console: Console) -> None:
    """No two paths of the branch are one where case does not count, however deep: a checkout loses nothing."""
    done = run_python(CLASHING, cwd=repo)
    assert (done.code, done.err) == (0, "")
    paths = git("ls-tree", "-r", "-z", "--name-only", "gittrack/runs", cwd=repo).split("\0")[:-1]
    folded = Counter(path.casefold() for path in paths)
    assert {path for path, count in folded.items() if count > 1} == set()
    assert "all is well" in console.read(["check"], repo)


def test_artifacts_that_differ_in_case_are_read_back(repo: Path, run_python: RunPython) -> None:
    """Each by the path that it was logged under, on the branch and from a clone."""
    run_python(CLASHING, cwd=repo)
    done = run_python(
        """
        import gittrack
        (run,) = gittrack.search_runs()
        for artifact in run.artifacts:
            assert run.artifact(artifact.path).decode() == artifact.path
        print(len(run.artifacts))
        """,
        cwd=repo,
    )
    assert (done.code, done.out) == (0, "8\n"), done.err
