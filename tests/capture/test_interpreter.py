"""The recorded packages are those of the Python that the command runs, wherever gittrack itself is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from typing import TYPE_CHECKING

import pytest

from gittrack.capture.environment import capture_environment
from gittrack.capture.interpreter import environment_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A virtual environment with one package of its own."""
    folder = tmp_path / "other"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    site = next(folder.glob("lib*/python*/site-packages"))
    (site / "only_there-4.2.dist-info").mkdir()
    return folder


def test_python_of_another_environment(other: Path) -> None:
    found = environment_of([str(other / "bin/python"), "train.py"])
    assert found.packages == ("only-there==4.2",)
    assert found.python == sys.version.split()[0]


def test_a_script_that_pip_installed(other: Path) -> None:
    script = other / "bin" / "launch"
    script.write_text(f"#!{other / 'bin/python'}\n")
    script.chmod(0o755)
    assert environment_of([str(script)]).packages == ("only-there==4.2",)


def test_a_shell_script_has_the_python_on_path(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{other / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert environment_of(["sh", "train.sh"]).packages == ("only-there==4.2",)


def test_this_python_is_not_asked() -> None:
    assert environment_of([sys.executable, "train.py"]) == capture_environment()


def test_a_python_that_does_not_answer_tells_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    assert subprocess.run([broken], check=False).returncode == 3
    found = environment_of([str(broken)])
    assert (found.python, found.packages) == (None, ())
    assert found.cpu_count == capture_environment().cpu_count


def test_a_module_of_the_user_is_not_run(other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "json.py").write_text("open('ran', 'w').close()\n")
    monkeypatch.chdir(code)
    assert environment_of([str(other / "bin/python"), "train.py"]).python == sys.version.split()[0]
    assert [path.name for path in code.iterdir()] == ["json.py"]
