"""`gittrack gate`: a change is held against its base, in repositories with branches, merges and rewritten commits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Git, Gittrack, Result, RunPython

    Log = Callable[..., None]

LOG = """
    import json, sys
    import gittrack

    for run in json.loads(sys.argv[1]):
        with gittrack.start_run(run.pop("name", None), params=run.pop("params", {})) as active:
            for metric, value in run.items():
                active.log_metric(metric, float(value))
"""


@pytest.fixture
def log(repo: Path, run_python: RunPython) -> Log:
    """Log runs at what is checked out: `log({"acc": 0.9, "name": …, "params": …}, …)`."""

    def record(*runs: dict[str, object]) -> None:
        result = run_python(LOG, json.dumps(runs))
        assert result.code == 0, result.err

    return record


def commit(git: Git, repo: Path, file: str, text: str = "x\n") -> str:
    """Commit a file; return the id of the commit."""
    (repo / file).write_text(text, encoding="utf-8")
    git("add", file, cwd=repo)
    git("commit", "-qm", f"Write {file}", cwd=repo)
    return git("rev-parse", "HEAD", cwd=repo).strip()


@pytest.fixture
def branches(repo: Path, git: Git, log: Log) -> Path:
    """A main with runs of an acc of 0.90 and 0.92; feature, checked out, with none."""
    log(
        {"acc": 0.90, "loss": 0.3, "name": "one", "params": {"lr": 0.1, "width": 64}},
        {"acc": 0.92, "loss": 0.2, "name": "two", "params": {"lr": 0.1, "width": 64}},
    )
    git("checkout", "-qb", "feature", cwd=repo)
    commit(git, repo, "model.py")
    return repo


def gate(gittrack: Gittrack, *words: str) -> Result:
    return gittrack("gate", "--metric", "acc", "--baseline", "main", *words)


def judged(gittrack: Gittrack, *words: str) -> dict[str, object]:
    """What became of acc, with the names of the runs on both sides."""
    found = json.loads(gate(gittrack, "--json", *words).out)
    sides = {side: [run["name"] for run in found[side]["runs"]] for side in ("candidate", "baseline")}
    return {**(found["metrics"][0] if found["metrics"] else {}), **sides}


def test_the_report(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.88, "name": "new", "params": {"lr": 0.2, "width": 64}})
    commit(git, branches, "notes.md")
    short = [git("rev-parse", revision, cwd=branches)[:7] for revision in ("HEAD", "HEAD~", "main")]
    ids = {name: json.loads(gittrack("show", name, "--json").out)["id"][:8] for name in ("one", "two", "new")}

    nearest = f"the nearest commit with runs is `{short[1]}`, 1 commit before it"

    result = gate(gittrack, "--tolerance", "0.01")

    assert result.code == 1
    assert result.err.splitlines()[1:] == ["gittrack: the gate is closed: acc is worse"]
    assert result.out.splitlines() == [
        "### gittrack gate: failed",
        "",
        "| metric | baseline | candidate | change | at worst | verdict |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
        "| acc (max) | 0.91 | 0.88 | -0.03 | 0.9 | **worse** |",
        "",
        f"- candidate: HEAD is `{short[0]}`; {nearest}; 1 run: `{ids['new']}` new",
        f"- baseline: main is `{short[2]}`; 2 runs (mean): `{ids['two']}` two, `{ids['one']}` one",
        "",
        "| param | baseline | candidate |",
        "| --- | --- | --- |",
        "| lr | 0.1 | 0.2 |",
    ]


def test_exit_codes_and_verdicts(branches: Path, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.90, "loss": 0.25, "params": {"lr": 0.1, "width": 64}})

    assert gate(gittrack).code == 1, branches
    passed = gate(gittrack, "--tolerance", "0.01")
    assert (passed.code, passed.err) == (0, "")
    assert "### gittrack gate: passed" in passed.out
    assert judged(gittrack, "--tolerance", "0.01")["verdict"] == "within the tolerance"
    assert gate(gittrack, "--aggregate", "best", "--tolerance", "0.01").code == 1
    assert gate(gittrack, "--aggregate", "last", "--tolerance", "0.02").code == 0
    assert judged(gittrack, "--aggregate", "best")["baseline"] == ["two", "one"]
    assert gate(gittrack, "--tolerance", "0.01", "--relative").code == 1
    assert gate(gittrack, "--tolerance", "0.011", "--relative").code == 0
    assert gate(gittrack, "--min").code == 0
    assert gate(gittrack, "--where", "metrics.acc <= 0.9").code == 0


def test_several_metrics(branches: Path, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "loss": 0.9, "speed": 3, "params": {"lr": 0.1, "width": 64}})

    result = gittrack("gate", *"--metric acc --metric loss:min --metric speed:max --baseline main".split())

    assert result.code == 1, branches
    assert result.err == "gittrack: the gate is closed: loss is worse, speed is not judged\n"
    assert "| acc (max) | 0.91 | 0.95 | +0.04 | 0.91 | better |" in result.out
    assert "| speed (max) | - | 3 | - | - | **not judged** |" in result.out


def test_nan_never_passes(branches: Path, gittrack: Gittrack, log: Log) -> None:
    log({"acc": "nan"}, {"acc": 0.99})
    assert gate(gittrack, "--tolerance", "100").code == 1, branches
    assert judged(gittrack)["candidate"] is not None
    assert gate(gittrack, "--aggregate", "best").code == 0


def test_the_nearest_commit_that_has_runs(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "first"})
    commit(git, branches, "second.py")
    log({"acc": 0.96, "name": "second"})
    commit(git, branches, "third.py")
    git("checkout", "-q", "main", cwd=branches)
    commit(git, branches, "docs.md")
    git("checkout", "-q", "feature", cwd=branches)

    found = json.loads(gate(gittrack, "--json").out)
    assert ([run["name"] for run in found["candidate"]["runs"]], found["candidate"]["back"]) == (["second"], 1)
    assert found["baseline"]["commit"] == git("rev-parse", "main~", cwd=branches).strip()
    assert found["baseline"]["back"] == 1
    assert judged(gittrack, "--candidate", "HEAD~2")["candidate"] == ["first"]
    strict = gate(gittrack, "--require-run")
    assert strict.code == 1
    assert strict.err == "gittrack: error: there is no run to judge: none of HEAD itself has acc\n"
    assert "### gittrack gate: failed" in strict.out
    assert gate(gittrack, "--require-run", "--candidate", "HEAD~").code == 0


def test_a_run_of_another_metric_is_none(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "right"})
    commit(git, branches, "later.py")
    log({"other": 1})
    assert judged(gittrack)["candidate"] == ["right"]


def test_merges(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "feature"})
    git("checkout", "-q", "main", cwd=branches)
    commit(git, branches, "elsewhere.py")
    git("merge", "-q", "--no-ff", "-m", "Merge feature", "feature", cwd=branches)
    # What a CI of GitHub checks out: the merge of both, on no branch.
    git("checkout", "-q", "--detach", cwd=branches)
    git("branch", "-qf", "main", "HEAD~", cwd=branches)
    assert judged(gittrack)["candidate"] == ["feature"]
    assert judged(gittrack)["baseline"] == ["two", "one"]
    # Once it is merged, it is what the next one is judged by.
    git("checkout", "-qB", "main", cwd=branches)
    git("checkout", "-qb", "next", cwd=branches)
    commit(git, branches, "next.py")
    log({"acc": 0.94, "name": "next"})
    assert judged(gittrack)["baseline"] == ["feature"]
    assert judged(gittrack)["verdict"] == "worse"


def test_a_rebased_branch_keeps_its_runs(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "new"})
    old = git("rev-parse", "HEAD", cwd=branches).strip()
    git("checkout", "-q", "main", cwd=branches)
    commit(git, branches, "elsewhere.py")
    git("rebase", "-q", "main", "feature", cwd=branches)
    commit(git, branches, "later.md")

    found = json.loads(gate(gittrack, "--json").out)

    assert found["passed"] is True
    assert found["candidate"]["commit"] == git("rev-parse", "HEAD~", cwd=branches).strip() != old
    assert [(run["name"], run["commit"], run["how"]) for run in found["candidate"]["runs"]] == [
        ("new", old, "same patch")
    ]
    told = gate(gittrack, "--ignore-param", "*")
    assert f"new (of `{old[:7]}`, same patch)" in told.out
    sentence = f"warning: the files of {found['candidate']['commit'][:7]} differ from those that the run was made with"
    assert told.err == f"gittrack: {sentence}\n"
    assert f"- {sentence}" in told.out.splitlines()
    git("reset", "-q", "--hard", "HEAD~", cwd=branches)
    assert gate(gittrack, "--require-run").code == 1


def test_an_amended_commit_keeps_its_runs(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "new"})
    old = git("rev-parse", "HEAD", cwd=branches).strip()
    git("commit", "-q", "--amend", "-m", "In other words", cwd=branches)
    found = json.loads(gate(gittrack, "--json").out)
    assert [(run["name"], run["how"]) for run in found["candidate"]["runs"]] == [("new", "same tree")]
    # Other code in its place: only a record of the rewrite leads there.
    (branches / "model.py").write_text("another\n", encoding="utf-8")
    git("commit", "-qa", "--amend", "-m", "Other code", cwd=branches)
    assert judged(gittrack)["candidate"] == []
    new = git("rev-parse", "HEAD", cwd=branches).strip()
    assert gittrack("hook", "post-rewrite", "amend", input=f"{old} {new}\n").code == 0
    found = json.loads(gate(gittrack, "--json").out)
    assert [(run["name"], run["how"]) for run in found["candidate"]["runs"]] == [("new", "recorded rewrite")]
    assert (found["candidate"]["files_differ"], found["baseline"]["files_differ"]) == (True, False)


@pytest.fixture
def amend(repo: Path, git: Git, gittrack: Gittrack) -> Callable[[str, str], str]:
    """Amend the commit with another text of a file, and tell as git's hook would: `amend(file, text) -> its id`."""

    def make(file: str, text: str) -> str:
        old = git("rev-parse", "HEAD", cwd=repo).strip()
        (repo / file).write_text(text, encoding="utf-8")
        git("add", file, cwd=repo)
        git("commit", "-q", "--amend", "--no-edit", cwd=repo)
        new = git("rev-parse", "HEAD", cwd=repo).strip()
        assert gittrack("hook", "post-rewrite", "amend", input=f"{old} {new}\n").code == 0
        return new

    return make


