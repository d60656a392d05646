"""`gittrack check`: every kind of damage is planted, found with its run named, and hides no other run."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gittrack.codec.paths import later_stem, pointer, run_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

REF = "refs/heads/gittrack/runs"
RECORD_RUNS = """
    import gittrack

    for number in range(3):
        with gittrack.start_run(f"grid-{number}", params={"lr": 0.1}) as run:
            for step in range(5):
                run.log_metric("loss", 1 / (step + 1 + number), step)
            run.log_metric("odd", float("nan"))
            run.log_metric("odd", -0.0)
            run.log_text(f"hell{number}", "notes/hello.txt")
            run.log_text(f"{number}" * 150_000, "large.txt")
            gittrack.flush()
"""


@dataclass(frozen=True, slots=True)
class Branch:
    """Three runs that were recorded, and the means to damage the second one, `id`."""

    repo: Path
    git: Git
    gittrack: Gittrack
    ids: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.ids[1]

    @property
    def folder(self) -> str:
        return run_directory(self.id)

    def content(self, path: str) -> str:
        return self.git("show", f"{REF}:{self.folder}/{path}")

    def plant(self, files: Mapping[str, str | None], mode: str = "100644") -> None:
        """Commit files below the run's folder, or with a leading slash below the top; None removes one."""
        lines = [f"commit {REF}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\nfrom {REF}^0\n"]
        for name, text in files.items():
            path = name[1:] if name.startswith("/") else f"{self.folder}/{name}"
            if text is None:
                lines.append(f"D {path}\n")
            else:
                lines.append(f"M {mode} inline {path}\ndata {len(text.encode())}\n{text}\n")
        self.git("fast-import", "--quiet", "--force", input="".join(lines))

    def object(self, path: str) -> Path:
        """The loose file of an object below the run's folder."""
        oid = self.git("rev-parse", f"{REF}:{self.folder}/{path}".removesuffix("/")).strip()
        return self.repo / ".git" / "objects" / oid[:2] / oid[2:]

    def large(self) -> Path:
        sha256 = hashlib.sha256(b"1" * 150_000).hexdigest()
        return self.repo / ".git" / "lfs" / "objects" / sha256[:2] / sha256[2:4] / sha256

    def count(self) -> int:
        """How many files the runs have."""
        return len(self.git("ls-tree", "-r", "--name-only", REF, "runs/").splitlines())

    def check(self, *args: str, code: int = 1) -> list[tuple[str | None, str]]:
        """(run, path below its folder and problem) of everything that is found."""
        result = self.gittrack("check", "--json", *args)
        assert (result.code, result.err) == (code, ""), result.out
        return [
            (found["run"], f"{(found['path'] or '').removeprefix(self.folder + '/')}: {found['problem']}")
            for found in json.loads(result.out)["problems"]
        ]

    def listed(self) -> set[str]:
        result = self.gittrack("log", "--json")
        assert result.code == 0, result.err
        return {run["name"] for run in json.loads(result.out)}


