"""A pin is worth as much as what it pins: that is on disk first, also where git has written it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gittrack.git.pins import CODE, pin
from gittrack.git.repository import Signature, discover
from gittrack.git.settled import lost_tip

if TYPE_CHECKING:
    from tests.conftest import Git

ADA = Signature("Ada Example", "ada@example.com")


def test_what_git_wrote_a_moment_ago_is_asked_to_disk(repo: Path, git: Git, synced: list[str]) -> None:
    (repo / "new.py").write_text("x\n")
    git("add", "new.py", cwd=repo)
    git("commit", "-qm", "New", cwd=repo)
    objects = [path for path in (repo / ".git/objects").glob("??/*") if path.is_file()]
    found = discover(repo)
    pin(found, CODE, git("rev-parse", "HEAD", cwd=repo).strip(), committer=ADA)
    assert {str(path) for path in objects} <= set(synced)
    assert {str(path.parent) for path in objects} <= set(synced)


def test_pins_that_git_lost_are_gone_on_with(repo: Path, git: Git) -> None:
    found = discover(repo)
    first = git("rev-parse", "HEAD", cwd=repo).strip()
    pin(found, CODE, first, committer=ADA)
    tip = git("rev-parse", CODE, cwd=repo).strip()
    Path(found.common_dir, *CODE.split("/")).unlink()
    assert lost_tip(found, CODE) == tip
    git("commit", "-q", "--allow-empty", "-m", "Second", cwd=repo)
    pin(found, CODE, git("rev-parse", "HEAD", cwd=repo).strip(), committer=ADA)
    assert git("rev-parse", f"{CODE}^1", cwd=repo).strip() == tip
