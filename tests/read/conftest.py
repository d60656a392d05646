"""A branch of runs that a test writes file by file, as a clone of anybody's may look."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gittrack.codec import paths
from gittrack.codec.record import record_to_plain
from gittrack.codec.text import to_yaml
from gittrack.model import FINISHED, Author, Code, Record, Start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.conftest import Git

REF = "refs/heads/gittrack/runs"


class RunsBranch:
    """`branch.commit({path: content or None to remove})` moves the branch; the rest makes contents."""

    def __init__(self, git: Git, folder: Path) -> None:
        self._git = git
        self._folder = folder

    def commit(self, files: Mapping[str, bytes | None], *, orphan: bool = False, ref: str = REF) -> None:
        """Add one commit, on the tip or, with `orphan`, in the place of the whole history."""
        old = "" if orphan else self._git("for-each-ref", "--format=%(objectname)", ref, cwd=self._folder).strip()
        lines = [f"commit {ref}\ncommitter A <a@example.com> 1735689600 +0000\ndata 1\nx\n"]
        if old:
            lines.append(f"from {old}\n")
        for path, data in files.items():
            if data is None:
                lines.append(f"D {path}\n")
            else:
                text = data.decode("utf-8", "surrogateescape")
                lines.append(f"M 100644 inline {path}\ndata {len(data)}\n{text}\n")
        self._git("fast-import", "--quiet", "--force", input="".join(lines), cwd=self._folder)

    def frame(self) -> dict[str, bytes]:
        """The files of an empty branch."""
        return {paths.FORMAT_FILE: paths.format_file()}

    def run(self, number: int, **facts: object) -> dict[str, bytes]:
        """The run.yaml of run `number`: its id repeats the number, it started `number` seconds after the first."""
        start = {"name", "experiment", "code", "parent"} & facts.keys()
        record = Record(
            start=Start(
                id=self.id(number),
                name=str(facts.get("name", f"run-{number}")),
                time=1_735_689_600.0 + number,
                experiment=str(facts.get("experiment", "default")),
                author=Author("Ada Example", "ada@example.com"),
                code=Code("c" * 40, "main", dirty=True),
            ),
            status=FINISHED,
            end=1_735_689_700.0 + number,
        )
        kept = {key: value for key, value in facts.items() if key not in start}
        return {self.path(number): to_yaml(record_to_plain(replace(record, **kept)))}  # type: ignore[arg-type]

    def later(self, number: int, lamport: int, **facts: object) -> dict[str, bytes]:
        """A later record of run `number`."""
        data = to_yaml(record_to_plain(replace(Record(), lamport=lamport, **facts)))  # type: ignore[arg-type]
        return {f"{self.folder(number)}/{paths.later_stem(lamport, data)}.yaml": data}

    def id(self, number: int) -> str:
        return f"{number:08x}" * 4

    def folder(self, number: int) -> str:
        return paths.run_directory(self.id(number))

    def path(self, number: int) -> str:
        return f"{self.folder(number)}/{paths.RECORD}"


@pytest.fixture
def branch(repo: Path, git: Git) -> RunsBranch:
    """The branch of runs of the repository `repo`, not there yet."""
    return RunsBranch(git, repo)