@pytest.fixture
def branch(repo: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> Branch:
    result = run_python(RECORD_RUNS)
    assert result.code == 0, result.err
    runs = json.loads(gittrack("log", "--json").out)
    return Branch(repo, git, gittrack, tuple(run["id"] for run in sorted(runs, key=lambda run: str(run["name"]))))


def picture(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a repository with its mode and content, but not the index, which may be refreshed."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("index.sqlite")
    }


def test_a_clean_repository(branch: Branch) -> None:
    for words in (("tag", "grid-0", "a=b"), ("note", "grid-1", "good"), ("rm", "grid-2"), ("restore", "grid-2")):
        assert branch.gittrack(*words).code == 0
    before = picture(branch.repo)

    result = branch.gittrack("check")

    assert (result.code, result.err) == (0, "")
    assert result.out == f"checked 3 runs, {branch.count()} files: all is well\n"
    assert picture(branch.repo) == before


def test_packed_and_after_gc(branch: Branch) -> None:
    branch.git("gc", "-q")

    assert branch.check(code=0) == []


@pytest.mark.usefixtures("repo")
def test_no_runs_yet(gittrack: Gittrack) -> None:
    result = gittrack("check")

    assert (result.code, result.out, result.err) == (0, "checked 0 runs, 0 files: all is well\n", "")


def test_a_resumed_run_is_whole(branch: Branch, run_python: RunPython) -> None:
    resumed = run_python(f"""
        import gittrack

        with gittrack.start_run(run_id={branch.id!r}) as run:
            run.log_metric("loss", 0.01, 9)
            run.log_text("again", "notes/more.txt")
    """)
    assert resumed.code == 0, resumed.err

    assert branch.check(code=0) == []


FORGED = "status: finished\n"
PLANTED: dict[str, tuple[dict[str, str | None], str]] = {
    "no YAML": ({"run.yaml": "id: [\n"}, "run.yaml is not valid YAML"),
    "the record of another run": ({"run.yaml": f"id: {'a' * 32}\n"}, "run.yaml"),
    "no record": ({"run.yaml": None}, "run.yaml: it is missing"),
    "a forged hash": ({f"later/00000001-{'0' * 16}.yaml": FORGED}, "is not that of its content"),
    "a short number": ({f"later/1-{'0' * 16}.yaml": FORGED}, "no file of that name"),
    "a later record of nonsense": (
        {f"{later_stem(1, b'tags: 5')}.yaml": "tags: 5"},
        "later/00000001-",
    ),
    "a history that is gone": ({"metrics/loss.tsv": None}, "metrics/loss.tsv: a record mentions it"),
    "a history cut short": (
        {"metrics/loss.tsv": "step\tseconds\tvalue\n0\t0.1\t0.5\n"},
        "metrics/loss.tsv: 'count' is 1, and 5 by the record",
    ),
    "a history of nonsense": ({"metrics/loss.tsv": "nonsense\n"}, "metrics/loss.tsv: a metric file must start"),
    "an empty history": ({"metrics/loss.tsv": "step\tseconds\tvalue\n"}, "it holds no value, and 5 by the record"),
    "a zero without its sign": (
        {"metrics/odd.tsv": "step\tseconds\tvalue\n\t0.1\tnan\n\t0.2\t0.0\n"},
        "metrics/odd.tsv: 'last' is 0.0, and -0.0 by the record",
    ),
    "a metric that no record has": ({"metrics/other.tsv": "step\tseconds\tvalue\n"}, "no record of the run mentions"),
    "an artifact that is gone": ({"artifacts/notes/hello.txt": None}, "hello.txt: a record mentions it"),
    "an artifact of another size": ({"artifacts/notes/hello.txt": "hell"}, "it has 4 bytes, and 5 by the record"),
    "another artifact": ({"artifacts/notes/hello.txt": "jello"}, "its SHA-256 is not that of the record"),
    "an artifact that no record has": ({"artifacts/x": "x"}, "artifacts/x: no record of the run mentions it"),
    "another pointer": ({"artifacts/large.txt": pointer("0" * 64, 150_000).decode()}, "it is not the LFS pointer"),
    "packages of no text": ({"later/00000001-0123456789abcdef/environment/packages.txt": "a"}, "no record"),
    "output that no record has": ({"output.log": "x"}, "output.log: no record of the run mentions it"),
    "an unknown file": ({"secret.txt": "x"}, "secret.txt: no file of that name belongs to a run"),
    "an unknown folder": ({"hooks/pre-push": "x"}, "hooks/pre-push: no file of that name belongs to a run"),
    "a name for Windows": ({"artifacts/nul": "x"}, "artifacts/nul: artifact path 'nul'"),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_damaged_run_is_found_and_hides_no_other(branch: Branch, kind: str) -> None:
    files, sentence = PLANTED[kind]
    branch.plant(files)

    found = branch.check()

    assert {run for run, _ in found} == {branch.id}
    assert any(sentence in problem for _, problem in found), found
    assert {"grid-0", "grid-2"} <= branch.listed()
    assert branch.check(branch.id[:8]) == found
    assert branch.check(branch.ids[0], code=0) == []


@pytest.mark.parametrize("mode", ["100755", "120000"])
def test_a_mode_that_no_file_has(branch: Branch, mode: str) -> None:
    branch.plant({"metrics/loss.tsv": branch.content("metrics/loss.tsv")}, mode)

    assert (branch.id, f"metrics/loss.tsv: the mode is {mode}; a file of a run has 100644") in branch.check()


def test_points_that_were_committed_twice(branch: Branch) -> None:
    segment = branch.content("run.yaml").rpartition("journal: ")[2].strip()
    text = f"journal: {segment}\n"
    branch.plant({f"{later_stem(1, text.encode())}.yaml": text})

    ((run, problem),) = branch.check()

    assert (run, problem.endswith("are in two of its records")) == (branch.id, True)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/notes.txt", "notes.txt: nothing of that name and mode belongs on the branch"),
        ("/runs/x", "runs/x: this is no folder of runs"),
        ("/runs/zz/y", "runs/zz: this is no folder of runs"),
        (f"/runs/00/{'ab' * 16}/run.yaml", "does not belong into this folder"),
        ("/runs/00/abc/run.yaml", "runs/00/abc: this is no run"),
        ("/format.yaml", "format.yaml"),
    ],
)
def test_what_is_wrong_above_the_runs(branch: Branch, path: str, sentence: str) -> None:
    branch.plant({path: "x: 1\n"})

    assert any(sentence in problem for _, problem in branch.check())


