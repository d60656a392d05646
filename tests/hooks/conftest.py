"""A stub in place of one of git's hooks, and runs to be found by it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.conftest import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Result

    Stub = Callable[..., None]
    Record = Callable[..., str]


@pytest.fixture
def stub() -> Stub:
    """`stub(git_dir, "post-commit")` makes git call the module, as the stubs of gittrack do."""

    def make(git_dir: Path, *names: str) -> None:
        (git_dir / "hooks").mkdir(exist_ok=True)
        for name in names:
            place = git_dir / "hooks" / name
            place.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gittrack.hooks {name} "$@"\n')
            place.chmod(0o755)

    return make


@pytest.fixture
def record() -> Record:
    """`record("fast", "acc=0.5", cwd=repo)` records a run in the working tree as it is; returns its id."""

    def make(name: str, *metrics: str, cwd: Path | None = None) -> str:
        logged = "\n".join(f"gittrack.log_metric({m.partition('=')[0]!r}, {m.partition('=')[2]})" for m in metrics)
        code = f"import gittrack\nwith gittrack.start_run({name!r}) as run:\n    print(run.id)\n"
        code += "".join(f"    {line}\n" for line in logged.splitlines())
        done = run([sys.executable, "-"], input=code, cwd=cwd)
        assert done.code == 0, done.err
        return done.out.strip()

    return make


def commit(*words: str, cwd: Path | None = None, env: dict[str, str | None] | None = None) -> Result:
    """Call git commit as a user does; it has to succeed, and what was said is returned."""
    done = run(["git", "commit", *words], cwd=cwd, env=env)
    assert done.code == 0, done.err
    return done
