"""A run is done again with the very packages that it had, wherever they come from."""

from __future__ import annotations

import ensurepip
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gittrack.model import Environment
from gittrack.reproduce.environment import differences, make_environment, settings_of, with_interpreter
from gittrack.reproduce.plan import around_own
from tests.conftest import run
from tests.reproduce.runs import verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Git, Gittrack


def wheel(folder: Path, version: str) -> Path:
    """A package `tinymodel` whose one module knows its version."""
    path = folder / f"tinymodel-{version}-py3-none-any.whl"
    meta = f"tinymodel-{version}.dist-info"
    files = {
        "tinymodel.py": f"value = {version}\n",
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: tinymodel\nVersion: {version}\n",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{meta}/RECORD", "".join(f"{name},,\n" for name in (*files, f"{meta}/RECORD")))
    return path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two versions of a package, the only place where pip looks, beside what Python brings itself."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for version in ("1.5", "2.5"):
        wheel(folder, version)
    bundled = Path(ensurepip.__file__).parent / "_bundled"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{folder} {bundled}")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    # Without uv on PATH: that is not told where to look by the variables of pip.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    return folder


def test_a_fresh_environment_has_the_recorded_packages(
    repo: Path, git: Git, gittrack: Gittrack, shelf: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    assert run([sys.executable, "-m", "venv", own]).code == 0
    python = str(own / "bin/python")
    assert run([python, "-m", "pip", "install", "-q", "tinymodel==1.5"]).code == 0
    (repo / "train.py").write_text(
        "import json, tinymodel\njson.dump({'value': tinymodel.value}, open('metrics.json', 'w'))\n"
        "print(tinymodel.value)\n"
    )
    (repo / ".gitignore").write_text("metrics.json\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "Train", cwd=repo)
    recorded = gittrack("run", "-q", "--metrics", "metrics.json", "--", python, "train.py")
    assert recorded.code == 0, recorded.err
    assert run([python, "-m", "pip", "install", "-q", "tinymodel==2.5"]).code == 0

    here = gittrack("reproduce", "latest", "--json")
    assert here.code == 1
    assert "tinymodel==2.5 (recorded: tinymodel==1.5)" in here.err
    first = verdict(here)["run"]
    assert isinstance(first, str)
    fresh = gittrack("reproduce", first, "--env", "--json")
    assert (fresh.code, fresh.out.splitlines()[0], verdict(fresh)["reproduced"]) == (0, "1.5", True), fresh.err
    by_hand = run(["sh", "-c", gittrack("reproduce", first, "--env", "--dry-run").out])
    assert (by_hand.code, by_hand.out) == (0, "1.5\n"), by_hand.err

    assert run([python, "-m", "pip", "uninstall", "-qy", "tinymodel"]).code == 0
    for path in shelf.iterdir():
        path.unlink()
    gone = gittrack("reproduce", first, "--env")
    assert (gone.code, "the environment could not be made: " in gone.err) == (1, True)
    assert git("worktree", "list", cwd=repo).count("\n") == 1


def test_another_python_is_asked_for_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Exception, match=r"Python 3\.99\.1 is not installed here"):
        make_environment(str(tmp_path / "env"), "3.99.1", [])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("python3.9", "x.py"), ("/env/bin/python", "x.py")),
        (("/old/venv/bin/python", "-m", "train"), ("/env/bin/python", "-m", "train")),
        (("torchrun", "x.py"), ("torchrun", "x.py")),
    ],
)
def test_the_interpreter_of_a_command(command: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert with_interpreter(command, "/env/bin") == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({"PYTHONHASHSEED": "1", "RANK": "3", "VIRTUAL_ENV": "x"}, {"PYTHONHASHSEED": "1"}), ({}, {})],
)
def test_what_changes_results_is_set_again(variables: Mapping[str, str], expected: Mapping[str, str]) -> None:
    assert settings_of(Environment(variables=variables)) == expected


def test_no_packages_are_no_difference() -> None:
    version = sys.version.split()[0]
    assert differences([sys.executable], Environment(python=version), ()) == []
    assert differences([sys.executable], Environment(python="2.7.1"), ())[0] == f"Python {version} (recorded: 2.7.1)"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-e /x/ed", ("-e ", "")),
        ("-e /x/ed/lib", ("-e ", "/lib")),
        ("-e /x/ed#subdirectory=lib", ("-e ", "#subdirectory=lib")),
        ("-e file:///x/ed/lib", ("-e file://", "/lib")),
        ("-e /x/ed-lib", None),
        ("-e /x/ed.d/y", None),
        ("-e /data/x/ed", None),
        ("ed @ file:///x/ed", None),
    ],
)
def test_only_what_was_installed_from_the_tree_itself_is_moved(line: str, expected: tuple[str, str] | None) -> None:
    assert around_own(line, "/x/ed") == expected
    assert around_own(line, None) is None
