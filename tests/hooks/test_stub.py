"""A stub hands on what git says, and whatever is wrong with gittrack, git goes on.

`python tests/hooks/test_stub.py` writes the folder hooks/ anew.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.hooks.stub import HOOKS, interpreter_of, is_stub, line_for, stub
from tests.conftest import run
from tests.hooks.witness import Witness, make_witness, pretend_runs, script

if TYPE_CHECKING:
    from tests.conftest import Git

FOLDER = Path(__file__).parents[2] / "hooks"
REFUSING = ("pre-push", "prepare-commit-msg", "pre-receive")
WITH_INPUT = ("pre-push", "post-rewrite", "pre-receive")
NO_GITTRACK = {"PATH": "/usr/bin:/bin"}
BROKEN = {
    "a bug": "exit 3",
    "a traceback": "exit 1",
    "a usage error": "exit 2",
    "no gittrack in it": "exit 127",
    "not to be executed": "exit 126",
    "killed": "kill -KILL $$",
    "interrupted": "kill -INT $$",
}


@pytest.fixture
def witness(tmp_path: Path, repo: Path) -> Witness:
    pretend_runs(repo)
    return make_witness(tmp_path / "a witness's")


def place(hook: str, repo: Path, python: Path | str) -> Path:
    path = repo / ".git" / "hooks" / hook
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(stub(hook, str(python)))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("hook", HOOKS)
def test_the_folder_holds_the_stubs_that_are_installed(hook: str) -> None:
    assert (FOLDER / hook).read_bytes() == stub(hook), "run: python tests/hooks/test_stub.py"
    assert os.access(FOLDER / hook, os.X_OK)


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("shell", ["sh", "dash", "bash"])
def test_every_shell_can_read_it(shell: str, hook: str, tmp_path: Path) -> None:
    path = tmp_path / hook
    path.write_bytes(stub(hook, "/a place/it's\nhere"))
    program = shutil.which(shell) or "sh"

    assert run([program, "-n", path]).err == ""
    assert interpreter_of(path.read_bytes()) == "/a place/it's\nhere"
    assert is_stub(path.read_bytes())


@pytest.mark.parametrize("hook", HOOKS)
def test_arguments_and_input_arrive(hook: str, repo: Path, witness: Witness) -> None:
    path = place(hook, repo, witness.path)
    words = ["a b", "é", "1"]
    result = run([path, *words], input="refs/heads/a 1 refs/heads/a 2\n\nlast" if hook in WITH_INPUT else "")

    assert (result.code, result.out, result.err) == (0, "", "")
    told = ["refs/heads/a 1 refs/heads/a 2", "", "last"] if hook in WITH_INPUT else []
    assert witness.asked == [f"{hook} a b é 1", *told]


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\n\n", "\n", "%s\\n é \x01\r\n", "x" * 300_000])
def test_input_arrives_byte_for_byte(text: str, repo: Path, witness: Witness, tmp_path: Path) -> None:
    path = place("pre-push", repo, witness.path)
    script(path.with_name("pre-push.before-gittrack"), f"cat >'{tmp_path}/before'")

    result = run([path], input=text)

    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "before").read_bytes() == text.encode()
    assert (witness.folder / "log").read_bytes() == b"pre-push\n" + text.encode()


@pytest.mark.parametrize("hook", ["pre-push", "post-rewrite"])
def test_nobody_has_to_read_the_input(hook: str, repo: Path, witness: Witness) -> None:
    path = place(hook, repo, script(witness.folder / "deaf", "exit 0"))
    script(path.with_name(f"{hook}.before-gittrack"), "exit 0")

    # git ignores the signal of a broken pipe where it calls pre-push.
    result = run(["sh", "-c", "trap '' PIPE; exec \"$0\"", path], input="x" * 300_000)

    assert (result.code, result.out, result.err) == (0, "", "")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_refusal_stops_git_where_git_may_be_stopped(hook: str, repo: Path, witness: Witness) -> None:
    path = place(hook, repo, witness.path)
    witness.end_with("exit 10")

    assert run([path, "a", "b", "1"]).code == (1 if hook in REFUSING else 0)
    assert witness.asked


@pytest.mark.parametrize("ending", BROKEN)
@pytest.mark.parametrize("hook", HOOKS)
def test_nothing_that_is_wrong_stops_git(hook: str, ending: str, repo: Path, witness: Witness) -> None:
    path = place(hook, repo, witness.path)
    witness.end_with(BROKEN[ending])

    result = run([path, "a", "b", "1"], env=NO_GITTRACK)

    assert (result.code, result.out) == (0, "")
    assert f"the hook {hook} " in result.err
    assert witness.asked, "the witness is what was broken"


@pytest.mark.parametrize("hook", HOOKS)
def test_an_interpreter_that_is_gone_stops_nothing(hook: str, repo: Path, witness: Witness) -> None:
    path = place(hook, repo, witness.folder / "gone")

    result = run([path, "a", "b", "1"], env=NO_GITTRACK)

    told = f"gittrack: the hook {hook} finds no gittrack; install gittrack, or remove {path}\n"
    assert (result.code, result.out, result.err) == (0, "", told)


@pytest.mark.parametrize("hook", ["pre-push", "post-commit"])
def test_the_gittrack_on_path_is_asked_instead(hook: str, repo: Path, witness: Witness, tmp_path: Path) -> None:
    path = place(hook, repo, witness.folder / "gone")
    script(tmp_path / "bin" / "gittrack", f"echo $* >{tmp_path}/said; cat >>{tmp_path}/said; exit 10")

    result = run([path, "a", "b"], input="some\n", env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})

    assert result.code == (hook == "pre-push")
    assert (tmp_path / "said").read_text() == f"hook {hook} a b\nsome\n"


def test_an_interpreter_without_gittrack_is_passed_over_in_silence(
    repo: Path, witness: Witness, tmp_path: Path
) -> None:
    bare = script(tmp_path / "bare", f'exec {sys.executable} -S -E "$@"')
    path = place("post-commit", repo, bare)
    script(tmp_path / "bin" / "gittrack", f"echo $* >{tmp_path}/said")

    result = run([path], env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "PYTHONPATH": None})

    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "said").read_text() == "hook post-commit\n"


@pytest.mark.parametrize("hook", sorted({*HOOKS} - {"pre-receive"}))
def test_without_runs_nobody_is_asked(hook: str, repo: Path, tmp_path: Path) -> None:
    witness = make_witness(tmp_path / "witness")
    path = place(hook, repo, witness.path)

    assert run([path, "a", "b", "1"]).code == 0
    assert witness.asked == []


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
@pytest.mark.parametrize("ref", ["refs/heads/gittrack/runs", "refs/remotes/origin/gittrack/runs"])
def test_a_branch_of_runs_is_something_to_do(ref: str, packed: bool, repo: Path, git: Git, tmp_path: Path) -> None:
    witness = make_witness(tmp_path / "witness")
    path = place("post-commit", repo, witness.path)
    git("update-ref", ref, "HEAD")
    if packed:
        git("pack-refs", "--all")

    run([path])

    assert witness.asked == ["post-commit"]


def test_a_setting_of_gittrack_is_something_to_do(repo: Path, git: Git, tmp_path: Path) -> None:
    witness = make_witness(tmp_path / "witness")
    path = place("post-merge", repo, witness.path)
    git("config", "gittrack.autoFetch", "true")

    run([path, "0"])

    assert witness.asked == ["post-merge 0"]


def test_files_that_are_checked_out_are_no_news(repo: Path, git: Git, witness: Witness) -> None:
    place("post-checkout", repo, witness.path)

    git("checkout", "--", "train.py")
    assert witness.asked == []
    git("checkout", "-q", "-b", "other")
    assert len(witness.asked) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_it_can_be_switched_off_where_it_guards_nobody_else(hook: str, repo: Path, witness: Witness) -> None:
    path = place(hook, repo, witness.path)

    assert run([path, "a", "b", "1"], env={"GITTRACK_HOOKS": "0"}).code == 0
    assert bool(witness.asked) == (hook == "pre-receive")


def test_nothing_is_imported_from_the_working_tree(repo: Path, git: Git, tmp_path: Path) -> None:
    pretend_runs(repo)
    place("post-checkout", repo, sys.executable)
    trap = f"open({str(tmp_path / 'trapped')!r}, 'a').close()\n"
    (repo / "gittrack" / "hooks").mkdir(parents=True)
    for name in ("gittrack/__init__.py", "gittrack/hooks/__init__.py", "gittrack/hooks/entry.py"):
        (repo / name).write_text(trap)
    for name in ("os", "json", "subprocess", "click", "yaml", "sqlite3", "encodings", "sitecustomize"):
        (repo / f"{name}.py").write_text(trap)

    git("checkout", "-q", "-b", "other")

    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("code", [0, 1, 3, 10, 127])
def test_the_line_for_the_hook_of_another_never_stands_in_the_way(code: int, hook: str, tmp_path: Path) -> None:
    script(tmp_path / "bin" / "gittrack", f'echo "$*" >>{tmp_path}/said; exit {code}')
    path = script(tmp_path / "hook", f"set -e\n{line_for(hook)}\necho on")

    result = run([path, "a b"], env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})

    assert (result.code, result.out) == ((1, "") if code == 10 else (0, "on\n"))
    assert (tmp_path / "said").read_text() == f"hook {hook} a b\n"
    assert run([path], env=NO_GITTRACK) == run(["echo", "on"])


if __name__ == "__main__":
    for name in HOOKS:
        (FOLDER / name).write_bytes(stub(name))
        (FOLDER / name).chmod(0o755)
