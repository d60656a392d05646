"""An interpreter that only writes down what a stub asks of it, and a picture of what hooks may change."""

from __future__ import annotations

import shlex
import stat
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gittrack.hooks.install import install
from gittrack.project import open_project

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gittrack.hooks.install import Outcome


@dataclass(frozen=True, slots=True)
class Witness:
    """`path` stands for the interpreter; it ends with `code`, and `asked` is what it was asked so far."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "python"

    @property
    def asked(self) -> list[str]:
        """The name of the hook and its arguments, then its input, line by line."""
        log = self.folder / "log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def end_with(self, command: str) -> None:
        """Have it end in another way than by 'exit 0'."""
        log = shlex.quote(str(self.folder / "log"))
        script = f'#!/bin/sh\nshift 2\n{{ echo "$*"; cat; }} >>{log}\n{command}\n'
        self.path.write_text(script, encoding="utf-8")
        self.path.chmod(0o755)

    def install(self, patch: pytest.MonkeyPatch, *names: str, shared: bool = False) -> list[Outcome]:
        """Install hooks that ask this witness."""
        with patch.context() as inner:
            inner.setattr(sys, "executable", str(self.path))
            return install(open_project(), names, shared=shared)


def make_witness(folder: Path) -> Witness:
    """Make a witness in a new folder."""
    folder.mkdir()
    witness = Witness(folder)
    witness.end_with("exit 0")
    return witness


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    """Write a hook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(mode)
    return path


def picture(*folders: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in the folders: modes, contents, targets of links."""
    seen: dict[str, tuple[int, bytes]] = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            if path.is_symlink():
                seen[str(path)] = (0, str(path.readlink()).encode())
            elif path.exists():
                mode = stat.S_IMODE(path.stat().st_mode)
                seen[str(path)] = (mode, path.read_bytes() if path.is_file() else b"")
    return seen


def pretend_runs(repo: Path) -> None:
    """Make a repository look as if runs had been recorded in it, or a stub would ask nobody."""
    (repo / ".git" / "gittrack" / "journal").mkdir(parents=True)