def test_a_newer_format(branch: Branch) -> None:
    branch.plant({"/format.yaml": "format: gittrack\nversion: 99\n"})

    found = branch.check()

    assert (None, "format.yaml: the branch has format version 99; this gittrack knows 1: upgrade gittrack") in found


@pytest.mark.parametrize("path", ["run.yaml", "metrics/loss.tsv", "artifacts/notes/hello.txt", "metrics", ""])
@pytest.mark.parametrize("how", ["gone", "empty", "cut", "flipped", "swapped"])
def test_an_object_that_is_damaged(branch: Branch, path: str, how: str) -> None:
    place = branch.object(path)
    data = place.read_bytes()
    other = branch.object("artifacts/large.txt").read_bytes()
    place.chmod(0o644)
    place.write_bytes(
        {"gone": b"", "empty": b"", "cut": data[:-6], "swapped": other}.get(how, data[:-8] + b"\xff" * 4 + data[-4:])
    )
    if how == "gone":
        place.unlink()
    for file in (branch.repo / ".git" / "gittrack").glob("index.sqlite*"):
        file.unlink()

    found = branch.check()

    assert any(run == branch.id and " the repository" in problem for run, problem in found), found
    assert all(run in (branch.id, None) for run, _ in found), found
    assert {"grid-0", "grid-2"} <= branch.listed()


def test_history_that_is_lost(branch: Branch) -> None:
    branch.plant({"run.yaml": branch.content("run.yaml") + "# changed\n"})
    lost = branch.git("rev-parse", f"{REF}~1:{branch.folder}/run.yaml").strip()
    (branch.repo / ".git" / "objects" / lost[:2] / lost[2:]).unlink()

    (problem,) = (problem for run, problem in branch.check() if run is None)

    assert problem == f": 1 objects of the branch are missing from the repository: {lost[:12]}"


def test_a_large_artifact_that_is_elsewhere_is_a_note(branch: Branch) -> None:
    branch.large().unlink()

    result = branch.gittrack("check")

    assert result.code == 0
    note = f"note: run {branch.id[:8]}: artifacts/large.txt: its content is large and not here\n"
    assert result.out == f"{note}checked 3 runs, {branch.count()} files: all is well, 1 note\n"


@pytest.mark.parametrize(("content", "sentence"), [("1", "another size"), ("2" * 150_000, "its content is damaged")])
def test_a_large_artifact_that_is_damaged(branch: Branch, content: str, sentence: str) -> None:
    branch.large().chmod(0o644)
    branch.large().write_text(content)

    ((run, problem),) = branch.check()

    assert run == branch.id
    assert sentence in problem


