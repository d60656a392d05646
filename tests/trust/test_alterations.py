"""A metric that is altered after the fact is found, whatever plain git it was altered with, and named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.conftest import run
from tests.trust.conftest import RUNS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython
    from tests.trust.conftest import Person, Verify

TWO_RUNS = """
    import gittrack

    for name in ("honest", "other"):
        with gittrack.start_run(name, params={"lr": 0.1}):
            for step in range(3):
                gittrack.log_metric("acc", 0.5 + step / 10, step)
"""
TAMPERED = "step\tseconds\tvalue\n0\t0.000\t0.5\n1\t0.000\t0.99\n2\t0.000\t0.7\n"


class Scene(NamedTuple):
    """A repository with two signed runs, and the tools to tamper with the first one, `honest`."""

    git: Git
    gittrack: Gittrack
    verify: Verify
    repo: Path
    run_id: str

    @property
    def folder(self) -> str:
        return f"runs/{self.run_id[:2]}/{self.run_id}"

    @property
    def metric(self) -> str:
        return f"{self.folder}/metrics/acc.tsv"

    def commit(self, *changes: str, parent: str = f"{RUNS}^0", ref: str = RUNS) -> str:
        """Put a commit of Mallory's on a branch, by plain git."""
        head = f"commit {ref}\ncommitter Mallory <m@example.com> 1735689600 +0000\ndata 1\nx\n"
        start = f"from {parent}\n" if parent else ""
        self.git("fast-import", "--quiet", "--force", input=head + start + "".join(changes))
        return self.git("rev-parse", ref).strip()

    def put(self, path: str, text: str) -> str:
        return f"M 100644 inline {path}\ndata {len(text)}\n{text}\n"

    def blob(self, text: str) -> str:
        return self.git("hash-object", "-w", "--stdin", input=text).strip()

    def amended(self, commit: str, *, keep_signature: bool) -> str:
        """The first commit of the branch written anew, with the altered metric."""
        self.commit(self.put(self.metric, TAMPERED), parent=commit, ref="refs/heads/scratch")
        tree = self.git("rev-parse", "scratch^{tree}").strip()
        raw = self.git("cat-file", "commit", commit)
        head, _, message = raw.partition("\n\n")
        lines = head.split("\n")[1:]
        if not keep_signature:
            lines = [line for line in lines if not line.startswith(("gpgsig", " "))]
        self.git("update-ref", "-d", "refs/heads/scratch")
        text = "\n".join([f"tree {tree}", *lines]) + f"\n\n{message}"
        return self.git("hash-object", "-t", "commit", "-w", "--stdin", input=text).strip()

    def rebased(self, first: str) -> None:
        """Have the branch stand on another first commit, with the later ones as they were but for their trees."""
        kept = self.git("ls-tree", "-r", RUNS).splitlines()
        (line,) = [line for line in kept if line.endswith(f"\t{self.metric}")]
        entry = line.replace(line.split()[2], self.blob(TAMPERED))
        mode, _, rest = entry.split(" ", 2)
        oid, path = rest.split("\t")
        self.commit(f"M {mode} {oid} {path}\n", ref="refs/heads/scratch")
        tree = self.git("rev-parse", "scratch^{tree}").strip()
        self.git("update-ref", RUNS, self.git("commit-tree", tree, "-p", first, "-m", "run").strip())
        self.git("update-ref", "-d", "refs/heads/scratch")

    def only_problem(self, *words: str) -> dict[str, Any]:
        (problem,) = self.verify.answer(*words)["problems"]
        assert isinstance(problem, dict)
        return problem


@pytest.fixture
def scene(signing: Path, git: Git, gittrack: Gittrack, run_python: RunPython, verify: Verify) -> Scene:
    assert run_python(TWO_RUNS).code == 0
    run_id = git("log", "--format=%(trailers:key=Run,valueonly,separator=)", "--grep", "honest", RUNS).strip()
    return Scene(git, gittrack, verify, signing, run_id)


