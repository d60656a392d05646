"""The artifacts of a running run: copied the moment they are logged, and tried again where a disk refuses."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

from gittrack.errors import GittrackError, InvalidValue
from gittrack.record.telling import warn
from gittrack.values import PathSet, check_artifact_path, shown, storable_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from gittrack.model import Artifact
    from gittrack.project import Project
    from gittrack.record.journal import Journal


class Artifacts:
    """Keeps files of one run, one after another; `lock` is held meanwhile, so that the run does not end."""

    def __init__(self, project: Project, run_id: str, journal: Journal) -> None:
        """Keep artifacts for the run of `journal`."""
        self._project = project
        self._run_id = run_id
        self._journal = journal
        self._paths = PathSet()
        self._waiting: list[tuple[str, Callable[[], Artifact]]] = []
        self.lock = threading.RLock()

    def keep_bytes(self, data: bytes, path: str) -> None:
        """Keep `data` as the artifact `path`."""
        from gittrack.record.stage import stage_bytes

        target = _target(path)
        self.keep(target, lambda: stage_bytes(self._project, self._run_id, target, data))

    def keep_path(self, local_path: str | os.PathLike[str], folder: str | None) -> None:
        """Keep a copy of a file, or of every file of a directory, in `folder` among the artifacts."""
        from gittrack.record.stage import check_file

        source = absolute(local_path)
        if stat.S_ISDIR(check_file(source).st_mode):
            name = storable_path(os.path.basename(source))
            self.keep_tree(source, _within(folder, name))
        else:
            self._keep_file(source, os.path.basename(source), folder)

    def keep_tree(self, local_dir: str | os.PathLike[str], folder: str | None) -> None:
        """Keep a copy of every file below a directory in `folder` among the artifacts."""
        from gittrack.record.stage import check_file, files_below

        source = absolute(local_dir)
        if not stat.S_ISDIR(check_file(source).st_mode):
            raise InvalidValue(f"{os.fspath(local_dir)!r} is a file; use log_artifact for it")
        for path, relative in files_below(source):
            self._keep_file(path, relative, folder)

    def _keep_file(self, source: str, name: str, folder: str | None) -> None:
        from gittrack.record.stage import check_file, stage_file

        name = storable_path(name)
        target = _target(_within(folder, name))
        check_file(source)
        self.keep(target, lambda: stage_file(self._project, self._run_id, target, source))

    def keep(self, path: str, stage: Callable[[], Artifact]) -> None:
        """Call `stage` and write down what it kept; an I/O fault is a warning, and it is called again later."""
        with self.lock:
            self._journal.check_open()
            clash = self._paths.clash(path)
            if clash:
                raise InvalidValue(f"artifact {path!r} and artifact {clash!r} cannot both be kept: a file is no folder")
            self._paths.add(path)
            # Before anything is staged: whoever cleans up leaves the folder of a living segment alone.
            self._journal.ensure_open()
            try:
                self._say(stage())
            except OSError as error:
                if not self._waiting:
                    reason = error.strerror or error
                    warn(f"artifact {path!r} cannot be kept now ({reason}); it is tried again at the end")
                self._waiting.append((path, stage))

    def _say(self, artifact: Artifact) -> None:
        self._journal.event(
            "artifact", path=artifact.path, size=artifact.size, sha256=artifact.sha256, large=artifact.large
        )

    def retry(self) -> list[str]:
        """Stage again what could not be staged; return the paths of what still cannot."""
        with self.lock:
            waiting, self._waiting = self._waiting, []
            for path, stage in waiting:
                try:
                    self._say(stage())
                except (OSError, GittrackError):
                    self._waiting.append((path, stage))
            return [path for path, _ in self._waiting]


def absolute(path: str | os.PathLike[str]) -> str:
    """Return an absolute path; InvalidValue for what is no path, or where the current directory is gone."""
    given = local_path(path)
    try:
        return os.path.abspath(given)
    except FileNotFoundError:
        raise InvalidValue(f"{given!r} cannot be found: the current directory no longer exists") from None


def local_path(path: object) -> str:
    """Return what a user gave as the path of a file; InvalidValue for what no file can be called."""
    try:
        given = os.fsdecode(path)  # type: ignore[arg-type]
        possible = b"\0" not in os.fsencode(given)
    except (TypeError, UnicodeError):
        possible = False
    if not possible:
        raise InvalidValue(f"a path is text or a pathlib.Path, not {shown(path)}")
    return given


def _target(path: str) -> str:
    """The path that an artifact gets, which is a name on the branch: without a secret in it."""
    from gittrack.capture.redact import redact_text

    return redact_text(check_artifact_path(path))


def _within(folder: object, name: str) -> str:
    """The path of `name` in a folder among the artifacts, at their top where none is given."""
    if folder is not None and not isinstance(folder, str):
        raise InvalidValue(f"a folder among the artifacts must be text, not {shown(folder)}")
    return f"{folder.rstrip('/')}/{name}" if folder else name