@pytest.mark.parametrize("key", ["commit", "tree", "snapshot"])
def test_an_id_that_is_an_option_of_git_is_damage_before_git_sees_it(
    branch: Branch, gittrack: Gittrack, tmp_path: Path, key: str
) -> None:
    (tmp_path / "victim").write_text("kept")
    record = re.sub(rf"(?m)^  {key}: .*\n", "", branch.content("run.yaml"))
    hostile = f"  dirty: false\n  {key}: --output={tmp_path / 'victim'}\n"
    branch.plant({"run.yaml": record.replace("  dirty: false\n", hostile)})
    spec = branch.id[:8]
    for words in (["check"], ["show", spec], ["diff", spec], ["checkout", spec], ["reproduce", spec]):
        result = gittrack(*words)
        assert result.code == 1, (words, result)
        assert "Traceback" not in result.err
    assert f"'{key}' must be the id of an object" in gittrack("check").out
    assert (tmp_path / "victim").read_text() == "kept"


def test_code_that_is_gone_is_a_note(branch: Branch) -> None:
    record = branch.content("run.yaml")
    commit = branch.git("rev-parse", "HEAD").strip()
    branch.plant({"run.yaml": record.replace(commit, "c" * 40)})

    result = branch.gittrack("check")

    note = f"note: run {branch.id[:8]}: commit cccccccccccc, the code of this run, is not in this repository"
    assert note in result.out.splitlines()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE runs SET name = 'other' WHERE name = 'grid-1'",
        "DELETE FROM metrics WHERE key = 'loss'",
        "UPDATE documents SET document = '{}'",
    ],
)
def test_an_index_that_differs(branch: Branch, change: str) -> None:
    with closing(sqlite3.connect(branch.repo / ".git" / "gittrack" / "index.sqlite")) as db:
        db.execute(change)
        db.commit()

    assert any("the index differs from the branch" in problem for _, problem in branch.check())


CRASHED = """
    import os, signal
    import gittrack

    run = gittrack.start_run("crashed")
    for step in range(9):
        run.log_metric("loss", step, step)
    run.log_text("hello", "hello.txt")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_journals_are_read_and_left_alone(branch: Branch, run_python: RunPython) -> None:
    run_python(CRASHED)
    journal = next((branch.repo / ".git" / "gittrack" / "journal").glob("?" * 32))
    segment = next(journal.glob("*.log"))
    before = picture(branch.repo)

    assert branch.check(code=0) == []
    assert picture(branch.repo) == before

    with segment.open("ab") as file:
        file.write(b"34 12")
    torn = branch.gittrack("check")
    assert (torn.code, "5 bytes of a line that was never finished" in torn.out) == (0, True)

    data = segment.read_bytes()
    middle = data.index(b"m\tloss\t4")
    segment.write_bytes(data[:middle] + b"X" + data[middle + 1 :])
    next((journal / "blobs").iterdir()).unlink()

    found = branch.check()

    assert {run for run, _ in found} == {journal.name}
    assert any("damaged bytes at offset" in problem for _, problem in found)
    assert any("artifact 'hello.txt' is missing" in problem for _, problem in found)


def test_a_run_that_is_running_is_fine(branch: Branch, run_python: RunPython) -> None:
    files = branch.count()
    result = run_python("""
        import subprocess, sys
        import gittrack

        with gittrack.start_run("running") as run:
            run.log_metric("loss", 1)
            done = subprocess.run([sys.executable, "-m", "gittrack", "check"], capture_output=True, text=True)
            print(done.returncode, done.stdout, done.stderr)
    """)

    assert result.out == f"0 checked 3 runs, {files} files: all is well\n \n", result.err
    assert branch.check(code=0) == []


def test_a_run_that_nobody_knows(branch: Branch) -> None:
    result = branch.gittrack("check", "no-such-run")

    assert (result.code, result.out) == (1, "")
    assert "no run answers to 'no-such-run'" in result.err
