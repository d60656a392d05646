"""A run is done again from what git holds of it, wherever and whenever that is."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.reproduce.runs import record, verdict, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack


def test_a_dirty_run_survives_everything_and_is_reproduced_in_another_clone(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    git("checkout", "-qb", "topic", cwd=script)
    git("commit", "-q", "--allow-empty", "-m", "On a topic", cwd=script)
    record(script, python)
    snapshot = json.loads(gittrack("show", "--json").out)["code"]["snapshot"]
    (script / "helper.py").unlink()
    git("commit", "-q", "--amend", "--allow-empty", "-m", "Amended", cwd=script)
    git("checkout", "-q", "main", cwd=script)
    git("commit", "-q", "--allow-empty", "-m", "Main went on", cwd=script)
    git("rebase", "-q", "main", "topic", cwd=script)
    git("checkout", "-q", "main", cwd=script)
    git("branch", "-qD", "topic", cwd=script)
    git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all", cwd=script)
    git("gc", "-q", "--prune=now", cwd=script)
    host, elsewhere = tmp_path / "host.git", tmp_path / "elsewhere"
    git("init", "-q", "--bare", str(host))
    git("push", "-q", str(host), "main", "gittrack/runs", "refs/gittrack/snapshots", cwd=script)
    git("clone", "-q", host.as_uri(), str(elsewhere))  # a path would bring every object

    refused = gittrack("reproduce", "latest", cwd=elsewhere)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    command = refused.err.partition("; run: git ")[2].split()
    git(*command, cwd=elsewhere)
    result = gittrack("reproduce", "latest", "--json", cwd=elsewhere)

    told = verdict(result)
    assert (result.code, told["reproduced"]) == (0, True), result.err
    assert [(m["metric"], m["word"]) for m in told["metrics"]] == [("loss", "identical")]  # type: ignore[attr-defined]
    again = json.loads(gittrack("show", "--json", cwd=elsewhere).out)
    assert (again["id"], again["reproduces"]) == (told["reproduction"], told["run"])
    assert again["code"]["snapshot"] == snapshot
    # Without gittrack: a worktree at the documented commit is the same code.
    plain = tmp_path / "plain"
    git("worktree", "add", "-q", "--detach", str(plain), snapshot, cwd=elsewhere)
    assert (plain / "helper.py").read_text() == "def scale(x): return 2 * x\n"
    record(plain, python)
    histories = [gittrack("show", spec, "--metric", "loss", cwd=elsewhere).out for spec in ("latest", str(told["run"]))]
    values = [[line.split("\t")[2] for line in history.splitlines()] for history in histories]
    assert values[0] == values[1]
    assert len(values[0]) == 6


def test_what_is_not_the_same_is_told(script: Path, python: str, gittrack: Gittrack) -> None:
    record(script, python, "--noise")
    result = gittrack("reproduce", "latest", "--json")
    told = verdict(result)
    assert (result.code, told["reproduced"]) == (1, False)
    words = {m["metric"]: m["word"] for m in told["metrics"]}  # type: ignore[attr-defined]
    assert words == {"loss": "identical", "noise": "different"}
    first = str(told["run"])
    assert gittrack("reproduce", first, "--rtol", "0.01").code == 0
    shown = gittrack("reproduce", first, "--rtol", "0.01", "--metric", "noise")
    assert "within tolerance" in shown.out
    assert "loss" not in shown.out
    assert gittrack("reproduce", first, "--metric", "lost").err.endswith("it has loss, noise\n")


def test_a_command_that_gittrack_ran(script: Path, gittrack: Gittrack) -> None:
    (script / "data.csv").write_text("1\n2\n")
    code = 'import json; json.dump({"rows": len(list(open("data.csv")))}, open("metrics.json", "w")); print("read")'
    recorded = gittrack(
        "run", "--input", "data.csv", "--metrics", "metrics.json", "--name", "rows", "--", "python3", "-c", code
    )
    assert recorded.code == 0, recorded.err
    (script / "metrics.json").unlink()
    result = gittrack("reproduce", "rows", "--json")
    assert (result.code, verdict(result)["reproduced"]) == (0, True), result.err
    assert result.out.startswith("read\n")
    assert not (script / "metrics.json").exists(), "the user's own tree is left alone"
    again = json.loads(gittrack("show", "--json").out)
    assert again["inputs"] == json.loads(gittrack("show", "rows", "--json").out)["inputs"]

    (script / "data.csv").write_text("1\n2\n3\n")
    changed = gittrack("reproduce", "rows")
    assert (changed.code, changed.out) == (1, "")
    assert "input 'data.csv' is not what the run read" in changed.err
    (script / "data.csv").unlink()
    missing = gittrack("reproduce", "rows")
    assert (missing.code, missing.err.count("\n")) == (1, 1)
    assert "input 'data.csv' is not here" in missing.err


def test_times_may_differ_and_what_git_ignores_is_named(script: Path, git: Git, gittrack: Gittrack) -> None:
    (script / ".gitignore").write_text("data/\nmetrics.json\n")
    git("add", ".gitignore", cwd=script)
    git("commit", "-qm", "Ignore data", cwd=script)
    (script / "data").mkdir()
    (script / "data/one.csv").write_text("1\n")
    code = (
        "import json, time; found = {'rows': len(list(open('data/one.csv'))), 'train_seconds': time.time()}; "
        "json.dump(found, open('metrics.json', 'w'))"
    )
    command = ("run", "--metrics", "metrics.json", "--name", "rows", "--", "python3", "-c", code)
    assert gittrack(*command).code == 0
    without = gittrack("reproduce", "rows")
    assert (without.code, "not reproduced" in without.out) == (1, True)
    assert "git ignores these, and only your own tree has them: data/, metrics.json; --link PATH" in without.err
    linked = gittrack("reproduce", "rows", "--link", "data")
    assert (linked.code, "not judged: it tells of the machine" in linked.out) == (0, True), linked.err
    judged = gittrack("reproduce", "rows", "--link", "data", "--metric", "train_seconds")
    assert (judged.code, "different" in judged.out) == (1, True)


def test_the_very_run_of_a_script_that_starts_several(script: Path, python: str, gittrack: Gittrack) -> None:
    write(
        script,
        train_py="""
        import gittrack

        for number in range(3):
            with gittrack.start_run(f"grid-{number}"):
                gittrack.log_metric("number", number)
        """,
    )
    record(script, python)
    result = gittrack("reproduce", "grid-1", "--json")
    told = verdict(result)
    assert (result.code, told["metrics"][0]["reproduced"]) == (0, 1)  # type: ignore[index]


@pytest.mark.parametrize("options", [(), ("--keep",)])
def test_nothing_is_left_but_what_is_asked_for(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path, options: tuple[str, ...]
) -> None:
    record(script, python)
    own = tmp_path / "own"
    own.mkdir()
    before = git("status", "--porcelain=v2", "--branch", cwd=script)
    result = gittrack("reproduce", "latest", *options, env={"TMPDIR": str(own)})
    assert result.code == 0, result.err
    assert git("status", "--porcelain=v2", "--branch", cwd=script) == before
    kept = list(own.iterdir())
    assert len(kept) == len(options)
    assert git("worktree", "list", cwd=script).count("\n") == 1 + len(options)
    if kept:
        assert (kept[0] / "repo/helper.py").exists()


def test_what_cannot_be_done_is_one_sentence(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    assert gittrack("run", "--name", "gone", "--", "sh", "-c", "exit 0").code == 0
    assert gittrack("run", "--name", "secret", "--", "sh", "-c", "exit 0", "--password=hunter2hunter2").code == 0
    own = tmp_path / "own"
    own.mkdir()
    cases = {
        ("gone", "--", "no-such-command"): "no-such-command: command not found",
        ("secret",): "the command of run",
        ("gone", "--link", "/etc"): "--link '/etc' is not in this working tree",
        ("gone", "--env"): "",
        ("nobody",): "no run",
    }
    for words, sentence in cases.items():
        if sentence:
            result = gittrack("reproduce", *words, env={"TMPDIR": str(own)})
            assert result.code in (1, 2, 127), words
            assert sentence in result.err
            assert "Traceback" not in result.err
    assert os.listdir(own) == []
    assert git("worktree", "list", cwd=script).count("\n") == 1


def test_checkout_and_branch(script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    (script / ".env").write_text("PASSWORD=hunter2hunter2\n")
    record(script, python)
    place = tmp_path / "there"
    result = gittrack("checkout", "latest", str(place))
    assert result.code == 0, result.err
    assert sorted(path.name for path in place.iterdir()) == [".git", ".gitignore", "helper.py", "train.py"]
    assert "not in it: .env (it looks like a secret" in result.err
    again = gittrack("checkout", "latest", str(place))
    assert (again.code, "exists already" in again.err) == (1, True)
    assert gittrack("branch", "latest", "try").code == 0
    assert git("show", "try:helper.py", cwd=script) == "def scale(x): return 2 * x\n"
    assert (
        gittrack("branch", "latest", "try").err
        == "gittrack: error: git branch failed: a branch named 'try' already exists\n"
    )
    # A run in the checked out worktree is one of the same snapshot.
    record(place, python)
    first, second = (json.loads(gittrack("show", spec, "--json").out)["code"] for spec in ("latest", "latest~1"))
    assert {key: first[key] for key in ("commit", "snapshot", "tree", "dirty")} == {
        key: second[key] for key in ("commit", "snapshot", "tree", "dirty")
    }


def test_a_checkout_names_the_data_that_is_not_in_it(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    (script / ".gitignore").write_text("*.csv\n")
    (script / "data.csv").write_text("1\n")
    git("add", ".gitignore", cwd=script)
    git("commit", "-qm", "Ignore data", cwd=script)
    assert gittrack("run", "-q", "--input", "data.csv", "--input", "train.py", "--", "true").code == 0
    assert "nowhere, only its hash" in gittrack("show").out
    place = tmp_path / "there"
    told = gittrack("checkout", "latest", str(place)).err
    (line,) = [line for line in told.splitlines() if "input" in line]
    run_id = json.loads(gittrack("show", "--json").out)["id"][:8]
    link = f"ln -s {script}/data.csv {place}/data.csv"
    assert line == f"gittrack: input data.csv is not in it: 'gittrack reproduce {run_id}' links it, or: {link}"
    (script / "data.csv").unlink()
    told = gittrack("checkout", "latest", str(tmp_path / "elsewhere")).err
    assert f"input data.csv is not in it: 'gittrack reproduce {run_id}' links it\n" in told


def test_submodules_come_along_and_leave_the_configuration_alone(
    script: Path, git: Git, gittrack: Gittrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    git("init", "-q", str(library))
    (library / "lib.txt").write_text("from the library\n")
    git("add", "lib.txt", cwd=library)
    git("commit", "-qm", "Library", cwd=library)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    git("submodule", "--quiet", "add", str(library), "lib", cwd=script)
    git("commit", "-qm", "Add the library", cwd=script)
    git("config", "--remove-section", "submodule.lib", cwd=script)
    before = (script / ".git/config").read_bytes()
    assert gittrack("run", "-q", "--", "cat", "lib/lib.txt").code == 0
    result = gittrack("reproduce", "latest")
    assert (result.code, result.out.splitlines()[0]) == (0, "from the library"), result.err
    assert (script / ".git/config").read_bytes() == before


def test_a_checkout_that_fails_takes_nobodys_worktree_away(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    record(script, python)
    place = tmp_path / "theirs"
    git("worktree", "add", "-q", "--lock", str(place), cwd=script)
    place.rename(tmp_path / "unmounted")
    assert gittrack("checkout", "latest", str(place)).code == 1
    assert (script / ".git/worktrees/theirs/HEAD").exists()


def test_a_worktree_whose_folder_is_gone_is_named_with_what_to_do(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    record(script, python)
    place = tmp_path / "there"
    assert gittrack("checkout", "latest", str(place)).code == 0
    shutil.rmtree(place)
    refused = gittrack("checkout", "latest", str(place))
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    git(*refused.err.rstrip("\n").partition("; run: git ")[2].split(), cwd=script)
    assert gittrack("checkout", "latest", str(place)).code == 0


def test_a_clone_that_is_cut_off_is_told_how_to_get_the_code(
    script: Path, python: str, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    git("add", "-A", cwd=script)
    git("commit", "-qm", "Helper", cwd=script)
    record(script, python)
    git("commit", "-q", "--allow-empty", "-m", "Later", cwd=script)
    host, elsewhere = tmp_path / "host.git", tmp_path / "elsewhere"
    git("init", "-q", "--bare", str(host))
    git("push", "-q", str(host), "main", "gittrack/runs", cwd=script)
    git("clone", "-q", "--depth", "1", "--no-single-branch", host.as_uri(), str(elsewhere))
    refused = gittrack("reproduce", "latest", cwd=elsewhere)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    git(*refused.err.rpartition(": git ")[2].split(), cwd=elsewhere)
    again = gittrack("reproduce", "latest", cwd=elsewhere)
    assert again.code == 0, again.err


def test_a_tolerance_is_a_number(script: Path, python: str, gittrack: Gittrack) -> None:
    record(script, python)
    result = gittrack("reproduce", "latest", "--rtol", "nan")
    assert (result.code, result.out) == (2, "")
    assert "nan is no tolerance" in result.err
