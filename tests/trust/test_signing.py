"""What is committed to the branch of runs carries git's own signature, and no failing signature costs a run."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PATIENCE
from tests.trust.conftest import RUNS, Person

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git, Gittrack, RunPython

RECORD = """
    import sys
    import gittrack

    for number in range(int(sys.argv[1])):
        with gittrack.start_run():
            gittrack.log_metric("loss", 0.5)
"""


def verdicts(git: Git, repo: Path) -> list[tuple[str, str]]:
    """(git's letter, signer) of each commit of the branch, newest first."""
    lines = git("log", "--format=%G?%x09%GS", RUNS, cwd=repo).splitlines()
    return [(letter, signer) for letter, _, signer in (line.partition("\t") for line in lines)]


def slow_signer(folder: Path) -> Path:
    """A program for gpg.ssh.program that never comes to an end; as long as it lives it holds `folder`/alive open."""
    os.mkfifo(folder / "alive")
    program = folder / "slow"
    program.write_text(f"#!/bin/sh\necho x >>{folder}/called\nexec sleep 600 3>{folder}/alive\n", encoding="utf-8")
    program.chmod(0o755)
    return program


def test_runs_and_what_is_said_of_them_are_signed_by_ssh(signing: Path, git: Git, gittrack: Gittrack) -> None:
    assert gittrack("run", "--name", "first", "--", "true").code == 0
    assert gittrack("tag", "first", "a=b").err == ""
    assert gittrack("note", "first", "über ß").code == 0
    (signing / "runs.csv").write_text("name,acc\nx,1\n", encoding="utf-8")
    assert gittrack("import", "runs.csv").code == 0

    assert verdicts(git, signing) == [("G", "ada@example.com")] * 4
    assert "über ß" in git("log", "--format=%s", RUNS)
    git("fsck", "--strict", "--no-dangling")
    assert gittrack("check").code == 0


def test_signed_by_gpg(repo: Path, git: Git, gittrack: Gittrack, gpg_key: str) -> None:
    git("config", "gittrack.sign", "true")
    git("config", "user.signingKey", gpg_key)
    assert gittrack("run", "--", "true").code == 0

    assert git("log", "--format=%G? %GF", RUNS) == f"G {gpg_key}\n", repo


def test_the_key_is_found_by_the_identity(repo: Path, git: Git, gittrack: Gittrack, gpg_key: str) -> None:
    git("config", "gittrack.sign", "true")
    assert gittrack("run", "--", "true").code == 0

    assert git("log", "--format=%GF", RUNS) == f"{gpg_key}\n", repo


def test_a_key_that_a_command_tells(signing: Path, git: Git, gittrack: Gittrack, ada: Person) -> None:
    git("config", "--unset", "user.signingKey")
    git("config", "user.signingKey", f"key::{ada.allowed.partition(' ')[2].strip()}")
    agent = subprocess.run(["ssh-agent", "-c"], capture_output=True, text=True, check=True).stdout.split()
    env = {"SSH_AUTH_SOCK": agent[2].rstrip(";"), "SSH_AGENT_PID": agent[5].rstrip(";")}
    try:
        subprocess.run(["ssh-add", "-q", ada.key], env={**os.environ, **env}, check=True)
        assert gittrack("run", "--", "true", env=env).code == 0
    finally:
        os.kill(int(env["SSH_AGENT_PID"]), 15)

    assert verdicts(git, signing) == [("G", "ada@example.com")]


def test_a_repository_of_sha256(tmp_path: Path, git: Git, gittrack: Gittrack, ada: Person) -> None:
    folder = tmp_path / "wide"
    git("init", "-q", "--object-format=sha256", folder)
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=folder)
    ada.signs(git, folder)
    (tmp_path / "allowed").write_text(ada.allowed, encoding="utf-8")
    git("config", "gpg.ssh.allowedSignersFile", tmp_path / "allowed", cwd=folder)
    assert gittrack("run", "--", "true", cwd=folder).code == 0

    assert verdicts(git, folder) == [("G", "ada@example.com")]
    assert "gpgsig-sha256 " in git("cat-file", "commit", RUNS, cwd=folder)


def test_the_setting_of_git_alone_signs_nothing(signing: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "--unset", "gittrack.sign")
    git("config", "commit.gpgSign", "true")
    assert gittrack("run", "--", "true").code == 0

    assert verdicts(git, signing) == [("N", "")]


@pytest.mark.parametrize("settings", [{"user.signingKey": "/nowhere/key"}, {"gpg.ssh.program": "/nowhere/ssh-keygen"}])
def test_without_a_key_or_program_the_run_is_there_and_one_warning(
    signing: Path, git: Git, run_python: RunPython, settings: dict[str, str]
) -> None:
    for key, value in settings.items():
        git("config", key, value)
    done = run_python(RECORD, "2")

    assert done.code == 0
    assert done.err.count("warning: what is committed goes without a signature: ") == 1
    assert verdicts(git, signing) == [("N", "")] * 2


def test_a_locked_key_asks_nobody(signing: Path, git: Git, gittrack: Gittrack, tmp_path: Path) -> None:
    git("config", "user.signingKey", Person(tmp_path, "Locked", "secret").key)
    done = gittrack("run", "--", "true")

    assert done.code == 0
    assert "goes without a signature" in done.err
    assert verdicts(git, signing) == [("N", "")]


def test_a_signer_that_hangs_is_ended_and_not_asked_again(
    signing: Path, git: Git, run_python: RunPython, tmp_path: Path
) -> None:
    git("config", "gpg.ssh.program", slow_signer(tmp_path))
    git("config", "gittrack.signTimeout", "1")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    done = run_python(RECORD, "3")

    assert done.code == 0
    assert done.err.count("git did not sign within 1 seconds") == 1
    assert (tmp_path / "called").read_text(encoding="utf-8") == "x\n"
    assert select.select([reader], [], [], PATIENCE / 2)[0], "what git had started is gone"
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert verdicts(git, signing) == [("N", "")] * 3


def test_writers_that_get_in_each_others_way_sign_again(signing: Path, git: Git, tmp_path: Path) -> None:
    script = tmp_path / "record.py"
    script.write_text("import gittrack\nfor _ in range(3):\n    with gittrack.start_run():\n        pass\n")
    writers = [subprocess.Popen([sys.executable, script], cwd=signing) for _ in range(3)]

    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert verdicts(git, signing) == [("G", "ada@example.com")] * 9


def test_the_timeout_has_to_be_a_number(signing: Path, git: Git, gittrack: Gittrack) -> None:
    git("config", "gittrack.signTimeout", "long")
    done = gittrack("run", "--", "true")

    assert "gittrack.signtimeout" in done.err.lower(), signing
    assert "not a number" in done.err
