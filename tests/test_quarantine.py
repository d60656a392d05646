"""The quarantine: what is put aside is whole, is there once, says why, and never replaces what was there."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from gittrack.project import Project, open_project
from gittrack.quarantine import NOTE, Quarantine, quarantine_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Git


@pytest.fixture
def project(repo: Path) -> Project:
    return open_project(repo)


@pytest.fixture
def damaged(repo: Path) -> Path:
    """A file below the git directory of which something is wrong."""
    path = repo / ".git" / "gittrack" / "part" / "bad.log"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"first")
    return path


def kept(project: Project, name: str) -> dict[str, str]:
    """What the folder `name` of the quarantine holds besides its note."""
    top = os.path.join(quarantine_of(project), name)
    found = {}
    for folder, _, names in os.walk(top):
        for file in names:
            with open(os.path.join(folder, file), encoding="utf-8") as text:
                found[os.path.relpath(os.path.join(folder, file), top)] = text.read()
    del found[NOTE]
    return found


def test_a_copy_lies_where_the_file_was_and_the_note_says_why(project: Project, damaged: Path) -> None:
    quarantine = Quarantine(project, "run")

    place = quarantine.copy(str(damaged), "a bit was flipped")

    assert kept(project, "run") == {"gittrack/part/bad.log": "first"}
    assert damaged.read_bytes() == b"first"
    assert place.endswith("quarantine/run/gittrack/part/bad.log")
    with open(os.path.join(quarantine.folder, NOTE), encoding="utf-8") as note:
        assert note.read() == f"{damaged}: a bit was flipped\n"


def test_the_same_copy_is_kept_once_and_another_one_beside_it(project: Project, damaged: Path) -> None:
    quarantine = Quarantine(project, "run")
    places = [quarantine.copy(str(damaged), "why") for _ in range(2)]
    damaged.write_bytes(b"other")
    places += [quarantine.copy(str(damaged), "why") for _ in range(2)]

    assert places[0] == places[1] != places[2] == places[3]
    assert kept(project, "run") == {"gittrack/part/bad.log": "first", "gittrack/part/bad.log~": "other"}
    with open(os.path.join(quarantine.folder, NOTE), encoding="utf-8") as note:
        assert len(note.readlines()) == 1


def test_what_is_moved_replaces_nothing(project: Project, damaged: Path) -> None:
    quarantine = Quarantine(project, "run")
    quarantine.move(str(damaged), "why")
    assert not damaged.exists()
    damaged.write_bytes(b"other")
    assert quarantine.move(str(damaged), "why").endswith("bad.log~")
    assert kept(project, "run") == {"gittrack/part/bad.log": "first", "gittrack/part/bad.log~": "other"}


def test_without_a_name_the_folder_is_new(project: Project, damaged: Path) -> None:
    folders = {os.path.dirname(Quarantine(project).copy(str(damaged), "why")) for _ in range(3)}
    assert len(folders) == 3


def test_a_file_from_elsewhere_lies_under_its_own_name(project: Project, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"content")
    Quarantine(project, "run").copy(str(tmp_path / "large"), "why")
    assert kept(project, "run") == {"large": "content"}


def test_a_copy_that_fails_leaves_nothing_that_looks_whole(
    project: Project, damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(5, "Input/output error", target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(OSError, match="Input/output error"):
            Quarantine(project, "run").copy(str(damaged), "why")
    assert kept(project, "run") == {}


def test_a_group_that_shares_the_repository_reads_the_note(
    repo: Path, git: Git, project: Project, damaged: Path
) -> None:
    git("config", "core.sharedRepository", "group")
    before = os.umask(0o077)
    try:
        quarantine = Quarantine(project, "run")
        quarantine.copy(str(damaged), "why")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(os.path.join(quarantine.folder, NOTE)).st_mode) & 0o060 == 0o060


def test_a_note_tells_of_what_stays_where_it_is(project: Project) -> None:
    quarantine = Quarantine(project, "run")
    for _ in range(2):
        path = quarantine.note("1234:runs/ab/run", "a name\nwith \x1b[31m")
    with open(path, encoding="utf-8") as file:
        assert file.read() == "1234:runs/ab/run: a name?with ?[31m\n"