def differing(problem: dict[str, Any], path: str) -> str:
    (file,) = [file for file in problem["files"] if file["path"] == path]
    return str(file["difference"])


def test_nothing_was_altered(scene: Scene) -> None:
    answer = scene.verify.answer("--require-signed")

    assert answer["problems"] == []
    assert [run["verdict"] for run in answer["runs"]] == ["good", "good"]
    assert [run["name"] for run in answer["runs"]] == ["other", "honest"]


@pytest.mark.parametrize("words", [(), ("honest",)])
def test_a_commit_on_top(scene: Scene, words: tuple[str, ...]) -> None:
    commit = scene.commit(scene.put(scene.metric, TAMPERED))
    problem = scene.only_problem(*words)

    assert (problem["run"], problem["commit"]) == (scene.run_id, commit)
    assert problem["author"] == "Mallory <m@example.com>"
    assert differing(problem, "metrics/acc.tsv") == "acc at step 1 was 0.6 and is 0.99"
    shown = scene.verify()
    assert f"run {scene.run_id[:8]} honest: commit {commit[:12]} changed metrics/acc.tsv" in shown.out
    assert "(by Mallory <m@example.com>)" in shown.out
    assert scene.verify.answer("other")["problems"] == []


def test_a_record_on_top(scene: Scene) -> None:
    text = scene.git("show", f"{RUNS}:{scene.folder}/run.yaml")
    scene.commit(scene.put(f"{scene.folder}/run.yaml", text.replace("lr: 0.1", "lr: 0.3").replace("0.7", "0.9")))
    problem = scene.only_problem()

    assert "metrics.acc was 0.7 and is 0.9" in differing(problem, "run.yaml")
    assert "params.lr was 0.1 and is 0.3" in differing(problem, "run.yaml")


def test_a_run_that_was_removed_by_a_commit(scene: Scene) -> None:
    scene.commit(f"D {scene.folder}\n")
    problem = scene.only_problem()

    assert problem["run"] == scene.run_id
    assert "removed" in problem["what"]


def test_what_was_put_back_is_a_note(scene: Scene) -> None:
    before = scene.git("show", f"{RUNS}:{scene.metric}")
    commit = scene.commit(scene.put(scene.metric, TAMPERED))
    scene.commit(scene.put(scene.metric, before))
    answer = scene.verify.answer()

    assert answer["ok"], answer
    assert {note["commit"] for note in answer["notes"]} >= {commit}


def test_a_run_that_was_removed_and_came_back_otherwise(scene: Scene) -> None:
    rest = scene.git("show", f"{RUNS}:{scene.folder}/run.yaml")
    scene.commit(f"D {scene.folder}\n")
    scene.commit(scene.put(scene.metric, TAMPERED), scene.put(f"{scene.folder}/run.yaml", rest))
    problems = scene.verify.answer()["problems"]

    assert any(problem["run"] == scene.run_id and "metrics/acc.tsv" in problem["what"] for problem in problems)


def test_a_file_that_another_commit_added(scene: Scene) -> None:
    commit = scene.commit(scene.put(f"{scene.folder}/metrics/more.tsv", TAMPERED))
    problem = scene.only_problem()

    assert (problem["run"], problem["commit"]) == (scene.run_id, commit)
    assert problem["files"] == [{"path": "metrics/more.tsv", "difference": None}]


@pytest.mark.parametrize("keep_signature", [False, True])
def test_the_history_written_anew(scene: Scene, keep_signature: bool) -> None:
    first = scene.git("rev-parse", f"{RUNS}~1").strip()
    scene.rebased(scene.amended(first, keep_signature=keep_signature))
    answer = scene.verify.answer("--require-signed")

    verdicts = {run["id"]: run["verdict"] for run in answer["runs"]}
    assert verdicts[scene.run_id] == ("bad" if keep_signature else "unsigned")
    (problem,) = answer["problems"]
    assert problem["run"] == scene.run_id
    assert problem["what"].startswith(
        "what gittrack committed here is not what is here of metrics/acc.tsv (acc at step 1"
    )


