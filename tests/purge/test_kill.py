"""A purge killed at any moment leaves a whole repository, and the next one comes to the end."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

import pytest

from tests.purge.conftest import SECRET, Lab

if TYPE_CHECKING:
    from pathlib import Path

# The process dies by its own hand right before the call of that number that changes a file or starts a git.
PURGE: Final = """
import os, signal, subprocess, sys

count, last = 0, int(sys.argv[2])

def counted(call):
    def wrapped(*args, **kwargs):
        global count
        count += 1
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return wrapped

for name in ("unlink", "replace", "rename", "fsync", "rmdir"):
    setattr(os, name, counted(getattr(os, name)))
subprocess.Popen.__init__ = counted(subprocess.Popen.__init__)

from gittrack.cli.main import main

code = main(["purge", "--yes", sys.argv[1]])
print(count)
sys.exit(code)
"""
POINTS: Final = None if os.environ.get("GITTRACK_FAULTS") == "long" else 6


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_killed_anywhere(lab: Lab, tmp_path: Path, packed: bool) -> None:
    lab.record("first")
    doomed = lab.record("doomed", SECRET, "large", dirty=SECRET)
    last = lab.record("last", dirty="other")
    if packed:
        lab.git("repack", "-adkq", cwd=lab.repo)
        lab.git("commit-graph", "write", "--reachable", cwd=lab.repo)
    trees = lab.trees()
    pristine = tmp_path / "pristine"
    lab.repo.rename(pristine)
    shutil.copytree(pristine, lab.repo)
    whole = lab.run_python(PURGE, doomed, "-1", cwd=lab.repo)
    assert whole.code == 0, whole.err
    calls = int(whole.out.splitlines()[-1])
    step = 1 if POINTS is None else max(1, calls // POINTS)

    for number in range(1, calls + 1, step):
        shutil.rmtree(lab.repo)
        shutil.copytree(pristine, lab.repo)
        killed = lab.run_python(PURGE, doomed, str(number), cwd=lab.repo)
        assert killed.code == -9, f"at {number}: {killed.err}"
        lab.git("fsck", "--connectivity-only", "--no-dangling", cwd=lab.repo)
        found = lab.trees()
        assert found in (trees, {run: tree for run, tree in trees.items() if run != doomed}), f"at {number}"

        again = lab.gittrack("purge", "--yes", doomed, cwd=lab.repo)

        assert again.code == 0, f"at {number}: {again.err}"
        assert lab.holds() == [], f"at {number}"
        assert lab.trees().keys() == trees.keys() - {doomed}, f"at {number}"
        lab.is_sound()
        assert lab.snapshot(last)
    assert not (lab.repo / ".git/gittrack/purging.json").exists()
