"""A repository with everything in it that a user may have, where every touch leaves a mark."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from tests.conftest import run
from tests.untouched.allowed import forbidden, left_locks
from tests.untouched.picture import difference, take

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.conftest import Git, Result
    from tests.untouched.allowed import Rule
    from tests.untouched.picture import Picture

# Of git help githooks: all that git runs on a user's machine, or where it is pushed to.
HOOKS: Final = (
    "applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg commit-msg "
    "post-commit pre-rebase post-checkout post-merge pre-push pre-receive update proc-receive post-receive "
    "post-update reference-transaction push-to-checkout pre-auto-gc post-rewrite sendemail-validate "
    "fsmonitor-watchman post-index-change"
).split()
# Modules that a Python started here by its name alone would find before those of its own library.
SHADOWS: Final = ("json.py", "platform.py", "sysconfig.py", "yaml.py")
OLD: Final = 1_700_000_000  # seconds since the epoch; older than all that the tests do

COMMENTS: Final = """\
# Set up by hand, see the wiki.
[alias]
    st = status   ; short
[core]
    logAllRefUpdates = always
    fsmonitor = {hook}
"""

RUNS: Final = """\
import gittrack
for name in ("first", "second", "gone"):
    with gittrack.start_run(name, params={"lr": 0.1}, tags={"stage": "dev"}) as run:
        run.log_metric("loss", 0.5, 1)
        run.log_text("hello", "notes/hello.txt")
"""


# As the console script does it, whose folder comes first on sys.path: not the current one.
ASIDE: Final = "import sys; del sys.path[0]"
PROGRAM: Final = (sys.executable, "-c", f"{ASIDE}; from gittrack.cli.main import entry; entry()")


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a command could reach: the repository, a linked worktree, a remote, HOME and TMPDIR."""

    root: Path
    repo: Path
    linked: Path

    def picture(self) -> Picture:
        """Look at all of it."""
        return take(self.root)

    def complaints(self, before: Picture, allowed: Sequence[Rule]) -> list[str]:
        """Return what has happened since `before` and is not allowed, and what is still held."""
        after = self.picture()
        held = sorted(set(left_locks(after)) - set(left_locks(before)))
        return forbidden(difference(before, after), allowed) + [f"left behind: {path}" for path in held]

    def gittrack(self, *words: str, cwd: Path | None = None, input: str | None = None) -> Result:  # noqa: A002
        """Run a command as the console script does, in the repository if nothing else is said."""
        return run([*PROGRAM, *words], cwd=cwd or self.repo, input=input)

    def mark(self, name: str) -> str:
        """The text of a hook that leaves a mark where the pictures see it."""
        return f"#!/bin/sh\necho {name} >> '{self.root / 'marks'}/{name}'\n"