def test_the_history_of_a_remote_that_is_another_one(scene: Scene, tmp_path: Path) -> None:
    scene.git("init", "-q", "--bare", tmp_path / "bare.git")
    scene.git("push", "-q", tmp_path / "bare.git", "HEAD", RUNS)
    scene.git("remote", "add", "origin", tmp_path / "bare.git")
    scene.git("fetch", "-q", "origin")
    scene.rebased(scene.amended(scene.git("rev-parse", f"{RUNS}~1").strip(), keep_signature=False))
    assert scene.gittrack("tag", "other", "a=b").code == 0, "gittrack goes on from there"

    problem = scene.only_problem("honest")
    assert problem["run"] == scene.run_id
    assert problem["what"].startswith("what origin/gittrack/runs has is not what is here of metrics/acc.tsv")


def _blob(scene: Scene) -> None:
    scene.git("replace", scene.git("rev-parse", f"{RUNS}:{scene.metric}").strip(), scene.blob(TAMPERED))


def _tree(scene: Scene) -> None:
    folder = scene.metric.rpartition("/")[0]
    tree = scene.git("mktree", input=f"100644 blob {scene.blob(TAMPERED)}\tacc.tsv\n").strip()
    scene.git("replace", scene.git("rev-parse", f"{RUNS}:{folder}").strip(), tree)


def _commit(scene: Scene) -> None:
    tip = scene.git("rev-parse", RUNS).strip()
    other = scene.commit(scene.put(scene.metric, TAMPERED), ref="refs/heads/scratch")
    scene.git("replace", tip, other)
    scene.git("update-ref", "-d", "refs/heads/scratch")


@pytest.mark.parametrize("tamper", [_blob, _tree, _commit])
@pytest.mark.parametrize("words", [(), ("honest",)])
def test_git_replace(scene: Scene, tamper: Callable[[Scene], None], words: tuple[str, ...]) -> None:
    tamper(scene)
    assert "0.99" in scene.git("show", f"{RUNS}:{scene.metric}"), "git is deceived"
    answer = scene.verify.answer(*words)

    (problem,) = [problem for problem in answer["problems"] if problem["files"]]
    assert problem["run"] == scene.run_id
    assert "'git replace' has git show something else for metrics/acc.tsv" in problem["what"]
    assert differing(problem, "metrics/acc.tsv") == "acc at step 1 was 0.6 and is 0.99"
    assert all(run["verdict"] == "good" for run in answer["runs"]), "what is there has not changed"


def test_replacements_that_git_does_not_believe(scene: Scene) -> None:
    _blob(scene)
    scene.git("config", "core.useReplaceRefs", "false")

    assert scene.verify.answer()["problems"] == []


@pytest.mark.parametrize("words", [(), ("honest",)])
def test_a_graft(scene: Scene, words: tuple[str, ...]) -> None:
    first = scene.git("rev-parse", f"{RUNS}~1").strip()
    other = scene.commit(scene.put("note", "x"), ref="refs/heads/scratch", parent="")
    (scene.repo / ".git/info/grafts").write_text(f"# mine\n{first} {other}\n", encoding="ascii")
    problem = scene.only_problem(*words)

    assert (problem["run"], problem["commit"]) == (scene.run_id, first)
    assert "info/grafts tells git other parents" in problem["what"]


def test_a_graft_that_hides_who_altered_it(scene: Scene) -> None:
    before = scene.git("rev-parse", f"{RUNS}~1").strip()
    commit = scene.commit(scene.put(scene.metric, TAMPERED))
    (scene.repo / ".git/info/grafts").write_text(f"{commit} {before}\n", encoding="ascii")
    problems = scene.verify.answer()["problems"]

    assert {(problem["run"], problem["commit"]) for problem in problems} == {(scene.run_id, commit), (None, commit)}