def test_runs_of_other_files_are_a_fallback(
    branches: Path, gittrack: Gittrack, log: Log, amend: Callable[[str, str], str]
) -> None:
    log({"acc": 0.95, "name": "before"})
    new = amend("model.py", "worse\n")

    told = gate(gittrack, "--ignore-param", "*")
    sentence = f"warning: the files of {new[:7]} differ from those that the run was made with"
    assert (told.code, told.err) == (0, f"gittrack: {sentence}\n"), branches
    assert f"- {sentence}" in told.out.splitlines()
    strict = gate(gittrack, "--require-run")
    problem = "there is no run to judge: the files of HEAD differ from those that its runs were made with"
    assert (strict.code, strict.err) == (1, f"gittrack: error: {problem}\n")
    assert problem in strict.out

    log({"acc": 0.5, "name": "after"})
    assert judged(gittrack)["candidate"] == ["after"]
    strict = gate(gittrack, "--require-run", "--ignore-param", "*")
    assert (strict.code, strict.err) == (1, "gittrack: the gate is closed: acc is worse\n")
    assert "warning" not in strict.out


def test_so_they_are_of_the_baseline(
    branches: Path, git: Git, gittrack: Gittrack, log: Log, amend: Callable[[str, str], str]
) -> None:
    log({"acc": 0.95, "name": "new"})
    git("checkout", "-q", "main", cwd=branches)
    commit(git, branches, "base.py")
    log({"acc": 0.7, "name": "before"})
    main = amend("base.py", "other\n")
    git("checkout", "-q", "feature", cwd=branches)

    told = gate(gittrack)
    assert (judged(gittrack)["baseline"], judged(gittrack)["candidate"]) == (["before"], ["new"])
    assert told.err == f"gittrack: warning: the files of {main[:7]} differ from those that the run was made with\n"

    git("checkout", "-q", "main", cwd=branches)
    log({"acc": 0.8, "name": "after"})
    (branches / "base.py").write_text("uncommitted\n", encoding="utf-8")
    log({"acc": 0.1, "name": "dirty"})
    git("checkout", "-qf", "feature", cwd=branches)
    assert judged(gittrack)["baseline"] == ["after"]
    assert gate(gittrack).err == ""


