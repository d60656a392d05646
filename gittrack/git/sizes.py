"""Kinds and sizes of objects, through one git process, without unpacking any."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Final

from gittrack.errors import StorageError
from gittrack.git.process import start_git

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gittrack.git.repository import Repository

_ASKED: Final = ["cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)"]
_AT_ONCE: Final = 60  # ids fit into the smallest pipe buffer, so that neither side waits for the other


class SizeReader:
    """One `git cat-file --batch-check` process, started at the first question: a process for each takes 3 ms."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo
        self._process: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End the process; a later question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:
                pass

    def of(self, oids: Sequence[str]) -> dict[str, tuple[str, int]]:
        """Return (kind, size) of each of the objects that is here."""
        from gittrack.git.partial import fetch_missing

        fetch_missing(self._repo, oids)
        starts = range(0, len(oids), _AT_ONCE)
        answers = (words for start in starts for words in self._answers(oids[start : start + _AT_ONCE]))
        return {words[0]: (words[1], int(words[2])) for words in answers if len(words) == 3}

    def _answers(self, oids: Sequence[str]) -> list[list[str]]:
        if self._process is None:
            self._process = start_git(_ASKED, repo=self._repo, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("".join(f"{oid}\n" for oid in oids).encode())
            self._process.stdin.flush()
            lines = [self._process.stdout.readline() for _ in oids]
        except OSError:
            lines = [b""]
        if not all(lines):
            self.close()
            raise StorageError(f"git cat-file ended while sizes in {self._repo.common_dir} were asked; run 'git fsck'")
        return [line.decode("ascii", "replace").split() for line in lines]