@pytest.mark.parametrize("words", [(), ("honest",)])
def test_a_merge_that_took_the_altered_side(scene: Scene, words: tuple[str, ...]) -> None:
    """The other side came by a history of its own, in which the run always was like that."""
    honest = scene.git("rev-parse", RUNS).strip()
    files = scene.git("ls-tree", "-r", RUNS).splitlines()
    rows = [(line.split()[2], line.split("\t")[1]) for line in files]
    same = [f"M 100644 {oid} {path}\n" for oid, path in rows if path != scene.metric]
    other = scene.commit(*same, scene.put(scene.metric, TAMPERED), ref="refs/heads/scratch", parent="")
    tree = scene.git("rev-parse", f"{other}^{{tree}}").strip()
    merged = scene.git("commit-tree", tree, "-p", honest, "-p", other, "-m", "merge").strip()
    scene.git("update-ref", RUNS, merged)
    scene.git("update-ref", "-d", "refs/heads/scratch")
    problems = scene.verify.answer(*words)["problems"]

    assert {problem["commit"] for problem in problems} == {merged}
    assert all("metrics/acc.tsv (acc at step 1 was 0.6 and is 0.99)" in problem["what"] for problem in problems)


def test_a_merge_that_dropped_a_run(scene: Scene) -> None:
    tip = scene.git("rev-parse", RUNS).strip()
    other = scene.commit(f"D {scene.folder}\n", ref="refs/heads/scratch", parent=f"{RUNS}^0")
    merged = scene.git("commit-tree", f"{other}^{{tree}}", "-p", tip, "-p", other, "-m", "merge").strip()
    scene.git("update-ref", RUNS, merged)

    assert {problem["run"] for problem in scene.verify.answer()["problems"]} == {scene.run_id}
    assert merged in {problem["commit"] for problem in scene.verify.answer()["problems"]}


def test_purging_and_deleting_are_no_alteration(scene: Scene) -> None:
    assert scene.gittrack("rm", "other").code == 0
    assert scene.gittrack("purge", "--yes", "honest").code == 0
    answer = scene.verify.answer()

    assert answer["problems"] == []
    assert [run["name"] for run in answer["runs"]] == ["other"]


def test_a_commit_that_took_away_what_it_names_as_purged(scene: Scene) -> None:
    mark = scene.put(f"purged/{scene.run_id[:2]}/{scene.run_id}", f"{scene.run_id}\n")
    scene.commit(f"D {scene.folder}\n", mark)

    assert scene.verify.answer()["problems"] == []


def test_a_plain_merge_is_no_alteration(scene: Scene, tmp_path: Path) -> None:
    tip = scene.git("rev-parse", RUNS).strip()
    scene.git("update-ref", RUNS, f"{tip}~1")
    assert scene.gittrack("tag", "honest", "a=b").code == 0
    scene.git("worktree", "add", "-q", tmp_path / "merging", "gittrack/runs")
    scene.git("merge", "-q", "-m", "merge", tip, cwd=tmp_path / "merging")

    assert scene.verify.answer("--require-signed")["problems"] == []


def test_a_name_of_another_looks_harmless(scene: Scene, ada: Person) -> None:
    head = f"commit {RUNS}\ncommitter Ev\x1bil <m@example.com> 1735689600 +0000\ndata 1\nx\nfrom {RUNS}^0\n"
    scene.git("fast-import", "--quiet", "--force", input=head + scene.put(scene.metric, TAMPERED))

    shown = scene.verify()
    assert "\x1b" not in shown.out, ada
    assert "Ev\\x1bil" in shown.out
    assert run(["git", "log", "-1", "--format=%an", RUNS]).out == "Ev\x1bil\n"
