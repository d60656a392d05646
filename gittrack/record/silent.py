"""The run of a process that must not record one: another rank of the same job does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gittrack.model import Artifact, Start
from gittrack.record.artifacts import Artifacts
from gittrack.record.journal import Journal
from gittrack.record.run import ActiveRun

if TYPE_CHECKING:
    import os
    from collections.abc import Callable


class _NoJournal(Journal):
    """Takes every line and writes none."""

    __slots__ = ()

    def point(self, head: str, step: int | None, seconds: float, value: float) -> None:
        """Forget the point."""

    def last_event(self, kind: str, /, **facts: object) -> None:
        """Forget the event."""
        self._closed = True

    def event(self, kind: str, /, **facts: object) -> None:
        """Forget the event."""


class _NoArtifacts(Artifacts):
    """Checks every path and keeps no file."""

    def keep(self, path: str, stage: Callable[[], Artifact]) -> None:
        """Forget the file."""
        self._journal.check_open()

    def keep_path(self, local_path: str | os.PathLike[str], folder: str | None) -> None:
        """Forget the file, which may not even be here."""
        self._journal.check_open()

    def keep_tree(self, local_dir: str | os.PathLike[str], folder: str | None) -> None:
        """Forget the files."""
        self._journal.check_open()


class SilentRun(ActiveRun):
    """Takes every call of a run, refuses what a run would refuse, and writes nothing."""

    def __init__(self, name: str, experiment: str) -> None:
        """Make a run that belongs to no repository."""
        start = Start("0" * 32, name, 0.0, experiment)
        super().__init__(None, start, _NoJournal("", {}), owner=False)  # type: ignore[arg-type]

    @property
    def repository(self) -> str:
        """No repository."""
        return ""

    def __reduce__(self) -> tuple[type[SilentRun], tuple[str, str]]:
        return SilentRun, (self.name, self.experiment)

    def log_input(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        progress: Callable[[int, int | None], None] | None = None,
    ) -> None:
        """Read nothing."""
        self._check_open()

    def _keeper(self) -> Artifacts:
        return _NoArtifacts(None, self.id, self._journal)  # type: ignore[arg-type]

    def _publish(self) -> None:
        pass
