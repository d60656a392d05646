"""Clones of one project in this process, with runs that are committed without training anything."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from gittrack.catalog import open_catalog
from gittrack.codec.paths import RECORD, later_stem, run_directory
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.git.branch import Addition, append
from gittrack.git.reader import list_tree
from gittrack.git.refs import read_ref
from gittrack.model import FINISHED, Author, Code, Record, Start
from gittrack.project import Project, open_project
from gittrack.record.publish import frame_files, next_lamport, records_on
from gittrack.share.received import Shown
from gittrack.share.remote import find_remote
from gittrack.share.send import Exchanged, pull, push, sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gittrack.git.branch import View
    from tests.conftest import Git

SILENT = Shown()
START = 1_735_689_600.0


def run_files(run_id: str, name: str, *, skew: float = 0.0) -> dict[str, bytes]:
    """The files of a small run that has ended."""
    start = Start(run_id, name, START + skew, author=Author("Ada Example", "ada@example.com"), code=Code(None))
    record = Record(start=start, status=FINISHED, end=START + skew + 1, params={"name": name})
    return {f"{run_directory(run_id)}/{RECORD}": to_yaml(record_to_plain(record))}


def id_of(name: str) -> str:
    """The id that a run of that name gets."""
    return sha256(name.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Clone:
    """A repository and what is done in it."""

    path: Path

    @property
    def project(self) -> Project:
        return open_project(self.path)

    def commit(self, make: Callable[[View], dict[str, bytes]]) -> None:
        """Add files to the branch, as a recorder does."""
        project = self.project

        def addition(view: View) -> Addition:
            return Addition({**frame_files(view), **make(view)}, "run\n", project.author, time.time())

        append(project.repo, project.runs_ref, addition, committer=project.committer, start=project.base_tip)

    def record(self, name: str, *, skew: float = 0.0) -> str:
        """Commit a run; return its id."""
        run_id = id_of(name)
        self.commit(lambda _: run_files(run_id, name, skew=skew))
        return run_id

    def say(self, run_id: str, record: Record) -> None:
        """Commit a later record of a run that is here."""

        def make(view: View) -> dict[str, bytes]:
            data = to_yaml(record_to_plain(record))
            stem = later_stem(next_lamport(records_on(view, run_id)), data)
            return {f"{run_directory(run_id)}/{stem}.yaml": data}

        self.commit(make)

    def pull(self, remote: str | None = None) -> Exchanged:
        return pull(self.project, find_remote(self.project, remote), SILENT)

    def push(self, remote: str | None = None) -> Exchanged:
        return push(self.project, find_remote(self.project, remote), SILENT)

    def sync(self, remote: str | None = None) -> Exchanged:
        return sync(self.project, find_remote(self.project, remote), SILENT)

    def names(self) -> list[str]:
        """The names of the runs, as the catalog reads them."""
        with open_catalog(self.path) as catalog:
            assert catalog.damaged == [], catalog.damaged
            return sorted(run.name for run in catalog.runs(include_deleted=True))

    def tip(self) -> str | None:
        return read_ref(self.project.repo, self.project.runs_ref)

    def tree(self) -> str:
        """The id of the branch's tree."""
        return git_out(self.path, "rev-parse", "gittrack/runs^{tree}")

    def files(self) -> set[tuple[str, str]]:
        """(path, blob) of everything on the branch."""
        tip = self.tip()
        return {(entry.path, entry.oid) for entry in list_tree(self.project.repo, tip)} if tip else set()


def git_out(path: Path, *args: str, stdin: bytes | None = None) -> str:
    """What git prints in a repository."""
    done = subprocess.run(["git", *args], cwd=path, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


class Hub:
    """A bare repository and its clones, all with one commit of code on main."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.path = folder / "hub.git"
        self._folder = folder
        self._git = git
        seed = folder / "seed"
        git("init", "-q", str(seed))
        (seed / "train.py").write_text("print(1)\n")
        git("add", "train.py", cwd=seed)
        git("commit", "-qm", "Add a training script", cwd=seed)
        git("clone", "-q", "--bare", str(seed), str(self.path))

    def clone(self, name: str) -> Clone:
        """Clone it as somebody does."""
        self._git("clone", "-q", str(self.path), str(self._folder / name))
        return Clone(self._folder / name)

    def tree(self) -> str:
        return git_out(self.path, "rev-parse", "gittrack/runs^{tree}")


@pytest.fixture
def hub(tmp_path: Path, git: Git) -> Hub:
    """A bare repository with code and no runs."""
    return Hub(tmp_path, git)
