"""Installing hooks keeps what is there, and uninstalling leaves what was there, byte for byte."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.hooks.install import install, uninstall
from gittrack.hooks.state import hook_states
from gittrack.hooks.stub import EARLIER, HOOKS, USUAL, line_for
from gittrack.project import open_project
from tests.conftest import run
from tests.hooks.witness import Witness, make_witness, picture, pretend_runs, script

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.hooks.install import Outcome
    from tests.conftest import Git, Gittrack


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return make_witness(tmp_path / "witness")


@pytest.fixture
def hooks(repo: Path) -> Path:
    """The folder of the hooks of a repository that looks as if it had runs, empty."""
    folder = repo / ".git" / "hooks"
    for path in folder.iterdir():
        path.unlink()
    pretend_runs(repo)
    return folder


def states() -> dict[str, str]:
    """How each hook stands."""
    return {state.hook: state.state for state in hook_states(open_project())}


def said(outcomes: list[Outcome]) -> str:
    """What is said of each hook; all had to be done as they were asked."""
    assert all(outcome.done for outcome in outcomes), outcomes
    return "".join(outcome.sentence + "\n" for outcome in outcomes)


def nothing(_: Path) -> None:
    pass


def a_script(hooks: Path) -> None:
    script(hooks / "pre-push", "echo mine")


def a_private_script(hooks: Path) -> None:
    script(hooks / "pre-push", "echo mine", 0o700)


def a_script_that_is_switched_off(hooks: Path) -> None:
    script(hooks / "pre-push", "echo mine", 0o644)


def a_script_nobody_may_write(hooks: Path) -> None:
    script(hooks / "pre-push", "echo mine", 0o555)


def a_script_without_a_first_line(hooks: Path) -> None:
    (hooks / "pre-push").write_bytes(b"echo mine")
    (hooks / "pre-push").chmod(0o755)


def a_program(hooks: Path) -> None:
    (hooks / "pre-push").write_bytes(bytes(range(256)) * 10)
    (hooks / "pre-push").chmod(0o755)


def a_link(hooks: Path) -> None:
    script(hooks.parent / "elsewhere" / "push.sh", "echo mine")
    (hooks / "pre-push").symlink_to("../elsewhere/push.sh")


def a_link_to_nowhere(hooks: Path) -> None:
    (hooks / "pre-push").symlink_to("../elsewhere/push.sh")


def no_folder(hooks: Path) -> None:
    hooks.rmdir()


def a_folder_that_is_a_link(hooks: Path) -> None:
    hooks.rmdir()
    script(hooks.parent / "elsewhere" / "pre-push", "echo mine")
    hooks.symlink_to("elsewhere")


BEFORE = [
    nothing,
    a_script,
    a_private_script,
    a_script_that_is_switched_off,
    a_script_nobody_may_write,
    a_script_without_a_first_line,
    a_program,
    a_link,
    a_link_to_nowhere,
    no_folder,
    a_folder_that_is_a_link,
]


@pytest.mark.parametrize("before", BEFORE, ids=lambda before: before.__name__)
def test_uninstalling_leaves_what_was_there(before: Callable[[Path], None], repo: Path, hooks: Path) -> None:
    before(hooks)
    at_first = picture(repo)
    project, names = open_project(), HOOKS[:-1]

    said(install(project, names))
    installed = picture(repo)
    assert said(install(project, names)) == "".join(f"already installed: {hook}\n" for hook in names)
    assert picture(repo) == installed
    assert set(states().values()) <= {"installed", "chained"}
    assert "uninstalled pre-push\n" in said(uninstall(project, ()))

    assert picture(repo) == at_first
    assert all(outcome.idle for outcome in uninstall(project, ()))


def test_without_names_the_usual_ones_are_installed(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("hooks", "install")

    assert (result.code, result.err) == (0, "")
    assert result.out == "".join(f"installed {hook}\n" for hook in USUAL)
    assert states() == {**dict.fromkeys(USUAL, "installed"), "prepare-commit-msg": "none"}


def test_one_goes_by_its_name(repo: Path, hooks: Path, gittrack: Gittrack) -> None:
    script(hooks / "pre-push", "echo mine")

    said(
        install(
            open_project(),
            (
                "prepare-commit-msg",
                "pre-push",
            ),
        )
    )
    result = gittrack("hooks", "uninstall", "pre-push", "post-merge")

    assert result.out == "uninstalled pre-push\nnot installed: post-merge\n"
    assert (hooks / "pre-push").read_text() == "#!/bin/sh\necho mine\n"
    assert states() == {**dict.fromkeys(USUAL, "none"), "pre-push": "other", "prepare-commit-msg": "installed"}


def test_a_name_that_is_none(repo: Path, gittrack: Gittrack) -> None:
    result = gittrack("hooks", "install", "post-comit")

    assert result.code == 2
    assert result.err == "gittrack: error: gittrack has no hook 'post-comit'; did you mean 'post-commit'?\n"


@pytest.fixture
def remote(tmp_path: Path, repo: Path, git: Git) -> Path:
    path = tmp_path / "remote.git"
    git("init", "-q", "--bare", path)
    git("remote", "add", "origin", path)
    return path


def test_the_earlier_hook_runs_first_with_the_same_input(
    repo: Path, hooks: Path, remote: Path, git: Git, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(hooks / "pre-push", 'echo "$0 $*" >before; cat >>before; date +%N >/dev/null')
    witness.install(monkeypatch, "pre-push")

    git("push", "-q", "origin", "main")

    name, _, arguments = (repo / "before").read_text().splitlines()[0].partition(" ")
    assert Path(name).parent.samefile(hooks)
    assert witness.asked == [f"pre-push {arguments}", *(repo / "before").read_text().splitlines()[1:]]
    assert arguments == f"origin {remote}"
    assert witness.asked[1].startswith("refs/heads/main ")


def test_the_earlier_hook_still_stops_git(
    repo: Path, hooks: Path, remote: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(hooks / "pre-push", "echo no >&2; exit 7")
    witness.install(monkeypatch, "pre-push")

    result = run(["git", "push", "-q", "origin", "main"])

    assert (result.code, result.err.splitlines()[0]) == (1, "no")
    assert run([hooks / "pre-push", "origin", "url"]).code == 7
    assert witness.asked == []


def test_a_refusal_stops_git_after_the_earlier_hook(
    repo: Path, hooks: Path, remote: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(hooks / "pre-push", "touch before")
    witness.install(monkeypatch, "pre-push")
    witness.end_with("exit 10")

    assert run(["git", "push", "-q", "origin", "main"]).code == 1
    assert (repo / "before").exists()


def test_the_exit_code_of_an_earlier_hook_after_the_fact_is_kept(
    repo: Path, hooks: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(hooks / "post-checkout", "exit 5")
    witness.install(monkeypatch)
    witness.end_with("exit 3")

    assert run(["git", "checkout", "-q", "-b", "other"]).code == 1, "which is what git makes of it"
    assert run([hooks / "post-checkout", "a", "b", "1"]).code == 5
    assert witness.asked[0].startswith("post-checkout ")


@pytest.mark.parametrize("name", ['$(basename "$0")', "${0##*/}"], ids=["basename", "expansion"])
def test_a_hook_that_goes_by_its_own_name_keeps_it(
    repo: Path, hooks: Path, remote: Path, git: Git, gittrack: Gittrack, name: str
) -> None:
    """One script for all hooks, which calls what is tracked for each."""
    script(repo / "pre-push", "echo pushed >>told")
    script(hooks / "pre-push", f'exec "./{name}" "$@"')
    at_first = picture(repo)

    result = gittrack("hooks", "install", "pre-push")

    assert (result.code, result.out, picture(repo)) == (1, "", at_first)
    assert result.err.strip().endswith(line_for("pre-push"))
    assert f"{hooks / 'pre-push'} goes by its own name and has to keep it" in result.err
    git("push", "-q", "origin", "main")
    assert (repo / "told").read_text() == "pushed\n"


def test_an_earlier_hook_that_is_switched_off_stays_off(
    repo: Path, hooks: Path, git: Git, gittrack: Gittrack, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(hooks / "post-commit", "touch ran", 0o644)
    witness.install(monkeypatch)

    git("commit", "-q", "--allow-empty", "-m", "x")

    result = run([hooks / "post-commit"])
    assert (result.code, result.out, result.err) == (0, "", "")
    assert witness.asked == ["post-commit"] * 2
    assert not (repo / "ran").exists()
    assert "post-commit.before-gittrack is not executable and not run" in gittrack("hooks", "status").out


def test_what_somebody_added_to_the_stub_is_not_lost(repo: Path, hooks: Path, gittrack: Gittrack) -> None:
    script(hooks / "pre-push", "echo mine")
    install(open_project(), ())
    with (hooks / "pre-push").open("a") as file:
        file.write("echo more\n")
    edited = (hooks / "pre-push").read_bytes()

    for word in ("uninstall", "install"):
        result = gittrack("hooks", word, "pre-push")
        assert result.code == 1
        assert f"{hooks}/pre-push was changed after its installation, and is left as it is" in result.err
        assert f"({hooks}/pre-push.before-gittrack is what was there before)" in result.err
    assert [outcome.hook for outcome in uninstall(open_project(), ()) if not outcome.done] == ["pre-push"]

    assert (hooks / "pre-push").read_bytes() == edited
    assert states() == {**dict.fromkeys(USUAL, "none"), "pre-push": "changed", "prepare-commit-msg": "none"}


def test_what_replaced_the_stub_is_not_lost(repo: Path, hooks: Path, gittrack: Gittrack) -> None:
    script(hooks / "pre-push", "echo old")
    install(open_project(), ("pre-push",))
    script(hooks / "pre-push", "echo new")

    again, gone = gittrack("hooks", "install", "pre-push"), gittrack("hooks", "uninstall", "pre-push")

    assert (again.code, gone.code) == (1, 1)
    assert f"{hooks}/pre-push.before-gittrack is in the way" in again.err
    assert f"{hooks}/pre-push is another's now, and {hooks}/pre-push.before-gittrack what was there" in gone.err
    assert [path.read_text() for path in sorted(hooks.iterdir())] == ["#!/bin/sh\necho new\n", "#!/bin/sh\necho old\n"]


def test_a_stub_that_somebody_deleted_is_uninstalled(repo: Path, hooks: Path) -> None:
    at_first = picture(repo)
    install(open_project(), ("pre-push",))
    (hooks / "pre-push").unlink()

    said(uninstall(open_project(), ()))
    assert picture(repo) == at_first


def test_an_installation_that_was_cut_short_is_gone_on_with(repo: Path, hooks: Path) -> None:
    script(hooks / "pre-push", "echo mine")
    at_first = picture(repo)
    os.link(hooks / "pre-push", hooks / ("pre-push" + EARLIER))  # and then the power went

    assert said(install(open_project(), ("pre-push",))) == "installed pre-push, after pre-push.before-gittrack\n"
    said(uninstall(open_project(), ()))
    assert picture(repo) == at_first


def test_without_the_list_of_what_was_installed(repo: Path, hooks: Path) -> None:
    script(hooks / "pre-push", "echo mine")
    at_first = picture(hooks)
    install(open_project(), ())
    (repo / ".git" / "gittrack" / "hooks" / "installed.json").unlink()

    assert states()["pre-push"] == "chained"
    said(uninstall(open_project(), ()))
    assert picture(hooks) == at_first


def test_a_damaged_list_is_told(repo: Path, gittrack: Gittrack) -> None:
    install(open_project(), ())
    (repo / ".git" / "gittrack" / "hooks" / "installed.json").write_text("{")

    result = gittrack("hooks", "status")

    assert result.code == 1
    assert "installed.json cannot be read" in result.err
    assert result.err.count("\n") == 1


def test_another_gittrack_takes_its_hooks_over(
    repo: Path, hooks: Path, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_first = picture(repo)
    witness.install(monkeypatch, "pre-push")

    assert said(install(open_project(), ("pre-push",))) == "renewed pre-push\n"
    assert said(uninstall(open_project(), ("pre-push",))) == "uninstalled pre-push\n"
    assert picture(repo) == at_first


def test_an_interpreter_that_is_gone_is_told(
    repo: Path, hooks: Path, gittrack: Gittrack, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness.install(monkeypatch, "post-commit")
    witness.path.unlink()
    env = {"PATH": "/usr/bin:/bin"}

    assert "broken" in gittrack("hooks", "status", env=env).out
    doctor = gittrack("doctor", env=env)
    assert doctor.code == 1
    why = f"its interpreter {witness.path} is gone, and there is no gittrack on PATH"
    assert f"{hooks}/post-commit does nothing: {why}\n" in doctor.out


def test_a_hook_that_is_not_executable_is_told(repo: Path, hooks: Path, gittrack: Gittrack) -> None:
    install(open_project(), ())
    (hooks / "post-commit").chmod(0o644)

    assert states()["post-commit"] == "not run"
    assert f"note: {hooks}/post-commit does nothing: it is not executable\n" in gittrack("doctor").out


def test_a_folder_in_place_of_a_hook(repo: Path, hooks: Path, gittrack: Gittrack) -> None:
    (hooks / "pre-push").mkdir()

    result = gittrack("hooks", "install", "pre-push")

    assert result.code == 1
    assert result.err.endswith(f"{hooks}/pre-push is a folder, where git looks for a hook; move it away\n")


def test_hooks_of_a_shared_repository_are_for_all(repo: Path, hooks: Path, git: Git) -> None:
    git("config", "core.sharedRepository", "group")
    old = os.umask(0o077)
    try:
        install(open_project(), ("pre-push",))
    finally:
        os.umask(old)

    assert stat.S_IMODE((hooks / "pre-push").stat().st_mode) == 0o770
    assert stat.S_IMODE((repo / ".git" / "gittrack" / "hooks").stat().st_mode) & 0o770 == 0o770
    listed = repo / ".git" / "gittrack" / "hooks" / "installed.json"
    assert stat.S_IMODE(listed.stat().st_mode) == 0o660


def test_the_hooks_really_reach_gittrack(repo: Path, git: Git, gittrack: Gittrack) -> None:
    old = git("rev-parse", "HEAD").strip()
    assert gittrack("run", "--", "true").code == 0
    gittrack("hooks", "install")

    git("commit", "-q", "--amend", "-m", "Better said")

    new = git("rev-parse", "HEAD").strip()
    assert f"rewrites/{old[:2]}/{old}-{new}" in git("ls-tree", "-r", "--name-only", "gittrack/runs")


def test_a_push_of_code_takes_its_runs_along_past_the_check_of_the_server(
    repo: Path, remote: Path, git: Git, gittrack: Gittrack
) -> None:
    """The whole way with stubs alone: pre-push on one side, pre-receive on the other."""
    assert gittrack("hooks", "install", "pre-receive", cwd=remote).code == 0
    git("push", "-q", "origin", "main")
    assert gittrack("hooks", "install").code == 0
    git("commit", "-q", "--allow-empty", "-m", "Something new")
    assert gittrack("run", "--name", "fast", "--", "true").code == 0

    git("push", "-q", "origin", "main")

    assert git("log", "--format=%s", "gittrack/runs", cwd=remote).endswith(" fast\n")
    harmed = git("commit-tree", "HEAD^{tree}", "-p", "gittrack/runs", "-m", "code in place of runs").strip()
    refused = run(["git", "push", "-q", "origin", f"+{harmed}:refs/heads/gittrack/runs"], env={"GITTRACK_HOOKS": "0"})
    assert refused.code == 1
    assert "pre-receive hook declined" in refused.err
