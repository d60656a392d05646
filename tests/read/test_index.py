"""The index answers what a full scan of the branch would, whatever happened to the branch or to the file."""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gittrack.errors import GittrackError
from gittrack.git.repository import discover
from gittrack.model import FAILED, FINISHED, MetricSummary, Run
from gittrack.project import Project, open_project
from gittrack.query.terms import Query, both, equals
from gittrack.read.database import FILE
from gittrack.read.index import Index, open_index
from gittrack.read.records import read_records, record_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Git
    from tests.read.conftest import RunsBranch

TABLES = ("params", "metrics", "tags", "inputs")


def index_file() -> Path:
    return Path(open_project().repo.state_dir) / FILE


def found(
    index: Index,
    *,
    experiment: str | None = None,
    status: str | None = None,
    limit: int | None = None,
    include_deleted: bool = False,
) -> list[Run]:
    """Runs, newest first."""
    wanted = {"experiment": experiment, "status": status}
    where = both(*(equals(key, value) for key, value in wanted.items() if value is not None))
    hits = index.search(Query(where, limit=limit, include_deleted=include_deleted))
    return list(index.documents([hit.id for hit in hits]))


def names(
    index: Index,
    *,
    experiment: str | None = None,
    status: str | None = None,
    limit: int | None = None,
    include_deleted: bool = False,
) -> list[str]:
    runs = found(index, experiment=experiment, status=status, limit=limit, include_deleted=include_deleted)
    return [run.name for run in runs]


def dump(index: Index) -> dict[str, object]:
    """All that an index holds, without the numbers that it gives to runs."""
    rows: dict[str, object] = {"damaged": index.damaged(), "runs": found(index, include_deleted=True)}
    for table in TABLES:
        sql = f"SELECT runs.id, {table}.* FROM {table} JOIN runs USING (run) ORDER BY 1, 3"  # noqa: S608
        rows[table] = [(row[0], *row[2:]) for row in select(index, sql)]
    rows["records"] = select(index, "SELECT * FROM records ORDER BY 1, 2")
    return rows


def select(index: Index, sql: str) -> list[tuple[object, ...]]:
    return index._ask(lambda db: db.execute(sql).fetchall())


def full_scan(project: Project) -> dict[str, object]:
    """The same from an index that was made from nothing, in memory."""
    with Index(project) as index:
        index._path = os.devnull + "/none"
        return dump(index)


def test_without_runs_there_is_nothing_and_no_file_is_made(repo: Path) -> None:
    with open_index(open_project()) as index:
        assert (found(index), index.count(), index.damaged(), index.get("0" * 32)) == ([], 0, [], None)
    assert not (repo / ".git/gittrack").exists()


def test_runs_come_newest_first_and_can_be_chosen(branch: RunsBranch) -> None:
    branch.commit(
        branch.frame()
        | branch.run(1)
        | branch.run(2, experiment="other")
        | branch.run(3, status=FAILED)
        | branch.run(4, deleted=True)
        | branch.run(5, experiment="other", name="run-1")
    )
    with open_index(open_project()) as index:
        assert names(index) == ["run-1", "run-3", "run-2", "run-1"]
        assert names(index, limit=2) == ["run-1", "run-3"]
        assert names(index, experiment="other") == ["run-1", "run-2"]
        assert names(index, experiment="other", status=FAILED) == []
        assert names(index, status=FINISHED, include_deleted=True, limit=2) == ["run-1", "run-4"]
        assert index.count() == 5
        assert [run.id for run in index.by_name("run-1")] == [branch.id(5), branch.id(1)]
        assert [run.id for run in index.by_prefix("0000000")] == [branch.id(n) for n in range(1, 6)]
        assert [(run.name, run.deleted) for run in index.by_prefix(branch.id(4)[:8])] == [("run-4", True)]
        assert [run.name for run in index.names(2)] == ["run-1", "run-3"]
        found = index.get(branch.id(3))
        assert found is not None
        assert (found.id, found.duration) == (branch.id(3), 100.0)