@pytest.fixture
def world(tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> World:
    """Dirty, staged, stashed, in the middle of a merge, with hooks of all names, and no run yet."""
    made = World(tmp_path, tmp_path / "repo", tmp_path / "linked")
    for name in ("tmp", "marks", "elsewhere", "bin"):
        (tmp_path / name).mkdir()
    # Another Python than the one that runs gittrack: it is asked for its version.
    write_program(tmp_path / "bin/python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # a __pycache__ is a mark too
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    _make_origin(made, git)
    monkeypatch.chdir(made.repo)
    _branch_out(made, git)
    _begin_changes(made, git)
    _set_marks(made, git)
    _age(made)
    return made


@pytest.fixture
def recorded(world: World) -> World:
    """The same with three runs, 'gone' among them deleted, and an index that knows them."""
    done = run([sys.executable, "-c", f"{ASIDE}\n{RUNS}"], cwd=world.repo)
    assert (done.code, done.err) == (0, "")
    for words in (["rm", "gone"], ["log"]):
        assert world.gittrack(*words).code == 0
    return world


def write_program(path: Path, text: str) -> None:
    """Write a file that can be executed."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _make_origin(world: World, git: Git) -> None:
    source = world.root / "source"
    for name in ("train.py", "src/model.py", "data/points.csv", "data/more/labels.csv", "clash.txt"):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n", encoding="utf-8")
    (source / "run.sh").write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    (source / "run.sh").chmod(0o755)
    (source / "latest").symlink_to("data/points.csv")
    (source / ".gitignore").write_text("*.log\n", encoding="utf-8")
    git("init", "-q", cwd=source)
    git("add", ".", cwd=source)
    git("commit", "-qm", "Add all", cwd=source)
    git("tag", "light", cwd=source)
    git("tag", "-am", "First", "v1", cwd=source)
    git("branch", "feature", cwd=source)
    git("clone", "-q", "--bare", source, world.root / "origin.git")
    git("clone", "-q", world.root / "origin.git", world.repo)
    git("remote", "add", "source", source, cwd=world.repo)
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", source, "lib", cwd=world.repo)
    git("commit", "-qm", "Add a submodule", cwd=world.repo)


def _branch_out(world: World, git: Git) -> None:
    git("switch", "-qc", "other")
    (world.repo / "clash.txt").write_text("theirs\n", encoding="utf-8")
    git("commit", "-qam", "Theirs")
    git("switch", "-q", "main")
    (world.repo / "clash.txt").write_text("ours\n", encoding="utf-8")
    git("commit", "-qam", "Ours")
    git("notes", "add", "-m", "A note")
    git("worktree", "add", "-qb", "side", world.linked)
    git("repack", "-adq")
    git("commit-graph", "write", "--reachable")
    git("pack-refs", "--all")
    git("fetch", "-q", "source")
    (world.repo / ".git/info/exclude").write_text("# mine\nsecret.*\n", encoding="utf-8")


def _begin_changes(world: World, git: Git) -> None:
    (world.repo / "train.py").write_text("# put aside\n", encoding="utf-8")
    git("stash", "-q")
    _merge(world)
    (world.repo / "src/model.py").write_text("# staged\n", encoding="utf-8")
    git("add", "src/model.py")
    (world.repo / "src/model.py").write_text("# staged, then changed\n", encoding="utf-8")
    (world.repo / "untracked.txt").write_text("new\n", encoding="utf-8")
    (world.repo / "old.log").write_text("ignored\n", encoding="utf-8")
    (world.repo / "secret.txt").write_text("excluded\n", encoding="utf-8")
    (world.repo / "lib/train.py").write_text("# dirty\n", encoding="utf-8")
    (world.linked / "train.py").write_text("# dirty\n", encoding="utf-8")
    for folder in (world.repo, world.repo / "src", world.linked):
        for name in SHADOWS:
            (folder / name).write_text(
                f"open({str(world.root / 'marks' / name)!r}, 'a').write('ran')\n", encoding="utf-8"
            )


def _merge(world: World) -> None:
    done = subprocess.run(["git", "merge", "-q", "other"], cwd=world.repo, capture_output=True, check=False)
    assert done.returncode == 1
    assert (world.repo / ".git/MERGE_HEAD").exists()


def _set_marks(world: World, git: Git) -> None:
    for git_dir in (world.repo / ".git", world.repo / ".git/modules/lib", world.root / "origin.git"):
        (git_dir / "hooks").mkdir(exist_ok=True)
        for name in HOOKS:
            write_program(git_dir / "hooks" / name, world.mark(name))
    monitor = world.root / "monitor"
    write_program(monitor, world.mark("fsmonitor"))
    for config in (world.repo / ".git/config", world.repo / ".git/modules/lib/config"):
        with config.open("a", encoding="utf-8") as file:
            file.write(COMMENTS.format(hook=monitor))


def _age(world: World) -> None:
    """Set every time back: git's index then knows the files by other times, which a refresh would write down."""
    for path in world.picture():
        os.utime(world.root / path, (OLD, OLD), follow_symlinks=False)
