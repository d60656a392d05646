"""`gittrack diff`: what differs between two runs, or between a run and now."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest

from gittrack.cli.diff import harmless

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, RunPython

SCRIPT = """\
import sys

import gittrack

rate = float(sys.argv[2])
with gittrack.start_run(sys.argv[1], params={"lr": rate, "model": {"depth": 3}}, tags={"stage": "dev"}) as run:
    for step in range(3):
        run.log_metric("loss", rate / (step + 1), step)
    run.log_metric("same", 1.5)
    run.log_input("data.csv")
"""


def record(repo: Path, name: str, rate: str, git: Git, **variables: str) -> None:
    from tests.conftest import run

    result = run([sys.executable, "train.py", name, rate], cwd=repo, env=variables)
    assert result.code == 0, result.err


@pytest.fixture
def two(repo: Path, git: Git) -> Path:
    """Two runs: slow of a clean tree, fast of one with a change and an untracked file, with other data."""
    (repo / "train.py").write_text(SCRIPT)
    (repo / ".gitignore").write_text("data.csv\n")
    (repo / "data.csv").write_text("1\n")
    git("add", "train.py", ".gitignore", cwd=repo)
    git("commit", "-qm", "Train", cwd=repo)
    record(repo, "slow", "0.1", git)
    (repo / "train.py").write_text(SCRIPT.replace("1.5", "3 / 2"))
    (repo / "helper.py").write_text("x = 1\n")
    (repo / "data.csv").write_text("1\n2\n")
    record(repo, "fast", "0.5", git, OMP_NUM_THREADS="2")
    return repo


def commits(gittrack: Gittrack, *runs: str) -> list[str]:
    codes = [json.loads(gittrack("show", run, "--json").out)["code"] for run in runs]
    return [code["snapshot"] or code["commit"] for code in codes]


def test_the_page_shows_what_differs_and_nothing_else(two: Path, git: Git, gittrack: Gittrack) -> None:
    result = gittrack("diff", "slow", "fast")

    assert (result.code, result.err) == (0, ""), two
    pair = commits(gittrack, "slow", "fast")
    page, code = result.out.split(f"\nCode\ngit diff {pair[0][:12]} {pair[1][:12]}\n\n")
    assert code == git("diff", *pair)
    assert re.search(r"^from  [0-9a-f]{8} slow  finished  .+$", page, re.MULTILINE)
    assert re.search(r"^to    [0-9a-f]{8} fast  finished  .+$", page, re.MULTILINE)
    assert re.search(r"^  lr +0\.1 +0\.5$", page, re.MULTILINE)
    assert re.search(r"^  loss +0\.0333333 +0\.166667 +\+0\.133333$", page, re.MULTILINE)
    assert re.search(r"^  loss max +0\.1 +0\.5 +\+0\.4$", page, re.MULTILINE)
    assert re.search(r"^  variables\.OMP_NUM_THREADS +2$", page, re.MULTILINE)
    assert re.search(r"^  data\.csv +[0-9a-f]{12} 2 B +[0-9a-f]{12} 4 B$", page, re.MULTILINE)
    # Beside or below each other, which depends on where the interpreter is.
    assert re.search(r"^  command\b", page, re.MULTILINE)
    assert all(f"train.py {words}" in " ".join(page.split()) for words in ("slow 0.1", "fast 0.5"))
    titles = [line for line in page.splitlines() if line and line[0].isupper()]
    assert titles == ["Run", "Params", "Metrics", "Environment", "Inputs"]
    assert not {"model.depth", "same", "stage", "host", "python"} & set(page.split())


def test_the_code_alone_is_the_output_of_git(two: Path, git: Git, gittrack: Gittrack) -> None:
    pair = commits(gittrack, "slow", "fast")

    for options in ([], ["--stat"], ["--name-only"], ["--name-status"], ["-U1"], ["-w"], ["--word-diff"]):
        assert gittrack("diff", "slow", "fast", "--code", *options).out == git("diff", *options, *pair), two
    only = gittrack("diff", "slow", "fast", "--code", "--", "helper.py", "nothing").out
    assert only == git("diff", *pair, "--", "helper.py")
    assert "helper.py" in only
    assert "train.py" not in only
    (two / "folder").mkdir()
    assert gittrack("diff", "slow", "fast", "--code", "--", "../helper.py", cwd=two / "folder").out == only


def test_a_patch_can_be_applied(two: Path, git: Git, gittrack: Gittrack) -> None:
    patch = gittrack("diff", "slow", "fast", "--code").out
    git("checkout", "-q", "train.py", cwd=two)
    (two / "helper.py").unlink()
    git("apply", input=patch, cwd=two)
    assert "3 / 2" in (two / "train.py").read_text()
    assert (two / "helper.py").read_text() == "x = 1\n"


def test_as_json(two: Path, gittrack: Gittrack) -> None:
    found = json.loads(gittrack("diff", "slow", "fast", "--json").out)

    assert (found["from"]["name"], found["to"]["name"]) == ("slow", "fast"), two
    assert found["params"] == {"lr": {"before": 0.1, "after": 0.5}}
    assert set(found["facts"]) == {"command"}
    assert found["facts"]["command"]["after"][-2:] == ["fast", "0.5"]
    assert found["metrics"]["loss"]["change"] == {"last": 0.5 / 3 - 0.1 / 3, "min": 0.5 / 3 - 0.1 / 3, "max": 0.4}
    assert found["environment"] == {"variables.OMP_NUM_THREADS": {"after": "2"}}
    assert found["inputs"]["data.csv"]["after"]["size"] == 4
    assert [(file["status"], file["path"], file["added"]) for file in found["code"]] == [
        ("A", "helper.py", 1),
        ("M", "train.py", 1),
    ]
    assert (found["tags"], found["packages"], found["left_out"]) == ({}, {}, [])


def test_a_run_against_now(two: Path, git: Git, gittrack: Gittrack) -> None:
    (two / "untracked.py").write_text("y = 2\n")
    (two / "key.p12").write_text("-----BEGIN\n")
    (two / "data.csv").unlink()
    before = git("count-objects", "-v"), (two / ".git/index").read_bytes(), git("for-each-ref")

    result = gittrack("diff", "slow", "--name-status")
    same = gittrack("diff", "--", "helper.py")

    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("\nCode\n\nA\thelper.py\nM\ttrain.py\nA\tuntracked.py\n")
    assert re.search(
        r"^to    the working tree now, at \w{7} on main, with uncommitted changes$", result.out, re.MULTILINE
    )
    assert re.search(r"^  data\.csv +[0-9a-f]{12} 2 B +not here$", result.out, re.MULTILINE)
    assert re.search(r"^  now +key\.p12 +it looks like a secret: .+$|^  now +key\.p12 +.*$", result.out, re.MULTILINE)
    assert "Params" not in result.out
    assert same.out.endswith("\nThe code of these paths is the same.\n"), "the newest run is fast"
    assert (git("count-objects", "-v"), (two / ".git/index").read_bytes(), git("for-each-ref")) == before


def test_exit_codes(two: Path, git: Git, gittrack: Gittrack) -> None:
    assert gittrack("diff", "slow", "fast", "--exit-code").code == 1, two
    same = gittrack("diff", "slow", "slow", "--exit-code")
    assert (same.code, same.out.splitlines()[-1]) == (0, "Nothing differs.")
    assert gittrack("diff", "slow", "slow", "--exit-code", "--code").out == ""
    record(two, "again", "0.5", git, OMP_NUM_THREADS="2")
    assert gittrack("diff", "fast", "again", "--exit-code", "--code").code == 0
    told = gittrack("diff", "fast", "again", "--exit-code")
    assert (told.code, told.out.splitlines()[-1]) == (1, "The code is the same.")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["slow", "fsat"], 1, "no run answers to 'fsat'; did you mean fast?"),
        (["slow", "train.py"], 2, "'train.py' is a file and no run; paths come last, after '--'"),
        (["slow", "--statt"], 2, "there is no option '--statt'; did you mean '--stat'?"),
        (["slow", "--code", "--json"], 2, "--code cannot be combined with --no-code or --json"),
        (["slow", "--json", "-w", "--stat"], 2, "--stat cannot be combined with --json, which tells how each file"),
        (["slow", "--no-code", "--stat"], 2, "--no-code cannot be combined with --stat, which is about the code"),
        (["slow", "--no-code", "--", "x"], 2, "--no-code cannot be combined with paths, which is about the code"),
    ],
)
def test_what_cannot_be_meant(two: Path, gittrack: Gittrack, words: list[str], code: int, sentence: str) -> None:
    result = gittrack("diff", *words)

    assert (result.code, result.out) == (code, ""), two
    assert sentence in result.err


def test_code_that_is_not_fetched(two: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    host, elsewhere = tmp_path / "host.git", tmp_path / "elsewhere"
    git("init", "-q", "--bare", str(host))
    git("push", "-q", str(host), "main", "gittrack/runs", "refs/gittrack/snapshots", cwd=two)
    git("clone", "-q", host.as_uri(), str(elsewhere))
    expected = gittrack("diff", "slow", "fast").out

    refused = gittrack("diff", "slow", "fast", cwd=elsewhere)
    data = json.loads(gittrack("diff", "slow", "fast", "--json", cwd=elsewhere).out)

    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "(--no-code leaves it out)" in refused.err
    assert "\nMetrics\n" in refused.out
    assert "Code" not in refused.out
    assert (data["code"], data["params"]) == (None, {"lr": {"before": 0.1, "after": 0.5}})
    assert gittrack("diff", "slow", "fast", "--no-code", cwd=elsewhere).code == 0
    git(*refused.err.partition("; run: git ")[2].split(), cwd=elsewhere)
    fetched = gittrack("diff", "slow", "fast", cwd=elsewhere)
    assert (fetched.code, fetched.out.splitlines()[2:]) == (0, expected.splitlines()[2:])


def test_runs_that_are_running_or_damaged(two: Path, git: Git, gittrack: Gittrack, run_python: RunPython) -> None:
    done = run_python("""
        import subprocess
        import sys

        import gittrack

        with gittrack.start_run("alive", params={"lr": 0.7}) as run:
            run.log_metric("loss", 0.25)
            print(subprocess.run([sys.executable, "-m", "gittrack", "diff", "fast", "alive"], capture_output=True))
    """)

    assert done.code == 0, done.err
    assert "alive  running" in done.out
    assert re.search(r"\\n  lr +0\.5 +0\.7\\n", done.out)
    assert "not here" not in done.out
    assert "returncode=0" in done.out, two


def test_hostile_text_is_made_visible(two: Path, gittrack: Gittrack, run_python: RunPython, terminal: Terminal) -> None:
    (two / "evil.txt").write_bytes(b"\x1b]0;title\x07 \x1b[8mhidden\x1b[m tab\there\r\n\xff\n")
    done = run_python(r"""
        import gittrack

        gittrack.start_run("evil", params={"a": "\x1b[2J", "b": "one\ntwo"}).end()
    """)
    assert done.code == 0, done.err

    code, text = terminal("diff", "slow", "evil", width=70)

    assert code == 0
    assert r"\x1b[2J" in text
    assert r"one\ntwo" in text
    assert r"\x1b]0;title\x07 \x1b[8mhidden" in text
    assert "tab\there" in text
    assert r"\xff" in text
    assert not set(re.sub(r"\x1b\[[0-9;]*m", "", text)) & {"\x1b", "\x07", "\r"}
    page = re.sub(r"\x1b\[[0-9;]*m", "", text).partition("\nCode\n")[0]
    assert all(len(line) <= 70 for line in page.splitlines() if ".py" not in line), page
    assert "\x1b" in gittrack("diff", "slow", "evil", "--code").out, "a pipe gets the very bytes"


@pytest.mark.parametrize(
    ("line", "color", "shown"),
    [
        (b"\x1b[31m-a\x1b[m\n", True, b"\x1b[31m-a\x1b[m\n"),
        (b"\x1b[31m-a\x1b[m\n", False, b"\\x1b[31m-a\\x1b[m\n"),
        (b"\x1b[1;8mx\x1b[08m\x1b[38;5;208my\n", True, b"\\x1b[1;8mx\\x1b[08m\x1b[38;5;208my\n"),
        (b"\x1b[2Jx", True, b"\\x1b[2Jx"),
        (b"", True, b""),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_lines_for_a_terminal(line: bytes, color: bool, shown: bytes, size: int) -> None:
    chunks = [line[start : start + size] for start in range(0, len(line), size)]

    assert b"".join(harmless(chunks, color=color)) == shown


def test_colours_as_git_has_them(two: Path, git: Git, terminal: Terminal, gittrack: Gittrack) -> None:
    assert "\x1b[32m+" in terminal("diff", "slow", "fast")[1], two
    assert "\x1b[32m+" not in terminal("diff", "slow", "fast", env={"NO_COLOR": "1"})[1]
    assert "\x1b[32m+" in gittrack("diff", "slow", "fast", "--color", "always").out
    git("config", "color.diff", "false", cwd=two)
    assert "\x1b[32m+" not in terminal("diff", "slow", "fast")[1]


def test_a_pager_that_is_quit_early_is_no_error(two: Path, terminal: Terminal) -> None:
    (two / "long.txt").write_text("line\n" * 200_000)

    code, text = terminal("diff", "slow", env={"GIT_PAGER": "head -n 1"})

    assert (code, text.count("\n")) == (0, 1)


def test_the_pager_of_git_diff(two: Path, git: Git, terminal: Terminal) -> None:
    git("config", "core.pager", "sed s/^/core:/", cwd=two)
    unset = {"GIT_PAGER": None}

    assert terminal("diff", "slow", "fast", env=unset)[1].startswith("core:")
    git("config", "pager.diff", "sed s/^/diff:/", cwd=two)
    assert terminal("diff", "slow", "fast", env=unset)[1].startswith("diff:")
    assert terminal("log", env=unset)[1].startswith("core:")
    git("config", "pager.diff", "false", cwd=two)
    assert terminal("diff", "slow", "fast", env={**unset, "NO_COLOR": "1"})[1].startswith("from ")


def test_no_working_tree(two: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git("clone", "-q", "--mirror", str(two), str(bare))
    result = gittrack("diff", "slow", cwd=bare)
    assert (result.code, result.out) == (1, "")
    assert "no working tree here" in result.err
    assert gittrack("diff", "slow", "fast", "--code", cwd=bare).out == gittrack("diff", "slow", "fast", "--code").out


def test_neither_dulwich_nor_anything_heavy_is_imported(two: Path, gittrack: Gittrack, run_python: RunPython) -> None:
    assert gittrack("log").code == 0, "the index is there"
    result = run_python("""
        import sys

        from gittrack.cli.main import entry

        sys.argv = ["gittrack", "diff", "slow", "fast"]
        try:
            entry()
        finally:
            costly = {"asyncio", "dulwich", "importlib.metadata", "numpy", "rich", "urllib.request", "yaml"}
            print(sorted(costly & set(sys.modules)), file=sys.stderr)
    """)

    assert "Code" in result.out, two
    assert result.err == "[]\n"


def test_the_shell_completes_both_runs(two: Path, gittrack: Gittrack) -> None:
    for words in (["gittrack", "diff", "fa"], ["gittrack", "diff", "slow", "fa"]):
        env = {"_GITTRACK_COMPLETE": "bash_complete", "COMP_WORDS": "\n".join(words)}
        result = gittrack(env=env | {"COMP_CWORD": str(len(words) - 1)})
        assert "plain,fast" in result.out.split(os.linesep), two


def test_code_that_is_not_here_but_known_to_be_the_same(
    two: Path, git: Git, gittrack: Gittrack, tmp_path: Path
) -> None:
    host, elsewhere = tmp_path / "host.git", tmp_path / "elsewhere"
    git("stash", "-qu", cwd=two)
    git("commit", "-q", "--amend", "-m", "Amended", cwd=two)
    record(two, "amended", "0.1", git)
    git("init", "-q", "--bare", str(host))
    git("push", "-q", str(host), "main", "gittrack/runs", cwd=two)
    git("clone", "-q", host.as_uri(), str(elsewhere))
    known = json.loads(gittrack("show", "slow", "--json").out)["code"]["commit"]

    result = gittrack("diff", "slow", "amended", cwd=elsewhere)

    assert git("cat-file", "--batch-check", input=f"{known}\n", cwd=elsewhere) == f"{known} missing\n"
    assert (result.code, result.err, result.out.splitlines()[-1]) == (0, "", "The code is the same.")


def damage(git: Git, run_id: str, repo: Path) -> None:
    """Let the record of a run on the branch be no YAML."""
    index = {"GIT_INDEX_FILE": str(repo / ".git/other-index")}
    blob = git("hash-object", "-w", "--stdin", input="{[\n", cwd=repo).strip()
    git("read-tree", "gittrack/runs", env=index, cwd=repo)
    place = f"runs/{run_id[:2]}/{run_id}/run.yaml"
    git("update-index", "--cacheinfo", f"100644,{blob},{place}", env=index, cwd=repo)
    tree = git("write-tree", env=index, cwd=repo).strip()
    commit = git("commit-tree", "-p", "gittrack/runs", "-m", "damage", tree, cwd=repo).strip()
    git("update-ref", "refs/heads/gittrack/runs", commit, cwd=repo)


def test_a_damaged_run_is_one_sentence_and_hides_no_other(two: Path, git: Git, gittrack: Gittrack) -> None:
    run_id = json.loads(gittrack("show", "slow", "--json").out)["id"]
    record(two, "again", "0.6", git)
    damage(git, run_id, two)

    refused = gittrack("diff", run_id[:8], "fast")
    other = gittrack("diff", "fast", "again")

    assert (refused.code, refused.out, refused.err.count("\n")) == (1, "", 1)
    assert f"run {run_id[:8]} is damaged" in refused.err
    assert (other.code, other.out.splitlines()[-1]) == (0, "The code is the same.")
    assert f"warning: run {run_id[:8]} is damaged" in other.err


def test_a_submodule_and_a_linked_worktree(two: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    library = tmp_path / "library"
    git("init", "-q", str(library))
    (library / "lib.py").write_text("1\n")
    git("add", "lib.py", cwd=library)
    git("commit", "-qm", "one", cwd=library)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib", cwd=two)
    git("commit", "-qam", "With a submodule", cwd=two)
    record(two, "with", "0.5", git)
    git("commit", "-q", "--allow-empty", "-m", "two", cwd=two / "lib")

    moved = gittrack("diff", "with", "--name-status")
    assert moved.out.endswith("\nCode\n\nM\tlib\n")
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "--detach", str(linked), "HEAD", cwd=two)
    (linked / "only here").write_text("here\n")
    before = git("count-objects", "-v", cwd=two)
    there = gittrack("diff", "with", "--code", "--name-only", cwd=linked)
    assert (there.code, there.err) == (0, "")
    assert there.out.splitlines() == ["helper.py", "only here"], "the run had an untracked helper.py"
    assert git("count-objects", "-v", cwd=two) == before


def test_a_partial_clone_fetches_what_it_shows(two: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    host, elsewhere = tmp_path / "host.git", tmp_path / "elsewhere"
    git("init", "-q", "--bare", str(host))
    git("config", "uploadpack.allowFilter", "true", cwd=host)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=host)
    git("push", "-q", str(host), "main", "gittrack/runs", "refs/gittrack/*:refs/gittrack/*", cwd=two)
    git("clone", "-q", "--filter=blob:none", host.as_uri(), str(elsewhere))
    git("fetch", "-q", "origin", "refs/gittrack/snapshots:refs/gittrack/remotes/origin/snapshots", cwd=elsewhere)

    result = gittrack("diff", "slow", "fast", "--code", cwd=elsewhere)

    assert (result.code, result.out) == (0, gittrack("diff", "slow", "fast", "--code").out)