def test_files_that_came_back_are_those_of_their_run(
    branches: Path, git: Git, gittrack: Gittrack, log: Log, amend: Callable[[str, str], str]
) -> None:
    log({"acc": 0.95, "name": "new"})
    amend("model.py", "worse\n")
    commit(git, branches, "model.py")

    found = json.loads(gate(gittrack, "--require-run", "--json").out)

    assert [(run["name"], run["how"]) for run in found["candidate"]["runs"]] == [("new", "same tree")]
    assert (found["candidate"]["back"], found["candidate"]["files_differ"]) == (0, False)


def test_a_commit_of_another_branch_is_not_taken_for_a_rewritten_one(
    branches: Path, git: Git, gittrack: Gittrack, log: Log
) -> None:
    log({"acc": 0.95, "name": "theirs"})
    git("checkout", "-qb", "mine", "main", cwd=branches)
    commit(git, branches, "elsewhere.py")
    git("cherry-pick", "feature", cwd=branches)
    assert judged(gittrack)["candidate"] == []
    git("branch", "-qD", "feature", cwd=branches)
    assert judged(gittrack)["candidate"] == ["theirs"]


def test_uncommitted_changes(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    (branches / "model.py").write_text("uncommitted\n", encoding="utf-8")
    log({"acc": 0.95, "name": "dirty"})
    told = gate(gittrack)
    assert "dirty\\*" in told.out
    assert "differ from those that the run was made with" in told.err
    assert gate(gittrack, "--require-run").code == 1
    git("commit", "-qam", "Commit it", cwd=branches)
    short = git("rev-parse", "HEAD~", cwd=branches)[:7]
    assert f"dirty (uncommitted on `{short}`, same tree)" in gate(gittrack).out
    assert gate(gittrack, "--require-run").code == 0


def test_what_was_tried_on_main_is_not_its_baseline(repo: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.9, "name": "old"})
    (repo / "train.py").write_text("new\n", encoding="utf-8")
    log({"acc": 0.5, "name": "tried"})
    git("checkout", "-qb", "feature", cwd=repo)
    git("commit", "-qam", "Commit it", cwd=repo)

    found = judged(gittrack)

    assert (found["candidate"], found["baseline"], found["passed"]) == (["tried"], ["old"], False)


