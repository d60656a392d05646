"""Each test gets a home of its own, a fixed identity and clock, and tools that start real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

IN_CI: Final = os.environ.get("CI", "").lower() in {"1", "true"}

# The machines that run this are shared: a slow moment is no bug.
hypothesis.settings.register_profile(
    "gittrack",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
    derandomize=IN_CI,
)
hypothesis.settings.load_profile("gittrack")

REAL_HOME: Final = Path.home()
GUARDED: Final = (
    ".gitconfig",
    ".config/git",
    ".config/git/config",
    ".config/gittrack",
    ".cache/gittrack",
    ".local/share/gittrack",
    ".local/state/gittrack",
    ".bashrc",
    ".zshrc",
    ".profile",
)

GIT_CONFIG: Final = """\
[user]
    name = Ada Example
    email = ada@example.com
[init]
    defaultBranch = main
[commit]
    gpgsign = false
# Housekeeping stays as git has it, but never outlives the test that set it off.
[gc]
    autoDetach = false
[maintenance]
    autoDetach = false
"""

FOREIGN_PREFIXES: Final = ("GIT_", "GITTRACK_", "SLURM_", "OMPI_", "PMI_", "PMIX_", "MV2_", "MPI_", "XDG_")
FOREIGN_NAMES: Final = (
    "RANK",
    "LOCAL_RANK",
    "NODE_RANK",
    "GROUP_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "LINES",
    "PAGER",
    "LESS",
    "LV",
    "EDITOR",
    "VISUAL",
    "LANG",
    "LANGUAGE",
)

FIRST_COMMIT: Final = 1_735_689_600  # 2025-01-01T00:00:00Z
PATIENCE: Final = 120.0  # seconds before a child that hangs is killed and its test fails


@dataclass(frozen=True, slots=True)
class Result:
    """What a finished process left: its exit code and the exact text of both its streams."""

    code: int
    out: str
    err: str


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
    env: Mapping[str, str | None] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Result:
    """Run a program to its end; `env` is laid over the test's environment, and None removes a variable."""
    merged = {**os.environ, **(env or {})}
    done = subprocess.run(
        argv,
        input=(input or "").encode("utf-8", "surrogateescape"),
        capture_output=True,
        env={name: value for name, value in merged.items() if value is not None},
        cwd=cwd,
        timeout=PATIENCE,
        check=False,
    )
    # Decoded by hand: text mode would turn the \r of a progress bar into \n.
    return Result(
        done.returncode,
        done.stdout.decode("utf-8", "surrogateescape"),
        done.stderr.decode("utf-8", "surrogateescape"),
    )


class Git:
    """`git("commit", "-qm", "x")` runs git, fails the test if git fails, and returns its exact stdout."""

    __slots__ = ("_clock",)

    def __init__(self) -> None:
        self._clock = FIRST_COMMIT

    def __call__(
        self,
        *args: str | os.PathLike[str],
        input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
        env: Mapping[str, str | None] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> str:
        # One second a call: the same ids in every session, and an order that `git log` can see.
        date = f"@{self._clock} +0000"
        self._clock += 1
        dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        result = run(["git", *args], input=input, env={**dates, **(env or {})}, cwd=cwd)
        words = " ".join(os.fspath(word) for word in args)
        assert result.code == 0, f"git {words} ended with {result.code}: {result.err or result.out}"
        return result.out


class Gittrack:
    """`gittrack("log", "-n", "3")` runs `python -m gittrack` as a process of its own; it may fail."""

    __slots__ = ()

    def __call__(
        self,
        *args: str | os.PathLike[str],
        input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
        env: Mapping[str, str | None] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Result:
        return run([sys.executable, "-m", "gittrack", *args], input=input, env=env, cwd=cwd)


class RunPython:
    """`run_python(code)` writes a script outside of the repository and runs it as a process of its own."""

    __slots__ = ("_count", "_folder")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def __call__(
        self,
        code: str,
        *args: str | os.PathLike[str],
        input: str | None = None,  # noqa: A002 - the name that subprocess.run gives it
        env: Mapping[str, str | None] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> Result:
        self._folder.mkdir(exist_ok=True)
        self._count += 1
        script = self._folder / f"script_{self._count}.py"
        script.write_text(textwrap.dedent(code), encoding="utf-8")
        return run([sys.executable, script, *args], input=input, env=env, cwd=cwd)


def _real_home() -> dict[str, tuple[int, int, int] | None]:
    """What tells whether somebody wrote one of the guarded files of the real home."""
    seen: dict[str, tuple[int, int, int] | None] = {}
    for name in GUARDED:
        try:
            stat = (REAL_HOME / name).stat()
        except OSError:
            seen[name] = None
        else:
            seen[name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return seen


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    """An own, empty home and a clean environment; the working directory is that home, in no repository."""
    before = _real_home()
    folder = tmp_path / "home"
    folder.mkdir()
    config = folder / ".gitconfig"
    config.write_text(GIT_CONFIG, encoding="utf-8")
    settings: dict[str, str | Path] = {
        "HOME": folder,
        "USERPROFILE": folder,
        "XDG_CONFIG_HOME": folder / ".config",
        "XDG_CACHE_HOME": folder / ".cache",
        "XDG_DATA_HOME": folder / ".local/share",
        "XDG_STATE_HOME": folder / ".local/state",
        "GIT_CONFIG_GLOBAL": config,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": tmp_path,
        "GIT_TERMINAL_PROMPT": "0",
        "TZ": "UTC",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
        "PYTHONHASHSEED": "0",
    }
    # A patch of its own: a test that undoes its `monkeypatch` must not get the real home back.
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN_PREFIXES) or name in FOREIGN_NAMES:
                patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(name, os.fspath(value))
        if hasattr(time, "tzset"):
            time.tzset()
        patch.chdir(folder)
        yield folder
    changed = sorted(name for name, state in _real_home().items() if state != before[name])
    assert not changed, f"the test wrote into the real home: {', '.join(changed)}"


@pytest.fixture
def git() -> Git:
    """Run git with a clock that ticks once a call: `git(*args, input=, env=, cwd=) -> stdout`."""
    return Git()


@pytest.fixture
def repo(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh repository with one committed file, `train.py`; it is also the working directory."""
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "train.py").write_text('print("epoch 1: loss 0.5")\n', encoding="utf-8")
    git("init", "-q", cwd=folder)
    git("add", "train.py", cwd=folder)
    git("commit", "-qm", "Add a training script", cwd=folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def gittrack() -> Gittrack:
    """Run the command line: `gittrack(*args, input=, env=, cwd=) -> Result(code, out, err)`."""
    return Gittrack()


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run a script: `run_python(code, *args, input=, env=, cwd=) -> Result(code, out, err)`."""
    return RunPython(tmp_path / "scripts")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Under CI nothing may be left out in silence: a skip that is not marked `may_skip` is a failure."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped under CI without the marker `may_skip`: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one, see `_refuse_skip`."""
    report = yield
    if item.get_closest_marker("may_skip") is None:
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a module that skips itself into a failed one, see `_refuse_skip`."""
    report = yield
    _refuse_skip(report)
    return report
