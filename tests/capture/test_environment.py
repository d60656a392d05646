"""The facts about interpreter, packages and machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

import gittrack
from gittrack.capture import machine
from gittrack.capture.environment import capture_environment, host, user
from gittrack.capture.packages import installed_packages


def _installed(folder: Path, name: str, direct_url: dict[str, object] | str | None = None) -> None:
    info = folder / name
    info.mkdir(parents=True)
    if direct_url is not None:
        text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
        (info / "direct_url.json").write_text(text)


def test_the_environment_tells_of_this_process() -> None:
    environment = capture_environment({})
    assert environment.python == sys.version.split()[0]
    assert environment.implementation
    assert environment.platform
    assert environment.machine
    assert environment.cpu_count
    assert 1 <= environment.cpu_count <= (os.cpu_count() or 1)
    assert environment.packages == tuple(sorted(environment.packages))
    assert environment.variables == {}


def test_every_package_that_the_interpreter_knows_is_listed() -> None:
    known = {d.metadata["Name"].lower().replace("_", "-").replace(".", "-"): d.version for d in distributions()}
    lines = capture_environment().packages
    plain = dict(line.split("==") for line in lines if "==" in line)
    assert {name: version for name, version in known.items() if name in plain} == plain
    assert len(known) == len(lines)


@pytest.mark.parametrize(
    ("entry", "direct_url", "line"),
    [
        ("Foo_Bar.Baz-1.2.dist-info", None, "foo-bar-baz==1.2"),
        ("torch-2.1.0+cu118.dist-info", None, "torch==2.1.0+cu118"),
        ("foo-1.0rc1.post2.dist-info", None, "foo==1.0rc1.post2"),
        ("foo-bar-1.0-py3.11.egg-info", None, "foo-bar==1.0"),
        ("foo-1.0.egg-info", None, "foo==1.0"),
        ("foo-1.0.dist-info", {"url": "file:///src/a%20b", "dir_info": {"editable": True}}, "-e /src/a b"),
        ("foo-1.0.dist-info", {"url": "file:///C:/src", "dir_info": {"editable": True}}, "-e C:/src"),
        ("foo-1.0.dist-info", {"url": "file:///src", "dir_info": {}}, "foo @ file:///src"),
        (
            "foo-1.0.dist-info",
            {
                "url": "https://ada:pw@example.com/foo.git",
                "vcs_info": {"vcs": "git", "commit_id": "0a1b2c", "requested_revision": "main"},
                "subdirectory": "python",
            },
            "foo @ git+https://[redacted]@example.com/foo.git@0a1b2c#subdirectory=python",
        ),
        (
            "foo-1.0.dist-info",
            {"url": "https://example.com/foo.whl", "archive_info": {"hash": "sha256=0a"}},
            "foo @ https://example.com/foo.whl#sha256=0a",
        ),
        ("foo-1.0.dist-info", "{damaged", "foo==1.0"),
        ("foo-1.0.dist-info", "[]", "foo==1.0"),
    ],
)
def test_requirement_lines(tmp_path: Path, entry: str, direct_url: dict[str, object] | str | None, line: str) -> None:
    _installed(tmp_path, entry, direct_url)
    assert installed_packages([str(tmp_path)]) == (line,)


def test_what_only_looks_like_a_package_is_left_out(tmp_path: Path) -> None:
    for name in ("~umpy-1.0.dist-info", "dist-info", ".dist-info", "foo", "foo-1.0", "foo.dist-info"):
        _installed(tmp_path, name)
    assert installed_packages([str(tmp_path), str(tmp_path / "missing"), __file__]) == ()


def test_the_first_on_the_path_wins_and_a_source_tree_comes_last(tmp_path: Path) -> None:
    _installed(tmp_path / "source", "foo.egg-info")
    _installed(tmp_path / "source", "bar.egg-info")
    _installed(tmp_path / "one", "Foo-2.0.dist-info")
    _installed(tmp_path / "two", "foo-1.0.dist-info")
    path = [str(tmp_path / name) for name in ("source", "one", "two")]
    assert installed_packages(path) == (f"-e {tmp_path / 'source'}", "foo==2.0")


def test_an_install_into_the_running_process_is_seen(tmp_path: Path) -> None:
    _installed(tmp_path, "foo-1.0.dist-info")
    assert installed_packages([str(tmp_path)]) == ("foo==1.0",)
    _installed(tmp_path, "bar-1.0.dist-info")
    os.utime(tmp_path, (1, 1))  # file systems with coarse clocks
    assert installed_packages([str(tmp_path)]) == ("bar==1.0", "foo==1.0")


def test_only_variables_of_the_list_are_kept_and_without_secrets() -> None:
    environment = capture_environment(
        {
            "CUDA_VISIBLE_DEVICES": "0,1",
            "SLURM_JOB_NAME": "train https://ada:pw@example.com",
            "VIRTUAL_ENV": "/home/ada/project/.venv/",
            "WORLD_SIZE": "4",
            "HF_TOKEN": "abc",
            "HOME": "/home/ada",
            "XLA_FLAGS": "--x\udcff",
        }
    )
    assert environment.variables == {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "SLURM_JOB_NAME": "train https://[redacted]@example.com",
        "VIRTUAL_ENV": ".venv",
        "WORLD_SIZE": "4",
        "XLA_FLAGS": "--x\ufffd",
    }


def test_host_and_user_have_a_name_even_for_a_stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host()
    for variable in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    assert user() or sys.platform == "win32"
    monkeypatch.setenv("USER", "ada")
    assert user() == "ada"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and affinity")
def test_the_machine_on_linux(tmp_path: Path) -> None:
    assert machine.platform_name().startswith(f"Linux-{os.uname().release.split('.')[0]}.")
    code = "import os; from gittrack.capture import machine; print(machine.cpu_count())"
    pinned = f"import os; os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {code}"
    assert subprocess.check_output([sys.executable, "-c", pinned], text=True) == "1\n"
    for place, name in enumerate(("0000:01:00.0", "0000:02:00.0")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "information").write_text(f"Model: \t\t NVIDIA X{place}\nIRQ: 1\n")
    assert machine._nvidia(str(tmp_path)) == ("NVIDIA X0", "NVIDIA X1")


def test_nothing_slow_is_imported() -> None:
    code = (
        "import sys; from gittrack.capture.environment import capture_environment; capture_environment({});"
        "slow = {'importlib.metadata', 'platform', 'socket', 'subprocess', 'yaml', 'dulwich', 'logging', 'torch'};"
        "print(sorted(slow & set(sys.modules)))"
    )
    # -S: a .pth file of the environment may import anything.
    # And it is such a file that leads to a package that was installed as editable.
    environ = {**os.environ, "PYTHONPATH": str(Path(gittrack.__file__).parents[1])}
    printed = subprocess.check_output([sys.executable, "-S", "-c", code], text=True, env=environ)
    assert printed == "[]\n" or sys.platform == "darwin"


def test_only_variables_that_are_known_or_chosen_are_kept() -> None:
    environ = {"PYTHONHASHSEED": "0", "MY_SEED": "7", "MY_API_KEY": "abcdef0123456789", "TRAIN_MODE": "x", "HOME": "/h"}
    found = capture_environment(environ, chosen=("MY_*", "TRAIN_MODE", "ABSENT")).variables
    assert found == {"PYTHONHASHSEED": "0", "MY_SEED": "7", "MY_API_KEY": "[redacted]", "TRAIN_MODE": "x"}
    assert capture_environment(environ).variables == {"PYTHONHASHSEED": "0"}


def test_the_driver_and_cuda_by_what_they_leave(tmp_path: Path) -> None:
    from gittrack.capture import machine

    version = tmp_path / "version"
    version.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC 12\n"
    )
    toolkit = tmp_path / "version.json"
    toolkit.write_text('{"cuda": {"name": "CUDA SDK", "version": "12.4.1"}, "cuda_cudart": {"version": "12.4.127"}}')
    assert machine.driver(str(version)) == "535.104.05"
    assert machine.cuda(str(toolkit)) == "12.4.1"
    assert (machine.driver(str(tmp_path / "none")), machine.cuda(str(tmp_path / "none"))) == (None, None)