def test_a_long_way_back(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "new"})
    start = "from refs/heads/feature^0\n"
    lines = "".join(
        f"commit refs/heads/feature\ncommitter Ada Example <ada@example.com> {1_800_000_000 + number} +0000\n"
        f"data 1\nx\n{'' if number else start}M 100644 inline long.py\ndata 4\n{number:04}\n"
        for number in range(300)
    )
    git("fast-import", "--quiet", cwd=branches, input=lines)

    found = json.loads(gate(gittrack, "--json").out)

    assert [run["name"] for run in found["candidate"]["runs"]] == ["new"]
    assert found["candidate"]["back"] == 300
    assert "300 commits before it" in gate(gittrack).out


def test_the_candidates_earlier_runs_are_no_baseline(
    repo: Path, tmp_path: Path, git: Git, gittrack: Gittrack, log: Log
) -> None:
    git("checkout", "-qb", "feature", cwd=repo)
    git("commit", "-q", "--allow-empty", "-m", "The same tree as main", cwd=repo)
    log({"acc": 0.5})
    commit(git, repo, "model.py")
    log({"acc": 0.9})
    clone = tmp_path / "clone"
    git("clone", "-q", repo.as_uri(), clone)
    git("checkout", "-q", "--detach", cwd=clone)
    git("branch", "-qD", "feature", cwd=clone)

    result = gittrack("gate", "--metric", "acc", "--baseline", "origin/main", cwd=clone)

    assert "there is nothing to judge by: no run of origin/main, or before it, has acc" in result.err


def test_without_a_run_there_is_a_sentence(branches: Path, git: Git, gittrack: Gittrack, log: Log) -> None:
    result = gate(gittrack)
    assert result.code == 1
    assert result.err == "gittrack: error: there is no run to judge: none of main..HEAD has acc\n"
    assert "there is no run to judge: none of main..HEAD has acc" in result.out
    document = json.loads(gate(gittrack, "--json").out)
    assert (document["passed"], document["metrics"]) == (False, [])
    assert document["problem"] == "there is no run to judge: none of main..HEAD has acc"

    nothing = gittrack("gate", "--metric", "accuracy", "--baseline", "main")
    assert nothing.code == 1
    assert "none that counts has accuracy; are the runs fetched?" in nothing.err

    log({"f1": 0.9})
    unjudged = gittrack("gate", "--metric", "f1", "--baseline", "main")
    assert unjudged.code == 1
    assert "there is nothing to judge by: no run of main, or before it, has f1" in unjudged.err