def test_values_come_back_exactly_and_are_columns_where_sqlite_can_hold_them(branch: RunsBranch) -> None:
    params = {"seed": 2**80, "nan": math.nan, "on": True, "net": {"depth": 3, 7: [1, None]}, "lr": -0.0}
    metrics = {"loss": MetricSummary(math.nan, None, -math.inf, 2, 1e300, 2**63, 9, ("metrics/loss.tsv",))}
    branch.commit(branch.frame() | branch.run(1, params=params, metrics=metrics, tags={"stage": "dev"}))
    with open_index(open_project()) as index:
        run = found(index)[0]
        assert repr(run.params) == repr(params)
        assert repr(run.metrics) == repr(metrics)
        rows = dump(index)
    assert rows["params"] == [
        (branch.id(1), "lr", 0, "-0.0"),
        (branch.id(1), "nan", None, None),
        (branch.id(1), "net.7", None, "[1, null]"),
        (branch.id(1), "net.depth", 3, "3"),
        (branch.id(1), "on", None, "true"),
        (branch.id(1), "seed", float(2**80), str(2**80)),
    ]
    assert rows["metrics"] == [(branch.id(1), "loss", None, None, -math.inf, 2, 1e300, 2.0**63, 9)]


def test_only_what_differs_is_read_again(branch: RunsBranch) -> None:
    seen: list[tuple[int, int]] = []
    branch.commit(branch.frame() | {path: data for n in range(1, 9) for path, data in branch.run(n).items()})
    with open_index(open_project(), lambda done, total: seen.append((done, total))) as index:
        branch.commit(branch.later(3, 1, tags={"best": "yes"}) | {f"{branch.folder(4)}/metrics/m.tsv": b"x"})
        index.refresh()
        branch.commit(branch.run(9))
        index.refresh()
        index.refresh()
        assert seen == [(8, 8), (1, 1), (1, 1)]
        tagged = index.get(branch.id(3))
        assert tagged is not None
        assert tagged.tags == {"best": "yes"}
        assert dump(index) == full_scan(open_project())


def test_a_rewritten_branch_is_followed_even_when_git_forgot_the_old_one(branch: RunsBranch, git: Git) -> None:
    branch.commit(branch.frame() | branch.run(1) | branch.run(2))
    project = open_project()
    open_index(project).close()
    branch.commit(branch.frame() | branch.run(2, name="renamed") | branch.run(3), orphan=True)
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "-q", "--prune=now")
    with open_index(project) as index:
        assert names(index) == ["run-3", "renamed"]
        git("update-ref", "-d", "refs/heads/gittrack/runs")
        index.refresh()
        assert names(index) == []


def forget_all_but(git: Git, repo: Path, ref: str) -> None:
    """Leave git without what `ref` does not reach, as after a rewrite and a gc."""
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "-q", "--prune=now")
    assert git("rev-parse", ref, cwd=repo)


def test_what_a_rewrite_left_as_it_was_is_not_read_again_even_when_git_forgot_the_old_branch(
    branch: RunsBranch, git: Git, repo: Path
) -> None:
    runs = {n: branch.run(n, params={"n": n}) for n in range(1, 9)}
    files = {path: data for run in runs.values() for path, data in run.items()}
    branch.commit(branch.frame() | files | branch.later(5, 1, tags={"a": "b"}))
    project = open_project()
    open_index(project).close()
    changed = files | branch.run(2, name="renamed") | branch.run(9) | branch.later(7, 1, tags={"c": "d"})
    del changed[branch.path(3)]
    branch.commit(branch.frame() | changed, orphan=True)
    forget_all_but(git, repo, "gittrack/runs")
    seen: list[tuple[int, int]] = []
    with open_index(project, lambda done, total: seen.append((done, total))) as index:
        assert seen == [(5, 5)], "the changed one, the gone, the new, that with a word more and that with one less"
        assert dump(index) == full_scan(project)


