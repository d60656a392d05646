"""`gittrack run` and `gittrack record`: any program becomes a run and does not notice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Terminal
    from tests.conftest import Git, Gittrack, Result

PYTHON = sys.executable


def latest(gittrack: Gittrack) -> dict[str, object]:
    result = gittrack("show", "latest", "--json")
    assert result.code == 0, result.err
    run = json.loads(result.out)
    assert isinstance(run, dict)
    return run


def test_an_ordinary_script_is_recorded_unchanged(repo: Path, git: Git, gittrack: Gittrack) -> None:
    result = gittrack(
        "run", "--name", "plain", "--tag", "a=b=c", "--", PYTHON, "train.py", "--lr", "0.1", "--amp", "n=3"
    )
    assert (result.code, result.out) == (0, "epoch 1: loss 0.5\n")
    run = latest(gittrack)
    closing, hint = result.err.splitlines()
    assert closing == f"gittrack: run {str(run['id'])[:8]} plain finished"
    assert hint.startswith("gittrack: no metric was recorded; --metrics FILE")
    assert run["params"] == {"lr": 0.1, "amp": True, "n": 3}
    assert run["tags"] == {"a": "b=c"}
    assert run["command"] == [PYTHON, "train.py", "--lr", "0.1", "--amp", "n=3"]
    code = run["code"]
    assert isinstance(code, dict)
    assert (code["entry"], code["dirty"], code["branch"]) == ("train.py", False, "main")
    assert gittrack("show", "plain", "--output").out == "epoch 1: loss 0.5\n"
    assert git("status", "--porcelain") == ""


@pytest.mark.parametrize("code", [0, 1, 3, 77])
def test_the_exit_code_is_the_commands(repo: Path, gittrack: Gittrack, code: int) -> None:
    assert gittrack("run", "--", "sh", "-c", f"echo last words >&2; exit {code}").code == code
    run = latest(gittrack)
    assert run["status"] == ("failed" if code else "finished")
    assert run["error"] == (f"exit code {code}\nlast words" if code else None)


def test_input_goes_through(repo: Path, gittrack: Gittrack) -> None:
    assert gittrack("run", "-q", "--", "cat", input="hello").out == "hello"


def test_a_signal_to_the_wrapper_reaches_the_command_and_the_run_is_killed(repo: Path, gittrack: Gittrack) -> None:
    process = subprocess.Popen(
        [PYTHON, "-m", "gittrack", "run", "--", "sh", "-c", "echo up; exec sleep 100"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(60) == 143
    assert latest(gittrack)["status"] == "killed"


def test_files_are_read_and_kept(repo: Path, gittrack: Gittrack) -> None:
    (repo / "params.yaml").write_text("lr: 0.5\nmodel: {depth: 3}\n")
    (repo / "data.csv").write_text("1,2\n")
    script = "printf 'step,loss\\n1,0.5\\n2,0.25\\n' > m.csv; echo '{\"acc\": 0.9}' > m.json; echo weights > model.bin"
    result = gittrack(
        "run", "--params", "params.yaml", "--metrics", "m.csv", "--metrics", "m.json", "--input", "data.csv",
        "--artifact", "model.bin", "--artifact", "missing.bin", "--", "sh", "-c", script,
    )  # fmt: skip
    assert result.code == 0
    assert "artifact 'missing.bin' is not recorded" in result.err
    run = latest(gittrack)
    assert run["params"] == {"lr": 0.5, "model": {"depth": 3}}
    metrics = run["metrics"]
    assert isinstance(metrics, dict)
    assert (metrics["loss"]["last"], metrics["loss"]["count"], metrics["acc"]["last"]) == (0.25, 2, 0.9)
    assert [a["path"] for a in run["artifacts"]] == ["model.bin"]  # type: ignore[attr-defined]
    assert [i["path"] for i in run["inputs"]] == ["data.csv"]  # type: ignore[attr-defined]


def test_any_language_logs_from_inside(repo: Path, gittrack: Gittrack) -> None:
    record = f"'{PYTHON}' -m gittrack record"
    script = f"""
    set -e
    {record} param lr=0.1 name=adam on=true
    {record} metric loss=0.3 acc=1 --step 10
    {record} tag stage=final
    echo data > data.txt; {record} input data.txt
    {record} artifact data.txt --to files
    printf '{{"step": 11, "loss": 0.2}}\\n\\n{{"step": 12, "loss": 0.1}}\\n' | {record} metrics -
    """
    result = gittrack("run", "--", "sh", "-c", script)
    assert (result.code, result.out) == (0, ""), result.err
    run = latest(gittrack)
    assert run["params"] == {"lr": 0.1, "name": "adam", "on": True}
    metrics = run["metrics"]
    assert isinstance(metrics, dict)
    assert (metrics["loss"]["last"], metrics["loss"]["step"], metrics["loss"]["count"]) == (0.1, 12, 3)
    assert run["tags"] == {"stage": "final"}
    assert [a["path"] for a in run["artifacts"]] == ["files/data.txt"]  # type: ignore[attr-defined]
    history = gittrack("show", "latest", "--metric", "loss", "--json")
    assert [p["step"] for p in json.loads(history.out)] == [10, 11, 12]


def test_a_python_child_that_starts_no_run_logs_to_this_one_without_a_word(repo: Path, gittrack: Gittrack) -> None:
    code = "import gittrack; gittrack.log_metric('loss', 2)"
    done = gittrack("run", "-q", "--name", "outer", "--", sys.executable, "-c", code)
    assert (done.code, done.out, done.err) == (0, "", "")
    shown = json.loads(gittrack("log", "--json").out)
    assert [(run["name"], run["metrics"]["loss"]["last"]) for run in shown] == [("outer", 2)]


def test_a_python_child_joins_the_very_run(repo: Path, gittrack: Gittrack, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(
        "import gittrack\n"
        "with gittrack.start_run('from child', experiment='e', params={'inner': 1}) as run:\n"
        "    run.log_metric('loss', 0.5, 1)\n"
    )
    result = gittrack("run", "--", PYTHON, script, "--outer", "2")
    assert (result.code, result.out) == (0, "")
    run = latest(gittrack)
    assert (run["name"], run["experiment"], run["params"]) == ("from child", "e", {"outer": 2, "inner": 1})
    assert len(json.loads(gittrack("log", "--json").out)) == 1


def test_a_child_that_logs_another_value_is_told_both(repo: Path, gittrack: Gittrack, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text("import gittrack\ngittrack.log_param('lr', 0.2)\n")
    result = gittrack("run", "--", PYTHON, script, "--lr", "0.1")
    assert result.code == 1
    assert "param 'lr' is already 0.1 and cannot become 0.2" in result.err


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["run"], 2, "missing argument"),
        (["run", "--tag", "x", "--", "true"], 2, "KEY=VALUE"),
        (["run", "--lr", "3"], 2, "stand behind it: gittrack run -- python train.py --lr 3\n"),
        (["run", "--name", "x", "--lr=3"], 2, "stand behind it: gittrack run --name x -- python train.py --lr=3\n"),
        (["run", "--lr", "3", "sh", "train.sh"], 2, "stand behind it: gittrack run -- sh train.sh --lr 3\n"),
        (["run", "--lr", "3", "--", "sh", "train.sh"], 2, "stand behind it: gittrack run -- sh train.sh --lr 3\n"),
        (["run", "--nmae", "x", "--", "true"], 2, "there is no option '--nmae'; did you mean '--name'?\n"),
        (["run", "--", "no-such-command-here"], 127, "no-such-command-here"),
        (["run", "--params", "none.yaml", "--", "true"], 1, "none.yaml"),
        (["run", "--input", "none.csv", "--", "true"], 1, "none.csv"),
        (["record", "metric", "loss=1"], 1, "gittrack run"),
        (["record", "metric", "loss"], 2, "NAME=VALUE"),
        (["record", "--run", "latest", "metric", "loss=1"], 1, ""),
    ],
)
def test_bad_input_is_one_sentence(repo: Path, gittrack: Gittrack, words: list[str], code: int, sentence: str) -> None:
    result = gittrack(*words)
    assert result.code == code, result.err
    assert sentence in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(("options", "name"), [((), "theirs"), (("--name", "ours"), "ours")])
def test_the_closing_line_has_the_name_that_the_run_has(
    repo: Path, gittrack: Gittrack, options: tuple[str, ...], name: str
) -> None:
    code = "import gittrack\nwith gittrack.start_run('theirs') as run: print(run.name)"
    result = gittrack("run", *options, "--", PYTHON, "-c", code)
    run = json.loads(gittrack("show", "--json").out)
    assert (result.out, run["name"]) == (f"{name}\n", name)
    assert result.err.splitlines()[0] == f"gittrack: run {run['id'][:8]} {name} finished"


def test_a_run_in_a_run_does_not_get_its_name(repo: Path, gittrack: Gittrack) -> None:
    code = "import gittrack\nwith gittrack.start_run('inner'): pass"
    inner = [PYTHON, "-m", "gittrack", "run", "-q", "--", PYTHON, "-c", code]
    assert gittrack("run", "-q", "--name", "outer", "--", *inner).code == 0
    assert {run["name"] for run in json.loads(gittrack("log", "--json").out)} == {"inner", "outer"}


def test_what_was_left_out_of_the_snapshot_is_named_at_the_end(repo: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gittrack.snapshotMaxFile", "1k", cwd=repo)
    for number in range(2):
        (repo / f"{number}.bin").write_bytes(b"x" * 1025)
    told = gittrack("run", "--", "true").err.splitlines()[-1]
    why = "(larger than 1024 bytes)"
    assert told == f"gittrack: not in the snapshot of its code: 0.bin {why}, 1.bin {why}"
    for number in range(2, 5):
        (repo / f"{number}.bin").write_bytes(b"x" * 1025)
    assert gittrack("run", "--", "true").err.endswith(f", 2.bin {why} and 2 more\n")
    assert gittrack("run", "-q", "--", "true").err == ""


def test_a_metric_that_is_no_number_is_refused_and_the_run_goes_on(repo: Path, gittrack: Gittrack) -> None:
    record = f"'{PYTHON}' -m gittrack record"
    result = gittrack("run", "--", "sh", "-c", f"{record} metric loss=low || echo code $?; {record} metric loss=1")
    assert result.out == "code 2\n"
    assert "metric 'loss' must be a number" in result.err
    assert latest(gittrack)["status"] == "finished"


def test_without_a_repository_nothing_runs(tmp_path: Path, gittrack: Gittrack) -> None:
    result = gittrack("run", "--", "touch", "ran", cwd=tmp_path)
    assert result.code == 1
    assert "no git repository" in result.err
    assert not (tmp_path / "ran").exists()


def test_other_ranks_run_the_command_and_record_nothing(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("run", "--", "echo", "work", env={"RANK": "1"})
    assert (result.code, result.out, result.err) == (0, "work\n", "")
    assert gittrack("log", "--json").out.strip() == "[]"


def test_progress_is_kept_as_it_ended_and_without_escapes(repo: Path, gittrack: Gittrack) -> None:
    gittrack("run", "-q", "--", "printf", "10%%\\r50%%\\r100%%\\n\\033[31mred\\033[0m\\n")
    assert gittrack("show", "--output").out == "100%\nred\n"


def test_a_secret_in_the_arguments_is_on_no_disk(repo: Path, gittrack: Gittrack) -> None:
    secret = "ghp_" + "abcdefghijklmnopqrstuvwxyz0123456789"
    gittrack("run", "-q", "--", "sh", "-c", "echo ok", "x", "--token", secret)
    run = json.dumps(latest(gittrack))
    assert secret not in run
    assert "[redacted]" in run
    for path in (repo / ".git" / "gittrack").rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes()


def test_the_wrapper_killed_leaves_a_crashed_run(repo: Path, gittrack: Gittrack) -> None:
    process = subprocess.Popen(
        [PYTHON, "-m", "gittrack", "run", "--", "sh", "-c", "echo printed; echo $PPID; exec sleep 100"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "printed\n"
    wrapper = int(process.stdout.readline())
    os.killpg(wrapper, signal.SIGKILL)
    process.stdout.close()
    process.wait(60)
    run = latest(gittrack)
    assert run["status"] == "crashed"
    assert gittrack("show", "--output").out.startswith("printed\n")


def demo_result(gittrack: Gittrack, folder: Path) -> Result:
    return gittrack("demo", folder)


def test_demo(tmp_path: Path, gittrack: Gittrack, git: Git) -> None:
    folder = tmp_path / "demo"
    result = demo_result(gittrack, folder)
    assert result.code == 0, result.err
    runs = json.loads(gittrack("-C", folder, "log", "--json").out)
    assert len(runs) == 7
    assert [run["code"]["dirty"] for run in runs] == [True] + [False] * 6
    assert max(run["metrics"]["accuracy"]["last"] for run in runs) > 0.9
    assert result.out.count("finished") == 7
    assert git("fsck", "--strict", "--no-dangling", cwd=folder) == ""
    assert demo_result(gittrack, folder).code == 2


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (["--api-key", "SuperSecretValue99"], {}),
        (["--password=SuperSecretValue99"], {}),
        ([], {"OPENAI_API_KEY": "SuperSecretValue99"}),
    ],
)
def test_a_secret_that_a_command_is_given_is_in_no_output(
    repo: Path, git: Git, gittrack: Gittrack, words: list[str], environ: dict[str, str]
) -> None:
    code = 'for word in "$@" "$OPENAI_API_KEY"; do echo "<${word#*=}>"; done; echo "in $PWD, and the rest"'
    result = gittrack("run", "-q", "--", "sh", "-c", code, "x", *words, env=environ)
    assert result.code == 0, result.err
    assert "SuperSecretValue99" in result.out
    shown = gittrack("show", "--output").out
    assert ("SuperSecretValue99" in shown, "<[redacted]>" in shown, f"in {repo}, and" in shown) == (False, True, True)
    files = git("ls-tree", "-r", "--name-only", "gittrack/runs", cwd=repo).split()
    assert all("SuperSecretValue99" not in git("show", f"gittrack/runs:{name}", cwd=repo) for name in files)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--metrics", "m.json"), "open('m.json', 'w').write('{\"loss\": 1}')"),
        (("--metrics", "typo.json"), "pass"),
        ((), "import gittrack; gittrack.log_metric('loss', 1)"),
        (("-q",), "pass"),
        ((), "raise SystemExit(3)"),
    ],
)
def test_the_hint_on_metrics_is_for_those_who_know_of_none(
    repo: Path, gittrack: Gittrack, options: tuple[str, ...], code: str
) -> None:
    result = gittrack("run", *options, "--", PYTHON, "-c", code)

    assert "no metric was recorded" not in result.err, repo
    assert latest(gittrack)["status"] == ("failed" if "raise" in code else "finished")


def test_the_hint_on_metrics_is_dim_on_a_terminal(repo: Path, terminal: Terminal) -> None:
    code, text = terminal("run", "--", PYTHON, "train.py", env={"NO_COLOR": None})
    _, plain = terminal("run", "--", PYTHON, "train.py", env={"NO_COLOR": "1"})

    assert (code, "\x1b[2mgittrack: no metric was recorded" in text) == (0, True), repo
    assert "\ngittrack: no metric was recorded" in plain


@pytest.mark.parametrize(("code", "status"), [("pass", "finished"), ("raise SystemExit(3)", "failed")])
def test_a_metrics_file_that_is_missing_loses_nothing_else(
    repo: Path, gittrack: Gittrack, code: str, status: str
) -> None:
    (repo / "there.json").write_text('{"loss": 9}')
    options = ("--metrics", "typo.json", "--metrics", "there.json", "--metrics", "acc.json")

    result = gittrack("run", *options, "--", PYTHON, "-c", f"open('acc.json', 'w').write('{{\"acc\": 1}}'); {code}")

    run = latest(gittrack)
    assert "metrics file 'typo.json' is not recorded: " in result.err
    assert "metrics file 'there.json' is not recorded: this command did not write it" in result.err
    assert (run["status"], list(run["metrics"])) == (status, ["acc"])  # type: ignore[call-overload]
    assert "typo.json" in str(run["warnings"])
