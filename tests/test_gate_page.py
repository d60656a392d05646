"""The examples in docs/gate.md are YAML, and their commands do what the page says, in a clone as a CI makes it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Git, Result, RunPython

PAGE = Path(__file__).parent.parent / "docs" / "gate.md"
LOG = "import gittrack, sys\nwith gittrack.start_run() as run: run.log_metric('acc', float(sys.argv[1]))"


def examples() -> list[dict[Any, Any]]:
    """The YAML of the page."""
    found = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return [yaml.safe_load(text) for text in found]


GITHUB, GITLAB = examples()


def test_the_shape_of_the_workflow_for_github() -> None:
    job = GITHUB["jobs"]["gate"]
    assert set(GITHUB) == {"name", True, "jobs"}, "YAML takes 'on' for true, and GitHub knows"
    assert GITHUB[True] == "pull_request"
    assert job["runs-on"] == "ubuntu-latest"
    assert all(set(step) <= {"uses", "with", "run", "if"} for step in job["steps"])
    assert [len({"uses", "run"} & set(step)) for step in job["steps"]] == [1] * len(job["steps"])
    assert job["steps"][0]["with"]["fetch-depth"] == 0, "the runs and the baseline are on other branches"
    # What others can choose reaches no shell as text.
    assert not any("${{" in step.get("run", "") for step in job["steps"])


def test_the_shape_of_the_job_for_gitlab() -> None:
    job = GITLAB["gate"]
    assert job["variables"] == {"GIT_DEPTH": "0"}
    assert all(isinstance(line, str) for line in job["script"])
    assert job["artifacts"] == {"when": "always", "paths": ["gate.md"]}


@pytest.fixture
def upstream(repo: Path, git: Git, run_python: RunPython) -> Path:
    """A repository with runs of main, and of a branch `feature`."""
    assert run_python(LOG, "0.90").code == 0
    git("checkout", "-qb", "feature", cwd=repo)
    # The same tree as that of main: its runs are not taken for those of a commit that was rewritten.
    git("commit", "-q", "--allow-empty", "-m", "Change nothing", cwd=repo)
    return repo


def in_a_shell(lines: list[str], where: Path, env: Mapping[str, str]) -> Result:
    """Run the lines as a CI does; gittrack is installed already."""
    script = "\n".join(line for line in lines if not line.startswith("pip install"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return run(["sh", "-e", "-c", script], cwd=where, env={**env, "PATH": path})


@pytest.mark.parametrize(("value", "code", "word"), [("0.895", 0, "passed"), ("0.85", 1, "failed")])
def test_the_commands_for_github(
    upstream: Path, tmp_path: Path, git: Git, run_python: RunPython, value: str, code: int, word: str
) -> None:
    assert run_python(LOG, value).code == 0
    clone, summary = tmp_path / "clone", tmp_path / "summary.md"
    git("clone", "-q", upstream.as_uri(), clone)
    git("checkout", "-q", "--detach", "origin/feature", cwd=clone)
    *before, last = [step["run"] for step in GITHUB["jobs"]["gate"]["steps"] if "run" in step]
    env = {"BASE": "main", "GITHUB_STEP_SUMMARY": str(summary)}

    result = in_a_shell(before, clone, env)

    assert result.code == code, result.err
    assert not summary.exists()
    assert in_a_shell([last], clone, env).code == 0
    assert f"### gittrack gate: {word}" in summary.read_text(encoding="utf-8")


@pytest.mark.parametrize(("value", "code", "word"), [("0.895", 0, "passed"), ("0.85", 1, "failed")])
def test_the_commands_for_gitlab(
    upstream: Path, tmp_path: Path, git: Git, run_python: RunPython, value: str, code: int, word: str
) -> None:
    assert run_python(LOG, value).code == 0
    clone = tmp_path / "clone"
    git("init", "-q", clone)
    git("remote", "add", "origin", upstream.as_uri(), cwd=clone)
    git("fetch", "-q", "origin", "+refs/heads/feature:refs/remotes/origin/feature", cwd=clone)
    git("checkout", "-q", "--detach", "origin/feature", cwd=clone)

    result = in_a_shell(GITLAB["gate"]["script"], clone, {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"})

    assert result.code == code, result.err
    assert f"### gittrack gate: {word}" in (clone / "gate.md").read_text(encoding="utf-8")