def test_runs_that_did_not_finish_count_when_told(branches: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    broken = """
        import gittrack

        with gittrack.start_run("broken") as run:
            run.log_metric("acc", 0.99)
            raise ValueError
    """
    assert run_python(broken).code == 1, branches
    assert gate(gittrack).code == 1
    assert gate(gittrack, "--all-statuses").code == 0


def test_a_file_for_the_report_and_no_other(
    branches: Path, tmp_path: Path, gittrack: Gittrack, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log({"acc": 0.95})
    summary, report = tmp_path / "summary.md", tmp_path / "report.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    result = gate(gittrack, "--report", str(report))

    assert report.read_text(encoding="utf-8") == result.out != ""
    assert not summary.exists()
    assert gate(gittrack, "--report", str(summary), "--json").out.startswith("{")
    assert summary.read_text(encoding="utf-8") == result.out
    failed = gate(gittrack, "--report", str(tmp_path / "no" / "where"))
    assert (failed.code, "the report cannot be written" in failed.err) == (1, True), branches


def test_in_a_clone_and_in_a_shallow_one(
    branches: Path, tmp_path: Path, git: Git, gittrack: Gittrack, log: Log
) -> None:
    log({"acc": 0.95, "name": "new"})
    commit(git, branches, "later.md")
    url = branches.as_uri()
    git("clone", "-q", url, tmp_path / "whole")
    words = ["gate", "--metric", "acc", "--baseline", "origin/main"]
    assert gittrack(*words, cwd=tmp_path / "whole").code == 0

    git("clone", "-q", "--depth=1", "--no-single-branch", url, tmp_path / "shallow")
    result = gittrack(*words, cwd=tmp_path / "shallow")
    assert result.code == 1
    assert "this clone is shallow: fetch the whole history" in result.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--metric acc", "--baseline"),
        ("--baseline main", "--metric"),
        ("--metric acc --min --max --baseline main", "exclude each other"),
        ("--metric acc --baseline nowhere", "'nowhere' is no commit here"),
        ("--metric acc --baseline --all", "no commit here"),
        ("--metric acc --baseline main --tolerance -1", "--tolerance"),
        ("--metric acc --baseline main --tolerance nan", "--tolerance"),
        ("--metric acc --baseline main --where acc", "acc"),
    ],
)
def test_usage(branches: Path, gittrack: Gittrack, words: str, sentence: str) -> None:
    result = gittrack("gate", *words.split())
    assert (result.code, result.out) == (2, ""), branches
    assert sentence in result.err


def test_hostile_names_are_harmless_in_markdown(branches: Path, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "name": "a|b`@ada <img>", "params": {"p|q": "<script>\x1b[1m\u202e"}})

    text = gate(gittrack).out

    assert not set(text) & set("\x1b\u202e<"), branches
    assert "a\\|b\\`&#64;ada &#60;img>" in text
    assert "| p\\|q | - | &#60;script>\\\\x1b\\[1m\\\\u202e |" in text


def test_a_metric_that_no_run_has_is_told_before_its_direction(branches: Path, gittrack: Gittrack) -> None:
    result = gittrack("gate", "--metric", "reach", "--baseline", "main")
    assert (result.code, result.out) == (1, ""), branches
    assert "no run has metrics.reach" in result.err


def test_params_that_differ_are_told_unless_they_may(branches: Path, gittrack: Gittrack, log: Log) -> None:
    log({"acc": 0.95, "params": {"lr": 0.2, "width": 64, "data": {"seed": 7}}})

    told = gate(gittrack)
    some = gate(gittrack, "--ignore-param", "data.*")
    none = gate(gittrack, "--ignore-param", "data.s?ed", "--ignore-param", "lr")

    where = "between the runs of the baseline and the candidate"
    assert told.err == f"gittrack: warning: params differ {where}, so it may not be the code: lr, data.seed\n", branches
    assert some.err == f"gittrack: warning: params differ {where}, so it may not be the code: lr\n"
    assert ("| data.seed |" in told.out, "| data.seed |" in some.out) == (True, False)
    assert (none.code, none.err, "| param |" in none.out) == (0, "", False)