def test_a_fetch_that_moves_the_branch_by_force_is_followed(
    branch: RunsBranch, git: Git, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch.commit(branch.frame() | branch.run(1) | branch.run(2))
    git("clone", "-q", repo, tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    seen: list[tuple[int, int]] = []
    with open_index(open_project(), lambda done, total: seen.append((done, total))) as index:
        branch.commit(branch.frame() | branch.run(2) | branch.run(3), orphan=True)
        git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
        index.refresh()
        assert names(index) == ["run-3", "run-2"]
        assert seen == [(2, 2), (2, 2)], "then the one that is gone and the new one"
        assert dump(index) == full_scan(open_project())


def test_where_most_runs_differ_all_rows_are_made_anew(branch: RunsBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gittrack.read.follow._FEW", 3)
    branch.commit(branch.frame() | branch.run(1) | branch.run(2) | branch.later(2, 1, deleted=True))
    seen: list[tuple[int, int]] = []
    project = open_project()
    with open_index(project, lambda done, total: seen.append((done, total))) as index:
        branch.commit({path: data for n in range(3, 7) for path, data in branch.run(n).items()})
        index.refresh()
        branch.commit({branch.path(7): b"]"})
        index.refresh()
        assert seen == [(2, 2), (6, 6), (1, 1)]
        assert dump(index) == full_scan(project)
        with Index(project, in_memory=True) as scan:
            sql = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1"
            made = select(index, sql)
            assert made == select(scan, sql)
            assert "runs_start" in [name for name, _ in made], "the indexes of SQLite are there again"


SPOILED: dict[str, Callable[[RunsBranch], dict[str, bytes]]] = {
    "no YAML": lambda branch: {branch.path(2): b"{ not: yaml"},
    "no mapping": lambda branch: {branch.path(2): b"- 1\n"},
    "empty": lambda branch: {branch.path(2): b""},
    "binary": lambda branch: {branch.path(2): bytes(range(256))},
    "the id of another": lambda branch: {branch.path(2): branch.run(1)[branch.path(1)]},
    "a wrong type": lambda branch: {branch.path(2): branch.run(2)[branch.path(2)] + b"params: 3\n"},
    "half a character": lambda branch: {branch.path(2): branch.run(2)[branch.path(2)] + b'tags: {a: "\\ud800"}\n'},
    "a huge number": lambda branch: {
        branch.path(2): branch.run(2)[branch.path(2)] + b"params: {a: 0x1" + b"0" * 9000 + b"}\n"
    },
    "no run.yaml": lambda branch: branch.later(2, 1, tags={"a": "b"}),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_damaged_run_is_told_and_hides_no_other(branch: RunsBranch, how: str) -> None:
    branch.commit(branch.frame() | branch.run(1) | SPOILED[how](branch) | branch.run(3))
    with open_index(open_project()) as index:
        assert names(index) == ["run-3", "run-1"]
        [(run_id, reason)] = index.damaged()
        assert run_id == branch.id(2)
        assert reason
        branch.commit(branch.run(2))
        index.refresh()
        assert names(index) == ["run-3", "run-2", "run-1"]
        assert index.damaged() == []


def test_a_damaged_later_record_leaves_the_run(branch: RunsBranch) -> None:
    bad = {f"{branch.folder(1)}/later/00000002-{'0' * 16}.yaml": b"status: lost\n"}
    branch.commit(branch.frame() | branch.run(1) | branch.later(1, 1, tags={"a": "b"}) | bad)
    with open_index(open_project()) as index:
        assert [run.tags for run in found(index)] == [{"a": "b"}]
        assert [run_id for run_id, _ in index.damaged()] == [branch.id(1)]


def test_a_lost_object_is_told(branch: RunsBranch, git: Git, repo: Path) -> None:
    branch.commit(branch.frame() | branch.run(1) | branch.run(2))
    lost = git("rev-parse", f"gittrack/runs:{branch.path(2)}").strip()
    for pack in (repo / ".git/objects/pack").glob("*.pack"):
        moved = repo / pack.name
        pack.rename(moved)
        git("unpack-objects", "-q", input=moved.read_bytes().decode("utf-8", "surrogateescape"))
    (repo / ".git/objects" / lost[:2] / lost[2:]).unlink()
    with open_index(open_project()) as index:
        assert names(index) == ["run-1"]
        assert index.damaged() == [(branch.id(2), "run.yaml is missing from the repository; run 'git fsck'")]


def _tamper(file: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def _replace_by_directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _cut(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.truncate(9000)


HARM: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "overwritten": lambda file: file.write_bytes(b"no database at all " * 1000),
    "emptied": lambda file: file.write_bytes(b""),
    "cut": _cut,
    "of another version": lambda file: _tamper(file, "PRAGMA user_version = 1", "CREATE TABLE more (x)"),
    "without a table": lambda file: _tamper(file, "DROP TABLE runs"),
    "without a column": lambda file: _tamper(file, "ALTER TABLE runs RENAME COLUMN experiment TO lost"),
    "with damaged documents": lambda file: _tamper(file, "UPDATE documents SET document = '{'"),
    "with text that is none": lambda file: _tamper(file, "UPDATE documents SET document = CAST(x'ff' AS TEXT)"),
    "with a turned bit in a document": lambda file: _tamper(
        file, "UPDATE documents SET document = replace(document, 'run-7', 'run-5')"
    ),
    "with documents of other types": lambda file: _tamper(
        file, "UPDATE documents SET document = CAST(document AS BLOB)"
    ),
    "replaced by a directory": _replace_by_directory,
}


@pytest.mark.parametrize("harm", HARM)
def test_a_harmed_file_is_made_anew(branch: RunsBranch, harm: str) -> None:
    branch.commit(
        branch.frame() | {p: d for n in range(40) for p, d in branch.run(n, params={"text": "x" * 99}).items()}
    )
    project = open_project()
    with open_index(project) as index:
        expected = dump(index)
    HARM[harm](index_file())
    with open_index(project) as index:
        assert dump(index) == expected == full_scan(project)
    if index_file().is_file():
        seen: list[int] = []
        with open_index(project, lambda done, _: seen.append(done)) as index:
            assert dump(index) == expected
            mode = select(index, "PRAGMA journal_mode")
        assert seen == [], "it was mended on disk, so nobody needs to do it again"
        assert mode == [("wal",)], "readers go on while somebody writes"


def test_a_file_that_is_harmed_while_it_is_open_is_made_anew(branch: RunsBranch) -> None:
    branch.commit(branch.frame() | branch.run(1))
    with open_index(open_project()) as index:
        _tamper(index_file(), "DROP TABLE documents")
        assert names(index) == ["run-1"]


def test_where_nothing_can_be_written_the_answers_are_the_same(branch: RunsBranch, repo: Path) -> None:
    branch.commit(branch.frame() | branch.run(1))
    (repo / ".git/gittrack").write_text("a file where the folder should be")
    with open_index(open_project()) as index:
        assert names(index) == ["run-1"]
        branch.commit(branch.run(2))
        index.refresh()
        assert names(index) == ["run-2", "run-1"]


def test_a_file_that_cannot_be_written_is_read_and_followed(
    branch: RunsBranch, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch.commit(branch.frame() | branch.run(1) | branch.run(2))
    project = open_project()
    open_index(project).close()
    branch.commit(branch.run(3))
    content = index_file().read_bytes()

    def connect(path: str) -> sqlite3.Connection:
        if path != ":memory:":
            raise sqlite3.OperationalError("unable to open database file")
        return sqlite3.connect(path, isolation_level=None)

    # What SQLite says in a read-only directory; permissions would not stop a test that root runs.
    with monkeypatch.context() as patch:
        patch.setattr("gittrack.read.database.connect", connect)
        seen: list[tuple[int, int]] = []
        with open_index(project, lambda done, total: seen.append((done, total))) as index:
            assert names(index) == ["run-3", "run-2", "run-1"]
        assert seen == [(1, 1)], "only what the file did not have was read"
    assert index_file().read_bytes() == content


def test_a_newer_format_is_refused(branch: RunsBranch) -> None:
    branch.commit(branch.frame() | branch.run(1))
    open_index(open_project()).close()
    branch.commit({"format.yaml": b"format: gittrack\nversion: 2\n"})
    with Index(open_project()) as index:
        for _ in range(2):
            with pytest.raises(GittrackError, match=r"format version 2.*upgrade gittrack"):
                found(index)


def test_a_branch_of_something_else_is_refused(branch: RunsBranch) -> None:
    branch.commit({"train.py": b"print()\n"})
    with pytest.raises(GittrackError, match=r"holds something else.*gittrack\.branch"):
        open_index(open_project())


def test_a_fresh_clone_reads_the_branch_of_its_remote(
    branch: RunsBranch, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    branch.commit(branch.frame() | branch.run(1))
    git("clone", "-q", os.getcwd(), tmp_path / "clone")
    monkeypatch.chdir(tmp_path / "clone")
    with open_index(open_project()) as index:
        assert names(index) == ["run-1"]
    git("remote", "add", "second", git("remote", "get-url", "origin").strip())
    git("fetch", "-q", "second")
    assert open_project().runs_tip() is None, "which of the two is meant is for the user to say"
    git("branch", "-q", "gittrack/runs", "second/gittrack/runs")
    assert open_project().runs_tip() is not None


def test_many_processes_make_and_follow_one_index(branch: RunsBranch) -> None:
    branch.commit(branch.frame() | {p: d for n in range(60) for p, d in branch.run(n).items()})
    code = """if True:
        import sys
        from gittrack.project import open_project
        from gittrack.read.index import open_index

        counts = []
        for _ in sys.stdin:
            with open_index(open_project()) as index:
                counts.append(index.count())
                assert len(index.names()) >= counts[-1]
        print(counts == sorted(counts), counts[0] >= 60, counts[-1])
    """
    script = [sys.executable, "-c", code]
    processes = [subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for number in range(60, 66):
        branch.commit(branch.run(number))
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    results = [process.communicate(timeout=100)[0] for process in processes]
    assert results == ["True True 66\n"] * 4
    with open_index(open_project()) as index:
        assert dump(index) == full_scan(open_project())


def scan(files: dict[str, bytes]) -> tuple[list[Run], list[str]]:
    """Runs, newest first, and the ids of what is damaged, from the files alone."""
    groups: dict[str, list[tuple[str, bytes | None]]] = {}
    for path, data in sorted(files.items()):
        record = record_at(path)
        if record is not None:
            groups.setdefault(record[0], []).append((record[1], data))
    readings = {run_id: read_records(run_id, group) for run_id, group in groups.items()}
    runs = [reading.run for reading in readings.values() if reading.run is not None]
    return sorted(runs, key=lambda run: (-run.start, run.id)), [i for i in readings if readings[i].problem]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "later", "delete", "damage", "remove", "rewrite", "refresh", "refresh", "lose"]),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=12,
)


def changes(
    branch: RunsBranch, files: dict[str, bytes], step: str, number: int, lamport: int
) -> dict[str, bytes | None]:
    """What a step does to the files of the branch; None removes one."""
    made: dict[str, dict[str, bytes]] = {
        "add": branch.run(number, name=f"name-{lamport}", params={"n": lamport}, tags={"a": "b"}),
        "later": branch.later(number, lamport, tags={"a": f"later {lamport}"}),
        "delete": branch.later(number, lamport, deleted=True),
        "damage": {branch.path(number): b"]"},
    }
    if step == "remove":
        return dict.fromkeys(path for path in files if path.startswith(branch.folder(number)))
    return dict(made.get(step, {}))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_refreshing_at_any_time_equals_a_full_scan(branch: RunsBranch, git: Git, steps: list[tuple[str, int]]) -> None:
    git("update-ref", "-d", "refs/heads/gittrack/runs")
    project = Project(discover())
    files = branch.frame()
    branch.commit(files)
    with open_index(project) as index:
        for lamport, (step, number) in enumerate(steps, 1):
            changed = changes(branch, files, step, number, lamport)
            files = {path: data for path, data in {**files, **changed}.items() if data is not None}
            if step == "refresh":
                index.refresh()
            elif step == "lose":
                index.close()
                index_file().unlink(missing_ok=True)
            elif step == "rewrite":
                branch.commit(files, orphan=True)
            elif changed:
                branch.commit(changed)
        index.refresh()
        runs, damaged = scan(files)
        assert found(index, include_deleted=True) == runs
        assert [run_id for run_id, _ in index.damaged()] == damaged
        assert dump(index) == full_scan(project)
